"""Parts of a page that belong to no article on any site: comments, share bars, related articles, forms. Pure.

They are found by the words of their class, id and role. An element that contains much of the page's text is kept,
whatever its names say. See D193.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from crawler.extract.plain_text import remove

# Elements that never contain an article's text.
_ELEMENTS = (
    "script, style, noscript, template, iframe, object, embed, button, input, select, textarea, nav, dialog, svg,"
    " link, meta, [role=navigation], [role=dialog], [role=search], [role=menu]"
)
# Elements that rarely contain it: some pages have all of their text in a form.
_RARELY = (
    "form, footer, aside, figcaption, [hidden], [aria-hidden=true], [role=complementary], [role=contentinfo],"
    " [role=banner], [role=alert], [style*='display:none' i], [style*='display: none' i]"
)
_TEXTS = frozenset({"p", "li", "td", "blockquote", "dd"})
_INLINE = frozenset(
    {"a", "span", "em", "strong", "b", "i", "u", "font", "mark", "small", "sub", "sup", "abbr", "cite", "time"}
)
# Words of class and id, between which are hyphens, underscores and changes from lower to upper case.
_WORDS = {
    "ad", "ads", "adv", "advert", "adverts", "advertisement", "advertising", "adbox", "adsbox", "adslot", "adunit",
    "banner", "promo", "promos", "promotion", "promoted", "sponsored", "sponsor", "outbrain", "taboola", "dfp",
    "gpt", "share", "shares", "sharing", "sharebar", "sharebox", "sharetools", "sharebuttons", "addthis", "bdshare",
    "jiathis", "social", "socials", "sns", "related", "relate", "relates", "relation", "recommend", "recommends",
    "recommended", "recommendation", "recommendations", "recom", "recommand", "tuijian", "xiangguan", "readmore",
    "morelink", "mostread", "popular", "trending", "hotnews", "hot", "hots", "ranking", "rank", "comment",
    "comments", "cmt", "pinglun", "gentie", "commentlist", "disqus", "reply", "replies", "breadcrumb",
    "breadcrumbs", "crumb", "crumbs", "nav", "navbar", "navigation", "menu", "sidebar", "footer", "pagination",
    "pager", "pagenav", "newsletter", "newsletters", "subscribe", "subscription", "signup", "login", "register",
    "toolbar", "tools", "toolbox", "qrcode", "ewm", "erweima", "cookie", "cookies", "consent", "gdpr", "modal",
    "popup", "overlay", "tooltip", "copyright", "disclaimer", "shengming", "mianze", "editor", "editors", "zebian",
    "zerenbianji", "tags", "tag", "taglist", "keywords", "keyword", "labels", "feedback", "jubao", "vote", "voting",
    "toupiao", "zan", "dianzan", "authorbio", "bio", "aboutauthor", "byline", "bylines", "dateline", "timestamp",
    "appdownload", "openapp", "weixin", "wechat", "weibo", "follow", "guanzhu", "player", "videoplayer", "caption",
    "captions", "credits", "credit",
}  # fmt: skip
WORD_BREAKS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_MAX_SHARE = 0.2  # of the page's paragraphs in one such element; those in all of them: _MAX_ALL
_MAX_ALL = 0.5  # related articles and comments beside a short article have up to half of them
_MIN_PARAGRAPH_CHARS = 40  # shorter ones are labels
_MAX_COMPARED = 1 << 16  # elements inside each other whose paragraphs are counted
_MAX_NAMES_CHARS = 300  # of class and id together that are read


def remove_furniture(root: LexborNode, selectors: str = "") -> None:
    """Remove what belongs to no article below ``root``. Modifies the tree.

    :param selectors: of more elements to remove
    """
    remove(root, f"{_ELEMENTS}, {selectors}" if selectors else _ELEMENTS)
    contained = _paragraphs(root)
    total = contained.get(root.mem_id, 0)
    found: dict[int, LexborNode] = {}
    rare = {node.mem_id for node in root.css(_RARELY)}
    for node in root.css(f"[class], [id], {_RARELY}"):
        if node.mem_id == root.mem_id or not (node.mem_id in rare or _is_furniture(node)):
            continue
        if contained.get(node.mem_id, 0) <= _MAX_SHARE * total:
            found[node.mem_id] = node
    outermost = [node for node in found.values() if not _is_inside(node, found)]
    if sum(contained.get(node.mem_id, 0) for node in outermost) > _MAX_ALL * total:
        outermost = [node for node in outermost if not contained.get(node.mem_id)]
    for node in outermost:
        if node.css_first("h1") is None:
            node.decompose()


def _is_furniture(node: LexborNode) -> bool:
    if node.tag in _INLINE and node.parent is not None and (node.parent.tag in _INLINE or node.parent.tag in _TEXTS):
        return False  # a word in a sentence
    attributes = node.attributes
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"[:_MAX_NAMES_CHARS]
    return not _WORDS.isdisjoint(word.lower() for word in WORD_BREAKS.split(names))


def _paragraphs(root: LexborNode) -> dict[int, int]:
    """Return how many characters of paragraphs each element has, links aside. Elements without any are left out."""
    contained: dict[int, int] = {}
    for paragraph in root.css("p"):
        length = len((paragraph.text() or "").strip()) - sum(len(link.text() or "") for link in paragraph.css("a"))
        if length < _MIN_PARAGRAPH_CHARS:
            continue
        node: LexborNode | None = paragraph
        while node is not None:
            contained[node.mem_id] = contained.get(node.mem_id, 0) + length
            node = node.parent if node.mem_id != root.mem_id else None
    return contained


def _is_inside(node: LexborNode, others: dict[int, LexborNode]) -> bool:
    ancestor = node.parent
    while ancestor is not None:
        if ancestor.mem_id in others:
            return True
        ancestor = ancestor.parent
    return False

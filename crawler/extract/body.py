"""An article's body: from the HTML inside a page's article element to the HTML in the file.

The rules are those of the file format (docs/format.md). Both HTML parses are like a browser's, by lexbor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from msgspec import Struct
from selectolax.lexbor import LexborNode

from archive.model.article import ArticleImage
from crawler.errors import ExtractionError
from crawler.extract import plain_text as plain_text_module
from crawler.extract.template_slots import remove_slots
from crawler.markup.parser import parse_html
from crawler.urls import PADDING, absolute

_IMAGE_URL = re.compile(r"\.(?:gif|png|jpg|webp)", re.IGNORECASE)
# Serialized HTML: `<` is escaped everywhere except in tags, comments and these elements, whose text is raw.
_RAW = re.compile(r"<!--|<(style|script|xmp|iframe|noembed|noframes|plaintext)\b")
# An event handler, or a whole page in an attribute, as the serializer writes it: lower case, double quotes.
_ACTIVE = re.compile(r" (?:on[^\s\"=<>]*|srcdoc)=\"")
# Possible javascript: URLs. Browsers ignore white space and control characters before the scheme.
_MAYBE_JAVASCRIPT = re.compile(r"=\"[\x00-\x20\x7f-\x9f]*[jJ]")
# Control characters except the line feed, as UTF-8: single bytes, and the lead byte of U+0080 to U+009F.
_CONTROL_BYTES = bytes(byte for byte in (*range(0x20), 0x7F) if byte != 0x0A)
_CONTROL_BYTES_BUT_TAB = _CONTROL_BYTES.replace(b"\t", b"")
_TWO_BYTE_LEAD = b"\xc2"
_TWO_BYTE_CONTROL = re.compile(r"[\x80-\x9f]")
_JAVASCRIPT = "javascript:"
# Elements whose content is not HTML, and the attribute that has an address there, beside `href`.
_FOREIGN_ROOTS = frozenset({"svg", "math"})
_XLINK = "xlink:href"
_TAB_BETWEEN_WORDS = re.compile(r"(?<=\S)\t+(?=\S)")

# Sina's template elements, which "clean" removes. Captions, tables and the editor's line are kept.
_TEMPLATE = ", ".join(
    (
        ".appendQr_wrap", ".app-kaihu-qr", ".app-qihuo-kaihu-qr", "#app-kaihu-stock", ".finance_app_sina",
        ".tech-quotation", "#left_hzh_ad", "ins.sinaads", 'div[id^="ad_"]', ".ct_hqimg", '[class*="otherContent"]',
        ".wap_special", ".article-notice", 'span[id^="quote_"]', "style",
    )
)  # fmt: skip
_AD_LIST = re.compile(r"<!--\s*article_adlist\[.*?\]article_adlist\s*-->", re.DOTALL)
_AD_LIST_END = re.compile(r"\]article_adlist\s*-->")
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_KEPT_COMMENT = "news_keyword_pub"  # the comment with the article's stocks
_TRACKING = ("data-sudaclick", "suda-uatrack", "data-mcesrc", "data-mceselected", "data-mce-attachid")
_BLANK_LINES = re.compile(r"(<pre\b.*?</pre>)|\n\s*\n", re.DOTALL)


class Body(Struct, frozen=True):
    """A body as written to the file."""

    html: str
    image: str | None  # absolute URL of its first image
    text: str = ""  # plain text, one line per paragraph, without template elements
    pictures: tuple[ArticleImage, ...] = ()  # without those of template elements
    editor: str | None = None  # 责任编辑


def render_body(inner: str, page_url: str, *, clean: bool = False) -> Body:
    """Return the body of a post, from the inner HTML of a page's article element.

    :param inner: HTML, as serialized from the page
    :param page_url: base of relative links and image URLs, which become absolute
    :param clean: leave out Sina's template elements (promotions, QR codes, advertisements, template comments)
    """
    # Remove them before parsing too: removing one at the end could otherwise create a tag.
    inner = _without_controls(inner, _CONTROL_BYTES_BUT_TAB)
    tree = parse_html(_without_ad_lists(inner) if clean else inner)
    root = tree.body
    if root is None:  # a frameset document has no body
        return Body("", None)
    _remove_scripts(root)
    if clean:
        _remove_template(root)
        remove_slots(root)
        _remove_tracking(root)
    html = root.inner_html or ""
    if _ACTIVE.search(html) or _MAYBE_JAVASCRIPT.search(html):  # rare, and checking each node is slow
        _remove_active_attributes(root)
    image = _make_absolute(root, page_url)
    html = _unescape_nbsp(root.inner_html or "")
    if clean:
        html = _sub_closed(_COMMENT, "-->", _kept_comment, html)
        html = _sub_closed(_BLANK_LINES, "</pre>", lambda m: m[1] or "\n", html)
    html = _drop_controls(html).replace("{", "&#123;").replace("}", "&#125;")  # Hexo would interpret them
    if not clean:
        _remove_template(root)
    plain = plain_text_module.extract_text(root)
    return Body(html, image, _drop_controls(plain.text), plain.pictures, plain.editor)


def _trees(root: LexborNode) -> Iterator[LexborNode]:
    """Yield ``root`` and the content of each ``<template>`` in it, a separate tree that selectors do not reach."""
    pending = [root]
    while pending:
        tree = pending.pop()
        yield tree
        pending += reversed(list(tree.template_fragments()))


def _remove_scripts(root: LexborNode) -> None:
    for tree in _trees(root):
        for script in tree.css("script"):
            script.decompose()


def _remove_active_attributes(root: LexborNode) -> None:
    for tree in _trees(root):
        for node in tree.traverse():
            for name, value in node.attributes.items():
                url = (value or "").lstrip(PADDING)
                if name.startswith("on") or name == "srcdoc" or _plain_scheme(url).startswith(_JAVASCRIPT):
                    del node.attrs[name]


def _make_absolute(root: LexborNode, page_url: str) -> str | None:
    sources = []
    for tree in _trees(root):
        for link in tree.css("a[href]"):
            _make_link_absolute(link, page_url)
        sources += [_make_loadable(image, page_url) for image in tree.css("img")]
    return next(filter(None, sources), None)


def _make_link_absolute(link: LexborNode, page_url: str) -> None:
    """Make the addresses of a link absolute: its ``href``, and in SVG and MathML its ``xlink:href``.

    Selectors find attributes by their local names, which are equal in SVG and MathML; ``attributes`` has full names.
    """
    attributes = link.attributes
    names = ("href", _XLINK) if _XLINK in attributes and _is_foreign(link) else ("href",)
    for name in names:
        if address := (attributes.get(name) or "").strip(PADDING):
            _set_attribute(link, name, absolute(page_url, address))


def _is_foreign(node: LexborNode) -> bool:
    """Return whether an element is in an SVG image or a formula. Markup has at most 512 elements in each other."""
    parent = node.parent
    while parent is not None and parent.tag not in _FOREIGN_ROOTS:
        parent = parent.parent
    return parent is not None


def _set_attribute(node: LexborNode, name: str, value: str) -> None:
    """Set an attribute that a node has, in its place. The parser would set the first one with this local name."""
    pairs = list(node.attrs.items())
    first = next((each for each, _ in pairs if each == name or each.endswith(f":{name}")), name)
    if first == name:
        node.attrs[name] = value
        return
    for each, _ in pairs:
        del node.attrs[each]
    for each, old in pairs:
        node.attrs[each] = value if each == name else old


def _make_loadable(image: LexborNode, page_url: str) -> str | None:
    """Make an image load from any page; return its URL."""
    attributes = image.attributes
    source = (attributes.get("src") or "").strip(PADDING) or _lazy_source(attributes)
    if source:
        source = absolute(page_url, source)
        image.attrs["src"] = source
    if "referrerpolicy" in attributes:
        del image.attrs["referrerpolicy"]
    image.attrs["referrerpolicy"] = "no-referrer"  # Sina's image hosts refuse a foreign Referer
    return source


def _lazy_source(attributes: dict[str, str | None]) -> str | None:
    """Return the URL of a lazily loaded image, which is in some data-* attribute until it is scrolled to."""
    words = (word.rstrip(",") for value in attributes.values() if value for word in value.split())
    return next(filter(_IMAGE_URL.search, words), None)  # of a srcset, the first URL


def _remove_template(root: LexborNode) -> None:
    plain_text_module.remove(root, _TEMPLATE)
    for paragraph in root.css("p[cms-style]"):
        if not paragraph.text().strip() and paragraph.css_first("img") is None:
            paragraph.decompose()


def _remove_tracking(root: LexborNode) -> None:
    for name in _TRACKING:
        for node in root.css(f"[{name}]"):
            if name in node.attrs:  # selectors find attributes by their local names
                del node.attrs[name]


def _kept_comment(comment: re.Match[str]) -> str:
    return comment[0] if _KEPT_COMMENT in comment[1] else ""


def _unescape_nbsp(html: str) -> str:
    """Write U+00A0 raw, as the format requires; the serializer escapes it. Comments and styles do not change."""
    if "&nbsp;" not in html:
        return html
    parts = []
    position = 0
    without_end: set[str] = set()  # from here on: each is searched to the end of the text only once
    for match in _RAW.finditer(html):
        if match.start() < position or match[0] in without_end:
            continue
        end = (
            len(html) if match[1] == "plaintext" else html.find(f"</{match[1]}>" if match[1] else "-->", match.end())
        )
        if end < 0:
            without_end.add(match[0])
            continue
        parts += [html[position : match.start()].replace("&nbsp;", "\u00a0"), html[match.start() : end]]
        position = end
    return "".join([*parts, html[position:].replace("&nbsp;", "\u00a0")])


def _sub_closed(pattern: re.Pattern[str], end: str, replacement: Callable[[re.Match[str]], str], text: str) -> str:
    """Replace matches of a pattern that ends with ``end``, in linear time.

    Before the last end of a text, each beginning has an end; after it, none has.
    """
    place = text.rfind(end) + len(end) if end in text else 0
    return pattern.sub(replacement, text[:place]) + text[place:]


def _without_ad_lists(html: str) -> str:
    last = max((match.end() for match in _AD_LIST_END.finditer(html)), default=0)
    return _AD_LIST.sub("", html[:last]) + html[last:]


def _drop_controls(html: str) -> str:
    if "\t" in html:
        html = _TAB_BETWEEN_WORDS.sub(" ", html)
    return _without_controls(html, _CONTROL_BYTES)


def _without_controls(text: str, controls: bytes) -> str:
    """Return ``text`` without the control characters in ``controls``, and without U+0080 to U+009F.

    It works on bytes, where C does the work: a regular expression takes ten times as long.
    """
    data = text.encode("utf-8", "surrogatepass")
    cleaned = data.translate(None, controls)
    if len(cleaned) != len(data):
        text = cleaned.decode("utf-8", "surrogatepass")
    return _TWO_BYTE_CONTROL.sub("", text) if _TWO_BYTE_LEAD in cleaned else text


def _plain_scheme(text: str) -> str:
    """Return a URL as browsers read its scheme: without tabs, line breaks and, here, other control characters."""
    return _without_controls(text.replace("\n", ""), _CONTROL_BYTES).lower()


def article_text(html: str) -> str:
    """Return the plain text of an article, by the rules of :attr:`Body.text`, from the body in its file.

    "" if the body exceeds the limits of markup.
    """
    try:
        return render_body(html, "").text
    except ExtractionError:  # only in files that older versions wrote, which had no such limits
        return ""


def plain_text(html: str) -> str:
    """Return the text of a body for a terminal: one line per paragraph, without tags and control characters."""
    tree = parse_html(html)
    if tree.body is None:
        return ""
    plain_text_module.remove(tree.body, "style, script")
    return _drop_controls("\n".join(plain_text_module.lines(tree.body)))


def last_link_text(html: str) -> str:
    """Return the text of the last link of a body, on one line; "" if it has none."""
    tree = parse_html(html)
    links = tree.css("a")
    return " ".join(links[-1].text().split()) if links else ""


def with_absolute_links(html: str, base: str) -> str:
    """Return a body whose links and image addresses are absolute.

    :param base: that its relative addresses refer to
    :raises ExtractionError: the markup exceeds its limits
    """
    root = parse_html(html).body
    if root is None:
        return html
    _make_absolute(root, base)
    return root.inner_html or ""

"""The title of an article, from the titles that a page states. Pure.

A page has several: in its metadata, in ``<title>``, in its headings. Each may be followed by the site's name, and one
or the other may be the site's name alone. See D194.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selectolax.lexbor import LexborHTMLParser

from crawler.extract.other_sites.metadata import PageMetadata
from crawler.urls import host

_WHITE_SPACE = re.compile(r"\s+")
_NON_WORD = re.compile(r"[\W_]+")
# Between a title and the site's name. A hyphen or a colon inside a word or a sentence is none.
_SEPARATOR = re.compile(r"\s[-–—|·•*»«:/]{1,3}\s|\s?[|_｜丨ㅣ]{1,2}\s?|\s?(?:--|——|―)\s?|(?<=[^\x00-\x7f])-(?=[^\x00-\x7f])|-(?=[^\x00-\x7f])")
# How names of sites and their sections end.
_SITE_WORD = re.compile(
    r"(?:网|网站|频道|新闻|资讯|客户端|日报|晚报|早报|时报|周刊|财经|在线|官网|门户|订阅|号|中心|头条|报|社|快讯|平台"
    r"|\.(?:com|cn|net|org))$",
    re.IGNORECASE,
)
_MAX_SITE_CHARS = 24  # longer names of sites are rare, and a part of a title may end with 网 too
_MIN_TITLE_CHARS = 4  # shorter headings are labels
_MAX_HEADINGS = 40  # that are compared; those of a page's article are among the first


def find_title(tree: LexborHTMLParser, metadata: PageMetadata, url: str, *, site_title: str = "") -> str:
    """Return the title of a page's article; "" if the page has none.

    The title that the site's declaration selects comes first, then the one of JSON-LD and ``og:title`` that is the
    page's heading too, then JSON-LD's, ``og:title``, the heading, and ``<title>``.

    :param site_title: the text that a site's declaration selects
    """
    names = {_folded(name) for name in (*metadata.site_names, *host(url).split("."))} - {""}
    headings = [text for text in _headings(tree) if _folded(text) not in names]
    stated = [site_title, metadata.headline, metadata.og_title, *headings[:1], metadata.page_title]
    stated = [text for text in stated if text and _folded(text) not in names]
    known = {_folded(text) for text in (*stated, *headings)}
    titles = [_without_site(text, known, names) for text in stated]
    if site_title and titles:
        return titles[0]
    shown = {_folded(text) for text in headings}
    both = (metadata.headline, metadata.og_title)
    agreed = [title for text, title in zip(stated, titles, strict=True) if text in both and _folded(title) in shown]
    return next(iter([*agreed, *titles]), "")


def page_titles(tree: LexborHTMLParser, metadata: PageMetadata, title: str) -> list[str]:
    """Return the title of an article in all the forms in which its page has it."""
    return [title, metadata.headline, metadata.og_title, *(" ".join((node.text() or "").split()) for node in tree.css("h1")[:3])]


def _headings(tree: LexborHTMLParser) -> list[str]:
    nodes = [*tree.css("h1")[:_MAX_HEADINGS], *tree.css("h2, h3, [class*=title i], [id*=title i]")[:_MAX_HEADINGS]]
    texts = (_WHITE_SPACE.sub(" ", node.text() or "").strip() for node in nodes)
    return [text for text in texts if len(text) >= _MIN_TITLE_CHARS]


def _without_site(text: str, known: Iterable[str], names: set[str]) -> str:
    """Return a title without what follows it: the shortest beginning that is a title of its own, or the site's name."""
    places = [match for match in _SEPARATOR.finditer(text) if text[: match.start()].strip()]
    for match in places:
        if (before := _folded(text[: match.start()])) in known and len(before) >= _MIN_TITLE_CHARS:
            return text[: match.start()].strip()
    for match in places:
        if _folded(text[match.end() :]) in names:
            return text[: match.start()].strip()
    while places and len(text) - places[-1].end() <= _MAX_SITE_CHARS and _SITE_WORD.search(text):
        text = text[: places.pop().start()].strip()
    return text


def _folded(text: str) -> str:
    return _NON_WORD.sub("", text).lower()

"""The title of an article, from the titles that a page states. Pure.

A page has several: in its metadata, in ``<title>``, in its headings. Each may be followed by the site's name, and one
or the other may be the site's name alone. See D194.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from selectolax.lexbor import LexborHTMLParser

from crawler.extract.other_sites.metadata import WHITE_SPACE, PageMetadata
from crawler.extract.other_sites.title_sources import declared_title
from crawler.urls import host

_NON_WORD = re.compile(r"[\W_]+")
# Between a title and the site's name. A hyphen or a colon inside a word or a sentence is none.
_SEPARATOR = re.compile(
    r"\s[-–—|·•*»«:/]{1,3}\s|\s?[|_｜丨ㅣ]{1,2}\s?|\s?(?:--|——|―)\s?|(?<=[^\x00-\x7f])-(?=[^\x00-\x7f])|-(?=[^\x00-\x7f])"
)
# How names of sites and their sections end.
_SITE_WORD = re.compile(
    r"(?:网|网站|频道|新闻|资讯|客户端|日报|晚报|早报|时报|周刊|财经|在线|官网|门户|订阅|号|中心|头条|报|社|快讯|平台"
    r"|\.(?:com|cn|net|org))$",
    re.IGNORECASE,
)
_MAX_SITE_CHARS = 24  # longer names of sites are rare, and a part of a title may end with 网 too
_MIN_TITLE_CHARS = 4  # shorter headings are labels
_MAX_TITLE_CHARS = 300  # longer elements contain more than a title
_HEADINGS = "h2, h3, [class*=title i], [id*=title i]"
_PAIRS = re.compile(r"(?=(\w{4}))")  # parts of four characters, which two titles share
_QUOTES = ('"', "'", "“", "”", "‘", "’")
_MAX_HEADINGS = 40  # that are compared; those of a page's article are among the first


def find_title(
    tree: LexborHTMLParser, metadata: PageMetadata, url: str, *, site_title: str = "", by_site: bool = True
) -> str:
    """Return the title of a page's article; "" if the page has none.

    The title that the site's declaration selects comes first, then the statement that is declared as title on that
    site, then the one of JSON-LD and ``og:title`` that is the page's heading too, then JSON-LD's, ``og:title``, the
    heading, and ``<title>``.

    :param url: of the page after redirects: its host decides which statement is declared as title
    :param site_title: the text that a site's declaration selects
    :param by_site: use title_sources.py
    """
    site_title = site_title or (declared_title(metadata, host(url)) if by_site else "")
    names = {_folded(name) for name in (*metadata.site_names, *host(url).split("."))} - {""}
    h1, others = ([text for text in _texts(tree, each) if _folded(text) not in names] for each in ("h1", _HEADINGS))
    sources = [site_title, metadata.headline, metadata.og_title, metadata.page_title]
    stated = [text for text in sources if text and _folded(text) not in names]
    known = {_folded(text) for text in (*stated, *h1, *others)}
    page_title = _without_site(metadata.page_title, known, names)
    # A heading that has nothing of <title> is the site's or a section's.
    own = [
        text
        for text in h1
        if not page_title or _folded(text) in _folded(page_title) or _folded(page_title) in _folded(text)
    ]
    shown = {_folded(text) for text in (own if page_title and own else h1)}
    titles = [_without_site(text, known, names) for text in (metadata.headline, metadata.og_title) if text in stated]
    is_name = len(page_title) <= _MAX_SITE_CHARS and _SITE_WORD.search(page_title)
    if titles and is_name and not any(_agrees(title, page_title, ()) for title in titles):
        page_title, own = "", h1
    agreed = [title for title in titles if _folded(title) in shown]
    related = [title for title in titles if _agrees(title, page_title, others)]
    shortest = sorted([*own[:1], *([page_title] if page_title in own or not own else [])], key=len)
    rest = [*shortest, page_title, *h1[:1]]
    if site_title and site_title in stated:
        agreed = [_without_site(site_title, known, names)]
    title = next((each for each in (*agreed, *related, *rest, *titles) if each and _folded(each) not in names), "")
    return _uncut(title, (*h1, page_title, *titles))


def _agrees(title: str, page_title: str, headings: Iterable[str]) -> bool:
    """Return whether a title is not the site's: it has words of <title>, or is a heading."""
    if not page_title or _folded(title) in {_folded(text) for text in headings}:
        return True
    ours, theirs = (set(_PAIRS.findall(_folded(text))) for text in (title, page_title))
    return bool(ours & theirs)


def _uncut(title: str, others: Iterable[str]) -> str:
    """Return the title that goes on where one is cut: at a quotation mark that ended the attribute, or at dots."""
    bare = title.rstrip("….")
    for other in others:
        rest = other[len(bare) :]
        if other.startswith(bare) and bare and (rest[:1] in _QUOTES or bare != title) and rest.strip("….\"'"):
            return other
    return title


def page_titles(tree: LexborHTMLParser, metadata: PageMetadata, title: str) -> list[str]:
    """Return the title of an article in all the forms in which its page has it."""
    return [
        title,
        metadata.headline,
        metadata.og_title,
        *(" ".join((node.text() or "").split()) for node in tree.css("h1")[:3]),
    ]


def _texts(tree: LexborHTMLParser, selector: str) -> list[str]:
    texts = (WHITE_SPACE.sub(" ", node.text() or "").strip() for node in tree.css(selector)[:_MAX_HEADINGS])
    return [text for text in texts if _MIN_TITLE_CHARS <= len(text) <= _MAX_TITLE_CHARS]


def _without_site(text: str, known: Iterable[str], names: set[str]) -> str:
    """Return a title without the site's name: its shortest beginning that is a title, or what precedes the name."""
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

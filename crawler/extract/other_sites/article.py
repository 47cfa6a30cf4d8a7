"""The article on a page of another site than Sina. Pure.

Its element is that of the site's declaration, if there is one; otherwise the one with most of the page's paragraphs,
or what trafilatura finds. See D193.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.errors import ExtractionError
from crawler.extract.other_sites.article_lines import remove_lines, text_lines
from crawler.extract.other_sites.choice import prefers_element, summary_above
from crawler.extract.other_sites.dates import end_of_day, find_time, is_chinese_page
from crawler.extract.other_sites.element import densest_element
from crawler.extract.other_sites.fallback import MIN_TEXT_CHARS, trafilatura_article
from crawler.extract.other_sites.furniture import remove_furniture
from crawler.extract.other_sites.metadata import PageMetadata, read_metadata
from crawler.extract.other_sites.sites import ANYWHERE, Site, site_of
from crawler.extract.other_sites.title_sources import declared_title
from crawler.extract.other_sites.titles import find_title, page_titles
from crawler.extract.times import StatedTime
from crawler.markup.parser import parse_html
from crawler.urls import host

_NO_ARTICLE = re.compile(
    r"^\W*(?:HTTP\s*)?[45]\d\d\b|not found|access denied|forbidden|just a moment|attention required|captcha"
    r"|页面(?:不存在|没有找到|找不到|已删除|出错)|找不到页面|访问(?:验证|受限|被拒绝)|安全验证|人机验证"
    r"|用户登录|^\W*(?:error|错误)",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<(?:p|div|br|article|section|td|li)\b", re.IGNORECASE)  # JSON and plain text have none
_MAX_COMPARED_CHARS = 1 << 28  # a fifth of a second; pages with more of them are all links
# A step of trafilatura (justext) takes quadratic time for these: 4,000 take three seconds. Real pages have hundreds.
_PARAGRAPHS = "p, div, li, h1, h2, h3, h4, h5, h6, td, br, blockquote, pre, dd, dt, section"
_MAX_PARAGRAPHS = 4000
_LABEL = re.compile(r"^(?:文章)?(?:来源于?|作者|记者)\s?[:：]?\s?")
_MIN_ELEMENT_CHARS = 20  # of a declared element: a flash is one sentence
_LAZY = ("data-src", "data-original", "data-url", "data-lazy-src", "original")  # where pages keep addresses of images
_SPACES = re.compile(r"[ \t\r\n]{2,}|[\r\n]")
_CHINESE = ("\u3001", "\uff60")  # the first and last of Chinese characters and punctuation
_WHITE_SPACE = re.compile(r"\s+")


class OtherSiteArticle(Struct, frozen=True):
    """An article of another site; "" or None for what its page does not state."""

    html: str  # of the article's content
    title: str
    general_title: str  # the title if nothing were known of where the site states it
    published: StatedTime | None
    medium: str
    authors: tuple[str, ...]


def find_article(html: str, url: str, fetched_at: datetime, *, title_by_site: bool = True) -> OtherSiteArticle:
    """Return the article on a page.

    :param url: of the page, whose host decides about the site's declaration
    :param fetched_at: later times are not accepted as time of publication
    :param title_by_site: the host decides too which of the page's statements is its title
    :raises ExtractionError: the page has no article
    """
    if not _MARKUP.search(html):
        raise ExtractionError("it is not an HTML page")
    tree = parse_html(html)
    page_title = tree.css_first("title")
    if page_title is not None and _NO_ARTICLE.search(page_title.text()):
        raise ExtractionError("the title of the page reports an error")
    metadata = read_metadata(tree)
    site = site_of(host(url))
    site_title = _site_text(tree, site.title) if site else ""
    title = heading = find_title(tree, metadata, url, site_title=site_title, by_site=False)
    if title_by_site and declared_title(metadata, host(url)):
        title = find_title(tree, metadata, url, site_title=site_title)
    site_times = _site_texts(tree, site.published) if site else ()
    published = find_time(tree, metadata, heading, fetched_at, site_times=site_times)
    medium = (_site_text(tree, site.medium) if site else "") or metadata.medium or next(iter(metadata.site_names), "")
    authors = tuple(_site_texts(tree, site.authors)) if site else ()
    titles = page_titles(tree, metadata, heading)
    text = _declared(tree, site, titles)
    if not text:
        text, day = _undeclared(tree, metadata, titles, url, fetched_at)
        if published is None and day:
            is_chinese = is_chinese_page(tree, metadata)
            published = end_of_day(day, html, fetched_at=fetched_at, is_chinese=is_chinese)
    return OtherSiteArticle(text, title, heading, published, medium, authors or metadata.authors)


def _declared(tree: LexborHTMLParser, site: Site | None, titles: Sequence[str]) -> str:
    """Return the content of the element that a declaration names; "" if the page has none with a text."""
    for selector in (*(site.body if site else ()), *ANYWHERE):
        for node in tree.css(selector)[:4]:
            body = _cleaned(node.inner_html or "", titles, site.remove if site else ())
            if body is not None and (_own_length(body) >= _MIN_ELEMENT_CHARS or body.css_first("img") is not None):
                return body.inner_html or ""
    return ""


def _undeclared(
    tree: LexborHTMLParser, metadata: PageMetadata, titles: Sequence[str], url: str, fetched_at: datetime
) -> tuple[str, str | None]:
    """Return the content of the article on a page of an unknown site, and its day."""
    page = parse_html(tree.html or "")
    if page.body is None:
        raise ExtractionError("no article was found on the page")
    remove_furniture(page.body)
    found = day = None
    if len(page.body.css(_PARAGRAPHS)) <= _MAX_PARAGRAPHS:
        found = trafilatura_article(page.html or "", url, fetched_at)
        day = found.day
    body, element = _cleaned(found.html, titles) if found else None, densest_element(page.body)
    other = _cleaned(element.inner_html or "", titles) if element is not None else None
    if body is None or other is not None:
        ours, theirs = text_lines(other) if other is not None else [], text_lines(body) if body is not None else []
        is_chinese = is_chinese_page(tree, metadata)
        body = other if prefers_element(theirs, ours, metadata.text, is_chinese=is_chinese) else body
    if body is None or not _has_own_text(tree, body):
        raise ExtractionError("no article was found on the page")
    summary = summary_above(page.body, metadata.descriptions, "\n".join(text_lines(body)))
    above = f"<p>{escape(summary, quote=False)}</p>\n" if summary else ""
    return f"{above}{body.inner_html or ''}", day


def _has_own_text(tree: LexborHTMLParser, body: LexborNode) -> bool:
    """Return whether a text is more than a list of links.

    :param tree: of the page, because the text may have lost its links
    """
    remaining = _WHITE_SPACE.sub("", body.text() or "")
    links = [text for link in tree.css("a") if (text := _WHITE_SPACE.sub("", link.text()))]
    if len(remaining) - sum(map(len, links)) >= MIN_TEXT_CHARS:
        return True
    if len(links) * len(remaining) > _MAX_COMPARED_CHARS:
        return False
    for link in links:
        remaining = remaining.replace(link, "", 1)
    return len(remaining) >= MIN_TEXT_CHARS


def _cleaned(html: str, titles: Sequence[str], selectors: tuple[str, ...] = ()) -> LexborNode | None:
    """Return an article's content as the body of a document, without what does not belong to it."""
    body = parse_html(_joined_lines(html)).body
    if body is None:
        return None
    for node in [each for each in body.traverse(include_text=True) if each.is_comment_node]:
        node.decompose()
    for image in body.css("img"):
        _load(image)
    remove_furniture(body, ", ".join(selectors))
    remove_lines(body, titles)
    return body


def _joined_lines(html: str) -> str:
    """Return HTML without line breaks in its texts, which a browser shows as spaces; in <pre> they stay."""
    if "<pre" in html:
        return html
    return _SPACES.sub(_space, html)


def _space(spaces: re.Match[str]) -> str:
    """Return what a browser shows for spaces; nothing for a line break inside a Chinese sentence."""
    text = spaces.string
    before, after = text[max(0, spaces.start() - 1) : spaces.start()], text[spaces.end() : spaces.end() + 1]
    is_inside = _CHINESE[0] <= before <= _CHINESE[1] and _CHINESE[0] <= after <= _CHINESE[1]
    return "" if is_inside and "\n" in spaces[0] else " "


def _load(image: LexborNode) -> None:
    """Give an image that is loaded later its address."""
    attributes = image.attributes
    if (source := attributes.get("src")) and not source.startswith("data:"):
        return
    if lazy := next((value for name in _LAZY if (value := attributes.get(name))), None):
        image.attrs["src"] = lazy


def _own_length(body: LexborNode) -> int:
    """Return how many characters a text has besides its links."""
    links = (link.text() or "" for link in body.css("a"))
    return len(_WHITE_SPACE.sub("", body.text() or "")) - sum(len(_WHITE_SPACE.sub("", link)) for link in links)


def _site_texts(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> Iterator[str]:
    for selector in selectors:
        if (node := tree.css_first(selector)) is not None and (text := _without_label(node.text() or "")):
            yield text


def _without_label(text: str) -> str:
    """Return a text as one line, without a label such as 来源: before it."""
    return _LABEL.sub("", _WHITE_SPACE.sub(" ", text).strip()).strip()


def _site_text(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> str:
    return next(_site_texts(tree, selectors), "")

"""Extract an article from its page and its listing entry. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import NoReturn

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser, LexborNode

from archive.model.article import Article, Page, PageFacts
from archive.model.feed import Entry
from archive.model.feed_values import Precision
from archive.model.symbols import stock_name_of, symbol_of, symbols_of
from crawler.errors import ExtractionError, GoneError
from crawler.extract import layouts
from crawler.extract.article_fields import facts_of_body, feed_fields, symbol_fields
from crawler.extract.body import Body, render_body
from crawler.extract.charset import decode
from crawler.extract.deletion import find_deletion_notice, phrase_in_headings, phrase_on_page
from crawler.extract.embedded import EmbeddedData, slides, video
from crawler.extract.identity import other_article
from crawler.extract.other_sites.article import find_article
from crawler.markup.parser import parse_html
from crawler.urls import absolute, is_sina_url

CHINA = timezone(timedelta(hours=8))  # all of Sina's clocks; China has had no summer time since 1991
# 2026年09月28日 23:20 · 2026-09-28 23:20:25 · 2026-09-28T23:20:25+08:00 · 2009年11月09日13:48
_TIME = re.compile(
    r"(\d{4})[-年/](\d{1,2})[-月/](\d{1,2})日?[T\s]*(\d{1,2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:?\d{2})?"
)
# <!-- news_keyword_pub,stock,sz300036&sz300053 --> ends the text; usstock has bare tickers
_STOCKS_COMMENT = re.compile(r"<!--\s*+news_keyword_pub,\w*+,((?:(?!-->)[^\s<>])*+)\s*+-->")
_AND = re.compile("&(?:amp;)?")
_STOCK_SPAN = re.compile(r"(?:stock|usstock|hkstock|forex|futures)_([\w.]+)")
_PLAUSIBLE_YEARS = range(1980, 2100)  # others are mistakes of the page, and conversions may overflow
_SEPARATOR = re.compile("[,，、;；]")
_WHITE_SPACE = re.compile(r"\s+")


class _Source(Struct, frozen=True):
    """The part of a page that contains the article, and its metadata; "" where there is none."""

    inner: str  # HTML of the article's content
    element: LexborNode | None = None  # the element with that content
    title: str = ""
    published: datetime | None = None
    medium: str = ""
    precision: Precision | None = None  # of `published`; None: of a layout of Sina's
    is_foreign: bool = False  # another site's
    authors: tuple[str, ...] = ()
    general_title: str = ""  # another site's: see OtherSiteArticle


def extract(
    page: Page, entry: Entry, *, clean: bool = False, check_identity: bool = False, title_by_site: bool = True
) -> Article:
    """Return the article on a page.

    The entry's title and time take precedence over the page's, because the archive records the listing.

    :param clean: leave Sina's template elements out of the body
    :param check_identity: refuse a page that is another article's
    :param title_by_site: know where other sites state their titles
    :raises MovedError: it is
    :raises GoneError: the page says that the article does not exist or is deleted
    :raises ExtractionError: no article could be found on it
    """
    text = decode(page.body, page.content_type)
    tree = parse_html(text)
    if check_identity and (move := other_article(page.url, entry, tree)):
        raise move
    source, body = _locate(page, entry, text, tree, clean=clean, title_by_site=title_by_site)
    _check_not_deleted(body, text)
    title = entry.title or source.title or _text(tree, layouts.TITLE) or ""
    facts = _page_facts(tree, source, title)
    return Article(
        docid=entry.docid,
        url=page.url,
        title=title,
        published=entry.published or facts.published or source.published or entry.entered or page.fetched_at,
        body=body.html,
        image=absolute(page.url, image) if (image := body.image or entry.image) else None,
        fetched_at=page.fetched_at,
        updated=facts.updated or entry.modified,
        media=entry.media or facts.media,
        keywords=entry.keywords or facts.keywords or (),
        **symbol_fields((*entry.symbols, *(_symbols(source) or ()))),
        stock_names=_stock_names(source),
        page=facts,
        general_title=source.general_title,
        **feed_fields(entry, source.precision, source.authors),
        **facts_of_body(title, body),
    )


def _page_facts(tree: LexborHTMLParser, source: _Source, title: str) -> PageFacts:
    words = _keywords(tree, title)
    return PageFacts(
        title=source.title or _text(tree, layouts.HEADLINE),
        # Not the time of a page of unknown layout: it is the first on the page, which may be today's.
        published=source.published if source.is_foreign else _time(tree, layouts.PUBLISHED),
        updated=_time(tree, layouts.UPDATED),
        media=source.medium or _text(tree, layouts.MEDIUM),
        keywords=words or (() if tree.css_first(layouts.KEYWORDS[0]) is not None else None),
        symbols=None if (symbols := _symbols(source)) is None else symbols_of(symbols),
    )


def _check_not_deleted(body: Body, page: str) -> None:
    """Raise GoneError if the article is a notice of its deletion, or if it is empty and the page has a notice."""
    if not body.text and not body.pictures and (phrase := phrase_on_page(page)):
        raise GoneError(_gone(phrase))
    notice = find_deletion_notice(body.text)
    if notice and notice.is_whole and len(body.pictures) <= 1:  # an error page may have an illustration
        raise GoneError(_gone(notice.phrase))


def _gone(phrase: str) -> str:
    return f"the page says {phrase}, with status 200"


def _locate(
    page: Page, entry: Entry, text: str, tree: LexborHTMLParser, *, clean: bool, title_by_site: bool
) -> tuple[_Source, Body]:
    # A redirect by Sina to another site leads to a form to fill in. Treat such a page as Sina's.
    is_sina_page = is_sina_url(page.url) or not entry.foreign
    element = _article_element(tree, is_sina_page=is_sina_page)
    if element is not None:
        inner = element.inner_html or ""
        body = render_body(inner, page.url, clean=clean)
        if body.text or body.pictures or not (embedded := slides(tree) or _video(tree)):
            return _Source(inner, element), body
        # If there are two titles, the page's is the article's and the other is the video's.
        title = _text(tree, layouts.TITLE) or embedded.title
        source = _Source(inner + embedded.html, element, title, parse_time(embedded.published))
    else:
        if phrase := phrase_in_headings(tree):
            raise GoneError(_gone(phrase))
        embedded = slides(tree) or (_video(tree) if is_sina_page else None)
        if embedded:
            source = _from_embedded(embedded)
        else:
            source = _from_unknown_layout(page, text, tree, is_sina_page=is_sina_page, title_by_site=title_by_site)
    return source, render_body(source.inner, page.url, clean=clean)


def _article_element(tree: LexborHTMLParser, *, is_sina_page: bool) -> LexborNode | None:
    selectors = layouts.BODY
    if not is_sina_page:
        missing = [
            body for body, title in layouts.COMMON_NAMES.items() if title is None or tree.css_first(title) is None
        ]
        selectors = tuple(selector for selector in selectors if selector not in missing)
    return _first(tree, selectors)


def _video(tree: LexborHTMLParser) -> EmbeddedData | None:
    return video(tree, _text(tree, (layouts.POSTER,)) or "")


def _from_embedded(data: EmbeddedData) -> _Source:
    return _Source(data.html, None, data.title, parse_time(data.published), data.medium)


def _from_unknown_layout(
    page: Page, text: str, tree: LexborHTMLParser, *, is_sina_page: bool, title_by_site: bool
) -> _Source:
    """Find the article on a page of unknown layout. This is possible for sites other than Sina only.

    :param is_sina_page: an unknown layout of Sina is an error page, which can have status 200 too
    """
    if is_sina_page or not text.strip():
        _raise_no_article(text, tree)
    try:
        found = find_article(text, page.url, page.fetched_at, title_by_site=title_by_site)
    except ExtractionError as error:
        if embedded := _video(tree):  # last: other sites' scripts may use these names for something else
            return _from_embedded(embedded)
        _raise_no_article(text, tree, error)
    time = found.published
    return _Source(
        found.html,
        None,
        found.title,
        time.at if time else None,
        found.medium,
        time.precision if time else None,
        True,
        found.authors,
        found.general_title,
    )


def parse_time(text: str) -> datetime | None:
    """Parse a time as Sina's pages write it; China time if it has no zone. None if it is absent or out of range."""
    if not (match := _TIME.search(text)):
        return None
    zone = match[7]
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        if year not in _PLAUSIBLE_YEARS:
            return None
        time = datetime(year, month, day, hour, minute, second, tzinfo=CHINA)
        if zone:
            time = datetime.fromisoformat(time.replace(tzinfo=None).isoformat() + zone)
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _raise_no_article(text: str, tree: LexborHTMLParser, cause: ExtractionError | None = None) -> NoReturn:
    if phrase := phrase_on_page(text):
        raise GoneError(_gone(phrase)) from cause
    raise ExtractionError(f"{_describe(text, tree)}{f'; {cause}' if cause else ''}") from cause


def _describe(text: str, tree: LexborHTMLParser) -> str:
    if not text.strip():
        return "the page is empty"
    title = tree.css_first("title")
    text = _WHITE_SPACE.sub(" ", title.text()).strip()[:80] if title else ""
    return f"no article element on the page ({'its title: ' + text if text else 'it has no title'})"


def _first(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> LexborNode | None:
    for selector in selectors:
        if (node := tree.css_first(selector)) is not None:
            return node
    return None


def _text(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> str | None:
    for selector in selectors:
        if (node := tree.css_first(selector)) is not None:
            text = node.attributes.get("content") if node.tag == "meta" else node.text()
            if text := _WHITE_SPACE.sub(" ", text or "").strip():
                return text
    return None


def _time(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> datetime | None:
    text = _text(tree, selectors)
    return parse_time(text) if text else None


def _keywords(tree: LexborHTMLParser, title: str) -> tuple[str, ...]:
    for selector in layouts.KEYWORDS:
        joined = ",".join(
            node.attributes.get("data-wbkey") or node.attributes.get("content") or node.text()
            for node in tree.css(selector)
        )
        words = [_WHITE_SPACE.sub(" ", word).strip() for word in _SEPARATOR.split(joined)]
        if len(words) == 1:
            if _WHITE_SPACE.sub("", words[0]) == _WHITE_SPACE.sub("", title):
                continue  # before 2014 it may be the title
            words = words[0].split()
        if any(words):
            return tuple(dict.fromkeys(filter(None, words)))
    return ()


def _symbols(source: _Source) -> tuple[str, ...] | None:
    """Return the stocks that a page names; () if it has the place for them, and None if it has not even that."""
    comments = list(_STOCKS_COMMENT.finditer(source.inner))
    symbols = [symbol for match in comments for symbol in _AND.split(match[1])]
    symbols += [symbol for symbol, _ in _stock_spans(source)]
    named = tuple(dict.fromkeys(filter(None, symbols)))
    return named if named or comments else None


def _stock_spans(source: _Source) -> Iterator[tuple[str, LexborNode]]:
    """Yield each element that marks a stock in the text, and the symbol as it is written there."""
    for span in source.element.css("span[id]") if source.element is not None else ():
        if match := _STOCK_SPAN.fullmatch(span.attributes["id"] or ""):
            yield match[1], span


def _stock_names(source: _Source) -> tuple[tuple[str, str], ...]:
    """Return symbol and name of each stock that is marked in the text; the first name of each."""
    names: dict[str, str] = {}
    for symbol, span in _stock_spans(source):
        if name := stock_name_of(span.text()):
            names.setdefault(symbol_of(symbol), name)
    return tuple(names.items())

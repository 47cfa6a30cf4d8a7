"""From an article's page and its entry to the article. Pure: bytes in, record out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from archive.model.article import Article, Page
from archive.model.feed import Entry
from crawler.errors import ExtractionError, GoneError
from crawler.extract import fallback, layouts
from crawler.extract.body import Body, render_body
from crawler.extract.charset import decode
from crawler.extract.embedded import EmbeddedData, slides, video
from crawler.extract.fingerprint import fingerprint, story
from crawler.urls import absolute, is_sinas

CHINA = timezone(timedelta(hours=8))  # all of Sina's clocks; China has had no summer time since 1991
# 2026年09月28日 23:20 · 2026-09-28 23:20:25 · 2026-09-28T23:20:25+08:00 · 2009年11月09日13:48
_TIME = re.compile(
    r"(\d{4})[-年/](\d{1,2})[-月/](\d{1,2})日?[T\s]*(\d{1,2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:?\d{2})?"
)
# <!-- news_keyword_pub,stock,sz300036&sz300053 --> ends the text; usstock has bare tickers
_STOCKS_COMMENT = re.compile(r"<!--\s*news_keyword_pub,\w*,([^\s>]*)\s*-->")
_AND = re.compile("&(?:amp;)?")
_STOCK_SPAN = re.compile(r"(?:stock|usstock|hkstock|forex|futures)_([\w.]+)")
_ORIGINAL_TITLE = re.compile(r"[（(]?原标题\s*[:：]\s*(.{1,200}?)[）)]?\s*$")
_PLAUSIBLE_YEARS = range(1980, 2100)  # beyond, it is a slip of the page, and conversions may overflow
_SEPARATOR = re.compile(r"\s*[,，、;；]\s*")
_WHITE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where on its page an article was found, and what stands there beside its text; "" where nothing does."""

    inner: str  # HTML of the text
    element: LexborNode | None = None  # that holds it
    title: str = ""
    published: datetime | None = None
    medium: str = ""


def extract(page: Page, entry: Entry, *, clean: bool = False) -> Article:
    """The article on a page.

    The entry's title and time go before the page's: the listing is what the archive was asked to record.

    :param clean: leave Sina's furniture out of the body
    :raises GoneError: the page says that there is no such article
    :raises ExtractionError: no article could be found on it
    """
    text = decode(page.body, page.content_type)
    tree = LexborHTMLParser(text)
    source, body = _find(page, entry, text, tree, clean=clean)
    published = entry.published or _time(tree, layouts.PUBLISHED) or source.published
    image = body.image or entry.image
    title = entry.title or source.title or _text(tree, layouts.TITLE) or ""
    return Article(
        docid=entry.docid,
        url=page.url,
        title=title,
        published=published or entry.entered or page.fetched_at,
        body=body.html,
        image=absolute(page.url, image) if image else None,
        fetched_at=page.fetched_at,
        updated=_time(tree, layouts.UPDATED) or entry.modified,
        media=entry.media or source.medium or _text(tree, layouts.MEDIUM),
        keywords=entry.keywords or _keywords(tree, title),
        symbols=tuple(dict.fromkeys((*entry.symbols, *_symbols(source)))),
        original_title=_original_title(body.text),
        **_facts(title, body),
    )


def _find(page: Page, entry: Entry, text: str, tree: LexborHTMLParser, *, clean: bool) -> tuple[_Source, Body]:
    element = _first(tree, layouts.BODY)
    if element is not None:
        inner = element.inner_html or ""
        body = render_body(inner, page.url, clean=clean)
        if body.text or body.pictures or not (scripted := slides(tree) or _video(tree)):
            return _Source(inner, element), body
        # Of two titles the page's is the article's; the other is its video's.
        title = _text(tree, layouts.TITLE) or scripted.title
        source = _Source(inner + scripted.html, element, title, parse_time(scripted.published))
    else:
        # Who is sent elsewhere by Sina is sent to a form to fill in: such a page is Sina's too.
        ours = is_sinas(page.url) or not entry.foreign
        scripted = slides(tree) or (_video(tree) if ours else None)
        source = _of_scripts(scripted) if scripted else _elsewhere(page, text, tree, ours=ours)
    return source, render_body(source.inner, page.url, clean=clean)


def _video(tree: LexborHTMLParser) -> EmbeddedData | None:
    return video(tree, _text(tree, (layouts.POSTER,)) or "")


def _of_scripts(found: EmbeddedData) -> _Source:
    return _Source(found.html, None, found.title, parse_time(found.published), found.medium)


def _elsewhere(page: Page, text: str, tree: LexborHTMLParser, *, ours: bool) -> _Source:
    """An article on a page of no known layout, which only other sites than Sina may have.

    :param ours: it is one of Sina's: then it is an error page, which comes with status 200 too
    """
    if layouts.GONE in text:
        raise GoneError(f"the page says {layouts.GONE} (no such page) with status 200")
    if ours or not text.strip():
        raise ExtractionError(_what_it_is(text, tree))
    try:
        found = fallback.find(text, page.url, page.fetched_at)
    except ExtractionError as error:
        if scripted := _video(tree):  # last: by these names other sites' scripts may mean something else
            return _of_scripts(scripted)
        raise ExtractionError(f"{_what_it_is(text, tree)}; {error}") from error
    published = _time_shown(found.day, tree, page.fetched_at)
    return _Source(found.html, None, found.title or "", published, found.medium or "")


def _time_shown(day: str | None, tree: LexborHTMLParser, fetched_at: datetime) -> datetime | None:
    """The first time that a page shows.

    :param day: that it must be of, YYYY-MM-DD in China; the day alone stands in for a time that is not shown
    """
    text = tree.body.text() if tree.body is not None else ""
    for match in _TIME.finditer(text):
        time = parse_time(match[0])
        if time and time <= fetched_at and (not day or f"{time.astimezone(CHINA):%Y-%m-%d}" == day):
            return time
    return parse_time(f"{day} 00:00") if day else None


def extract_carried(entry: Entry, at: datetime, *, clean: bool = False) -> Article:
    """The article whose text its listing carries.

    :param at: when the listing was read
    """
    body = render_body(entry.content or "", entry.url, clean=clean)
    return Article(
        docid=entry.docid,
        url=entry.url,
        title=entry.title,
        published=entry.published or entry.entered or at,
        body=body.html,
        image=body.image or entry.image,
        fetched_at=at,
        updated=entry.modified,
        media=entry.media,
        keywords=entry.keywords,
        symbols=entry.symbols,
        original_title=_original_title(body.text),
        **_facts(entry.title, body),
    )


def _facts(title: str, body: Body) -> dict[str, Any]:
    return {
        "editor": body.editor,
        "pictures": body.pictures,
        "text": body.text,
        "fingerprint": fingerprint(title, body.text, [picture.url for picture in body.pictures]),
        "story": story(title, body.text),
    }


def _original_title(text: str) -> str | None:
    """原标题, which stands before the text where an article was given another title."""
    found = _ORIGINAL_TITLE.match(text.partition("\n")[0])
    return found[1].strip() if found else None


def is_whole(page: Page) -> bool:
    """Whether a page that came without its length goes on to its end, as far as its text can tell."""
    return b"</html" in page.body[-4096:].lower()  # trackers and comments may follow the end


def parse_time(text: str) -> datetime | None:
    """A time as Sina's pages write it, China time where they name no zone; None when it is none, or beyond belief."""
    if not (match := _TIME.search(text)):
        return None
    zone = match[7]
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
        if year not in _PLAUSIBLE_YEARS:
            return None
        stated = datetime(year, month, day, hour, minute, second, tzinfo=CHINA)
        if zone:
            stated = datetime.fromisoformat(stated.replace(tzinfo=None).isoformat() + zone)
        return stated.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _what_it_is(text: str, tree: LexborHTMLParser) -> str:
    if not text.strip():
        return "the page is empty"
    title = tree.css_first("title")
    told = _WHITE.sub(" ", title.text()).strip()[:80] if title else ""
    return f"no article element on the page ({'its title: ' + told if told else 'it has no title'})"


def _first(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> LexborNode | None:
    for selector in selectors:
        if (node := tree.css_first(selector)) is not None:
            return node
    return None


def _text(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> str | None:
    for selector in selectors:
        if (node := tree.css_first(selector)) is not None:
            stated = node.attributes.get("content") if node.tag == "meta" else node.text()
            if stated := _WHITE.sub(" ", stated or "").strip():
                return stated
    return None


def _time(tree: LexborHTMLParser, selectors: tuple[str, ...]) -> datetime | None:
    stated = _text(tree, selectors)
    return parse_time(stated) if stated else None


def _keywords(tree: LexborHTMLParser, title: str) -> tuple[str, ...]:
    for selector in layouts.KEYWORDS:
        stated = ",".join(
            node.attributes.get("data-wbkey") or node.attributes.get("content") or node.text()
            for node in tree.css(selector)
        )
        words = [_WHITE.sub(" ", word).strip() for word in _SEPARATOR.split(stated)]
        if len(words) == 1 and _WHITE.sub("", words[0]) != _WHITE.sub("", title):  # before 2014 it may be the title
            words = words[0].split()
        elif len(words) == 1:
            continue
        if any(words):
            return tuple(dict.fromkeys(filter(None, words)))
    return ()


def _symbols(source: _Source) -> tuple[str, ...]:
    found = [symbol for match in _STOCKS_COMMENT.finditer(source.inner) for symbol in _AND.split(match[1])]
    spans = source.element.css("span[id]") if source.element is not None else ()
    for span in spans:
        if match := _STOCK_SPAN.fullmatch(span.attributes["id"] or ""):
            found.append(match[1])
    return tuple(dict.fromkeys(filter(None, found)))

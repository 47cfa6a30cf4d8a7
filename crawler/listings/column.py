"""Column pages: https://finance.sina.com.cn/roll/c/{cid}.shtml has the newest 200 articles of a column on one page.

According to public code, live in 2026: ``ul#listcontent > li`` with a link and the time "(09月28日 22:15)". The time
has no year; the article's URL contains the day. There is no second page, and a discontinued column answers 404.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborNode

from archive.model.feed import Entry, Failure, FailureKind, Listing
from crawler.errors import ExtractionError, GoneError, ListingError
from crawler.extract.article import CHINA
from crawler.extract.charset import decode
from crawler.extract.deletion import phrase_on_page
from crawler.listings.source import ListSource
from crawler.markup.parser import parse_html
from crawler.urls import absolute, digest, docid, is_web

if TYPE_CHECKING:
    from config.model import Feed

_ITEMS = "#listcontent li"
_TIME = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日\s*(\d{1,2}):(\d{2})")
_DAY_IN_URL = re.compile(r"/(\d{4})-?(\d\d)-?(\d\d)/")


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Return the URL of a column, which has one page of fixed size."""
    del page, size
    return feed.endpoint


def essence(body: bytes) -> bytes:
    """Return the whole page: only a parser can find where its list begins and ends."""
    return body


def read(body: bytes, content_type: str, feed: ListSource, at: datetime) -> Listing:
    """Parse a column's page.

    :raises GoneError: the page says that there is no such column
    :raises ListingError: the page has no list
    """
    del at  # its times are absolute
    text = decode(body, content_type)
    try:
        tree = parse_html(text)
    except ExtractionError as error:
        raise ListingError(f"the page cannot be read: {error}") from error
    items = tree.css(_ITEMS)
    if not items and tree.css_first("#listcontent") is None:
        if phrase := phrase_on_page(text):
            raise GoneError(f"the page says {phrase}, with status 200")
        raise ListingError("the page has no list (#listcontent)")
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(items, start=1):
        link = item.css_first("a[href]")
        url = absolute(feed.endpoint, link.attributes.get("href") or "") if link is not None else ""
        if link is None or not is_web(url):
            subject = digest(item.html or "")
            reason = f"item {place} of list {feed.id}: no usable address ({url[:100]!r})"
            failures.append(Failure(subject, FailureKind.UNREADABLE, reason))
            continue
        entries.append(
            Entry(
                docid=docid(None, url),
                url=url,
                title=" ".join(link.text().split()),
                published=_time(item, url),
                modified=None,
                entered=None,
                media=None,
                image=None,
            )
        )
    return Listing(tuple(entries), tuple(failures))


def _time(item: LexborNode, url: str) -> datetime | None:
    """Return when an item was published; None if neither it nor its URL contains the year."""
    match, day = _TIME.search(item.text()), _DAY_IN_URL.search(url)
    try:
        at = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=CHINA) if day else None
        if match is None:
            return None
        month, number, hour, minute = map(int, match.groups()[1:])
        if match[1]:
            return datetime(int(match[1]), month, number, hour, minute, tzinfo=CHINA).astimezone(UTC)
        if at is None:
            return None
        # The URL has the day on which the page was created; around New Year that may be in another year.
        years = [datetime(at.year + offset, month, number, hour, minute, tzinfo=CHINA) for offset in (-1, 0, 1)]
        return min(years, key=lambda time: abs(time - at)).astimezone(UTC)
    except ValueError:  # for example the 30th of February
        return None

"""Column pages: https://finance.sina.com.cn/roll/c/{cid}.shtml, the newest 200 articles of a column on one page.

Claimed by public code, live in 2026: ``ul#listcontent > li`` with a link and the time "(09月28日 22:15)". It has no
year: the article's address has the day. There is no second page, and a column that was given up answers 404.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from selectolax.lexbor import LexborHTMLParser, LexborNode

from archive.model.feed import Entry, Failure, FailureKind, Listing
from config.model import Feed
from crawler.errors import GoneError, ListingError
from crawler.extract import layouts
from crawler.extract.article import CHINA
from crawler.extract.charset import decode
from crawler.urls import absolute, digest, docid, is_web

_ITEMS = "#listcontent li"
_TIME = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日\s*(\d{1,2}):(\d{2})")
_DAY_IN_URL = re.compile(r"/(\d{4})-?(\d\d)-?(\d\d)/")


def page_url(feed: Feed, page: int, size: int = 0) -> str:
    """Where a column is; it has one page, of a size of its own."""
    del page, size
    return feed.endpoint


def essence(body: bytes) -> bytes:
    """The page, unread: where its list begins and ends only a parser can tell."""
    return body


def read(body: bytes, content_type: str, feed: Feed) -> Listing:
    """A column's page.

    :raises GoneError: the page says that there is no such column
    :raises ListingError: it has no list
    """
    text = decode(body, content_type)
    tree = LexborHTMLParser(text)
    items = tree.css(_ITEMS)
    if not items and tree.css_first("#listcontent") is None:
        if layouts.GONE in text:
            raise GoneError(f"the page says {layouts.GONE} (no such page) with status 200")
        raise ListingError("the page has no list (#listcontent)")
    entries: list[Entry] = []
    failures: list[Failure] = []
    for place, item in enumerate(items, start=1):
        link = item.css_first("a[href]")
        url = absolute(feed.endpoint, link.attributes["href"] or "") if link is not None else ""
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
    """When an item was published; None where neither it nor its address says the year."""
    stated, day = _TIME.search(item.text()), _DAY_IN_URL.search(url)
    try:
        at = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=CHINA) if day else None
        if stated is None:
            return None
        month, number, hour, minute = map(int, stated.groups()[1:])
        if stated[1]:
            return datetime(int(stated[1]), month, number, hour, minute, tzinfo=CHINA).astimezone(UTC)
        if at is None:
            return None
        # The address has the day on which the page was made: around New Year that is another year's.
        years = [datetime(at.year + more, month, number, hour, minute, tzinfo=CHINA) for more in (-1, 0, 1)]
        return min(years, key=lambda time: abs(time - at)).astimezone(UTC)
    except ValueError:  # the 30th of February
        return None

"""Kinds of lists that can be read. A new kind needs one module and one line here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from archive.model.feed import Listing, Span
from crawler.listings import column, live, roll, rss, sitemap, usstock
from crawler.listings.source import ListSource

if TYPE_CHECKING:
    from config.model import Feed


class PageUrl(Protocol):
    """Builds the URL of a page of a list."""

    def __call__(self, feed: Feed, page: int, size: int = ...) -> str:
        """Return the URL of page ``page``, from 1, in pages of ``size`` articles if the list supports that."""


class HistoryUrl(Protocol):
    """Builds the URL of a page of a list, restricted to a span of time."""

    def __call__(self, feed: Feed, page: int, window: Span, size: int = ...) -> str:
        """Return the URL of page ``page``, from 1, of articles published in ``window``, both ends included."""


class Reader(Struct, frozen=True):
    """How to request and read a kind of list."""

    page_url: PageUrl
    # Body, Content-Type, feed, and when the poll or the backfill began; raises ListingError.
    read: Callable[[bytes, str, ListSource, datetime], Listing]
    # The part of a body that determines the list's content: if it is equal, so is the page.
    essence: Callable[[bytes], bytes]
    history_url: HistoryUrl | None = None  # None: the list cannot be restricted to a span of time
    has_pages: bool = True  # False: the list has one page


READERS: dict[str, Reader] = {
    "roll": Reader(roll.page_url, roll.read, roll.essence, roll.history_url),
    "live": Reader(live.page_url, live.read, live.essence),
    "column": Reader(column.page_url, column.read, column.essence, has_pages=False),
    "usstock": Reader(usstock.page_url, usstock.read, usstock.essence, has_pages=False),
    "rss": Reader(rss.page_url, rss.read, rss.essence, has_pages=False),
    "sitemap": Reader(sitemap.page_url, sitemap.read, sitemap.essence, has_pages=False),
}


def knows_history(kind: str) -> bool:
    """Return whether lists of a kind can be restricted to a span of time."""
    return kind in READERS and READERS[kind].history_url is not None

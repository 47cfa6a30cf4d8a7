"""The kinds of list that can be read: a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from archive.model.feed import Listing, Span
from config.model import Feed
from crawler.listings import column, live, roll, rss, usstock


class PageUrl(Protocol):
    """The address of a page of a list."""

    def __call__(self, feed: Feed, page: int, size: int = ...) -> str:
        """Page ``page``, counted from 1, in pages of ``size`` articles where the list can be asked for that."""


class HistoryUrl(Protocol):
    """The address of a page of what a list has of a stretch of time."""

    def __call__(self, feed: Feed, page: int, window: Span, size: int = ...) -> str:
        """Page ``page``, counted from 1, of what was published in ``window``, both ends included."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How a kind of list is asked for and read."""

    page_url: PageUrl
    read: Callable[[bytes, str, Feed], Listing]  # body, Content-Type, feed; raises ListingError
    # The part of an answer that says what the list holds: where it is the same, so is the page.
    essence: Callable[[bytes], bytes]
    history_url: HistoryUrl | None = None  # None: the list cannot be asked for a stretch of time
    has_pages: bool = True  # False: all that the list shows is on one page


READERS: dict[str, Reader] = {
    "roll": Reader(roll.page_url, roll.read, roll.essence, roll.history_url),
    "live": Reader(live.page_url, live.read, live.essence),
    "column": Reader(column.page_url, column.read, column.essence, has_pages=False),
    "usstock": Reader(usstock.page_url, usstock.read, usstock.essence, has_pages=False),
    "rss": Reader(rss.page_url, rss.read, rss.essence, has_pages=False),
}


def knows_history(kind: str) -> bool:
    """Whether lists of a kind can be asked for a stretch of time."""
    return kind in READERS and READERS[kind].history_url is not None

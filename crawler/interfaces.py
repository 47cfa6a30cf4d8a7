"""What the spider asks of whoever runs it, and what they may ask of it: the seam between the web and the disk."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from archive.model.feed import Entry, Failure, Poll, Validators
from archive.model.fetch import RawResponse
from config.model import Feed
from crawler.paging.backfill import Backfill, BackfillStep


class Fetcher(Protocol):
    """A spider that is open, as those see it who have work for it."""

    def poll(self, feed: Feed) -> None:
        """Read a feed's list; :meth:`FeedTasks.record_poll` is told what came of it."""

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        """Read a stretch of a list's past; :meth:`FeedTasks.record_backfill_page` is told of each page."""

    def refill(self, host: str | None = None) -> None:
        """Look for articles to fetch: from one host, or from all."""

    def crash(self, error: BaseException) -> None:
        """Stop: what cannot be recorded must not go on being fetched."""


class FeedTasks(Protocol):
    """What becomes of lists that are read. Any method may raise: the spider then stops."""

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """Those of ``docids`` that an earlier poll of ``feed`` left nothing unread below of."""

    def validators(self, feed: str) -> Validators | None:
        """What the list of ``feed`` is to be asked with whether it has changed; None when it is simply asked."""

    def record_poll(self, poll: Poll) -> bool:
        """A poll has ended: record what it saw; return whether that could be done."""

    def record_backfill_page(self, step: BackfillStep) -> bool:
        """A page of a walk was read: record it; return whether to go on."""


class ArticleTasks(Protocol):
    """Which articles to fetch, and what becomes of them. Any method may raise: the spider then stops."""

    def hosts(self) -> Iterable[str]:
        """The hosts that articles may be waiting for; empty until articles may be fetched."""

    def lease(self, host: str, most: int) -> list[Entry]:
        """At most so many entries of a host to fetch now, none of them handed out already.

        Fewer, or none, when too many are on their way to the disk.
        """

    def release(self, entry: Entry) -> None:
        """An entry was not asked for after all: its host wants rest, or the spider closes."""

    def record_response(self, entry: Entry, answer: RawResponse, milliseconds: int) -> None:
        """An answer came to the request for an entry's page, whatever it is; it took so long."""

    def record_failure(self, entry: Entry, failure: Failure) -> None:
        """No answer came, or none that could be taken in."""

    def backoff_wait(self, host: str) -> float | None:
        """Seconds until a resting host may be asked again; None when it is not worth waiting for."""


class ImageTasks(Protocol):
    """Which pictures to fetch, and what becomes of them. Any method may raise: the spider then stops."""

    def hosts(self) -> Iterable[str]:
        """The hosts that pictures may be waiting for; empty until pictures may be fetched."""

    def lease(self, host: str, most: int) -> list[str]:
        """The addresses of at most so many pictures of a host to fetch now, none of them handed out already."""

    def release(self, url: str) -> None:
        """A picture was not asked for after all: its host wants rest, or the spider closes."""

    def record_response(self, url: str, answer: RawResponse, milliseconds: int) -> None:
        """An answer came to the request for a picture, whatever it is; it took so long."""

    def record_failure(self, url: str, failure: Failure) -> None:
        """No answer came, or none that could be taken in."""


class WorkQueue(Protocol):
    """Where work comes from and its outcomes go."""

    @property
    def feeds(self) -> FeedTasks:
        """Of lists."""

    @property
    def articles(self) -> ArticleTasks:
        """Of articles."""

    @property
    def images(self) -> ImageTasks:
        """Of their pictures."""

    def spider_opened(self, fetcher: Fetcher) -> None:
        """A spider has opened. It takes the place of any that there was."""

    def spider_closed(self) -> None:
        """The spider is closed: what it has not fetched is no longer in hand. Another one may open."""

    async def drain(self) -> None:
        """All is over: bring what has been fetched to the disk."""

"""Protocols between the spider and the code that schedules its work and records the results."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from archive.model.feed import Entry, Failure, Poll, Validators
from archive.model.fetch import RawResponse
from archive.model.identity import Identities, IdentityQuery
from config.model import Feed
from crawler.paging.backfill import Backfill, BackfillStep


class Fetcher(Protocol):
    """An open spider, as seen by the code that schedules its work."""

    def poll(self, feed: Feed) -> None:
        """Read a feed's list, then call :meth:`FeedTasks.record_poll` once."""

    def peek(self, feed: Feed) -> None:
        """Read the first page of a feed's list, then call :meth:`FeedTasks.record_peek` once."""

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        """Read a span of a list's past; call :meth:`FeedTasks.record_backfill_page` after each page."""

    def refill(self, host: str | None = None) -> None:
        """Lease work while there is room for more requests: for one host, or for all."""

    def crash(self, error: BaseException) -> None:
        """Stop with an error: do not fetch what cannot be recorded."""


class FeedTasks(Protocol):
    """Records the results of polls and backfills. If a method raises, the spider stops."""

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """Return those of ``docids`` below which an earlier poll of ``feed`` left nothing unread."""

    def identities(self, feed: str, query: IdentityQuery) -> Identities:
        """Return what is known of the items of ``feed`` that a page of its list shows."""

    def validators(self, feed: str) -> Validators | None:
        """Return the validators for a conditional request for the list of ``feed``; None for a plain one."""

    def was_cut_off(self, feed: str) -> bool:
        """Return True if the last poll of ``feed`` found its list cut off: then that is all that the list shows."""

    def record_poll_page(self, page: Poll) -> None:
        """Record the entries of a page of a poll that goes on; :meth:`record_poll` gets them again.

        :param page: the poll, with only the entries of the page
        """

    def record_poll(self, poll: Poll) -> bool:
        """Record a poll that has ended; return whether that succeeded."""

    def record_peek(self, peek: Poll) -> bool:
        """Record the first page of a list, which was read between two polls; return whether that succeeded."""

    def record_backfill_page(self, step: BackfillStep) -> bool:
        """Record a page of a backfill; return whether to continue."""


class ArticleTasks(Protocol):
    """Queue of articles to fetch. If a method raises, the spider stops."""

    def hosts(self) -> Iterable[str]:
        """Return the hosts that may have articles to fetch; none until articles may be fetched."""

    def lease(self, host: str, limit: int) -> list[Entry]:
        """Return up to ``limit`` entries of a host to fetch now, none of which is leased already.

        Returns fewer or none while too many responses wait to be written.
        """

    def release(self, entry: Entry) -> None:
        """Take back a leased entry that was not requested: its host is backed off, or the spider is closing."""

    def record_response(self, entry: Entry, response: RawResponse, milliseconds: int) -> None:
        """Record the response to the request for an entry's page, whatever its status.

        :param milliseconds: from request to response
        """

    def record_failure(self, entry: Entry, failure: Failure) -> None:
        """Record that no response came, or none that could be processed."""

    def backoff_wait(self, host: str) -> float | None:
        """Return the seconds until a backed-off host may be tried again; None if that is too long to wait for."""


class ImageTasks(Protocol):
    """Queue of images to fetch. If a method raises, the spider stops."""

    def hosts(self) -> Iterable[str]:
        """Return the hosts that may have images to fetch; none until images may be fetched."""

    def lease(self, host: str, limit: int) -> list[str]:
        """Return the URLs of up to ``limit`` images of a host to fetch now, none of which is leased already."""

    def release(self, url: str) -> None:
        """Take back a leased image that was not requested: its host is backed off, or the spider is closing."""

    def record_response(self, url: str, response: RawResponse, milliseconds: int) -> None:
        """Record the response to the request for an image, whatever its status.

        :param milliseconds: from request to response
        """

    def record_failure(self, url: str, failure: Failure) -> None:
        """Record that no response came, or none that could be processed."""


class WorkQueue(Protocol):
    """Source of the spider's work and sink of its results."""

    @property
    def feeds(self) -> FeedTasks:
        """Results of polls and backfills."""

    @property
    def articles(self) -> ArticleTasks:
        """Queue of articles."""

    @property
    def images(self) -> ImageTasks:
        """Queue of images."""

    def spider_opened(self, fetcher: Fetcher) -> None:
        """Use this spider from now on, in place of any earlier one."""

    def spider_closed(self) -> None:
        """Take back all leased work that the spider has not fetched. Another spider may open."""

    async def drain(self) -> None:
        """Write everything that has been fetched to disk, before the engine stops."""

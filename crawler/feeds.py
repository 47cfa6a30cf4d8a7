"""Reads lists for the spider: polls from the newest page down, and walks through the past."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure as TwistedFailure

from archive.model.feed import BackfillPage, Entry, Failure, FailureKind, Listing, Validators
from config.model import Feed
from crawler import urls
from crawler.errors import GoneError, ListingError
from crawler.http import failures
from crawler.http.failures import ClosingError
from crawler.http.status import of_status
from crawler.interfaces import FeedTasks
from crawler.listings.registry import READERS
from crawler.paging.backfill import Backfill, BackfillStep, NextStep, apply_page, apply_single_page, next_request
from crawler.paging.poll import NextPage, PollState, add_page, add_single_page

logger = logging.getLogger("finarchive")

# A poll never waits behind a backlog of articles; a walk goes before articles too, for it finds more of them, but
# not before a poll.
POLL_PRIORITY, WALK_PRIORITY = 10, 5
_NOT_MODIFIED = 304


class FeedFetcher:
    """The polls and walks of one spider.

    :param send: hands a request to Scrapy
    :param crash: stops the spider
    :param max_pages: that one poll may read
    """

    def __init__(
        self,
        work: FeedTasks,
        now: Callable[[], datetime],
        send: Callable[[Request], None],
        crash: Callable[[BaseException], None],
        max_pages: int,
    ) -> None:
        self._work, self._now, self._send, self._crash, self._most_pages = work, now, send, crash, max_pages
        # By feed and list: a digest of the first page when its last poll came to known ground, and what it held. In
        # memory only: after a start, polls read one page more.
        self._first_pages: dict[tuple[str, str], tuple[bytes, tuple[Entry, ...]]] = {}

    # Polls

    def poll(self, feed: Feed) -> None:
        """See Fetching."""
        validators = self._work.validators(feed.id)
        self._ask(feed, PollState(feed.id, self._now(), is_conditional=validators is not None), validators)

    def _ask(self, feed: Feed, reading: PollState, validators: Validators | None = None) -> None:
        self._send(
            Request(
                READERS[feed.kind].page_url(feed, reading.pages + 1),
                headers=_conditions(validators),
                callback=self._read,
                errback=self._fail,
                cb_kwargs={"feed": feed, "reading": reading},
                priority=POLL_PRIORITY,
            )
        )

    def _read(self, response: Response, feed: Feed, reading: PollState) -> None:
        try:
            if response.status == _NOT_MODIFIED and reading.is_conditional and not reading.pages:
                self._work.record_poll(reading.unchanged(()))
                return
            if not reading.pages:
                digest = blake2b(READERS[feed.kind].essence(response.body)).digest()
                known_page = self._first_pages.get((feed.id, feed.source))
                if known_page and known_page[0] == digest and response.status == 200:
                    self._work.record_poll(reading.unchanged(known_page[1]))
                    return
                reading = replace(reading, digest=digest, validators=_validators(response))
            listing = _understand(response, feed, must_hold=not reading.pages)
            if isinstance(listing, Failure):
                self._end_poll(feed, reading, listing)
                return
            known = self._work.known_docids(feed.id, [entry.docid for entry in listing.entries])
            if not READERS[feed.kind].has_pages:
                self._end_poll(feed, add_single_page(reading, listing, known), caught_up=True)
                return
            reading, what = add_page(reading, listing, known, self._most_pages)
            if what is NextPage.CONTINUE or (what is NextPage.EMPTY and reading.holes == 1):
                self._ask(feed, reading)
            else:
                self._end_poll(feed, reading, caught_up=what is not NextPage.EMPTY)
        except Exception as error:
            self._crash(error)

    def _fail(self, failure: TwistedFailure) -> None:
        request: Request = failure.request  # type: ignore[attr-defined]
        reading, feed = request.cb_kwargs["reading"], request.cb_kwargs["feed"]
        if isinstance(failure.value, ClosingError):
            return  # whoever wanted the poll asks again once another spider is open
        self._end_poll(feed, reading, failures.of_exception(failure.value, feed.id, urls.host(request.url)))

    def _end_poll(
        self, feed: Feed, reading: PollState, error: Failure | None = None, *, caught_up: bool = False
    ) -> None:
        try:
            self._first_pages.pop((feed.id, feed.source), None)
            if self._work.record_poll(reading.poll(caught_up=caught_up, error=error)) and caught_up:
                self._first_pages[feed.id, feed.source] = reading.digest, reading.first_page
        except Exception as crash:
            self._crash(crash)

    # Walks

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        """See Fetching."""
        asked, reader = next_request(backfill), READERS[feed.kind]
        if asked.window and reader.history_url:
            url = reader.history_url(feed, asked.page, asked.window, asked.size)
        else:
            url = reader.page_url(feed, asked.page, asked.size)
        self._send(
            Request(
                url,
                callback=self._read_past,
                errback=self._fail_past,
                cb_kwargs={"feed": feed, "walk": backfill},
                priority=WALK_PRIORITY,
            )
        )

    def _read_past(self, response: Response, feed: Feed, backfill: Backfill) -> None:
        try:
            listing = _understand(response, feed, must_hold=False)
            if isinstance(listing, Failure):
                self._end_backfill(backfill, listing.reason)
                return
            if READERS[feed.kind].has_pages:
                step = apply_page(
                    backfill, listing, self._work.known_docids(feed.id, [entry.docid for entry in listing.entries])
                )
            else:
                step = apply_single_page(backfill, listing)
            if self._work.record_backfill_page(step) and step.next_step is NextStep.CONTINUE:
                self.backfill(feed, step.backfill)
        except Exception as error:
            self._crash(error)

    def _fail_past(self, failure: TwistedFailure) -> None:
        request: Request = failure.request  # type: ignore[attr-defined]
        backfill, feed = request.cb_kwargs["walk"], request.cb_kwargs["feed"]
        if isinstance(failure.value, ClosingError):
            return
        self._end_backfill(backfill, failures.of_exception(failure.value, feed.id, urls.host(request.url)).reason)

    def _end_backfill(self, backfill: Backfill, reason: str) -> None:
        try:
            self._work.record_backfill_page(
                BackfillStep(backfill, BackfillPage(backfill.feed, backfill.at, ()), NextStep.FAILED, reason)
            )
        except Exception as error:
            self._crash(error)


def _conditions(validators: Validators | None) -> dict[str, str]:
    stated = {"If-None-Match": validators.etag, "If-Modified-Since": validators.modified} if validators else {}
    return {name: value for name, value in stated.items() if value}


def _validators(response: Response) -> Validators | None:
    etag, modified = failures.header(response, "ETag"), failures.header(response, "Last-Modified")
    return Validators(etag or None, modified or None) if etag or modified else None


def _understand(response: Response, feed: Feed, *, must_hold: bool) -> Listing | Failure:
    """A page of a list.

    :param must_hold: an empty one is a failure
    """
    if failure := of_status(response.status, feed.id, failures.header(response, "Location")):
        return failure
    try:
        listing = READERS[feed.kind].read(response.body, failures.header(response, "Content-Type"), feed)
        if must_hold and not listing.entries and not listing.failures:
            raise ListingError("the list is empty")
    except (ListingError, GoneError) as error:
        return failures.of_exception(error, feed.id, urls.host(response.url))
    except Exception as error:  # a bug, in code that only reads: other lists must not suffer from it
        logger.exception("bug feed=%s url=%s", feed.id, response.url)
        return Failure(feed.id, FailureKind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")
    return listing

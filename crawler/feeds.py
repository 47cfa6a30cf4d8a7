"""Reads lists for the spider: polls from the newest page down, and backfills of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b

from msgspec.structs import replace
from scrapy import Request
from scrapy.http import Response

from archive.model.feed import BackfillPage, Entry, Failure, FailureKind, Listing, Poll, Validators
from config.model import Feed
from crawler import urls
from crawler.errors import CrawlerError, ListingError
from crawler.http import failures
from crawler.http.dispatcher import OnError, OnResponse
from crawler.http.failures import ClosingError, permanent_target
from crawler.http.status import of_status
from crawler.interfaces import FeedTasks
from crawler.listings.identity import identify, query_of
from crawler.listings.registry import READERS
from crawler.paging import backfill as walk
from crawler.paging.backfill import Backfill, BackfillStep, NextStep, apply_page
from crawler.paging.page import distinct
from crawler.paging.poll import NextPage, PollState, add_page, add_single_page, next_request
from crawler.paging.single_page import apply_single_page
from crawler.parsing.listings import parse_listing
from crawler.parsing.pool import ParserPool

# A poll never waits for a backlog of articles. A backfill goes before articles too, because it finds more of them,
# but after polls.
POLL_PRIORITY = 10
BACKFILL_PRIORITY = 5
_NOT_MODIFIED = 304
_ENDED = 410


class FeedFetcher:
    """Polls and backfills of one spider.

    :param now: the clock, aware
    :param send: sends a request, and calls one of two functions with its outcome
    :param crash: stops the spider
    :param max_pages: pages that one poll may read
    :param parsers: parse the lists
    """

    def __init__(
        self,
        work: FeedTasks,
        now: Callable[[], datetime],
        send: Callable[[Request, OnResponse, OnError], None],
        crash: Callable[[BaseException], None],
        *,
        max_pages: int,
        parsers: ParserPool,
    ) -> None:
        self._work = work
        self._now = now
        self._send = send
        self._crash = crash
        self._max_pages = max_pages
        self._parsers = parsers
        # By feed and list: digest and entries of the first page, if the last poll caught up. In memory only: after a
        # start, polls read one page more.
        self._first_pages: dict[tuple[str, str], tuple[bytes, tuple[Entry, ...]]] = {}
        self._peeked: dict[tuple[str, str], bytes] = {}  # by feed and list: digest of the page of the last peek

    # Polls

    def poll(self, feed: Feed) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        validators = self._work.validators(feed.id)
        self._request_page(feed, PollState(feed.id, self._now(), is_conditional=validators is not None), validators)

    def _request_page(self, feed: Feed, state: PollState, validators: Validators | None = None) -> None:
        url = READERS[feed.kind].page_url(feed, *next_request(state))
        self._send(
            Request(url, headers=_conditional_headers(validators), priority=POLL_PRIORITY),
            partial(self._on_page, feed, state),
            partial(self._on_page_error, feed, state),
        )

    async def _on_page(self, feed: Feed, state: PollState, response: Response) -> None:
        try:
            if not READERS[feed.kind].has_pages:  # the address of a page is not that of its list
                state = replace(state, moved_to=permanent_target(response))
            if response.status == _NOT_MODIFIED and state.is_conditional and not state.pages:
                self._work.record_poll(state.unchanged(()))
                return
            if not state.pages:
                digest = blake2b(READERS[feed.kind].essence(response.body)).digest()
                first_page = self._first_pages.get((feed.id, feed.source))
                if first_page and first_page[0] == digest and response.status == 200:
                    self._work.record_poll(state.unchanged(first_page[1]))
                    return
                state = replace(state, digest=digest, validators=_validators(response))
            listing = await self._parse(response, feed, state.at, may_be_empty=bool(state.pages))
            if isinstance(listing, Failure):
                self._end_poll(feed, state, listing)
                return
            known = self._work.known_docids(feed.id, [entry.docid for entry in listing.entries])
            if not READERS[feed.kind].has_pages:
                self._end_poll(feed, add_single_page(state, listing, known), caught_up=True)
                return
            state, next_page = add_page(state, listing, known, self._max_pages)
            if next_page is NextPage.CONTINUE:
                self._continue_poll(feed, state, () if known else listing.entries)
            elif next_page is NextPage.CUT and not self._work.was_cut_off(feed.id):
                self._end_poll(feed, state, state.cut_off())  # the next poll may read on
            else:
                self._end_poll(feed, state, caught_up=True)
        except Exception as error:
            self._crash(error)

    def _continue_poll(self, feed: Feed, state: PollState, entries: Sequence[Entry]) -> None:
        """Request the next page of a poll.

        :param entries: of the last page, if all of it is new, as in a first poll or after an outage: many pages
            follow, and the articles of this one do not wait for them
        """
        if entries:
            self._work.record_poll_page(Poll(feed.id, state.at, 0, tuple(entries), (), caught_up=False))
        self._request_page(feed, state)

    def _on_page_error(self, feed: Feed, state: PollState, request: Request, error: Exception) -> None:
        if not isinstance(error, ClosingError):  # else the work queue requests the poll again from the next spider
            self._end_poll(feed, state, failures.of_exception(error, feed.id, urls.host(request.url)))

    def _end_poll(
        self, feed: Feed, state: PollState, error: Failure | None = None, *, caught_up: bool = False
    ) -> None:
        try:
            self._first_pages.pop((feed.id, feed.source), None)
            if self._work.record_poll(state.poll(caught_up=caught_up, error=error)) and caught_up:
                self._first_pages[feed.id, feed.source] = state.digest, state.first_page
        except Exception as crash:
            self._crash(crash)

    # Peeks

    def peek(self, feed: Feed) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        state = PollState(feed.id, self._now())
        self._send(
            Request(READERS[feed.kind].page_url(feed, *next_request(state)), priority=POLL_PRIORITY),
            partial(self._on_peek, feed, state),
            partial(self._on_peek_error, feed, state),
        )

    async def _on_peek(self, feed: Feed, state: PollState, response: Response) -> None:
        try:
            digest = blake2b(READERS[feed.kind].essence(response.body)).digest()
            if response.status == 200 and self._peeked.get((feed.id, feed.source)) == digest:
                self._work.record_peek(state.unchanged(()))
                return
            listing = await self._parse(response, feed, state.at, may_be_empty=False)
            if isinstance(listing, Failure):
                self._work.record_peek(state.poll(caught_up=False, error=listing))
                return
            entries = tuple(distinct(listing.entries, frozenset()).values())
            if self._work.record_peek(replace(state, pages=1, entries=entries).poll(caught_up=False)):
                self._peeked[feed.id, feed.source] = digest
        except Exception as error:
            self._crash(error)

    def _on_peek_error(self, feed: Feed, state: PollState, request: Request, error: Exception) -> None:
        if isinstance(error, ClosingError):
            return  # the next spider begins with another peek
        try:
            failure = failures.of_exception(error, feed.id, urls.host(request.url))
            self._work.record_peek(state.poll(caught_up=False, error=failure))
        except Exception as crash:
            self._crash(crash)

    # Backfills

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        request, reader = walk.next_request(backfill), READERS[feed.kind]
        if request.window and reader.history_url:
            url = reader.history_url(feed, request.page, request.window, request.size)
        else:
            url = reader.page_url(feed, request.page, request.size)
        self._send(
            Request(url, priority=BACKFILL_PRIORITY),
            partial(self._on_backfill_page, feed, backfill),
            partial(self._on_backfill_error, feed, backfill),
        )

    async def _on_backfill_page(self, feed: Feed, backfill: Backfill, response: Response) -> None:
        try:
            listing = await self._parse(response, feed, backfill.at, may_be_empty=True)
            if isinstance(listing, Failure):
                self._end_backfill(backfill, listing.reason)
                return
            if READERS[feed.kind].has_pages:
                known = self._work.known_docids(feed.id, [entry.docid for entry in listing.entries])
                step = apply_page(backfill, listing, known)
            else:
                step = apply_single_page(backfill, listing)
            if self._work.record_backfill_page(step) and step.next_step is NextStep.CONTINUE:
                self.backfill(feed, step.backfill)
        except Exception as error:
            self._crash(error)

    def _on_backfill_error(self, feed: Feed, backfill: Backfill, request: Request, error: Exception) -> None:
        if not isinstance(error, ClosingError):  # else the work queue requests the page again from the next spider
            self._end_backfill(backfill, failures.of_exception(error, feed.id, urls.host(request.url)).reason)

    def _end_backfill(self, backfill: Backfill, reason: str) -> None:
        try:
            page = BackfillPage(backfill.feed, backfill.at, ())
            self._work.record_backfill_page(BackfillStep(backfill, page, NextStep.UNREACHABLE, reason))
        except Exception as error:
            self._crash(error)

    async def _parse(self, response: Response, feed: Feed, at: datetime, *, may_be_empty: bool) -> Listing | Failure:
        """Return a page of a list, or why it could not be read.

        :param may_be_empty: False: an empty page is a failure
        """
        if response.status == _ENDED:
            return Failure(feed.id, FailureKind.ENDED, "status 410: the feed has ended")
        if failure := of_status(response.status, feed.id, failures.header(response, "Location")):
            return failure
        content_type = failures.header(response, "Content-Type")
        try:
            listing = await asyncio.to_thread(parse_listing, self._parsers, feed, response.body, content_type, at)
            if isinstance(listing, Listing) and (query := query_of(listing.entries)):
                entries = identify(listing.entries, self._work.identities(feed.id, query))
                listing = replace(listing, entries=entries)
            if isinstance(listing, Listing) and not (may_be_empty or listing.entries or listing.failures):
                raise ListingError("the list is empty")
        except CrawlerError as error:
            return failures.of_exception(error, feed.id, urls.host(response.url))
        return listing


def _conditional_headers(validators: Validators | None) -> dict[str, str]:
    headers = {"If-None-Match": validators.etag, "If-Modified-Since": validators.modified} if validators else {}
    return {name: value for name, value in headers.items() if value}


def _validators(response: Response) -> Validators | None:
    etag, modified = failures.header(response, "ETag"), failures.header(response, "Last-Modified")
    return Validators(etag or None, modified or None) if etag or modified else None

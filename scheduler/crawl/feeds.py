"""Queue of polls and backfills: request from the spider, record the result in the archive."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from archive.index.listings import NOTHING_NEW
from archive.model.errors import TransientError
from archive.model.feed import ArrivalRate, Entry, Failure, FailureKind, ListingResult, Poll, Span, Validators
from archive.model.identity import Identities, IdentityQuery
from config.model import Feed
from crawler.listings.registry import knows_history
from crawler.paging.backfill import Backfill, BackfillStep, NextStep, begin_backfill
from crawler.paging.poll import CUT_OFF
from scheduler.crawl.context import CrawlContext, page_host
from scheduler.crawl.fetch_log import log_changes, log_move, log_poll
from scheduler.crawl.learned_rates import LearnedRates
from scheduler.crawl.peeks import PeekQueue
from scheduler.crawl.progress import FeedProgress
from scheduler.crawl.sweeps import sweep_of
from scheduler.policy.intervals import weight
from scheduler.policy.listening import broad_lists_of, is_off_list

logger = logging.getLogger("finarchive")

# Per backfill. The longest roll list measured has 100,350 articles: 2,007 pages, and more because pages overlap.
MAX_PAGES = 4000
OnPage = Callable[[BackfillStep, ListingResult], None]


class _RunningPoll(Struct):
    feed: Feed
    ended: asyncio.Future[tuple[FeedProgress, int]]
    pages: ListingResult = NOTHING_NEW  # of the pages that are recorded


class _RunningBackfill(Struct):
    feed: Feed
    backfill: Backfill  # its current state
    on_page: OnPage
    ended: asyncio.Future[str | None]


class FeedQueue:
    """Queue of polls and backfills.

    :param on_hosts: called with the hosts of listed articles
    """

    def __init__(self, context: CrawlContext, on_hosts: Callable[[Collection[str]], None]) -> None:
        self.gap_noticed = asyncio.Event()
        self.peeks = PeekQueue(context)
        self._context = context
        self._store = context.store
        self._on_hosts = on_hosts
        self._rates = LearnedRates(context)
        self._polls: dict[str, _RunningPoll] = {}  # by feed
        self._backfills: dict[str, _RunningBackfill] = {}
        self._backfill_lock = asyncio.Lock()

    def resend(self) -> None:
        """Send unfinished work to a new spider."""
        self.peeks.drop()
        if fetcher := self._context.fetcher:
            for poll in list(self._polls.values()):
                fetcher.poll(poll.feed)
            for running in list(self._backfills.values()):
                fetcher.backfill(running.feed, running.backfill)

    # Polls

    def arrival_rate(self, feed: str) -> ArrivalRate:
        """Return the arrival rate of a feed."""
        return self._rates.rate(feed)

    async def poll(self, feed: Feed) -> tuple[FeedProgress, int]:
        """Poll a feed, or wait for its poll in progress.

        :return: the result, and the number of new items that could not be parsed
        """
        await self._context.free_space.wait()
        if running := self._polls.get(feed.id):
            return await asyncio.shield(running.ended)
        if reason := self._register_source(feed):  # otherwise it would be compared with the record of another list
            return self._not_polled(feed, reason), 0
        ended: asyncio.Future[tuple[FeedProgress, int]] = asyncio.get_running_loop().create_future()
        self._polls[feed.id] = _RunningPoll(feed, ended)
        self._context.work_started()
        if self._context.fetcher:
            self._context.fetcher.poll(feed)
        return await asyncio.shield(ended)  # others may wait for the same poll

    def _not_polled(self, feed: Feed, reason: str) -> FeedProgress:
        failure = Failure(feed.id, FailureKind.TEMPORARY, reason)
        poll = Poll(feed.id, self._context.now(), 0, (), (), caught_up=False, error=failure)
        for observer in list(self._context.observers):
            observer.polled(poll)
        return FeedProgress(feed.id, error=reason, polled=True)

    def _register_source(self, feed: Feed) -> str | None:
        """Start a new record if the feed now reads another list; return the error message if that fails."""
        try:
            if self._store.feeds.register_source(feed.id, feed.source, self._context.now()):
                self._rates.forget(feed.id)
                logger.warning("another-list feed=%s reason=%r", feed.id, "its record starts again")
        except TransientError as error:
            self._context.suspend_or_raise(error)
            return str(error)
        return None

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """Return those of ``docids`` that are known entries of a feed."""
        self._context.note_outcome()
        return self._store.listings.known_docids(feed, docids)

    def identities(self, feed: str, query: IdentityQuery) -> Identities:
        """Return what is known of the items of a feed."""
        self._context.note_outcome()
        return self._store.listings.identities(feed, query)

    def validators(self, feed: str) -> Validators | None:
        """Return the validators for a conditional request for a feed's list."""
        history = self._store.feeds.histories().get(feed)
        return history.validators if history else None

    def was_cut_off(self, feed: str) -> bool:
        """Return True if the last poll of a feed found its list cut off."""
        history = self._store.feeds.histories().get(feed)
        return bool(history and history.error and history.error.startswith(CUT_OFF))

    def record_poll_page(self, page: Poll) -> None:
        """Record the entries of a page of a poll that goes on: their articles do not wait for its end."""
        running = self._polls.get(page.feed)
        if running is None:
            return
        self._context.note_outcome()
        try:
            belonging = self._context.feeds_and_hosts(running.feed, page.entries)
            page = replace(page, archives=not is_off_list(page.feed))
            result = self._store.listings.commit_poll_page(page, *belonging)
        except TransientError as error:  # the end of the poll records them
            self._context.suspend_or_raise(error)
            return
        log_changes(page.feed, result)
        running.pages = running.pages.with_page(result)
        for observer in list(self._context.observers):
            observer.listed(page.feed)
        self._refill(page.entries)

    def record_poll(self, poll: Poll) -> bool:
        """Record a poll that has ended, and its arrivals; return whether that succeeded."""
        running = self._polls.pop(poll.feed)
        feed, future = running.feed, running.ended
        self._context.work_finished()
        error = poll.error.reason if poll.error else None
        trouble = weight(poll.error.kind) if poll.error else 0.0
        result, is_recorded = ListingResult(0, 0), False
        try:
            log_move(self._store.feeds.histories().get(feed.id), poll)
            changes = replace(poll, entries=() if poll.unchanged else poll.entries, archives=not is_off_list(feed.id))
            feeds, hosts = self._context.feeds_and_hosts(feed, changes.entries)
            filing = self._context.filing(feed)
            result = self._store.listings.commit_poll(
                changes, filing, feeds, hosts, trouble,
                pages=running.pages, broad_lists=broad_lists_of(feed, self._context.polled),
            )  # fmt: skip
            is_recorded = True
            self._rates.learn(poll, result)
        except TransientError as transient:  # nothing is recorded: the next poll reads everything again
            self._context.suspend_or_raise(transient)
            error = str(transient)
        progress = FeedProgress(feed.id, poll.pages, len(poll.entries), result.new, error, polled=True)
        log_poll(poll, progress, result)
        if result.gap:
            self.gap_noticed.set()
        if not future.done():
            future.set_result((progress, result.broken))
        for observer in list(self._context.observers):
            observer.polled(poll)
        self._refill(changes.entries)
        return is_recorded

    # Backfills

    async def backfill(self, feed: Feed, span: Span, on_page: OnPage, *, must_meet_known: bool) -> str | None:
        """Read a span of a list's past, after any other backfill has ended.

        :param span: span to read
        :param on_page: called for each page that was read and recorded
        :param must_meet_known: the backfill is complete only if it meets entries known from polls at its start
        :return: why it could not be completed; None if it was
        """
        async with self._backfill_lock:
            at = self._context.now()
            if span.start >= at:
                return "it is in the future by this machine's clock"
            backfill = begin_backfill(
                feed.id, span.start, span.end, at,
                must_meet_known=must_meet_known, history=knows_history(feed.kind), max_pages=MAX_PAGES,
            )  # fmt: skip
            return await self._walk(feed, backfill, on_page)

    async def sweep(self, feed: Feed, on_page: OnPage) -> str | None:
        """Walk over the last days of a list, after any backfill or other sweep has ended.

        :param on_page: called for each page that was read and recorded
        :return: why it could not be completed; None if it was
        """
        async with self._backfill_lock:
            sweep = sweep_of(self._context, feed, self._context.now(), MAX_PAGES)
            began = time.monotonic()
            pages, new = 0, 0

            def count(step: BackfillStep, result: ListingResult) -> None:
                nonlocal pages, new
                pages, new = step.backfill.pages, new + result.new
                on_page(step, result)

            reason = await self._walk(feed, sweep, count)
            seconds = time.monotonic() - began
            if not reason:
                logger.info(
                    "swept feed=%s from=%s pages=%d new=%d seconds=%d", feed.id, sweep.start, pages, new, seconds
                )
            return reason

    async def _walk(self, feed: Feed, backfill: Backfill, on_page: OnPage) -> str | None:
        await self._context.free_space.wait()
        running = _RunningBackfill(feed, backfill, on_page, asyncio.get_running_loop().create_future())
        self._backfills[feed.id] = running
        self._context.work_started()
        try:
            if reason := self._register_source(feed):
                return reason
            if self._context.fetcher:
                self._context.fetcher.backfill(feed, backfill)
            return await running.ended
        finally:
            del self._backfills[feed.id]
            self._context.work_finished()

    def record_backfill_page(self, step: BackfillStep) -> bool:
        """Record a page of a backfill; return whether to continue."""
        page = step.page
        running = self._backfills.get(page.feed)
        if running is None or running.ended.done() or page.at != running.backfill.at:
            return False  # that backfill has ended or was cancelled
        running.backfill, result = step.backfill, ListingResult(0, 0)
        self._context.note_outcome()
        try:
            if page.entries or page.failures or page.covered or page.oldest_available:
                feeds, hosts = self._context.feeds_and_hosts(running.feed, page.entries)
                result = self._store.listings.commit_backfill_page(
                    page, self._context.filing(running.feed), feeds, hosts
                )
        except TransientError as error:
            self._context.suspend_or_raise(error)
            running.ended.set_result(str(error))
            return False
        log_changes(page.feed, result)
        running.on_page(step, result)
        if self._context.free_space.is_low:
            running.ended.set_result(self._context.free_space.reason)
        elif step.next_step is not NextStep.CONTINUE:
            # A sweep has read what the list shows, however far that is.
            is_complete = page.is_sweep and page.walked is not None
            running.ended.set_result(None if is_complete else _reason_of(step))
        self._refill(page.entries)
        return not running.ended.done()

    # Peeks

    def record_peek(self, peek: Poll) -> bool:
        """Record the first page of a list; return whether that succeeded."""
        is_recorded = self.peeks.record(peek)
        self._refill(peek.entries if is_recorded else ())
        return is_recorded

    def _refill(self, entries: Sequence[Entry]) -> None:
        self._on_hosts({page_host(entry) for entry in entries})
        self._context.refill()
        self._context.notify_changed()


def _reason_of(step: BackfillStep) -> str | None:
    return step.reason or ("nothing was read" if step.page.is_sweep else None)

"""Polls and walks: asked for here, read by the spider, recorded in the archive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from archive.model.feed import ArrivalRate, Entry, Failure, FailureKind, ListingResult, Poll, Span, Validators
from config.model import Feed
from crawler import urls
from crawler.listings.registry import knows_history
from crawler.paging.backfill import Backfill, BackfillStep, NextStep, begin_backfill
from pipeline.writer import TRANSIENT_ERRORS
from scheduler.crawl.context import CrawlContext
from scheduler.crawl.progress import FeedProgress
from scheduler.policy.arrival_rate import EMPTY, learn, learn_first_poll
from scheduler.policy.intervals import weight

logger = logging.getLogger("finarchive")

# Of one walk. A roll list was seen to reach back 100,350 articles: 2,007 pages, and some more for their overlap.
MAX_PAGES = 4000
OnPage = Callable[[BackfillStep, ListingResult], None]


@dataclass(slots=True)
class _RunningBackfill:
    feed: Feed
    backfill: Backfill  # as far as it has come
    on_page: OnPage
    ended: asyncio.Future[str | None]


class FeedQueue:
    """The lists side of a :class:`~crawler.interfaces.WorkQueue`.

    :param on_hosts: told of the hosts that listed articles are to be fetched from
    """

    def __init__(self, run: CrawlContext, on_hosts: Callable[[Collection[str]], None]) -> None:
        self.gap_noticed = asyncio.Event()
        self._run, self._store, self._on_hosts = run, run.store, on_hosts
        self._arrival_rates = run.store.arrival_rates()
        self._polls: dict[str, tuple[Feed, asyncio.Future[tuple[FeedProgress, int]]]] = {}  # under way, by feed
        self._backfills: dict[str, _RunningBackfill] = {}
        self._one_backfill = asyncio.Lock()

    def resend(self) -> None:
        """Ask a new spider for what the one before it left undone."""
        if fetching := self._run.fetching:
            for feed, _ in list(self._polls.values()):
                fetching.poll(feed)
            for walking in list(self._backfills.values()):
                fetching.backfill(walking.feed, walking.backfill)

    # Polls

    def arrival_rate(self, feed: str) -> ArrivalRate:
        """How a feed brings articles, as far as it is known."""
        return self._arrival_rates.get(feed, EMPTY)

    async def poll(self, feed: Feed) -> tuple[FeedProgress, int]:
        """Read a feed's list; one that is being read already is not read twice.

        :return: what was seen, and how many items could not be understood and were not known before
        """
        if under_way := self._polls.get(feed.id):
            return await asyncio.shield(under_way[1])
        if refusal := self._settle(feed):  # it would be read against the record of another list
            return self._refused(feed, refusal), 0
        ended: asyncio.Future[tuple[FeedProgress, int]] = asyncio.get_running_loop().create_future()
        self._polls[feed.id] = feed, ended
        self._run.began()
        if self._run.fetching:
            self._run.fetching.poll(feed)
        return await asyncio.shield(ended)  # others may come to wait for the same poll

    def _refused(self, feed: Feed, reason: str) -> FeedProgress:
        failure = Failure(feed.id, FailureKind.TEMPORARY, reason)
        poll = Poll(feed.id, self._run.now(), 0, (), (), caught_up=False, error=failure)
        for listener in list(self._run.listeners):
            listener.polled(poll)
        return FeedProgress(feed.id, error=reason, polled=True)

    def _settle(self, feed: Feed) -> str | None:
        """Begin a new record where a feed reads another list than before; return why that could not be done."""
        try:
            if self._store.settle(feed.id, feed.source, self._run.now()):
                self._arrival_rates.pop(feed.id, None)
                logger.warning("another-list feed=%s reason=%r", feed.id, "its record begins anew")
        except TRANSIENT_ERRORS as error:
            self._run.suspend_or_raise(error)
            return str(error)
        return None

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """See Work."""
        self._run.outcome()
        return self._store.known(feed, docids)

    def validators(self, feed: str) -> Validators | None:
        """See Work."""
        history = self._store.feed_histories().get(feed)
        return history.validators if history else None

    def record_poll(self, poll: Poll) -> bool:
        """See Work."""
        feed, future = self._polls.pop(poll.feed)
        self._run.ended()
        error = poll.error.reason if poll.error else None
        trouble = weight(poll.error.kind) if poll.error else 0.0
        seen, is_recorded = ListingResult(0, 0), False
        try:
            told = replace(poll, entries=()) if poll.unchanged else poll
            belongs, hosts = self._places(feed, told.entries)
            seen = self._store.commit_poll(told, self._run.filing(feed), belongs, hosts, trouble)
            is_recorded = True
            self._learn(poll, seen)
        except TRANSIENT_ERRORS as refusal:  # nothing of it is recorded: the next poll reads it all again
            self._run.suspend_or_raise(refusal)
            error = str(refusal)
        progress = FeedProgress(feed.id, poll.pages, len(poll.entries), seen.new, error, polled=True)
        self._log(poll, progress, seen)
        if not future.done():
            future.set_result((progress, seen.broken))
        for listener in list(self._run.listeners):
            listener.polled(poll)
        self._go_on(told.entries)
        return is_recorded

    def _learn(self, poll: Poll, seen: ListingResult) -> None:
        if not poll.caught_up or not seen.new:  # a silence is learned when it ends
            return
        times = [entered for entry in poll.entries if (entered := entry.entered or entry.published)]
        known = self._arrival_rates.get(poll.feed)
        if known is None or known.until is None:
            learned = learn_first_poll(times, poll.at)
        else:
            # What lies in a gap was not watched.
            since = max(known.until, seen.gap.end) if seen.gap else known.until
            learned = learn(known, since, poll.at, [time for time in times if time > since])
        self._arrival_rates[poll.feed] = learned
        self._store.commit_arrival_rate(poll.feed, learned)

    def _log(self, poll: Poll, progress: FeedProgress, seen: ListingResult) -> None:
        for failure in poll.failures if seen.broken else ():
            logger.warning("unreadable feed=%s docid=%s reason=%r", progress.id, failure.subject, failure.reason)
        _log_changes(progress.id, seen)
        if seen.gap:
            logger.warning("gap feed=%s from=%s to=%s", progress.id, seen.gap.start, seen.gap.end)
            self.gap_noticed.set()
        if progress.error:
            logger.warning("poll-failed feed=%s pages=%d reason=%r", progress.id, progress.pages, progress.error)
        else:
            logger.info(
                "polled feed=%s pages=%d listed=%d new=%d", progress.id, progress.pages, progress.listed, progress.new
            )

    # Walks

    async def backfill(self, feed: Feed, stretch: Span, on_page: OnPage, *, must_meet_known: bool) -> str | None:
        """Read a stretch of a list's past. One such walk at a time.

        :param on_page: told of each page that was read and recorded
        :param must_meet_known: the stretch ends in what is known, and counts as read only when it is met
        :return: why it could not be read to its end; None when it was
        """
        async with self._one_backfill:
            at = self._run.now()
            if stretch.start >= at:
                return "it lies in the future, by this machine's clock"
            backfill = begin_backfill(
                feed.id, stretch.start, stretch.end, at,
                must_meet_known=must_meet_known, history=knows_history(feed.kind), max_pages=MAX_PAGES,
            )  # fmt: skip
            walking = _RunningBackfill(feed, backfill, on_page, asyncio.get_running_loop().create_future())
            self._backfills[feed.id] = walking
            self._run.began()
            try:
                if refusal := self._settle(feed):
                    return refusal
                if self._run.fetching:
                    self._run.fetching.backfill(feed, backfill)
                return await walking.ended
            finally:
                del self._backfills[feed.id]
                self._run.ended()

    def record_backfill_page(self, step: BackfillStep) -> bool:
        """See Work."""
        stretch = step.page
        walking = self._backfills.get(stretch.feed)
        if walking is None or walking.ended.done() or stretch.at != walking.backfill.at:
            return False  # nobody waits for it any more
        walking.backfill, seen = step.backfill, ListingResult(0, 0)
        self._run.outcome()
        try:
            if stretch.entries or stretch.failures or stretch.covered or stretch.oldest_available:
                belongs, hosts = self._places(walking.feed, stretch.entries)
                seen = self._store.commit_backfill_page(stretch, self._run.filing(walking.feed), belongs, hosts)
        except TRANSIENT_ERRORS as refusal:
            self._run.suspend_or_raise(refusal)
            walking.ended.set_result(str(refusal))
            return False
        _log_changes(stretch.feed, seen)
        walking.on_page(step, seen)
        if step.next_step is not NextStep.CONTINUE:
            walking.ended.set_result(step.reason or None)
        self._go_on(stretch.entries)
        return step.next_step is NextStep.CONTINUE

    # Both

    def _places(self, feed: Feed, entries: Sequence[Entry]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """The feeds that entries belong to, and the hosts they are to be fetched from; by docid."""
        feeds = self._run.feeds
        belongs = {
            entry.docid: [each.id for each in feeds if each.id == feed.id or each.lid in entry.lids] or [feed.id]
            for entry in entries
        }
        return belongs, {entry.docid: _host(entry) for entry in entries}

    def _go_on(self, entries: Sequence[Entry]) -> None:
        self._on_hosts({_host(entry) for entry in entries})
        if self._run.fetching:
            self._run.fetching.refill()
        self._run.tell_change()


def _host(entry: Entry) -> str:
    """The host that an entry's page is asked from; "" where its listing carries the text."""
    return urls.host(entry.url) if entry.content is None else ""


def _log_changes(feed: str, seen: ListingResult) -> None:
    for change in seen.changes:
        if change.retitled:
            logger.info("retitled feed=%s docid=%s title=%r", feed, change.docid, change.title)

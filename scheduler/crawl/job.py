"""A one-off errand: poll, or walk through the past; then wait until everything due is archived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.index.spans import uncovered
from archive.model.article import Revision
from archive.model.feed import Entry, Failure, ListingResult, Poll, Span
from archive.model.fetch import Decision, Outcome
from config.model import Feed
from crawler.paging.backfill import BackfillStep
from scheduler.crawl.context import PATIENCE
from scheduler.crawl.progress import CrawlProgress, CrawlResult, FeedProgress, ImageProgress
from scheduler.crawl.work_queue import ArchiveWorkQueue

LOOK = 1.0  # seconds without news after which an errand looks for what has become due


class CrawlJob:
    """An errand at a desk: its own, or the daemon's. See D20.

    :param feeds: to poll; the one to walk through
    :param limit: the most articles to archive; None for all that are due
    :param stretch: what to walk through; None to poll
    :param on_change: called after everything that changes the tally
    """

    def __init__(
        self,
        work_queue: ArchiveWorkQueue,
        feeds: Sequence[Feed],
        *,
        limit: int | None = None,
        stretch: Span | None = None,
        on_change: Callable[[CrawlProgress], None] = lambda progress: None,
    ) -> None:
        self.progress = CrawlProgress({feed.id: FeedProgress(feed.id) for feed in feeds})
        self._work_queue, self._feeds, self._limit, self._stretch, self._on_change = (
            work_queue,
            feeds,
            limit,
            stretch,
            on_change,
        )
        self._began = work_queue.run.now()
        self._pictures_before = (work_queue.images.kept, work_queue.images.missed)
        self._is_alone = True  # no daemon goes on with what is left
        self._changed = asyncio.Event()

    async def carry_out(self, *, open_articles: bool = True) -> None:
        """Do it.

        :param open_articles: nobody fetches articles yet: let them be fetched once the lists are read
        """
        self._work_queue.run.listeners.append(self)
        try:
            if self._stretch is None:
                await asyncio.gather(*(self._poll(feed) for feed in self._feeds))
            else:
                await self._backfill(self._feeds[0], self._stretch)
            self._is_alone = open_articles
            if open_articles:
                self._work_queue.open(self._limit)
            self._count()
            while not self._is_done():
                self._changed.clear()
                await self._wait()
        finally:
            self._work_queue.run.listeners.remove(self)

    async def _wait(self) -> None:
        """Wait until something has changed, or may have become due: nobody else looks at the clock for us."""
        try:
            await asyncio.wait_for(self._changed.wait(), LOOK)
        except TimeoutError:
            if self._is_alone and not self._work_queue.busy:
                self._work_queue.check_due()

    def result(self, requests: int, *, interrupted: bool = False) -> CrawlResult:
        """What came of it.

        :param requests: that were sent meanwhile
        """
        progress, limit = self.progress, self._limit
        for feed in progress.feeds.values():
            if not feed.polled:
                feed.error = "not polled: the crawl was interrupted"
        return CrawlResult(
            feeds=tuple(progress.feeds.values()),
            archived=progress.archived,
            revised=progress.revised,
            failed=progress.failed,
            pending=self._work_queue.run.store.entries.counts().pending,
            requests=requests,
            left=progress.waiting if limit is None or progress.archived < limit else 0,
            resting=tuple(sorted(progress.resting)),
            interrupted=interrupted,
            pictures=self._pictures(),
        )

    # Lists

    async def _poll(self, feed: Feed) -> None:
        self.progress.feeds[feed.id], broken = await self._work_queue.feeds.poll(feed)
        self.progress.failed += broken
        self._on_change(self.progress)

    async def _backfill(self, feed: Feed, stretch: Span) -> None:
        progress, store = self.progress.feeds[feed.id], self._work_queue.run.store
        # The newest first; what lies before the list's end cannot be had, and is not asked for again.
        for hole in reversed(uncovered(stretch, store.feeds.spans(feed.id).get(feed.id, []))):
            oldest_available = self._reach(feed.id)
            if oldest_available and hole.end <= oldest_available:
                break
            start = max(hole.start, oldest_available) if oldest_available else hole.start
            error = await self._work_queue.feeds.backfill(
                feed, Span(start, hole.end), self._on_page, must_meet_known=False
            )
            reached = self._reach(feed.id)
            if error and (reached is None or reached == oldest_available):  # else that is why: the list has no more
                progress.error = error
                break
        if (oldest_available := self._reach(feed.id)) and stretch.start < oldest_available:
            progress.oldest_available = f"{oldest_available.astimezone(CHINA):%Y-%m-%d %H:%M}"
        progress.polled = True
        self._on_change(self.progress)

    def _reach(self, feed: str) -> datetime | None:
        """Where a feed's list ends, if that was seen."""
        history = self._work_queue.run.store.feeds.histories().get(feed)
        return history.oldest_available if history else None

    def _on_page(self, step: BackfillStep, seen: ListingResult) -> None:
        progress = self.progress.feeds[step.page.feed]
        progress.pages += 1
        progress.listed += len(step.page.entries)
        progress.new += seen.new
        self.progress.failed += seen.broken
        if step.page.covered:
            self.progress.walking = f"{step.page.covered.start.astimezone(CHINA):%Y-%m-%d %H:%M}"
        self._on_change(self.progress)

    # Articles

    def _is_done(self) -> bool:
        return self._has_articles() and self._has_pictures()

    def _has_articles(self) -> bool:
        if self._limit is not None and self.progress.archived >= self._limit:
            return True
        if self.progress.waiting > 0 and self._work_queue.articles.busy:
            return False
        return not self._count()  # nothing is in hand: what still waits may not be worth waiting for

    def _count(self) -> int:
        """Count what is due, anew; return how much of it is worth waiting for."""
        waiting = self._work_queue.articles.waiting(self._began)
        self.progress.resting = self._resting(waiting)
        self.progress.waiting = sum(waiting.values())
        self._on_change(self.progress)
        return sum(number for host, number in waiting.items() if host not in self.progress.resting)

    def _resting(self, hosts: Iterable[str]) -> set[str]:
        """Those of the hosts that rest for longer than they are waited for."""
        patience = timedelta(seconds=PATIENCE)
        return {host for host in hosts if self._work_queue.articles.resting(host) > patience}

    # Pictures

    def _has_pictures(self) -> bool:
        if self._limit is not None and not self._is_alone:
            return True  # the daemon goes on with them, as with the articles beyond the limit
        if self._work_queue.images.busy:
            return False
        waiting = self._work_queue.images.waiting(self._began)
        resting = self._resting(waiting)
        self.progress.resting |= resting
        return not waiting.keys() - resting

    def _pictures(self) -> ImageProgress | None:
        pictures, (kept, failed) = self._work_queue.images, self._pictures_before
        if not pictures.on:
            return None
        waiting = self._work_queue.run.store.images.counts().waiting
        return ImageProgress(pictures.kept - kept, pictures.missed - failed, waiting)

    # What others say

    def archived(self, entry: Entry, revision: Revision) -> None:
        """See Listener."""
        self.progress.archived += 1
        self.progress.waiting -= 1
        self._on_change(self.progress)

    def rechecked(self, decision: Decision) -> None:
        """See Listener."""
        self.progress.revised += decision.outcome is Outcome.REVISED
        self.progress.waiting -= 1
        self._on_change(self.progress)

    def failed(self, failure: Failure) -> None:
        """See Listener."""
        self.progress.failed += 1
        self.progress.waiting -= 1
        self._on_change(self.progress)

    def polled(self, poll: Poll) -> None:
        """See Listener."""

    def changed(self) -> None:
        """See Listener."""
        if (kept := self._work_queue.images.kept - self._pictures_before[0]) != self.progress.pictures:
            self.progress.pictures = kept
            self._on_change(self.progress)
        self._changed.set()

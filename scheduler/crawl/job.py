"""A one-off errand: poll, or walk through the past; then wait until everything due is archived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.index.spans import holes
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
        desk: ArchiveWorkQueue,
        feeds: Sequence[Feed],
        *,
        limit: int | None = None,
        stretch: Span | None = None,
        on_change: Callable[[CrawlProgress], None] = lambda tally: None,
    ) -> None:
        self.tally = CrawlProgress({feed.id: FeedProgress(feed.id) for feed in feeds})
        self._desk, self._feeds, self._limit, self._stretch, self._on_change = desk, feeds, limit, stretch, on_change
        self._began = desk.run.now()
        self._pictures_before = (desk.pictures.kept, desk.pictures.missed)
        self._is_alone = True  # no daemon goes on with what is left
        self._changed = asyncio.Event()

    async def carry_out(self, *, open_articles: bool = True) -> None:
        """Do it.

        :param open_articles: nobody fetches articles yet: let them be fetched once the lists are read
        """
        self._desk.run.listeners.append(self)
        try:
            if self._stretch is None:
                await asyncio.gather(*(self._poll(feed) for feed in self._feeds))
            else:
                await self._walk(self._feeds[0], self._stretch)
            self._is_alone = open_articles
            if open_articles:
                self._desk.open(self._limit)
            self._count()
            while not self._is_done():
                self._changed.clear()
                await self._wait()
        finally:
            self._desk.run.listeners.remove(self)

    async def _wait(self) -> None:
        """Wait until something has changed, or may have become due: nobody else looks at the clock for us."""
        try:
            await asyncio.wait_for(self._changed.wait(), LOOK)
        except TimeoutError:
            if self._is_alone and not self._desk.busy:
                self._desk.look()

    def result(self, requests: int, *, interrupted: bool = False) -> CrawlResult:
        """What came of it.

        :param requests: that were sent meanwhile
        """
        tally, limit = self.tally, self._limit
        for feed in tally.feeds.values():
            if not feed.polled:
                feed.error = "not polled: the crawl was interrupted"
        return CrawlResult(
            feeds=tuple(tally.feeds.values()),
            archived=tally.archived,
            revised=tally.revised,
            failed=tally.failed,
            pending=self._desk.run.store.counts().pending,
            requests=requests,
            left=tally.waiting if limit is None or tally.archived < limit else 0,
            resting=tuple(sorted(tally.resting)),
            interrupted=interrupted,
            pictures=self._pictures(),
        )

    # Lists

    async def _poll(self, feed: Feed) -> None:
        self.tally.feeds[feed.id], broken = await self._desk.lists.poll(feed)
        self.tally.failed += broken
        self._on_change(self.tally)

    async def _walk(self, feed: Feed, stretch: Span) -> None:
        tally, store = self.tally.feeds[feed.id], self._desk.run.store
        # The newest first; what lies before the list's end cannot be had, and is not asked for again.
        for hole in reversed(holes(stretch, store.spans(feed.id).get(feed.id, []))):
            floor = self._reach(feed.id)
            if floor and hole.end <= floor:
                break
            start = max(hole.start, floor) if floor else hole.start
            error = await self._desk.lists.walk(feed, Span(start, hole.end), self._on_leg, meets_ground=False)
            reached = self._reach(feed.id)
            if error and (reached is None or reached == floor):  # else that is why: the list has no more
                tally.error = error
                break
        if (floor := self._reach(feed.id)) and stretch.start < floor:
            tally.floor = f"{floor.astimezone(CHINA):%Y-%m-%d %H:%M}"
        tally.polled = True
        self._on_change(self.tally)

    def _reach(self, feed: str) -> datetime | None:
        """Where a feed's list ends, if that was seen."""
        history = self._desk.run.store.feed_histories().get(feed)
        return history.floor if history else None

    def _on_leg(self, leg: BackfillStep, seen: ListingResult) -> None:
        tally = self.tally.feeds[leg.stretch.feed]
        tally.pages += 1
        tally.listed += len(leg.stretch.entries)
        tally.new += seen.new
        self.tally.failed += seen.broken
        if leg.stretch.covered:
            self.tally.walking = f"{leg.stretch.covered.start.astimezone(CHINA):%Y-%m-%d %H:%M}"
        self._on_change(self.tally)

    # Articles

    def _is_done(self) -> bool:
        return self._has_articles() and self._has_pictures()

    def _has_articles(self) -> bool:
        if self._limit is not None and self.tally.archived >= self._limit:
            return True
        if self.tally.waiting > 0 and self._desk.articles.busy:
            return False
        return not self._count()  # nothing is in hand: what still waits may not be worth waiting for

    def _count(self) -> int:
        """Count what is due, anew; return how much of it is worth waiting for."""
        waiting = self._desk.articles.waiting(self._began)
        self.tally.resting = self._resting(waiting)
        self.tally.waiting = sum(waiting.values())
        self._on_change(self.tally)
        return sum(number for host, number in waiting.items() if host not in self.tally.resting)

    def _resting(self, hosts: Iterable[str]) -> set[str]:
        """Those of the hosts that rest for longer than they are waited for."""
        patience = timedelta(seconds=PATIENCE)
        return {host for host in hosts if self._desk.articles.resting(host) > patience}

    # Pictures

    def _has_pictures(self) -> bool:
        if self._limit is not None and not self._is_alone:
            return True  # the daemon goes on with them, as with the articles beyond the limit
        if self._desk.pictures.busy:
            return False
        waiting = self._desk.pictures.waiting(self._began)
        resting = self._resting(waiting)
        self.tally.resting |= resting
        return not waiting.keys() - resting

    def _pictures(self) -> ImageProgress | None:
        pictures, (kept, failed) = self._desk.pictures, self._pictures_before
        if not pictures.on:
            return None
        waiting = self._desk.run.store.gallery.counts().waiting
        return ImageProgress(pictures.kept - kept, pictures.missed - failed, waiting)

    # What others say

    def archived(self, entry: Entry, revision: Revision) -> None:
        """See Listener."""
        self.tally.archived += 1
        self.tally.waiting -= 1
        self._on_change(self.tally)

    def looked_again(self, verdict: Decision) -> None:
        """See Listener."""
        self.tally.revised += verdict.outcome is Outcome.REVISED
        self.tally.waiting -= 1
        self._on_change(self.tally)

    def failed(self, failure: Failure) -> None:
        """See Listener."""
        self.tally.failed += 1
        self.tally.waiting -= 1
        self._on_change(self.tally)

    def polled(self, poll: Poll) -> None:
        """See Listener."""

    def changed(self) -> None:
        """See Listener."""
        if (kept := self._desk.pictures.kept - self._pictures_before[0]) != self.tally.pictures:
            self.tally.pictures = kept
            self._on_change(self.tally)
        self._changed.set()

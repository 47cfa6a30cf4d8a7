"""One crawl: poll or backfill, then wait until everything due is archived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.index.spans import uncovered
from archive.model.article import Revision
from archive.model.feed import Entry, Failure, ListingResult, Poll, Span
from archive.model.fetch import Decision, Outcome
from config.model import Feed
from crawler.paging.backfill import BackfillStep
from scheduler.crawl.context import MAX_BACKOFF_WAIT_SECONDS, CrawlObserver
from scheduler.crawl.progress import CrawlProgress, CrawlResult, FeedProgress, ImageProgress
from scheduler.crawl.sweeps import due_sweeps
from scheduler.crawl.work_queue import ArchiveWorkQueue

CHECK_INTERVAL_SECONDS = 1.0  # without a change, check for due work this often
# Articles are fetched once each list has shown a page: then all feeds take turns, and each article is filed under the
# first feed that has it. Fourteen lists of one host take as many seconds; a list that does not answer delays nothing.
MAX_LIST_WAIT_SECONDS = 15.0


class CrawlJob(CrawlObserver):
    """A crawl on a work queue: its own, or the daemon's. See D20.

    :param feeds: to poll, or the one to backfill
    :param limit: maximum number of articles to archive; None: all that are due
    :param span: span to backfill; None: poll
    :param on_change: called after each change of the progress
    """

    def __init__(
        self,
        work_queue: ArchiveWorkQueue,
        feeds: Sequence[Feed],
        *,
        limit: int | None = None,
        span: Span | None = None,
        on_change: Callable[[CrawlProgress], None] = lambda progress: None,
    ) -> None:
        self.progress = CrawlProgress({feed.id: FeedProgress(feed.id) for feed in feeds})
        self._work_queue = work_queue
        self._feeds = feeds
        self._limit = limit
        self._span = span
        self._on_change = on_change
        self._began = work_queue.context.now()
        self._images_before = (work_queue.images.stored, work_queue.images.failures)
        self._is_one_off = True  # no daemon continues the work after this job
        self._changed = asyncio.Event()
        self._without_page = {feed.id for feed in feeds}  # feeds that have shown no page yet
        self._all_listed = asyncio.Event()

    async def run(self, *, open_articles: bool = True) -> None:
        """Poll or backfill, then wait until everything due is archived.

        :param open_articles: start fetching articles, in a process without a daemon
        """
        self._work_queue.context.observers.append(self)
        try:
            if self._span is None:
                await self._poll_all(open_articles=open_articles)
            else:
                await self._backfill(self._feeds[0], self._span)
                if open_articles:
                    self._work_queue.open(self._limit)
            self._is_one_off = open_articles
            self._count()
            while not self._is_done():
                self._changed.clear()
                await self._wait()
        finally:
            self._work_queue.context.observers.remove(self)

    async def _wait(self) -> None:
        """Wait for a change; in a one-off crawl, check for due work meanwhile."""
        try:
            await asyncio.wait_for(self._changed.wait(), CHECK_INTERVAL_SECONDS)
        except TimeoutError:
            self._work_queue.context.check_free_space()
            if self._is_one_off and not self._work_queue.busy:
                self._work_queue.check_due()

    def result(self, requests: int, *, interrupted: bool = False) -> CrawlResult:
        """Return the result.

        :param requests: number of requests sent during the crawl
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
            pending=self._work_queue.context.store.entries.counts().pending,
            requests=requests,
            left=progress.waiting if limit is None or progress.archived < limit else 0,
            resting=tuple(sorted(progress.resting)),
            interrupted=interrupted,
            pictures=self._image_progress(),
            gone=progress.gone,
        )

    # Feeds

    async def _poll_all(self, *, open_articles: bool) -> None:
        """Poll the feeds; meanwhile, fetch articles of the lists that were read."""
        polls = asyncio.gather(*(self._poll(feed) for feed in self._feeds))
        try:
            if open_articles:
                await self._wait_for_pages()
                self._work_queue.open(self._limit)
            await polls
        finally:
            polls.cancel()
            await asyncio.gather(polls, return_exceptions=True)  # else asyncio reports an interrupt as an error
        if open_articles:
            await self._sweep_due()

    async def _wait_for_pages(self) -> None:
        """Wait until each list has shown a page, or its poll has ended."""
        if self._without_page:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_listed.wait(), MAX_LIST_WAIT_SECONDS)

    async def _poll(self, feed: Feed) -> None:
        self.progress.feeds[feed.id], unreadable = await self._work_queue.feeds.poll(feed)
        self.progress.failed += unreadable
        self._on_change(self.progress)

    async def _sweep_due(self) -> None:
        """Sweep the lists that are due, in a process without a daemon."""
        for feed in due_sweeps(self._work_queue.context, self._work_queue.feeds.arrival_rate):
            if feed in self._feeds and not self.progress.feeds[feed.id].error:
                await self._work_queue.feeds.sweep(feed, self._on_page)

    async def _backfill(self, feed: Feed, span: Span) -> None:
        progress, store = self.progress.feeds[feed.id], self._work_queue.context.store
        # Newest first. Time before the oldest article of the list cannot be read, and is not requested again.
        for gap in reversed(uncovered(span, store.coverage.spans(feed.id).get(feed.id, []))):
            oldest_available = self._oldest_available(feed.id)
            if oldest_available and gap.end <= oldest_available:
                break
            start = max(gap.start, oldest_available) if oldest_available else gap.start
            error = await self._work_queue.feeds.backfill(
                feed, Span(start, gap.end), self._on_page, must_meet_known=False
            )
            reached = self._oldest_available(feed.id)
            # Not an error if the backfill has just found the end of the list.
            if error and (reached is None or reached == oldest_available):
                progress.error = error
                break
        if (oldest_available := self._oldest_available(feed.id)) and span.start < oldest_available:
            progress.oldest_available = f"{oldest_available.astimezone(CHINA):%Y-%m-%d %H:%M}"
        progress.polled = True
        self._on_change(self.progress)

    def _oldest_available(self, feed: str) -> datetime | None:
        """Time of the oldest article in a feed's list, if the end of the list was seen."""
        history = self._work_queue.context.store.feeds.histories().get(feed)
        return history.oldest_available if history else None

    def _on_page(self, step: BackfillStep, result: ListingResult) -> None:
        progress = self.progress.feeds[step.page.feed]
        progress.pages += 1
        progress.listed += len(step.page.entries)
        progress.new += result.new
        self.progress.failed += result.broken
        if step.page.covered:
            self.progress.walking = f"{step.page.covered.start.astimezone(CHINA):%Y-%m-%d %H:%M}"
        self._on_change(self.progress)

    # Articles

    def _is_done(self) -> bool:
        return self._articles_done() and self._images_done()

    def _articles_done(self) -> bool:
        if self._limit is not None and self.progress.archived >= self._limit:
            return True
        if self.progress.waiting > 0 and self._work_queue.articles.busy:
            return False
        return not self._count()  # nothing is being fetched: the due articles may be on skipped hosts only

    def _count(self) -> int:
        """Update the number of due articles; return the number on hosts that are not skipped."""
        waiting = self._work_queue.articles.waiting(self._began)
        self.progress.resting = self._skipped_hosts(waiting)
        self.progress.waiting = sum(waiting.values())
        self._on_change(self.progress)
        return sum(number for host, number in waiting.items() if host not in self.progress.resting)

    def _skipped_hosts(self, hosts: Iterable[str]) -> set[str]:
        """Hosts whose back-off lasts longer than a crawl waits."""
        max_wait = timedelta(seconds=MAX_BACKOFF_WAIT_SECONDS)
        return {host for host in hosts if self._work_queue.articles.backoff_remaining(host) > max_wait}

    # Images

    def _images_done(self) -> bool:
        if self._limit is not None and not self._is_one_off:
            return True  # the daemon continues with them, as with the articles beyond the limit
        if self._work_queue.images.busy:
            return False
        waiting = self._work_queue.images.waiting(self._began)
        resting = self._skipped_hosts(waiting)
        self.progress.resting |= resting
        return not waiting.keys() - resting

    def _image_progress(self) -> ImageProgress | None:
        images = self._work_queue.images
        stored_before, failed_before = self._images_before
        if not images.enabled:
            return None
        waiting = self._work_queue.context.store.images.counts().waiting
        return ImageProgress(images.stored - stored_before, images.failures - failed_before, waiting)

    # CrawlObserver

    def listed(self, feed: str) -> None:
        """Note that a list has shown a page."""
        self._without_page.discard(feed)
        if not self._without_page:
            self._all_listed.set()

    def polled(self, poll: Poll) -> None:
        """Note that a list was read."""
        self.listed(poll.feed)

    def archived(self, entry: Entry, revision: Revision) -> None:
        """Count an archived article."""
        self.progress.archived += 1
        self.progress.waiting -= 1
        self._on_change(self.progress)

    def rechecked(self, decision: Decision) -> None:
        """Count a recheck."""
        self.progress.revised += decision.outcome is Outcome.REVISED
        self.progress.gone += decision.outcome is Outcome.GONE and not decision.idle  # idle: it was gone before
        self.progress.waiting -= 1
        self._on_change(self.progress)

    def failed(self, failure: Failure) -> None:
        """Count a failed attempt."""
        self.progress.failed += 1
        self.progress.waiting -= 1
        self._on_change(self.progress)

    def changed(self) -> None:
        """Wake up :meth:`run`, and update the number of stored images."""
        if (stored := self._work_queue.images.stored - self._images_before[0]) != self.progress.pictures:
            self.progress.pictures = stored
            self._on_change(self.progress)
        self._changed.set()

"""Closes gaps: backfills each span that no poll has read, until the backfill reaches known entries."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from archive.model.feed import Gap, ListingResult, Span
from config.model import Feed
from crawler.paging.backfill import BackfillStep
from scheduler.clock import Clock
from scheduler.crawl.work_queue import ArchiveWorkQueue

logger = logging.getLogger("finarchive")

# Delays before a gap that could not be closed is retried; they double. An outage may be over in minutes; a list that
# omits the span may be repaired by the site's editors, within days.
MIN_RETRY_DELAY = timedelta(minutes=10)
MAX_RETRY_DELAY = timedelta(days=1)


class GapFiller:
    """Closes the gaps of the configured feeds, one after another."""

    def __init__(self, work_queue: ArchiveWorkQueue, clock: Clock) -> None:
        self._work_queue = work_queue
        self._clock = clock
        self._retries: dict[str, tuple[timedelta, timedelta]] = {}  # by feed: end on Clock.elapsed (D140), and delay

    async def run(self) -> None:
        """Close the existing gaps, then each that a poll leaves. Never returns."""
        gap_noticed = self._work_queue.feeds.gap_noticed
        while True:
            gap_noticed.clear()
            while gap := self._next():
                await self._close(*gap)
            try:
                await asyncio.wait_for(gap_noticed.wait(), self._clock.seconds(MIN_RETRY_DELAY))
            except TimeoutError:
                continue

    def _next(self) -> tuple[Feed, Gap] | None:
        store = self._work_queue.context.store
        now = self._clock.now()
        feeds = {feed.id: feed for feed in self._work_queue.context.feeds}
        histories = store.feeds.histories()
        for gap in reversed(store.feeds.gaps()):  # newest first: most likely still in the list
            feed = feeds.get(gap.feed)
            history = histories.get(gap.feed)
            is_out_of_reach = history and history.oldest_available and history.oldest_available >= gap.end
            is_deferred = gap.feed in self._retries and self._retries[gap.feed][0] > self._clock.elapsed()
            if feed and gap.start < now and not is_out_of_reach and not is_deferred:
                return feed, gap
        return None

    async def _close(self, feed: Feed, gap: Gap) -> None:
        logger.info("closing-gap feed=%s from=%s to=%s", feed.id, gap.start, gap.end)
        reason = await self._work_queue.feeds.backfill(
            feed, Span(gap.start, gap.end), _ignore_step, must_meet_known=True
        )
        gaps = self._work_queue.context.store.feeds.gaps()
        is_open = any(each.feed == gap.feed and gap.start <= each.start and each.end <= gap.end for each in gaps)
        if not reason and not is_open:
            self._retries.pop(feed.id, None)
            logger.info("closed-gap feed=%s from=%s to=%s", feed.id, gap.start, gap.end)
            return
        _, last_delay = self._retries.get(feed.id, (None, MIN_RETRY_DELAY / 2))
        delay = min(last_delay * 2, MAX_RETRY_DELAY)
        self._retries[feed.id] = self._clock.elapsed() + delay, delay
        logger.warning("gap-stays feed=%s again_in=%ds reason=%r", feed.id, delay.total_seconds(), reason or "")


def _ignore_step(step: BackfillStep, result: ListingResult) -> None:
    """Nothing shows the progress of these backfills."""

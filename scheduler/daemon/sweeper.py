"""Sweeps the configured feeds' lists: walks over the last days of each, once a day."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from archive.model.backoff import doubling
from archive.model.feed import ListingResult
from config.model import Feed
from crawler.paging.backfill import BackfillStep
from scheduler.clock import Clock
from scheduler.crawl.sweeps import due_sweeps
from scheduler.crawl.work_queue import ArchiveWorkQueue

logger = logging.getLogger("finarchive")

CHECK_INTERVAL = timedelta(minutes=5)  # at most: sweeps are due at hours of a day, unless they are very frequent
# After a sweep that has read nothing. The delay doubles: an outage may be over within the hour, a list that is not
# ordered by time stays so.
MIN_RETRY_DELAY = timedelta(hours=1)
MAX_RETRY_DELAY = timedelta(days=1)


class Sweeper:
    """Sweeps the lists of the configured feeds, one after another."""

    def __init__(self, work_queue: ArchiveWorkQueue, clock: Clock) -> None:
        self._work_queue = work_queue
        self._clock = clock
        # By feed: when a failed sweep is retried, on Clock.elapsed (D140), and the number of failures in a row.
        self._retries: dict[str, tuple[timedelta, int]] = {}

    async def run(self) -> None:
        """Sweep each list when it is due. Never returns."""
        while True:
            while feed := self._next():
                await self._sweep(feed)
            every = self._work_queue.context.settings.schedule.sweep or CHECK_INTERVAL
            await asyncio.sleep(self._clock.seconds(min(every, CHECK_INTERVAL)))

    def _next(self) -> Feed | None:
        for feed in due_sweeps(self._work_queue.context, self._work_queue.feeds.arrival_rate):
            if feed.id not in self._retries or self._retries[feed.id][0] <= self._clock.elapsed():
                return feed
        return None

    async def _sweep(self, feed: Feed) -> None:
        if reason := await self._work_queue.feeds.sweep(feed, _ignore_step):
            _, failures = self._retries.get(feed.id, (None, 0))
            delay = doubling(failures + 1, MIN_RETRY_DELAY, MAX_RETRY_DELAY)
            self._retries[feed.id] = self._clock.elapsed() + delay, failures + 1
            logger.warning("sweep-failed feed=%s again_in=%ds reason=%r", feed.id, delay.total_seconds(), reason)
        else:
            self._retries.pop(feed.id, None)


def _ignore_step(step: BackfillStep, result: ListingResult) -> None:
    """Nothing shows the progress of a sweep."""

"""Merges the words of the index in the daemon once a day: few segments are quicker to search, and smaller."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from scheduler.clock import Clock
from scheduler.crawl.context import CrawlContext

logger = logging.getLogger("finarchive")

FIRST_PASS = timedelta(hours=1)  # after the start, when the polls that were missed are done
INTERVAL = timedelta(days=1)
# Between two steps of some 20 ms. Once in some months a pass rewrites half of the words: with a million articles that
# takes an hour.
PAUSE = timedelta(seconds=1)


class WordMerger:
    """Merges segments of words, a part at a time: the daemon goes on meanwhile."""

    def __init__(self, context: CrawlContext, clock: Clock) -> None:
        self._context = context
        self._clock = clock

    async def run(self) -> None:
        """Merge once a day. Never returns."""
        await asyncio.sleep(self._clock.seconds(FIRST_PASS))
        while True:
            steps = await self.merge()
            logger.info("merged-words steps=%d", steps)
            await asyncio.sleep(self._clock.seconds(INTERVAL))

    async def merge(self) -> int:
        """Merge until nothing is left to merge, or something cannot be written; return the number of steps."""
        steps, is_more = 0, True

        def step() -> None:
            nonlocal steps, is_more
            is_more = self._context.store.words.merge()
            steps += is_more

        while True:
            if self._context.suspended() or not self._context.attempt(step) or not is_more:
                return steps
            await asyncio.sleep(self._clock.seconds(PAUSE))

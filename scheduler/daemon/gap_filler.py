"""Closes gaps: walks through each stretch that no poll has read, until it meets known ground."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from archive.model.feed import Gap, ListingResult, Span
from config.model import Feed
from crawler.paging.backfill import BackfillStep
from scheduler.clock import Clock
from scheduler.crawl.work_queue import ArchiveWorkQueue

logger = logging.getLogger("finarchive")

# Before a gap that could not be closed is tried again, doubling: an outage may be over in minutes; a list that does
# not give the stretch may be mended by its editors, in days.
FIRST, LONGEST = timedelta(minutes=10), timedelta(days=1)


class GapFiller:
    """Closes the gaps of the configured feeds, one after another."""

    def __init__(self, work_queue: ArchiveWorkQueue, clock: Clock) -> None:
        self._work_queue, self._clock = work_queue, clock
        self._later: dict[str, tuple[datetime, timedelta]] = {}  # by feed: not before, and how long it waited

    async def run(self) -> None:
        """Close gaps for ever: those that are there, and each that a poll leaves."""
        noticed = self._work_queue.feeds.gap_noticed
        while True:
            noticed.clear()
            while gap := self._next():
                await self._close(*gap)
            try:
                await asyncio.wait_for(noticed.wait(), self._clock.seconds(FIRST))
            except TimeoutError:
                continue

    def clock_moved(self) -> None:
        """The clock was set: what was put off is tried again, for nobody knows how late it is."""
        self._later.clear()
        self._work_queue.feeds.gap_noticed.set()

    def _next(self) -> tuple[Feed, Gap] | None:
        store, now = self._work_queue.run.store, self._clock.now()
        feeds, histories = {feed.id: feed for feed in self._work_queue.run.feeds}, store.feeds.histories()
        for gap in reversed(store.feeds.gaps()):  # the newest of a feed first: it is in reach longest
            feed, history = feeds.get(gap.feed), histories.get(gap.feed)
            out_of_reach = history and history.oldest_available and history.oldest_available >= gap.end
            put_off = gap.feed in self._later and self._later[gap.feed][0] > now
            if feed and gap.start < now and not out_of_reach and not put_off:
                return feed, gap
        return None

    async def _close(self, feed: Feed, gap: Gap) -> None:
        logger.info("closing-gap feed=%s from=%s to=%s", feed.id, gap.start, gap.end)
        reason = await self._work_queue.feeds.backfill(feed, Span(gap.start, gap.end), _no_word, must_meet_known=True)
        left_open = self._work_queue.run.store.feeds.gaps()
        is_open = any(each.feed == gap.feed and gap.start <= each.start and each.end <= gap.end for each in left_open)
        if not reason and not is_open:
            self._later.pop(feed.id, None)
            logger.info("closed-gap feed=%s from=%s to=%s", feed.id, gap.start, gap.end)
            return
        _, waited = self._later.get(feed.id, (None, FIRST / 2))
        wait = min(waited * 2, LONGEST)
        self._later[feed.id] = self._clock.now() + wait, wait
        logger.warning("gap-stays feed=%s again_in=%ds reason=%r", feed.id, wait.total_seconds(), reason or "")


def _no_word(step: BackfillStep, seen: ListingResult) -> None:
    """Nobody watches."""

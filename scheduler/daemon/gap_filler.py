"""Closes gaps: backfills each span that no poll has read, until the backfill reaches known entries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct

from archive.model.feed import Gap, Span
from config.model import Feed
from crawler.paging.backfill import NextStep
from scheduler.clock import Clock
from scheduler.crawl.work_queue import ArchiveWorkQueue

logger = logging.getLogger("finarchive")

# Delays before a gap that could not be closed is retried; they double. An outage may be over in minutes; a list that
# omits the span may be repaired by the site's editors, within days.
MIN_RETRY_DELAY = timedelta(minutes=10)
MAX_RETRY_DELAY = timedelta(days=1)
# After this many backfills in a row that could read the list, but not the span, the span is lost: over five hours the
# list has not shown it. Attempts that could not read the list do not count.
MAX_ATTEMPTS = 6


class _Retry(Struct, frozen=True):
    """When the gaps of a feed are retried."""

    due: timedelta  # on Clock.elapsed (D140)
    delay: timedelta
    attempts: int  # backfills in a row that read the list without closing the gap


class GapFiller:
    """Closes the gaps of the configured feeds, one after another. What the list no longer has is recorded as lost."""

    def __init__(self, work_queue: ArchiveWorkQueue, clock: Clock) -> None:
        self._work_queue = work_queue
        self._clock = clock
        self._retries: dict[str, _Retry] = {}  # by feed

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
        now, elapsed = self._clock.now(), self._clock.elapsed()
        feeds = {feed.id: feed for feed in self._work_queue.context.feeds}
        for gap in reversed(store.coverage.gaps()):  # newest first: most likely still in the list
            feed, retry = feeds.get(gap.feed), self._retries.get(gap.feed)
            if feed and gap.start < now and not (retry and retry.due > elapsed):
                return feed, gap
        return None

    async def _close(self, feed: Feed, gap: Gap) -> None:
        logger.info("closing-gap feed=%s from=%s to=%s", feed.id, gap.start, gap.end)
        steps: list[NextStep] = []
        reason = await self._work_queue.feeds.backfill(
            feed, Span(gap.start, gap.end), lambda step, result: steps.append(step.next_step), must_meet_known=True
        )
        left = [each for each in self._open_gaps() if each.feed == gap.feed and gap.start <= each.start <= gap.end]
        if not reason and not left:
            self._retries.pop(feed.id, None)
            logger.info("closed-gap feed=%s from=%s to=%s", feed.id, gap.start, gap.end)
            return
        if not left:
            _log_lost(gap, reason or "")
            return
        self._defer(feed, left, reason or "", was_read=bool(steps) and steps[-1] is not NextStep.UNREACHABLE)

    def _defer(self, feed: Feed, left: Sequence[Gap], reason: str, *, was_read: bool) -> None:
        """Retry a gap later; give up what the list has not shown for a long time."""
        last = self._retries.get(feed.id)
        attempts = (last.attempts if last else 0) + was_read
        delay = min(last.delay * 2 if last else MIN_RETRY_DELAY, MAX_RETRY_DELAY)
        if attempts < MAX_ATTEMPTS:
            self._retries[feed.id] = _Retry(self._clock.elapsed() + delay, delay, attempts)
            logger.warning("gap-stays feed=%s again_in=%ds reason=%r", feed.id, delay.total_seconds(), reason)
            return
        self._retries.pop(feed.id)
        for gap in left:
            evidence = f"{attempts} backfills did not find it, the last because {reason}"
            self._work_queue.context.store.coverage.lose_gap(gap, self._clock.now(), evidence)
            _log_lost(gap, evidence)

    def _open_gaps(self) -> list[Gap]:
        return self._work_queue.context.store.coverage.gaps()


def _log_lost(gap: Gap, evidence: str) -> None:
    logger.warning("gap-lost feed=%s from=%s to=%s reason=%r", gap.feed, gap.start, gap.end, evidence)

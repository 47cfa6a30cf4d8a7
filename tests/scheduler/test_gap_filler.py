"""Gaps that stay: when they are retried, and when they count as lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.model.feed import BackfillPage, Gap
from config.load import load
from config.model import Feed
from crawler.paging.backfill import Backfill, BackfillStep, NextStep
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.gap_filler import MAX_ATTEMPTS, MIN_RETRY_DELAY, GapFiller
from tests.archive.test_store import FILING, entry, poll_of
from tests.support.parsers import PARSERS

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class AnsweringFetcher:
    """Answers each backfill at once, with a page that brings nothing."""

    def __init__(self, work_queue: ArchiveWorkQueue, next_step: NextStep) -> None:
        self._work_queue = work_queue
        self.next_step = next_step
        self.backfills = 0

    def poll(self, feed: Feed) -> None:
        raise AssertionError("no poll is due")

    def peek(self, feed: Feed) -> None: ...

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        self.backfills += 1
        page = BackfillPage(feed.id, backfill.at, ())
        step = BackfillStep(backfill, page, self.next_step, "the list shows something else")
        asyncio.get_running_loop().call_soon(self._work_queue.feeds.record_backfill_page, step)

    def refill(self, host: str | None = None) -> None:
        pass

    def crash(self, error: BaseException) -> None:
        raise error


class Bench:
    """A gap filler with a clock that is set by hand, and a gap."""

    def __init__(self, archive: Archive, next_step: NextStep) -> None:
        self.now = NOW
        self.clock = Clock(lambda: self.now, monotonic=lambda: (self.now - NOW) / timedelta(seconds=1))
        self.store = archive.store
        self.work_queue = ArchiveWorkQueue(archive, load(None, {}), self.clock, DAEMON_POLICY, PARSERS)
        self.fetcher = AnsweringFetcher(self.work_queue, next_step)
        self.work_queue.context.open(self.fetcher)
        self.filler = GapFiller(self.work_queue, self.clock)
        feed = self.work_queue.context.feeds[0]
        for hours in (30, 1):
            listed = replace(entry(f"a{hours}"), published=NOW - hours * HOUR)
            poll = poll_of(listed, at=NOW - hours * HOUR, feed=feed.id)
            self.store.listings.commit_poll(poll, FILING, {f"a{hours}": [feed.id]}, {f"a{hours}": "h"})

    async def attempt(self) -> bool:
        """Close the next gap that is due; return whether there was one."""
        gap = self.filler._next()
        if gap:
            await self.filler._close(*gap)
        return gap is not None

    def gaps(self) -> tuple[list[Gap], list[Gap]]:
        return self.store.coverage.gaps(), self.store.coverage.lost_gaps()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "news", "test", NOW, raw=False) as archive:
        yield archive


def test_a_gap_that_the_list_never_shows_is_retried_ever_later_and_then_lost(archive: Archive) -> None:
    async def main() -> None:
        bench = Bench(archive, NextStep.FAILED)
        delay = MIN_RETRY_DELAY
        for attempt in range(1, MAX_ATTEMPTS):
            assert await bench.attempt(), attempt
            bench.now += delay - timedelta(seconds=1)
            assert not await bench.attempt(), "not before its time"
            bench.now += timedelta(seconds=1)
            delay *= 2
        [gap], [] = bench.gaps()
        assert await bench.attempt()

        [], [lost] = bench.gaps()
        assert (lost.start, lost.end, lost.lost) == (gap.start, gap.end, bench.now)
        assert lost.evidence == (
            f"{MAX_ATTEMPTS} backfills did not find it, the last because the list shows something else"
        )
        bench.now += timedelta(days=9)
        assert not await bench.attempt(), "it is given up"
        assert bench.fetcher.backfills == MAX_ATTEMPTS

    asyncio.run(main())


def test_a_list_that_cannot_be_read_loses_no_gap(archive: Archive) -> None:
    async def main() -> None:
        bench = Bench(archive, NextStep.UNREACHABLE)
        for _ in range(3 * MAX_ATTEMPTS):
            assert await bench.attempt()
            bench.now += timedelta(days=1)

        open_gaps, lost = bench.gaps()
        assert (len(open_gaps), lost) == (1, [])

    asyncio.run(main())

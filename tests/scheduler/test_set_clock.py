"""Deadlines in memory hold when the clock is set while requests are in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from config.model import Feed, Settings
from scheduler.clock import Clock, ClockWatch
from scheduler.crawl.context import DAEMON_POLICY
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.timetable import Timetable
from tests.support.parsers import PARSERS

START = datetime(2026, 9, 30, 2, tzinfo=UTC)
DAY = timedelta(days=1)
HOST = "finance.sina.com.cn"


class Time:
    """A wall clock that can be set, and a monotonic one that cannot."""

    def __init__(self) -> None:
        self.wall = START
        self.monotonic = 1000.0
        self.clock = Clock(now=lambda: self.wall, monotonic=lambda: self.monotonic)

    def pass_(self, span: timedelta) -> None:
        self.wall += span
        self.monotonic += span.total_seconds()

    def set_by(self, span: timedelta) -> None:
        self.wall += span


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def queue(tmp_path: Path, time: Time) -> Iterator[ArchiveWorkQueue]:
    with Archive(tmp_path, "run", time.wall, raw=False) as archive:
        feed = Feed(id="china", kind="roll", categories=("a", "b"), endpoint=f"https://{HOST}/list", lid=1)
        yield ArchiveWorkQueue(archive, Settings(feeds=(feed,)), time.clock, DAEMON_POLICY, PARSERS)


@pytest.mark.parametrize("jump", [DAY, -DAY, timedelta(hours=3), timedelta(days=400)])
def test_a_refusal_while_the_clock_is_wrong_backs_off_for_its_own_time(
    queue: ArchiveWorkQueue, time: Time, jump: timedelta
) -> None:
    """The requests were sent before the clock was set, and it is set right again before a tick notices."""
    backoffs = queue.articles.backoffs
    time.set_by(jump)
    for _ in range(16):
        backoffs.record_refusal(HOST, 429, "120")
    time.set_by(-jump)
    assert queue.articles.backoff_remaining(HOST) == timedelta(seconds=120)
    time.pass_(timedelta(seconds=119))
    assert backoffs.current(HOST)
    time.pass_(timedelta(seconds=1))
    backoffs.check(HOST)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_backoff_lasts_as_long_when_the_clock_is_set_during_it(
    queue: ArchiveWorkQueue, time: Time, jump: timedelta
) -> None:
    backoffs = queue.articles.backoffs
    backoffs.record_refusal(HOST, 429, "120")
    time.set_by(jump)
    queue.clock_moved()
    backoff = backoffs.current(HOST)
    assert backoff
    assert backoff.until == time.wall + timedelta(seconds=120), "shown by the clock as it is set now"
    [stored] = queue.context.store.backoffs.all()
    assert stored.until == backoff.until, "a restart reads the corrected time"
    time.pass_(timedelta(seconds=120))
    backoffs.check(HOST)


def test_a_date_in_retry_after_counts_from_the_date_of_the_answer(queue: ArchiveWorkQueue, time: Time) -> None:
    time.set_by(DAY)
    queue.articles.backoffs.record_refusal(
        HOST, 429, "Wed, 30 Sep 2026 02:05:00 GMT", "Wed, 30 Sep 2026 02:00:00 GMT"
    )
    assert queue.articles.backoff_remaining(HOST) == timedelta(minutes=5)


def test_the_clock_watch_ignores_what_passes_and_sees_what_is_set(time: Time) -> None:
    watch = ClockWatch(time.clock)
    time.pass_(timedelta(hours=5))
    assert watch.jump() == timedelta(0)
    time.set_by(-DAY)
    time.pass_(timedelta(seconds=1))
    assert watch.jump() == -DAY


class Spider:
    """A fetcher that requests nothing: the test answers."""

    def refill(self, host: str | None = None) -> None: ...
    def poll(self, feed: Feed) -> None: ...
    def peek(self, feed: Feed) -> None: ...

    def backfill(self, feed: Feed, backfill: object) -> None: ...
    def crash(self, error: BaseException) -> None:
        raise error


def test_articles_that_fail_while_the_clock_is_ahead_are_retried_in_time(queue: ArchiveWorkQueue, time: Time) -> None:
    """Sixteen requests fail while the clock is a day ahead; their results are committed after it is set back."""
    entries = tuple(
        Entry(f"nabcdef{n:07}", f"https://{HOST}/doc-inabcdef{n:07}.shtml", "题", START, None, None, None, None)
        for n in range(16)
    )
    docids = [entry.docid for entry in entries]
    poll = Poll("china", START, 1, entries, (), caught_up=True)
    queue.context.store.listings.commit_poll(
        poll, Filing(("a", "b"), "b"), dict.fromkeys(docids, ("china",)), dict.fromkeys(docids, HOST)
    )

    async def main() -> None:
        queue.spider_opened(Spider())
        queue.open()
        time.pass_(timedelta(seconds=1))
        leased = queue.articles.lease(HOST, 16)
        assert len(leased) == 16
        time.set_by(DAY)
        for entry in leased:
            queue.articles.record_failure(entry, Failure(entry.docid, FailureKind.TEMPORARY, "reset"))
        time.set_by(-DAY)
        await queue.articles.drain()
        time.pass_(timedelta(minutes=2))

    asyncio.run(main())
    assert queue.context.store.entries.pending_hosts(time.wall, time.wall) == {HOST: 16}


def test_a_poll_that_was_planned_while_the_clock_was_wrong_is_planned_again() -> None:
    """The system's clock is what APScheduler reads; the timetable keeps its own time and moves the job."""
    polled: list[str] = []

    async def poll(feed: str) -> None:
        polled.append(feed)

    def crash(error: BaseException) -> None:
        raise error

    async def main() -> None:
        timetable = Timetable(poll, lambda feed: datetime.now(UTC) + timedelta(hours=1), Clock(), crash)
        timetable.start(["china"])
        try:
            job = timetable._scheduler.get_job("china")
            job.modify(next_run_time=job.next_run_time + DAY)  # as it was computed from a clock a day ahead
            timetable.tick()
            job = timetable._scheduler.get_job("china")
            assert abs(job.next_run_time - datetime.now(UTC) - timedelta(hours=1)) < timedelta(seconds=5)
            assert timetable.overdue() == 0
        finally:
            timetable.stop()

    asyncio.run(main())
    assert polled == []

"""Articles of several feeds are fetched in turns, and before the poll that lists them has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import wraps
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.model.feed import Entry, Failure, FailureKind, Poll
from config.model import Feed, Settings
from crawler.paging.backfill import Backfill
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY
from scheduler.crawl.work_queue import ArchiveWorkQueue
from tests.archive.test_store import HOST, NOW, commit, entry, poll_of
from tests.support.fetches import commit_failure
from tests.support.parsers import PARSERS

FEEDS = tuple(
    Feed(id=name, kind="roll", categories=("a", name), endpoint="https://x.cn/list", lid=number)
    for number, name in enumerate(("quiet", "busy", "other"), 1)
)
MINUTE = timedelta(minutes=1)


class IdleFetcher:
    """A spider that requests nothing; the test leases and records."""

    def poll(self, feed: Feed) -> None:
        pass

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        pass

    def refill(self, host: str | None = None) -> None:
        pass

    def crash(self, error: BaseException) -> None:
        raise error


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[ArchiveWorkQueue]:
    with Archive(tmp_path, "run", NOW, raw=False) as archive:
        made = ArchiveWorkQueue(archive, Settings(feeds=FEEDS), Clock(lambda: NOW), DAEMON_POLICY, PARSERS)
        made.context.open(IdleFetcher())
        yield made


def in_loop(test: Callable[[ArchiveWorkQueue], Awaitable[None]]) -> Callable[[ArchiveWorkQueue], None]:
    """Run a test in an event loop, as the queues need one."""

    @wraps(test)
    def run(queue: ArchiveWorkQueue) -> None:
        async def main() -> None:
            await test(queue)

        asyncio.run(main())

    return run


def listed(feed: str, *minutes: int) -> tuple[Entry, ...]:
    """Entries of a feed, each published some minutes before now."""
    return tuple(entry(f"{feed}{each}", -each) for each in minutes)


def lease(queue: ArchiveWorkQueue, limit: int) -> list[str]:
    return [each.docid for each in queue.articles.lease(HOST, limit)]


@in_loop
async def test_the_newest_of_each_feed_first_in_turns(queue: ArchiveWorkQueue) -> None:
    store = queue.context.store
    commit(store, poll_of(*listed("busy", *range(1, 60)), feed="busy"))
    commit(store, poll_of(*listed("quiet", 9000, 9001), feed="quiet"))
    commit(store, poll_of(*listed("other", 500, 501, 502), feed="other"))
    queue.articles.open()

    assert lease(queue, 4) == ["busy1", "other500", "quiet9000", "busy2"]
    assert lease(queue, 6) == ["other501", "quiet9001", "busy3", "other502", "busy4", "busy5"]


@in_loop
async def test_a_feed_that_has_just_had_its_turn_waits_when_others_get_new_articles(queue: ArchiveWorkQueue) -> None:
    store = queue.context.store
    commit(store, poll_of(*listed("busy", *range(10, 60)), feed="busy"))
    commit(store, poll_of(*listed("quiet", 9000, 9001), feed="quiet"))
    queue.articles.open()
    assert lease(queue, 1) == ["busy10"]

    commit(store, poll_of(*listed("busy", 1, 2), feed="busy"))
    queue.articles.add_hosts({HOST})

    assert lease(queue, 4) == ["quiet9000", "busy1", "quiet9001", "busy2"]


@in_loop
async def test_what_failed_comes_after_all_others(queue: ArchiveWorkQueue) -> None:
    store = queue.context.store
    commit(store, poll_of(*listed("busy", 1, 2, 3), feed="busy"))
    commit(store, poll_of(*listed("quiet", 9000), feed="quiet"))
    failure = Failure("busy1", FailureKind.TEMPORARY, "status 502")
    commit_failure(store, failure, NOW - MINUTE, NOW - MINUTE)
    queue.articles.open()

    leased: list[str] = []
    while more := lease(queue, 2):
        leased += more
    assert leased == ["busy2", "quiet9000", "busy3", "busy1"]


@in_loop
async def test_an_article_is_leased_once_and_one_that_was_archived_is_passed_over(
    queue: ArchiveWorkQueue,
) -> None:
    store = queue.context.store
    commit(store, poll_of(*listed("busy", *range(1, 30)), feed="busy"), "busy", "other")
    commit(store, poll_of(*listed("quiet", 5, 6), feed="quiet"))
    queue.articles.open()

    leased = lease(queue, 3)
    store._db.conn.execute("UPDATE entries SET status = 'archived' WHERE docid = 'busy4'")
    while more := lease(queue, 5):
        leased += more

    expected = {f"busy{n}" for n in range(1, 30)} - {"busy4"} | {"quiet5", "quiet6"}
    assert (sorted(leased), len(leased)) == (sorted(expected), len(expected))


@in_loop
async def test_articles_of_a_page_are_leased_before_the_poll_has_ended(queue: ArchiveWorkQueue) -> None:
    store, feed = queue.context.store, FEEDS[1]

    queue.articles.open()
    polling = asyncio.ensure_future(queue.feeds.poll(feed))
    await asyncio.sleep(0)
    first, second = listed("busy", 1, 2), listed("busy", 3, 4)

    queue.feeds.record_poll_page(Poll(feed.id, NOW, 0, first, (), caught_up=False))

    assert lease(queue, 5) == ["busy1", "busy2"]
    assert store.listings.known_docids(feed.id, ["busy1"]) == set(), "a poll that breaks off proves nothing"
    assert store.feeds.histories() == {}

    queue.feeds.record_poll(Poll(feed.id, NOW, 2, first + second, (), caught_up=True))

    progress, _ = await polling
    assert (progress.listed, progress.new, progress.error) == (4, 4, None)
    assert store.listings.known_docids(feed.id, ["busy1", "busy4"]) == {"busy1", "busy4"}
    assert queue.feeds.arrival_rate(feed.id).until == NOW, "all articles count as arrivals, those of the page too"
    assert lease(queue, 5) == ["busy3", "busy4"]


@in_loop
async def test_a_page_of_a_poll_that_has_ended_is_ignored(queue: ArchiveWorkQueue) -> None:
    queue.feeds.record_poll_page(Poll("busy", NOW, 0, listed("busy", 1), (), caught_up=False))
    assert queue.context.store.entries.counts().entries == 0

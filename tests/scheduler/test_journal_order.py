"""The queues are changed when the journal has a fetch and the index has not: a replay finds the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.archive import Archive
from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from archive.model.fetch import RawResponse
from archive.model.times import to_text
from config.model import Feed, Settings
from crawler.parsing.pool import Died, ParserPool
from mocksite.page import render_page
from mocksite.story import make_stories
from pipeline.deep_verify import verify_deep
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.control import ControlHandler
from scheduler.errors import RequestRefusedError

START = datetime(2026, 9, 30, 2, tzinfo=UTC)
AHEAD = timedelta(hours=2)
HOST = "finance.sina.com.cn"
[STORY] = make_stories(1, newest=int(START.timestamp()))
ENTRY = Entry(STORY.docid, f"https://{HOST}{STORY.path}", STORY.title, START, None, None, None, None)


class Interrupted(ParserPool):
    """Calls a function before it parses: the journal has the fetches by then, and the index does not."""

    before: Callable[[], None]

    def run(self, *args: Any, **kwargs: Any) -> Iterator[Any | Died]:
        self.before()
        yield from super().run(*args, **kwargs)


class Situation:
    """A daemon's queue with one entry, which was listed while the clock was two hours ahead."""

    def __init__(self, archive: Archive, parsers: Interrupted) -> None:
        self.now = START + AHEAD
        feed = Feed(id="china", kind="roll", categories=("a", "b"), endpoint=f"https://{HOST}/list", lid=1)
        clock = Clock(now=lambda: self.now)
        self.parsers = parsers
        self.queue = ArchiveWorkQueue(archive, Settings(feeds=(feed,)), clock, DAEMON_POLICY, parsers)
        poll = Poll("china", self.now, 1, (ENTRY,), (), caught_up=True)
        archive.store.listings.commit_poll(
            poll, Filing(("a", "b"), "b"), {ENTRY.docid: ("china",)}, {ENTRY.docid: HOST}
        )

    async def fetch(self, failure: FailureKind | None, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Fetch the entry.

        :param failure: of the fetch; None: the page is found
        :param meanwhile: awaited when the journal has the fetch and the index has not
        """
        loop = asyncio.get_running_loop()

        async def interrupt() -> None:
            await meanwhile()
            self.now += timedelta(seconds=3)

        self.parsers.before = lambda: asyncio.run_coroutine_threadsafe(interrupt(), loop).result()
        self.queue.open()
        self.now += timedelta(seconds=1)
        [leased] = self.queue.articles.lease(HOST, 1)
        if failure is None:
            page = render_page(STORY, f"https://{HOST}")
            self.queue.articles.record_response(leased, RawResponse(leased.url, 200, (), page), 1)
        else:
            self.queue.articles.record_failure(leased, Failure(leased.docid, failure, "no page"))
        await self.queue.articles.drain()


@pytest.fixture
def situation(tmp_path: Path) -> Iterator[Situation]:
    with Archive(tmp_path, "run", START) as archive, Interrupted(1) as parsers:
        archive.begin_journal()
        yield Situation(archive, parsers)
    report, _ = verify_deep(tmp_path, 1 << 20, START)
    assert report.problems == ()


@pytest.mark.parametrize("failure", [None, FailureKind.TEMPORARY], ids=["archived", "failed"])
def test_times_are_repaired_after_a_fetch_that_the_journal_has(
    situation: Situation, failure: FailureKind | None
) -> None:
    async def set_clock_back() -> None:
        situation.now = START + timedelta(seconds=7)
        situation.queue.clock_moved()

    asyncio.run(situation.fetch(failure, set_clock_back))

    [row] = situation.queue.context.store._db.query("SELECT tried FROM entries")
    assert failure is None or row["tried"] == to_text(situation.now)


async def control(queue: ArchiveWorkQueue) -> dict[str, Any]:
    """What the daemon does for `finarchive retry --parked`."""

    async def send(document: dict[str, Any]) -> None: ...

    return await ControlHandler(queue, lambda: 0).handle({"command": "retry", "parked": True}, send)


def test_a_retry_comes_after_a_fetch_that_the_journal_has(situation: Situation) -> None:
    replies: list[asyncio.Task[dict[str, Any]]] = []

    async def retry() -> None:
        replies.append(asyncio.ensure_future(control(situation.queue)))
        await asyncio.sleep(0)  # until it waits

    async def main() -> None:
        await situation.fetch(FailureKind.TEMPORARY, retry)
        assert await replies[0] == {"released": 1}

    asyncio.run(main())
    [row] = situation.queue.context.store._db.query("SELECT status, tried FROM entries")
    assert row == {"status": "pending", "tried": None}


def test_a_retry_is_refused_while_the_disk_refuses_what_is_fetched(situation: Situation) -> None:
    """It would wait for that, however long it takes."""
    situation.queue.articles._writer.stuck = True
    with pytest.raises(RequestRefusedError, match=r"cannot write to its disk"):
        asyncio.run(control(situation.queue))

"""The clock is set back when the journal has a fetch and the index has not: a replay finds the same times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.archive import Archive
from archive.model.feed import Entry, Failure, FailureKind, Filing, Poll
from archive.model.fetch import RawResponse
from config.model import Feed, Settings
from crawler.parsing.pool import Died, ParserPool
from mocksite.page import render_page
from mocksite.story import make_stories
from pipeline.deep_verify import verify_deep
from scheduler.clock import Clock
from scheduler.crawl.context import DAEMON_POLICY
from scheduler.crawl.work_queue import ArchiveWorkQueue

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


@pytest.mark.parametrize("is_found", [True, False], ids=["archived", "failed"])
def test_a_fetch_that_the_journal_has_comes_before_a_repair_of_the_times(tmp_path: Path, is_found: bool) -> None:
    now = START + AHEAD
    feed = Feed(id="china", kind="roll", categories=("a", "b"), endpoint=f"https://{HOST}/list", lid=1)
    with Archive(tmp_path, "run", START) as archive, Interrupted(1) as parsers:
        archive.begin_journal()
        queue = ArchiveWorkQueue(archive, Settings(feeds=(feed,)), Clock(now=lambda: now), DAEMON_POLICY, parsers)
        poll = Poll("china", now, 1, (ENTRY,), (), caught_up=True)
        queue.context.store.listings.commit_poll(
            poll, Filing(("a", "b"), "b"), {ENTRY.docid: ("china",)}, {ENTRY.docid: HOST}
        )

        async def main() -> None:
            nonlocal now
            loop = asyncio.get_running_loop()

            async def set_back() -> None:
                nonlocal now
                now = START + timedelta(seconds=7)
                queue.clock_moved()
                now += timedelta(seconds=3)

            parsers.before = lambda: asyncio.run_coroutine_threadsafe(set_back(), loop).result()
            queue.open()
            now += timedelta(seconds=1)
            [leased] = queue.articles.lease(HOST, 1)
            if is_found:
                page = render_page(STORY, f"https://{HOST}")
                queue.articles.record_response(leased, RawResponse(leased.url, 200, (), page), 1)
            else:
                queue.articles.record_failure(leased, Failure(leased.docid, FailureKind.TEMPORARY, "reset"))
            await queue.articles.drain()

        asyncio.run(main())

    report, _ = verify_deep(tmp_path, 1 << 20, now)
    assert report.problems == ()

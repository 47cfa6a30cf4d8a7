"""When feeds are polled, on a real scheduler in a real loop."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from scheduler.clock import Clock
from scheduler.daemon.timetable import Timetable


def run(timetable: Timetable, feeds: list[str], until: asyncio.Event) -> None:
    async def main() -> None:
        timetable.start(feeds)
        try:
            await asyncio.wait_for(until.wait(), 10)
        finally:
            timetable.stop()

    asyncio.run(main())


def test_a_poll_that_is_due_before_the_last_one_ended_follows_it_at_once() -> None:
    begun, enough = [], asyncio.Event()

    async def poll(feed: str) -> None:
        begun.append(feed)
        if len(begun) == 3:
            enough.set()

    def crash(error: BaseException) -> None:
        raise error

    due = datetime.now(UTC) - timedelta(hours=1)
    run(Timetable(poll, lambda feed: due, Clock(), crash), ["china"], enough)

    assert begun[:3] == ["china"] * 3


def test_what_a_poll_or_the_question_for_the_next_raises_is_reported() -> None:
    messages, enough = [], asyncio.Event()

    async def poll(feed: str) -> None:
        raise ValueError("the poll")

    def crash(error: BaseException) -> None:
        messages.append(str(error))
        if len(messages) == 2:
            enough.set()

    times = iter([datetime.now(UTC)])

    def once(feed: str) -> datetime:
        try:
            return next(times)
        except StopIteration:
            raise ValueError("the next one") from None

    run(Timetable(poll, once, Clock(), crash), ["china"], enough)

    assert messages == ["the next one", "the poll"]

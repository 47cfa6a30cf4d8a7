"""When each feed is polled: APScheduler's jobs, one to a feed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from scheduler.clock import Clock

# Until a poll has ended and says when the next one is to be, the job stands at this distance: should its end never be
# told, the feed is polled all the same.
RESERVE = timedelta(hours=1)


class _SpareExecutor(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The time of a job of which nobody has said anything better."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + RESERVE


class Timetable:
    """Polls each feed when its time has come, and never twice at once.

    The jobs live in memory: they follow from the configuration and the index. A run that was missed (the machine
    slept) is made up for once, at once. See D30.

    :param poll: polls a feed, by its id
    :param next_poll: when a feed is to be polled next, by its id; asked after each poll
    :param on_crash: told of an error that ``poll`` raises
    """

    def __init__(
        self,
        poll: Callable[[str], Awaitable[None]],
        next_poll: Callable[[str], datetime],
        clock: Clock,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._poll, self._next_poll, self._clock, self._on_crash = poll, next_poll, clock, on_crash
        self._running: set[str] = set()  # feeds being polled
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._scheduler.add_listener(self._ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)

    def start(self, feeds: Iterable[str]) -> None:
        """Begin, in the running loop."""
        self._scheduler.start()
        self.replan(feeds)

    def replan(self, feeds: Iterable[str]) -> None:
        """Poll these feeds from now on, each when its plan says; for when feeds or the clock have changed."""
        wanted = list(feeds)
        for job in self._scheduler.get_jobs():
            if job.id not in wanted:
                job.remove()
        for feed in wanted:
            if self._scheduler.get_job(feed) is None:
                self._scheduler.add_job(self._run, _SpareExecutor(), args=[feed], id=feed)
            if feed not in self._running:  # else its end says when
                self._set(feed)

    def stop(self) -> None:
        """Begin no more polls."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def overdue(self) -> float:
        """For how many seconds a poll should have begun by now; 0 when none should."""
        due = min((job.next_run_time for job in self._scheduler.get_jobs()), default=None)
        return max((datetime.now(UTC) - due).total_seconds(), 0.0) if due else 0.0

    async def _run(self, feed: str) -> None:
        self._running.add(feed)
        await self._poll(feed)

    def _ended(self, event: JobExecutionEvent) -> None:
        # Not before APScheduler has counted the run as over: until then it would skip one that is due at once, as
        # after a poll that took longer than the interval, and the feed would sleep until its reserve.
        self._running.discard(event.job_id)
        try:
            if self._scheduler.get_job(event.job_id):
                self._set(event.job_id)
        except Exception as error:  # APScheduler would only log it
            self._on_crash(error)
        if event.exception and not isinstance(event.exception, asyncio.CancelledError):
            self._on_crash(event.exception)

    def _set(self, feed: str) -> None:
        # APScheduler goes by the system's clock, which need not be ours.
        wait = self._clock.seconds(self._next_poll(feed) - self._clock.now())
        self._scheduler.modify_job(feed, next_run_time=datetime.now(UTC) + timedelta(seconds=wait))

"""When each feed is polled: one APScheduler job for each feed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from scheduler.clock import MIN_JUMP, Clock

# The next run of a job while its poll is in progress; the end of the poll sets the real time. If the end is never
# reported, the feed is polled again after this.
FALLBACK_INTERVAL = timedelta(hours=1)


class _FallbackTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The next run of a job until a better time is set."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + FALLBACK_INTERVAL


class Timetable:
    """Polls each feed when it is due, and never twice at the same time.

    The jobs are kept in memory: they follow from the configuration and the index. If runs were missed (the machine
    slept), one run makes up for them, immediately. See D30.

    :param poll: polls a feed, given its id
    :param next_poll: returns when a feed is due next, given its id; called after each poll
    :param on_crash: called with an exception that ``poll`` raised
    """

    def __init__(
        self,
        poll: Callable[[str], Awaitable[None]],
        next_poll: Callable[[str], datetime],
        clock: Clock,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._poll = poll
        self._next_poll = next_poll
        self._clock = clock
        self._on_crash = on_crash
        self._running: set[str] = set()  # feeds being polled
        self._due: dict[str, float] = {}  # by feed: when it is due, in seconds of the monotonic clock (D140)
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
        self._scheduler.add_listener(self._on_ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)

    def start(self, feeds: Iterable[str]) -> None:
        """Start polling these feeds, in the running event loop."""
        self._scheduler.start()
        self.replan(feeds)

    def replan(self, feeds: Iterable[str]) -> None:
        """Replace the feeds and recompute when each is due; call it when the feeds or the clock have changed."""
        scheduled = list(feeds)
        for job in self._scheduler.get_jobs():
            if job.id not in scheduled:
                job.remove()
        for feed in scheduled:
            if self._scheduler.get_job(feed) is None:
                self._scheduler.add_job(self._run, _FallbackTrigger(), args=[feed], id=feed)
            if feed not in self._running:  # otherwise the end of its poll schedules it
                self._schedule(feed)

    def tick(self) -> None:
        """Move the jobs whose time the system's clock no longer gives correctly; called every second."""
        for job in self._scheduler.get_jobs():
            expected = self._system_time(self._due[job.id])
            if job.id not in self._running and abs(job.next_run_time - expected) > MIN_JUMP:
                job.modify(next_run_time=expected)

    def stop(self) -> None:
        """Start no more polls."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def overdue(self) -> float:
        """Seconds since the earliest poll was due that has not started; 0 if there is none."""
        waiting = [self._due[job.id] for job in self._scheduler.get_jobs() if job.id not in self._running]
        return max(self._clock.monotonic() - min(waiting), 0.0) if waiting else 0.0

    async def _run(self, feed: str) -> None:
        self._running.add(feed)
        await self._poll(feed)

    def _on_ended(self, event: JobExecutionEvent) -> None:
        # Called once APScheduler counts the run as ended. Before that it would skip a run that is due immediately, as
        # after a poll that took longer than the interval, and the feed would wait for FALLBACK_INTERVAL.
        self._running.discard(event.job_id)
        try:
            if self._scheduler.get_job(event.job_id):
                self._schedule(event.job_id)
        except Exception as error:  # APScheduler would only log it
            self._on_crash(error)
        if event.exception and not isinstance(event.exception, asyncio.CancelledError):
            self._on_crash(event.exception)

    def _schedule(self, feed: str) -> None:
        # APScheduler uses the system's clock, which may differ from ours.
        wait = self._clock.seconds(self._next_poll(feed) - self._clock.now())
        self._due[feed] = self._clock.monotonic() + wait
        self._scheduler.modify_job(feed, next_run_time=self._system_time(self._due[feed]))

    def _system_time(self, due: float) -> datetime:
        """Return a time of the monotonic clock as a time of the system's clock, as that is set now."""
        return datetime.now(UTC) + timedelta(seconds=due - self._clock.monotonic())

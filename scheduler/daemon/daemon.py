"""The daemon: polls each feed when it is due, archives new articles, and closes gaps."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from archive.files.layout import inner_path
from archive.files.paths import CHINA
from archive.integrity.seal import seal
from archive.model.feed import FailureKind, FeedHistory, Poll
from config.cron import next_time
from config.model import Feed, Settings
from config.reload import changed, needs_restart
from crawler import urls
from crawler.engine import Engine
from crawler.parsing.pool import ParserPool
from scheduler.alerts.dispatcher import AlertDispatcher
from scheduler.anchors.anchorer import Anchorer
from scheduler.clock import Clock, ClockWatch
from scheduler.crawl.context import DAEMON_POLICY, CrawlObserver
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.compactor import Compactor
from scheduler.daemon.control import ControlHandler
from scheduler.daemon.control_socket import ControlServer
from scheduler.daemon.gap_filler import GapFiller
from scheduler.daemon.monitor import Monitor
from scheduler.daemon.opening import open_archive
from scheduler.daemon.reload import ConfigReloader
from scheduler.daemon.sweeper import Sweeper
from scheduler.daemon.systemd import Notifier, watchdog_interval
from scheduler.daemon.timetable import Timetable
from scheduler.exits import Exit
from scheduler.policy.intervals import next_poll, pace

logger = logging.getLogger("finarchive")

TICK_INTERVAL_SECONDS = 1.0  # between two checks of the clock and for due work
# After this long without any outcome, while work is in flight, the daemon counts as stuck: it no longer notifies
# the watchdog, and systemd restarts it. Each request ends within network.timeout, or an hour for the longest delay.
STUCK_TIMEOUT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Environment:
    """The daemon's clock and service manager."""

    clock: Clock
    notifier: Notifier
    watchdog_interval: float | None  # seconds between two watchdog notifications; None: there is no watchdog

    @classmethod
    def from_system(cls) -> Self:
        """The system's clock, and the service manager that started this process, if any."""
        return cls(Clock(), Notifier.from_environment(os.environ), watchdog_interval(os.environ, os.getpid()))


class Daemon(CrawlObserver):
    """The daemon of an archive.

    :param work_queue: of the archive
    :param load: reads the configuration; raises ConfigError
    """

    def __init__(self, work_queue: ArchiveWorkQueue, load: Callable[[], Settings], environment: Environment) -> None:
        context = work_queue.context
        self._work_queue = work_queue
        self._settings = context.settings
        self._clock = environment.clock
        self._notifier = environment.notifier
        self._watchdog_interval = environment.watchdog_interval
        backoffs, now = work_queue.articles.backoffs, self._clock.now
        self._engine = Engine(self._settings, work_queue, backoffs, now, self._main, parsers=context.parsers)
        self._timetable = Timetable(self._poll, self._next_poll, self._clock, context.crash)
        self._gap_filler = GapFiller(work_queue, self._clock)
        self._sweeper = Sweeper(work_queue, self._clock)
        self._compactor = Compactor(context, self._clock)
        self._monitor = Monitor(work_queue, self._clock, self._stuck, lambda: self._engine.requests)
        self._alerts = AlertDispatcher(context, self._clock, self._monitor.metrics.alerted)
        self._anchorer = Anchorer(context, self._clock, self._monitor.metrics.anchored)
        self._monitor.unanchored = self._anchorer.missing
        self._polled_at: dict[str, datetime] = {}
        self._reloader = ConfigReloader(
            load,
            self._apply,
            on_start=lambda: self._notifier.reloading(self._clock.monotonic_usec()),
            on_end=self._reloaded,
            on_crash=context.crash,
        )

    def run(self) -> Exit:
        """Run until SIGTERM or SIGINT.

        :raises ArchiveError: the archive cannot be used, for a reason that does not pass
        :raises HealthError: the health port cannot be listened on
        """
        self._work_queue.context.check_free_space()  # before the first poll
        self._engine.run()
        return Exit.INTERRUPTED if self._engine.interrupted is signal.SIGINT else Exit.DONE

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        handler = ControlHandler(self._work_queue, lambda: self._engine.requests)
        control = ControlServer(inner_path(self._work_queue.context.archive.root), handler.handle)
        async with self._monitor.running():
            await self._run(loop, control)

    async def _run(self, loop: asyncio.AbstractEventLoop, control: ControlServer) -> None:
        await control.open()
        self._work_queue.context.observers.append(self)
        loop.add_signal_handler(signal.SIGHUP, self._reloader.request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        self._work_queue.open()
        self._timetable.start(self._feeds())
        logger.info("started feeds=%d root=%s", len(self._feeds()), self._work_queue.context.archive.root)
        self._notifier.ready(self._status())
        try:
            async with self._alerts.running(), self._anchorer.running():
                await asyncio.gather(
                    self._tick_forever(), self._gap_filler.run(), self._sweeper.run(), self._compactor.run()
                )
        finally:
            self._notifier.stopping("stopping: finishing work in flight")
            logger.info("stopping")
            self._timetable.stop()
            await control.close()

    def _feeds(self) -> dict[str, Feed]:
        return {feed.id: feed for feed in self._work_queue.context.feeds}

    # Polls

    async def _poll(self, feed: str) -> None:
        if configured := self._feeds().get(feed):
            await self._work_queue.feeds.poll(configured)

    def _next_poll(self, feed_id: str) -> datetime:
        feed, now = self._feeds()[feed_id], self._clock.now()
        histories: dict[str, FeedHistory] = {}
        self._work_queue.context.attempt(lambda: histories.update(self._work_queue.context.store.feeds.histories()))
        history = histories.get(feed_id)
        # The last poll, even if it could not be recorded.
        polls = [history.last_poll if history else None, self._polled_at.get(feed_id)]
        last = max((poll for poll in polls if poll), default=None)
        due = next_poll(
            self._work_queue.feeds.arrival_rate(feed_id),
            pace(feed, self._settings.schedule),
            now,
            last_poll=last,
            last_success=history.last_success if history else None,
            trouble=history.trouble if history else 0.0,
            spread=random.random(),  # noqa: S311 - it spreads polls, it protects no secret
            cron_next=next_time(feed.cron, now) if feed.cron else None,
            has_ended=history is not None and history.kind is FailureKind.ENDED,
        )
        return max(due, now + self._work_queue.articles.backoff_remaining(urls.host(feed.endpoint)))

    # Time

    async def _tick_forever(self) -> None:
        watch = ClockWatch(self._clock)
        last_watchdog = 0.0
        day = self._clock.now().astimezone(CHINA).date()
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_INTERVAL_SECONDS)
            if jump := watch.jump():
                logger.warning("clock-set seconds=%d", round(jump.total_seconds()))
                self._work_queue.context.attempt(self._work_queue.clock_moved)
                self._alerts.clock_moved()
                self._polled_at.clear()
                self._timetable.replan(self._feeds())
            self._timetable.tick()
            self._work_queue.context.attempt(self._work_queue.tick)
            today, context = self._clock.now().astimezone(CHINA).date(), self._work_queue.context
            if today != day and not context.refused() and context.attempt(self._seal):
                day = today
            self._work_queue.context.attempt(lambda: self._notifier.status(self._status()))
            interval = self._watchdog_interval
            if interval and loop.time() - last_watchdog >= interval - TICK_INTERVAL_SECONDS and not self._stuck():
                self._notifier.watchdog()
                last_watchdog = loop.time()

    def _seal(self) -> None:
        """Write the manifests of past days."""
        archive, now = self._work_queue.context.archive, self._clock.now()
        days = seal(archive.root, archive.store, now, archive.leave_finished_files(now))
        logger.info("sealed days=%s", ",".join(days) or "none")
        self._anchorer.sealed()

    def _stuck(self) -> str | None:
        """Return what has made no progress for too long, as text for people; None if nothing is stuck."""
        context = self._work_queue.context
        if context.in_progress and (seconds := context.seconds_since_outcome()) > STUCK_TIMEOUT_SECONDS:
            return f"work in flight has had no outcome for {seconds:.0f} s"
        due = self._timetable.overdue()
        return f"a poll is overdue by {due:.0f} s" if due > STUCK_TIMEOUT_SECONDS else None

    def _status(self) -> str:
        if self._work_queue.context.free_space.is_low:
            return f"paused: {self._work_queue.context.free_space.reason}"
        waiting = self._work_queue.context.store.entries.counts().pending
        return f"{len(self._feeds())} feeds, {waiting} articles waiting, {self._engine.requests} requests sent"

    # Configuration

    async def _apply(self, new: Settings) -> bool:
        """Apply new settings; return whether they are in force."""
        names = changed(self._settings, new)
        if unchangeable := needs_restart(names):
            reason = f"{', '.join(unchangeable)} cannot change while the daemon runs: restart"
            logger.error("configuration-kept reason=%r", reason)
            return False
        self._settings = new
        self._work_queue.reconfigure(new)
        self._alerts.reconfigure()
        await self._anchorer.reconfigure()
        self._timetable.replan(self._feeds())
        if names:
            await self._engine.renew(new)
        logger.info("reloaded changed=%s", ",".join(names) or "nothing")
        return True

    def _reloaded(self, succeeded: bool) -> None:
        self._monitor.reloaded(succeeded=succeeded)
        self._notifier.ready(self._status())

    # CrawlObserver

    def polled(self, poll: Poll) -> None:
        """Record the time of the poll for the timetable."""
        self._polled_at[poll.feed] = poll.at


def run_daemon(settings: Settings, load: Callable[[], Settings], environment: Environment) -> Exit:
    """Run the daemon until SIGTERM or SIGINT. It runs Scrapy's reactor, so call it once in a process.

    :param load: reads the configuration, on SIGHUP
    :raises ArchiveError: the archive is in use, or its index is damaged or newer; what can pass is waited for
    :raises HealthError: the health port cannot be listened on
    """
    # SIGHUP ends a process without a handler, so it is blocked until there is one. Opening an index can take minutes.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    now = environment.clock.now
    with ParserPool() as parsers, open_archive(settings, now, parsers) as archive:
        parsers.start()
        work_queue = ArchiveWorkQueue(archive, settings, environment.clock, DAEMON_POLICY, parsers)
        return Daemon(work_queue, load, environment).run()

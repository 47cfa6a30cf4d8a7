"""The daemon: polls every feed when its time has come, archives what it finds, and closes gaps."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from archive.archive import Archive
from archive.files.layout import inner_path
from archive.files.paths import CHINA
from archive.integrity.seal import seal
from archive.model import fetch
from archive.model.article import Revision
from archive.model.feed import Entry, Failure, Poll
from config.cron import next_time
from config.model import Feed, Settings
from config.reload import changed, needs_restart
from crawler import urls
from crawler.engine import Engine
from pipeline.recovery import recover
from pipeline.writer import TRANSIENT_ERRORS
from scheduler.alerts.dispatcher import AlertDispatcher
from scheduler.clock import Clock, Watch
from scheduler.crawl.context import DAEMON_POLICY, CrawlObserver
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.control import ControlHandler
from scheduler.daemon.control_socket import ControlServer
from scheduler.daemon.gap_filler import GapFiller
from scheduler.daemon.reload import Reloading
from scheduler.daemon.systemd import Notifier, watchdog_interval
from scheduler.daemon.timetable import Timetable
from scheduler.exits import Exit
from scheduler.monitoring.health import Health, HealthStatus
from scheduler.monitoring.metrics import Metrics, Snapshot
from scheduler.monitoring.reports import report_feeds
from scheduler.policy.intervals import next_poll, pace

logger = logging.getLogger("finarchive")

BEAT = 1.0  # seconds between two looks at the clock and at what has become due
# Seconds without any outcome, while something is under way, after which the daemon counts as stuck and systemd is
# left to restart it. Every request ends within network.timeout, an hour at the most for the longest delay.
STUCK = 900.0


@dataclass(frozen=True, slots=True)
class Environment:
    """What the daemon has from the system."""

    clock: Clock
    notifier: Notifier
    watchdog: float | None  # seconds between two signs of life; None: nobody waits for them

    @classmethod
    def of_the_system(cls) -> Self:
        """Its clock, and the service manager that started us, if one did."""
        return cls(Clock(), Notifier.from_environment(os.environ), watchdog_interval(os.environ, os.getpid()))


class Daemon(CrawlObserver):
    """The daemon over an archive.

    :param load: reads the configuration again; raises ConfigError
    """

    def __init__(
        self, archive: Archive, settings: Settings, load: Callable[[], Settings], environment: Environment
    ) -> None:
        self._archive, self._settings = archive, settings
        self._clock, self._notifier = environment.clock, environment.notifier
        self._watchdog = environment.watchdog
        self._began = self._clock.now()
        self._work_queue = ArchiveWorkQueue(archive, settings, self._clock.now, DAEMON_POLICY)
        self._engine = Engine(
            settings, self._work_queue, self._work_queue.articles.backoffs, self._clock.now, self._main
        )
        self._timetable = Timetable(self._poll, self._next_poll, self._clock, self._work_queue.run.crash)
        self._gap_filler = GapFiller(self._work_queue, self._clock)
        self._metrics = Metrics()
        self._alerts = AlertDispatcher(self._work_queue.run, self._clock, self._metrics.alerted)
        self._polled_at: dict[str, datetime] = {}
        self._reloading = Reloading(
            load,
            self._adopt,
            on_begun=lambda: self._notifier.reloading(self._clock.ticks()),
            on_ended=lambda: self._notifier.ready(self._status()),
            on_crash=self._work_queue.run.crash,
        )

    def run(self) -> Exit:
        """Run until SIGTERM or SIGINT.

        :raises ArchiveError: the archive cannot be written, and that does not pass by itself
        :raises HealthError: the port for health cannot be had
        """
        self._engine.run()
        return Exit.INTERRUPTED if self._engine.interrupted is signal.SIGINT else Exit.DONE

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        control_handler = ControlHandler(self._work_queue, lambda: self._engine.requests)
        reception = ControlServer(inner_path(self._archive.root), control_handler.handle)
        health = (
            Health(self._settings.health.port, self._decision, self._render) if self._settings.health.port else None
        )
        if health:
            health.listen()
        await reception.open()
        self._work_queue.run.listeners.append(self)
        loop.add_signal_handler(signal.SIGHUP, self._reloading.ask)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        self._work_queue.open()
        self._timetable.start(self._feeds())
        logger.info("started feeds=%d root=%s", len(self._feeds()), self._archive.root)
        self._notifier.ready(self._status())
        try:
            async with self._alerts.running():
                await asyncio.gather(self._beat(), self._gap_filler.run())
        finally:
            self._notifier.stopping("stopping: finishing what is under way")
            logger.info("stopping")
            self._timetable.stop()
            await reception.close()
            if health:
                await health.stop()

    def _feeds(self) -> dict[str, Feed]:
        return {feed.id: feed for feed in self._work_queue.run.feeds}

    # Polls

    async def _poll(self, feed: str) -> None:
        if configured := self._feeds().get(feed):
            await self._work_queue.feeds.poll(configured)

    def _next_poll(self, feed_id: str) -> datetime:
        feed, now = self._feeds()[feed_id], self._clock.now()
        history = self._work_queue.run.store.feeds.histories().get(feed_id)
        # A poll that could not be recorded was one all the same.
        polls = [history.last_poll if history else None, self._polled_at.get(feed_id)]
        last = max((poll for poll in polls if poll), default=None)
        due = next_poll(
            self._work_queue.feeds.arrival_rate(feed_id),
            pace(feed, self._settings.schedule),
            now,
            last_poll=last,
            last_success=history.last_success if history else None,
            trouble=history.trouble if history else 0.0,
            spread=random.random(),  # noqa: S311 - it parts polls, it hides nothing
            cron_next=next_time(feed.cron, now) if feed.cron else None,
        )
        return max(due, now + self._work_queue.articles.resting(urls.host(feed.endpoint)))

    # Time

    async def _beat(self) -> None:
        watch, last_sign = Watch(self._clock), 0.0
        day = self._clock.now().astimezone(CHINA).date()
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BEAT)
            if moved := watch.moved():
                logger.warning("clock-set seconds=%d", round(moved.total_seconds()))
                self._work_queue.articles.clock_moved(moved)
                self._gap_filler.clock_moved()
                self._polled_at.clear()
                self._timetable.replan(self._feeds())
            self._work_queue.tick()
            if (today := self._clock.now().astimezone(CHINA).date()) != day:
                day = today
                await self._seal()
            self._notifier.status(self._status())
            if self._watchdog and loop.time() - last_sign >= self._watchdog - BEAT and not self._stuck():
                self._notifier.watchdog()
                last_sign = loop.time()

    async def _seal(self) -> None:
        """A day is over: write its manifest."""
        try:
            days = seal(self._archive.root, self._work_queue.run.store, self._clock.now())
        except TRANSIENT_ERRORS as refusal:  # tomorrow's takes it in
            self._work_queue.run.suspend_or_raise(refusal)
        else:
            logger.info("sealed days=%s", ",".join(days) or "none")

    def _stuck(self) -> str | None:
        """What has made no progress for too long; None when all goes on."""
        run = self._work_queue.run
        if run.under_way and (seconds := run.quiet_for()) > STUCK:
            return f"nothing has come of what is under way for {seconds:.0f} s"
        due = self._timetable.overdue()
        return f"a poll is overdue by {due:.0f} s" if due > STUCK else None

    def _status(self) -> str:
        waiting = self._work_queue.run.store.entries.counts().pending
        return f"{len(self._feeds())} feeds, {waiting} articles waiting, {self._engine.requests} requests sent"

    # The configuration

    async def _adopt(self, new: Settings) -> None:
        names = changed(self._settings, new)
        if held := needs_restart(names):
            logger.error(
                "configuration-kept reason=%r", f"{', '.join(held)} cannot change while the daemon runs: restart"
            )
            return
        self._settings = new
        self._work_queue.reconfigure(new)
        self._alerts.reconfigure()
        self._timetable.replan(self._feeds())
        if names:
            await self._engine.renew(new)
        logger.info("reloaded changed=%s", ",".join(names) or "nothing")

    # What others want to know

    def polled(self, poll: Poll) -> None:
        """See Listener."""
        self._polled_at[poll.feed] = poll.at
        self._metrics.polled(poll.feed, poll.error)

    def archived(self, entry: Entry, revision: Revision) -> None:
        """See Listener."""
        entered = entry.entered or entry.published
        ours = entered is not None and entered >= self._began  # else it was there before we were
        self._metrics.archived(self._clock.now() - entered if entered and ours else None)

    def rechecked(self, decision: fetch.Decision) -> None:
        """See Listener."""
        self._metrics.rechecks_since(decision.outcome)

    def failed(self, failure: Failure) -> None:
        """See Listener."""
        self._metrics.failed(failure.kind)

    def changed(self) -> None:
        """See Listener."""

    def _decision(self) -> HealthStatus:
        stuck, store = self._stuck(), self._work_queue.run.store
        reports = report_feeds(self._settings, store, self._clock.now(), counted=False)
        states = Counter(report.state for report in reports)
        told: dict[str, Any] = {
            "feeds": states,
            "waiting": store.entries.counts().pending,
            "gaps": len(store.feeds.gaps()),
        }
        refuses = self._work_queue.run.suspended() or self._work_queue.articles.disk_refuses
        deaf = bool(states) and set(states) <= {"failing", "blocked"}
        return HealthStatus(not (stuck or refuses or deaf), told | {"stuck": stuck, "disk_refuses": refuses})

    def _render(self) -> bytes:
        store, now = self._work_queue.run.store, self._clock.now()
        snapshot = Snapshot(
            feeds=tuple(report_feeds(self._settings, store, now, counted=False)),
            gaps=tuple(store.feeds.gaps()),
            pending=store.entries.counts().pending,
            parked=store.entries.counts().parked,
            resting=sum(backoff.until > now for backoff in store.backoffs.all()),
            requests=self._engine.requests,
            alerts=tuple(alert.name for alert in self._settings.alerts),
        )
        return self._metrics.render(snapshot, now)


def run_daemon(settings: Settings, load: Callable[[], Settings], environment: Environment) -> Exit:
    """Run the daemon until it is told to stop. Runs Scrapy's reactor, so once in a process.

    :param load: reads the configuration again, on SIGHUP
    :raises ArchiveError: the archive cannot be opened, or not be written for a reason that does not pass by itself
    :raises HealthError: the port for health cannot be had
    """
    # It would end the process until it has its handler: so long it waits. Opening an index can take minutes.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    raw = settings.archive.raw == "warc"
    with Archive(settings.archive.root, "run", environment.clock.now(), raw=raw) as archive:
        recover(archive, settings, environment.clock.now())
        return Daemon(archive, settings, load, environment).run()

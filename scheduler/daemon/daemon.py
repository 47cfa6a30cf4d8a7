"""The daemon: polls each feed when it is due, archives new articles, and closes gaps."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from typing import Self

from msgspec import Struct

from archive.files.layout import inner_path
from archive.files.paths import CHINA
from archive.integrity.seal import seal
from config.model import Settings
from config.reload import changed, needs_restart
from crawler.engine import Engine
from crawler.parsing.pool import ParserPool
from scheduler.alerts.dispatcher import AlertDispatcher
from scheduler.anchors.anchorer import Anchorer
from scheduler.clock import Clock, ClockWatch
from scheduler.crawl.context import DAEMON_POLICY
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.backlog_watch import BacklogWatch
from scheduler.daemon.compactor import Compactor
from scheduler.daemon.control import ControlHandler
from scheduler.daemon.control_socket import ControlServer
from scheduler.daemon.gap_filler import GapFiller
from scheduler.daemon.monitor import Monitor
from scheduler.daemon.opening import open_archive
from scheduler.daemon.poll_planner import PollPlanner
from scheduler.daemon.reload import ConfigReloader
from scheduler.daemon.standby import leading
from scheduler.daemon.sweeper import Sweeper
from scheduler.daemon.systemd import Notifier, watchdog_interval
from scheduler.daemon.timetable import Timetable
from scheduler.daemon.word_merger import WordMerger
from scheduler.errors import StoppedError
from scheduler.exits import Exit
from scheduler.keeper import Keeper, keeper_of, running
from scheduler.mirroring import JournalMirror, mirroring

logger = logging.getLogger("finarchive")

TICK_INTERVAL_SECONDS = 1.0  # between two checks of the clock and for due work
# After this long without any outcome, while work is in flight, the daemon counts as stuck: it no longer notifies
# the watchdog, and systemd restarts it. Each request ends within network.timeout, or an hour for the longest delay.
STUCK_TIMEOUT_SECONDS = 900.0


class Environment(Struct, frozen=True):
    """The daemon's clock and service manager."""

    clock: Clock
    notifier: Notifier
    watchdog_interval: float | None  # seconds between two watchdog notifications; None: there is no watchdog

    @classmethod
    def from_system(cls) -> Self:
        """The system's clock, and the service manager that started this process, if any."""
        return cls(Clock(), Notifier.from_environment(os.environ), watchdog_interval(os.environ, os.getpid()))


class Daemon:
    """The daemon of an archive.

    :param work_queue: of the archive
    :param load: reads the configuration; raises ConfigError
    :param mirror: that the journal is copied to; None: there is none
    :param keeper: has fetchers send the requests; None: this process does
    """

    def __init__(
        self,
        work_queue: ArchiveWorkQueue,
        load: Callable[[], Settings],
        environment: Environment,
        mirror: JournalMirror | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        context = work_queue.context
        self._work_queue = work_queue
        self._settings = context.settings
        self._clock = clock = environment.clock
        self._notifier = environment.notifier
        self._watchdog_interval = environment.watchdog_interval
        backoffs, now = work_queue.articles.backoffs, self._clock.now
        self._keeper = keeper
        remote = self._keeper.queue if self._keeper else None
        self._engine = Engine(
            self._settings, work_queue, backoffs, now, self._main, parsers=context.parsers, remote=remote
        )
        self._planner = PollPlanner(work_queue, clock, self._replan)
        self._timetable = Timetable(self._poll, self._planner.next_poll, clock, context.crash)
        queues = GapFiller(work_queue, clock), Sweeper(work_queue, clock)
        self._in_background = (*queues, Compactor(context, clock), WordMerger(context, clock))
        self._backlog = BacklogWatch(context)
        self._monitor = Monitor(work_queue, self._clock, self._stuck, lambda: self._engine.requests)
        self._alerts = AlertDispatcher(context, self._clock, self._monitor.metrics.alerted)
        self._anchorer = Anchorer(context, self._clock, self._monitor.metrics.anchored)
        self._monitor.unanchored = self._anchorer.missing
        self._monitor.mirror = mirror
        if self._keeper:
            self._monitor.cluster = self._keeper.queue.numbers
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
        async with self._monitor.running(), running(self._keeper):
            await self._run(loop, control)

    async def _run(self, loop: asyncio.AbstractEventLoop, control: ControlServer) -> None:
        await control.open()
        self._work_queue.context.observers.append(self._planner)
        self._planner.update()
        loop.add_signal_handler(signal.SIGHUP, self._reloader.request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        self._work_queue.open()
        self._timetable.start(self._planner.feeds())
        logger.info(
            "started feeds=%d root=%s", len(self._work_queue.context.feeds), self._work_queue.context.archive.root
        )
        self._notifier.ready(self._status())
        try:
            async with self._alerts.running(), self._anchorer.running():
                background = (each.run() for each in self._in_background)
                await asyncio.gather(self._tick_forever(), self._planner.listen(), *background)
        finally:
            self._notifier.stopping("stopping: finishing work in flight")
            logger.info("stopping")
            self._timetable.stop()
            await control.close()

    def _replan(self) -> None:
        self._timetable.replan(self._planner.feeds())

    # Polls

    async def _poll(self, feed: str) -> None:
        if configured := self._planner.feeds().get(feed):
            await self._work_queue.feeds.poll(configured)

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
                self._planner.clock_moved()
                self._replan()
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
        feeds = len(self._work_queue.context.feeds)
        articles = f"{waiting} articles waiting{self._backlog.text()}"
        return f"{feeds} feeds, {articles}, {self._engine.requests} requests sent"

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
        self._planner.update()
        self._replan()
        if names:
            await self._engine.renew(new)
        logger.info("reloaded changed=%s", ",".join(names) or "nothing")
        return True

    def _reloaded(self, succeeded: bool) -> None:
        self._monitor.reloaded(succeeded=succeeded)
        self._notifier.ready(self._status())


def run_daemon(settings: Settings, load: Callable[[], Settings], environment: Environment) -> Exit:
    """Run the daemon until SIGTERM or SIGINT. It runs Scrapy's reactor, so call it once in a process.

    :param load: reads the configuration, on SIGHUP
    :raises ArchiveError: the archive is in use, or its index is damaged or newer; what can pass is waited for
    :raises HealthError: the health port cannot be listened on
    :raises ClusterError: the cluster cannot be used, or another keeper has taken over
    """
    # SIGHUP ends a process without a handler, so it is blocked until there is one. Opening an index can take minutes.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        with leading(settings, environment.clock, environment.notifier) as leads:
            return _run_leading(settings, load, environment, leads)
    except StoppedError as error:
        return Exit.INTERRUPTED if error.number == signal.SIGINT else Exit.DONE


def _run_leading(
    settings: Settings, load: Callable[[], Settings], environment: Environment, leads: Callable[[], bool]
) -> Exit:
    """Run the daemon of an archive that this process may write.

    :param leads: whether it leads for certain
    """
    now, clock = environment.clock.now, environment.clock
    with ParserPool() as parsers, open_archive(settings, now, parsers) as archive:
        parsers.start()
        work_queue = ArchiveWorkQueue(archive, settings, clock, DAEMON_POLICY, parsers)
        keeper = keeper_of(work_queue)
        may_write = keeper.leads_after(leads) if keeper else leads
        try:
            with mirroring(archive, settings, clock, may_write=may_write) as mirror:
                return Daemon(work_queue, load, environment, mirror, keeper).run()
        finally:
            if keeper:
                keeper.queue.resign()

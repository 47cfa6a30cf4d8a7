"""What the daemon tells of itself: counters, ``/healthz`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from archive.model.article import Revision
from archive.model.feed import Entry, Failure, Poll
from archive.model.fetch import Decision
from cluster.numbers import ClusterNumbers
from scheduler.clock import Clock
from scheduler.crawl.context import CrawlObserver
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.mirroring import JournalMirror
from scheduler.monitoring.archive_size import measure_archive
from scheduler.monitoring.health import Health, HealthStatus
from scheduler.monitoring.health_token import read_token
from scheduler.monitoring.metrics import Metrics, Snapshot
from scheduler.monitoring.reports import report_feeds

# Between two measurements of the archive's size. One reads every folder: a minute for some million files on a slow
# disk, and a day adds a few MB.
SIZE_INTERVAL = timedelta(hours=6)


class Monitor(CrawlObserver):
    """Counts what happens in a run, and serves health and metrics if ``health.port`` is set.

    :param stuck: returns what has made no progress for too long, as text for people; None if nothing is stuck
    :param requests: returns the number of HTTP requests sent
    """

    def __init__(
        self,
        work_queue: ArchiveWorkQueue,
        clock: Clock,
        stuck: Callable[[], str | None],
        requests: Callable[[], int],
    ) -> None:
        self.metrics = Metrics()
        self.unanchored: Callable[[], Mapping[str, bool]] = dict  # by anchor: the newest root is not anchored there
        self.mirror: JournalMirror | None = None
        self.cluster: Callable[[], ClusterNumbers | None] = lambda: None
        self._work_queue = work_queue
        self._context = work_queue.context
        self._clock = clock
        self._stuck = stuck
        self._requests = requests
        self._started_at = clock.now()
        self._sizes: Mapping[str, int] = {}
        self.reloaded(succeeded=True)  # the configuration of the start

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count, and serve health and metrics meanwhile.

        :raises HealthError: the port cannot be listened on, or the token cannot be read
        """
        settings = self._context.settings.health
        self._context.observers.append(self)
        if not settings.port:
            yield
            return
        token = read_token(settings)
        health = Health(settings.port, self._health, self._render, address=settings.address, token=token)
        health.listen()
        stop = threading.Event()
        measuring = asyncio.ensure_future(self._measure_forever(stop))
        try:
            yield
        finally:
            stop.set()
            measuring.cancel()
            with suppress(asyncio.CancelledError):
                await measuring
            await health.stop()

    async def _measure_forever(self, stop: threading.Event) -> None:
        while True:
            sizes = await asyncio.to_thread(measure_archive, self._context.archive.root, stop)
            self._sizes = sizes or self._sizes
            await asyncio.sleep(self._clock.seconds(SIZE_INTERVAL))

    def reloaded(self, *, succeeded: bool) -> None:
        """Record that a configuration came into force, or was refused."""
        self.metrics.reloaded(self._clock.now() if succeeded else None)

    # CrawlObserver

    def polled(self, poll: Poll) -> None:
        """Count the poll."""
        self.metrics.polled(poll.feed, poll.error)

    def archived(self, entry: Entry, revision: Revision) -> None:
        """Count the article, with its latency if it is newer than this process."""
        entered = entry.entered or entry.published
        is_new = entered is not None and entered >= self._started_at  # otherwise it waited for the daemon to start
        self.metrics.archived(self._clock.now() - entered if entered and is_new else None)

    def rechecked(self, decision: Decision) -> None:
        """Count the recheck."""
        self.metrics.rechecked(decision.outcome)

    def failed(self, failure: Failure) -> None:
        """Count the failure."""
        self.metrics.failed(failure.kind)

    # Health

    def _health(self) -> HealthStatus:
        stuck, store, now = self._stuck(), self._context.store, self._clock.now()
        reports = report_feeds(self._context.settings, store, now, counted=False)
        states = Counter(report.state for report in reports)
        disk_refuses = self._context.refused() or self._work_queue.articles.disk_refuses
        disk_low = self._context.free_space.is_low
        all_fail = bool(states) and set(states) <= {"failing", "blocked"}
        details: dict[str, Any] = {
            "feeds": states,
            "waiting": store.entries.counts().pending,
            "gaps": len(store.coverage.gaps()),
            "stuck": stuck,
            "disk_refuses": disk_refuses,
            "disk_low": disk_low,
        }
        if numbers := self.cluster():
            details["cluster"] = {"postgresql": numbers.is_up, "leading": numbers.leads, "fetchers": numbers.fetchers}
        is_cut_off = numbers is not None and not numbers.is_up
        return HealthStatus(not (stuck or disk_refuses or disk_low or all_fail or is_cut_off), details)

    def _render(self) -> bytes:
        store, settings = self._context.store, self._context.settings
        now: datetime = self._clock.now()
        counts = store.entries.counts()
        snapshot = Snapshot(
            feeds=tuple(report_feeds(settings, store, now, counted=False)),
            gaps=tuple(store.coverage.gaps()),
            pending=counts.pending,
            parked=counts.parked,
            backed_off_hosts=sum(backoff.until > now for backoff in store.backoffs.all()),
            requests=self._requests(),
            peeks=self._context.peeks,
            archived=counts.archived,
            gone=store.stats.gone(),
            disk_free=self._context.free_space.bytes,
            min_free=settings.archive.min_free,
            disk_low=self._context.free_space.is_low,
            sizes=self._sizes,
            alerts=tuple(alert.name for alert in settings.alerts),
            unanchored=self.unanchored(),
            mirror=self.mirror.snapshot() if self.mirror else None,
            cluster=self.cluster(),
        )
        return self.metrics.render(snapshot)

"""The daemon's Prometheus metrics. docs/health.md explains each one and when to raise an alarm."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version

from msgspec import Struct, field
from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from archive.model.feed import Failure, FailureKind, Gap
from archive.model.fetch import Outcome
from cluster.numbers import ClusterNumbers
from scheduler.mirroring import MirrorSnapshot
from scheduler.monitoring.feed_gauges import feed_gauges
from scheduler.monitoring.reports import FeedReport

# The oldest of the text formats: every program that reads Prometheus metrics supports it.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
OUTCOMES = ("ok", *FailureKind)  # of a poll
# Prometheus interpolates a quantile between two bounds, so they are close around 20 s: the aim is that in busy hours
# 95 of 100 articles are archived within that time, and within a minute where each feed is polled by itself. Higher
# bounds reach an hour, the longest default interval between two polls; the last ones cover outages and retries
# (scheduler.policy.intervals).
LATENCY_BUCKETS_SECONDS = (5, 10, 15, 20, 25, 30, 45, 60, 75, 90, 120, 180, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)


class Snapshot(Struct, frozen=True):
    """The state at the time of a request. Computing it does not take longer as the archive grows."""

    feeds: tuple[FeedReport, ...]  # the configured feeds that are on
    gaps: tuple[Gap, ...]  # the open gaps
    pending: int  # entries whose article is not fetched yet
    parked: int  # entries that were given up
    backed_off_hosts: int  # hosts that get no requests at present
    requests: int  # sent since the process started
    peeks: int = 0  # of these, for the first pages of broad lists
    archived: int = 0  # articles in the archive
    gone: int = 0  # of these, articles that the site no longer has
    disk_free: int | None = None  # bytes; None: unknown
    min_free: int = 0  # bytes; archive.min_free
    disk_low: bool = False  # crawling is paused, because less is free
    sizes: Mapping[str, int] = field(default_factory=dict)  # bytes by part of the archive; empty: not measured yet
    alerts: tuple[str, ...] = ()  # names of the configured alerts
    unanchored: Mapping[str, bool] = field(default_factory=dict)  # by anchor: the newest root is not anchored there
    mirror: MirrorSnapshot | None = None  # None: journal.mirror is not set
    cluster: ClusterNumbers | None = None  # None: this daemon sends its requests itself


class Metrics:
    """The daemon's metrics: counters that grow with each event, rendered together with a :class:`Snapshot`."""

    def __init__(self) -> None:
        # Else each counter has a second series with its time of creation. The library's function has no types.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        self._polls = counter(
            "finarchive_polls",
            "Polls of a feed, by outcome: ok, or the kind of failure that ended the poll.",
            ("feed", "outcome"),
        )
        self._archived = counter("finarchive_articles_archived", "Articles whose file and index row are written.")
        self._rechecks = counter("finarchive_rechecks", "Rechecks of archived articles, by outcome.", ["outcome"])
        self._failures = counter("finarchive_failures", "Failed attempts on articles, by kind.", ("kind",))
        self._latency = Histogram(
            "finarchive_archive_latency_seconds",
            "Time from an article's entry into its list (else its publication) to its archiving.",
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=self._registry,
        )
        self._alerts = counter(
            "finarchive_alert_messages",
            "Messages of an alert, by outcome: sent, or failed and retried.",
            ("alert", "outcome"),
        )
        self._anchors = counter(
            "finarchive_anchor_attempts",
            "Attempts to anchor a root, by outcome: anchored, or failed and retried.",
            ("anchor", "outcome"),
        )
        build = Info("finarchive_build", "The running version.", registry=self._registry)
        build.info({"version": version("finarchive")})
        _ProcessMetrics(registry=self._registry)
        self._add_reload_gauges()
        for kind in FailureKind:
            self._failures.labels(kind)  # start at 0: Prometheus sees no increase in a series that begins with 1

    def _add_reload_gauges(self) -> None:
        self._reload_succeeded = Gauge(
            "finarchive_config_last_reload_successful",
            "1 if the last reload of the configuration succeeded, else 0.",
            registry=self._registry,
        )
        self._reloaded_at = Gauge(
            "finarchive_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was loaded.",
            registry=self._registry,
        )

    def polled(self, feed: str, error: Failure | None) -> None:
        """Count a poll.

        :param feed: the feed's id
        :param error: the failure that ended the poll; None if it succeeded
        """
        self._polls.labels(feed, error.kind if error else "ok").inc()

    def archived(self, latency: timedelta | None) -> None:
        """Count an archived article.

        :param latency: the time since the article appeared in its list; None where it does not measure
            the daemon: on a feed's first poll, in a backfill, for a list without times
        """
        self._archived.inc()
        if latency is not None:
            self._latency.observe(max(latency.total_seconds(), 0.0))  # the site's clock may be ahead

    def rechecked(self, outcome: Outcome) -> None:
        """Count a recheck of an archived article."""
        self._rechecks.labels(outcome).inc()

    def failed(self, kind: FailureKind) -> None:
        """Count a failed attempt on an article."""
        self._failures.labels(kind).inc()

    def alerted(self, alert: str, is_sent: bool) -> None:
        """Count a message of an alert, which was sent or failed.

        :param alert: the alert's name
        """
        self._alerts.labels(alert, "sent" if is_sent else "failed").inc()

    def anchored(self, anchor: str, is_done: bool) -> None:
        """Count an attempt to anchor a root.

        :param anchor: the anchor's name
        """
        self._anchors.labels(anchor, "anchored" if is_done else "failed").inc()

    def reloaded(self, at: datetime | None) -> None:
        """Record that a configuration came into force.

        :param at: when; None: it was refused, and the previous one stays
        """
        self._reload_succeeded.set(at is not None)
        if at is not None:
            self._reloaded_at.set(at.timestamp())

    def render(self, snapshot: Snapshot) -> bytes:
        """All metrics as text of :data:`CONTENT_TYPE`.

        Feeds that are not in the snapshot keep only their count of polls.
        """
        for feed in snapshot.feeds:
            for outcome in OUTCOMES:
                self._polls.labels(feed.id, outcome)  # at 0, as above
        for alert in snapshot.alerts:
            for outcome in ("sent", "failed"):
                self._alerts.labels(alert, outcome)
        for anchor in snapshot.unanchored:
            for outcome in ("anchored", "failed"):
                self._anchors.labels(anchor, outcome)
        gauges = _SnapshotCollector(snapshot)
        self._registry.register(gauges)
        try:
            return generate_latest(self._registry)
        finally:
            self._registry.unregister(gauges)


class _SnapshotCollector:
    """The gauges of a snapshot. They are created for each request, so that feeds that are gone leave no series."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """The gauges; the registry calls this."""
        snapshot = self._snapshot
        feeds = snapshot.feeds
        yield CounterMetricFamily("finarchive_requests", "Requests sent, robots.txt included.", snapshot.requests)
        yield CounterMetricFamily("finarchive_peeks", "Requests for first pages of broad lists.", snapshot.peeks)
        yield GaugeMetricFamily("finarchive_articles", "Articles in the archive.", snapshot.archived)
        yield GaugeMetricFamily("finarchive_articles_gone", "Those that the site no longer has.", snapshot.gone)
        yield GaugeMetricFamily("finarchive_articles_pending", "Articles waiting to be fetched.", snapshot.pending)
        yield GaugeMetricFamily("finarchive_articles_parked", "Articles given up.", snapshot.parked)
        yield GaugeMetricFamily("finarchive_hosts_backed_off", "Hosts backed off now.", snapshot.backed_off_hosts)
        yield from self._disk()
        yield from feed_gauges(feeds, snapshot.gaps)
        yield from self._elsewhere()
        yield from self._cluster()

    def _cluster(self) -> Iterator[Metric]:
        if (numbers := self._snapshot.cluster) is None:
            return
        for name, description, value in (
            ("up", "1 while PostgreSQL answers, else 0.", numbers.is_up),
            ("leading", "1 while this keeper leads, else 0.", numbers.leads),
            ("epoch", "Number of the leader.", numbers.epoch),
            ("fetchers", "Fetchers seen within 30 seconds.", numbers.fetchers),
            ("requests_queued", "Requests that wait for a fetcher.", numbers.queued),
            ("oldest_request_seconds", "Since when the oldest of them waits.", numbers.oldest),
            ("responses_waiting", "Responses that wait for the keeper.", numbers.responses),
            ("responses_waiting_bytes", "Their size.", numbers.response_bytes),
        ):
            yield GaugeMetricFamily(f"finarchive_cluster_{name}", description, value)

    def _elsewhere(self) -> Iterator[Metric]:
        unanchored = GaugeMetricFamily(
            "finarchive_root_unanchored", "1 while the newest root is not anchored there.", labels=("anchor",)
        )
        for anchor, is_missing in self._snapshot.unanchored.items():
            unanchored.add_metric((anchor,), is_missing)
        yield unanchored
        if mirror := self._snapshot.mirror:
            age = "For how long the oldest bytes of the journal wait to be copied to the mirror."
            yield GaugeMetricFamily("finarchive_mirror_age_seconds", age, mirror.age)
            failing = "1 if the last attempt to copy to the mirror failed, else 0."
            yield GaugeMetricFamily("finarchive_mirror_failing", failing, mirror.is_failing)
            failures = "Attempts to copy to the mirror that failed."
            yield CounterMetricFamily("finarchive_mirror_failures", failures, mirror.failures)

    def _disk(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        if snapshot.disk_free is not None:
            free = "Free space of the archive's disk that the daemon may use."
            yield GaugeMetricFamily("finarchive_disk_free_bytes", free, snapshot.disk_free)
        low = "Below this free space crawling pauses (archive.min_free)."
        yield GaugeMetricFamily("finarchive_disk_min_free_bytes", low, snapshot.min_free)
        paused = "1 while crawling is paused because the disk is nearly full, else 0."
        yield GaugeMetricFamily("finarchive_disk_low", paused, snapshot.disk_low)
        size = "Disk space of the archive, by part; measured every six hours."
        sizes = GaugeMetricFamily("finarchive_archive_size_bytes", size, labels=["part"])
        for part, taken in snapshot.sizes.items():
            sizes.add_metric([part], taken)
        yield sizes


class _ProcessMetrics(ProcessCollector):
    """Memory, CPU time and file descriptors of this process.

    The library reports nothing if it cannot read /proc/stat, for example under systemd's ProcSubset=pid. It needs
    only the boot time from there, so this class computes that.
    """

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

"""The daemon's Prometheus metrics. docs/health.md explains each one and when to raise an alarm."""

from __future__ import annotations

import time
from collections import Counter as CollectionsCounter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from archive.model.feed import Failure, FailureKind, Gap
from archive.model.fetch import Outcome
from scheduler.monitoring.reports import FeedReport

# The oldest of the text formats: every program that reads Prometheus metrics supports it.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
STATES = ("ok", "stale", "failing", "blocked", "new")  # of a feed
OUTCOMES = ("ok", *FailureKind)  # of a poll
# Prometheus interpolates a quantile between two bounds, so they are close around 60 s: the aim is that in busy hours
# 95 of 100 articles are archived within a minute. Higher bounds reach an hour, the longest default interval between
# two polls; the last ones cover outages and retries (scheduler.policy.intervals).
LATENCY_BUCKETS_SECONDS = (5, 10, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at the time of a request. Computing it does not take longer as the archive grows."""

    feeds: tuple[FeedReport, ...]  # the configured feeds that are on
    gaps: tuple[Gap, ...]  # the open gaps
    pending: int  # entries whose article is not fetched yet
    parked: int  # entries that were given up
    backed_off_hosts: int  # hosts that get no requests at present
    requests: int  # sent since the process started
    alerts: tuple[str, ...] = ()  # names of the configured alerts
    unanchored: Mapping[str, bool] = field(default_factory=dict)  # by anchor: the newest root is not anchored there


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
        self._rechecks = counter(
            "finarchive_articles_looked_at_again", "Rechecks of archived articles, by outcome.", ["outcome"]
        )
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
        for kind in FailureKind:
            self._failures.labels(kind)  # start at 0: Prometheus sees no increase in a series that begins with 1

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

    def render(self, snapshot: Snapshot, now: datetime) -> bytes:
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
        gauges = _SnapshotCollector(snapshot, now)
        self._registry.register(gauges)
        try:
            return generate_latest(self._registry)
        finally:
            self._registry.unregister(gauges)


class _SnapshotCollector:
    """The gauges of a snapshot. They are created for each request, so that feeds that are gone leave no series."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self._snapshot = snapshot
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """The gauges; the registry calls this."""
        snapshot = self._snapshot
        feeds = snapshot.feeds
        yield CounterMetricFamily("finarchive_requests", "Requests sent, robots.txt included.", snapshot.requests)
        yield GaugeMetricFamily("finarchive_queue_length", "Articles waiting to be fetched.", snapshot.pending)
        yield GaugeMetricFamily("finarchive_parked", "Articles given up.", snapshot.parked)
        yield GaugeMetricFamily("finarchive_hosts_resting", "Hosts backed off at present.", snapshot.backed_off_hosts)
        yield _by_feed(
            "finarchive_poll_age_seconds",
            "Time since the last poll, including failed ones; absent for a feed that was never polled.",
            ((feed.id, self._age(feed.last_poll)) for feed in feeds),
        )
        yield _by_feed(
            "finarchive_newest_item_age_seconds",
            "Time since the publication of the newest article that the feed has listed.",
            ((feed.id, self._age(feed.newest)) for feed in feeds),
        )
        gaps = CollectionsCounter(gap.feed for gap in snapshot.gaps)
        yield _by_feed(
            "finarchive_gaps_open",
            "Periods in which the feed may have listed articles that no poll has seen.",
            ((feed.id, gaps[feed.id]) for feed in feeds),
        )
        unanchored = GaugeMetricFamily(
            "finarchive_root_unanchored", "1 while the newest root is not anchored there.", labels=("anchor",)
        )
        for anchor, is_missing in snapshot.unanchored.items():
            unanchored.add_metric((anchor,), is_missing)
        yield unanchored
        states = GaugeMetricFamily(
            "finarchive_feed_state", "1 for the feed's current state, 0 for the others.", labels=("feed", "state")
        )
        for feed in feeds:
            for state in dict.fromkeys((*STATES, feed.state)):
                states.add_metric((feed.id, state), state == feed.state)
        yield states

    def _age(self, then: datetime | None) -> float | None:
        # Never negative: clocks are set back, and sites date articles in the future.
        return max((self._now - then).total_seconds(), 0.0) if then else None


def _by_feed(name: str, description: str, values: Iterable[tuple[str, float | None]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, description, labels=("feed",))
    for feed, value in values:
        if value is not None:
            family.add_metric((feed,), value)
    return family


class _ProcessMetrics(ProcessCollector):
    """Memory, CPU time and file descriptors of this process.

    The library reports nothing if it cannot read /proc/stat, for example under systemd's ProcSubset=pid. It needs
    only the boot time from there, so this class computes that.
    """

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

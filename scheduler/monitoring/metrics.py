"""What the daemon counts, in Prometheus' words. docs/health.md says what each metric means and when to be alarmed."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
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

# The oldest of the text formats: whatever reads Prometheus' metrics reads it.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
STATES = ("ok", "stale", "failing", "blocked", "new")  # of a feed
OUTCOMES = ("ok", *FailureKind)  # of a poll
# Seconds. A quantile is guessed between two bounds, so they stand close around 60: the aim is that in busy hours
# 95 of 100 articles are archived within a minute. Above, up to an hour: the longest interval between two polls, if
# nothing else is configured; then what outages and the retries (scheduler.policy.intervals) cost.
BUCKETS = (5, 10, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 1800, 3600, 4 * 3600, 24 * 3600)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything stands at the moment of reading; all of it is cheap to have, however large the archive."""

    feeds: tuple[FeedReport, ...]  # of the feeds that are configured and on
    gaps: tuple[Gap, ...]  # that are open
    pending: int  # entries whose article waits to be fetched
    parked: int  # entries that were given up
    resting: int  # hosts that are left alone at present
    requests: int  # sent since the process started
    alerts: tuple[str, ...] = ()  # names of those that are configured


class Metrics:
    """The daemon's metrics: counted as things happen, and read together with a :class:`Snapshot`."""

    def __init__(self) -> None:
        # Each counter would have a second series, of when it was made. The library has no way to ask for it typed.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._polls = Counter(
            "finarchive_polls",
            "Polls of a feed's list, by outcome: ok, or the kind of failure that it broke off with.",
            ("feed", "outcome"),
            registry=self._registry,
        )
        self._archived = Counter(
            "finarchive_articles_archived", "Articles whose file and row are on the disk.", registry=self._registry
        )
        self._fetches = Counter(
            "finarchive_articles_looked_at_again",
            "Looks at articles that were archived before, by what came of them.",
            ["outcome"],
            registry=self._registry,
        )
        self._failures = Counter(
            "finarchive_failures", "Failed attempts on articles, by kind.", ("kind",), registry=self._registry
        )
        self._latency = Histogram(
            "finarchive_archive_latency_seconds",
            "From an article's entering its list (its publication, if the list does not say) to its being archived.",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._alerts = Counter(
            "finarchive_alert_messages",
            "Messages of an alert, by what came of them: sent, or failed and tried again.",
            ("alert", "outcome"),
            registry=self._registry,
        )
        build = Info("finarchive_build", "What is running.", registry=self._registry)
        build.info({"version": version("finarchive")})
        _Process(registry=self._registry)
        for kind in FailureKind:
            self._failures.labels(kind)  # at 0: Prometheus sees no increase in a series that begins with 1

    def polled(self, feed: str, error: Failure | None) -> None:
        """A poll of the feed of this id has ended.

        :param error: why it broke off
        """
        self._polls.labels(feed, error.kind if error else "ok").inc()

    def archived(self, latency: timedelta | None) -> None:
        """An article was archived.

        :param latency: since it entered the list; None where that says nothing of us: a list's first poll, a
            backfill, a list without times
        """
        self._archived.inc()
        if latency is not None:
            self._latency.observe(max(latency.total_seconds(), 0.0))  # the site's clock may be ahead of ours

    def rechecks_since(self, outcome: Outcome) -> None:
        """An archived article was looked at again."""
        self._fetches.labels(outcome).inc()

    def failed(self, kind: FailureKind) -> None:
        """An attempt on an article failed."""
        self._failures.labels(kind).inc()

    def alerted(self, alert: str, taken: bool) -> None:
        """A message of the alert of this name was taken, or was not."""
        self._alerts.labels(alert, "sent" if taken else "failed").inc()

    def render(self, snapshot: Snapshot, now: datetime) -> bytes:
        """Everything, as text of :data:`CONTENT_TYPE`.

        Of feeds that are not in the snapshot nothing is told but how often they were polled.
        """
        for feed in snapshot.feeds:
            for outcome in OUTCOMES:
                self._polls.labels(feed.id, outcome)  # at 0, as above
        for alert in snapshot.alerts:
            for outcome in ("sent", "failed"):
                self._alerts.labels(alert, outcome)
        shown = _Shown(snapshot, now)
        self._registry.register(shown)
        try:
            return generate_latest(self._registry)
        finally:
            self._registry.unregister(shown)


class _Shown:
    """A snapshot's gauges. They are made anew at each reading, so that what is gone from it is gone."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self._snapshot, self._now = snapshot, now

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        shown, feeds = self._snapshot, self._snapshot.feeds
        yield CounterMetricFamily("finarchive_requests", "Requests sent, robots.txt included.", shown.requests)
        yield GaugeMetricFamily("finarchive_queue_length", "Articles that wait to be fetched.", shown.pending)
        yield GaugeMetricFamily("finarchive_parked", "Articles that were given up.", shown.parked)
        yield GaugeMetricFamily("finarchive_hosts_resting", "Hosts that are left alone at present.", shown.resting)
        yield _by_feed(
            "finarchive_poll_age_seconds",
            "Since the last poll, failed ones too; none for a feed that was never polled.",
            ((feed.id, self._age(feed.last_poll)) for feed in feeds),
        )
        yield _by_feed(
            "finarchive_newest_item_age_seconds",
            "Since the publication of the newest article that the feed has listed.",
            ((feed.id, self._age(feed.newest)) for feed in feeds),
        )
        gaps = Tally(gap.feed for gap in shown.gaps)
        yield _by_feed(
            "finarchive_gaps_open",
            "Stretches in which the feed may have shown articles that nobody saw.",
            ((feed.id, gaps[feed.id]) for feed in feeds),
        )
        states = GaugeMetricFamily("finarchive_feed_state", "1 for the state it is in.", labels=("feed", "state"))
        for feed in feeds:
            for state in dict.fromkeys((*STATES, feed.state)):
                states.add_metric((feed.id, state), state == feed.state)
        yield states

    def _age(self, then: datetime | None) -> float | None:
        # Never negative: clocks are set back, and sites date articles ahead.
        return max((self._now - then).total_seconds(), 0.0) if then else None


def _by_feed(name: str, told: str, values: Iterable[tuple[str, float | None]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=("feed",))
    for feed, value in values:
        if value is not None:
            family.add_metric((feed,), value)
    return family


class _Process(ProcessCollector):
    """Memory, CPU time and file descriptors of this process.

    The library tells nothing at all where /proc/stat cannot be read, as under systemd's ProcSubset=pid: all that it
    wants from there is the time of boot.
    """

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

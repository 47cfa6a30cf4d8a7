"""The gauges of feeds in the daemon's metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric

from archive.model.feed import Gap
from scheduler.monitoring.reports import FeedReport

STATES = ("ok", "stale", "failing", "blocked", "new")  # of a feed


def feed_gauges(feeds: Sequence[FeedReport], gaps: Iterable[Gap]) -> Iterator[Metric]:
    """Yield the gauges of the configured feeds that are on.

    :param gaps: the open ones
    """
    yield _by_feed(
        "finarchive_last_poll_timestamp_seconds",
        "When the feed was last polled, failed polls included; absent for a feed that was never polled.",
        ((feed.id, _seconds(feed.last_poll)) for feed in feeds),
    )
    yield _by_feed(
        "finarchive_newest_article_timestamp_seconds",
        "When the newest article that the feed has listed was published.",
        ((feed.id, _seconds(feed.newest)) for feed in feeds),
    )
    yield _by_feed(
        "finarchive_feed_heard",
        "1 while the feed is heard through a broad list, and polled only to verify that; else 0.",
        ((feed.id, feed.heard_through is not None) for feed in feeds),
    )
    yield _by_feed(
        "finarchive_last_miss_timestamp_seconds",
        "When a broad list last turned out to lack an article of the feed; absent if that never happened.",
        ((feed.id, _seconds(datetime.fromisoformat(miss["at"]))) for feed in feeds if (miss := feed.last_miss)),
    )
    open_gaps = Counter(gap.feed for gap in gaps)
    yield _by_feed(
        "finarchive_gaps_open",
        "Periods in which the feed may have listed articles that no poll has seen.",
        ((feed.id, open_gaps[feed.id]) for feed in feeds),
    )
    yield _states(feeds)


def _states(feeds: Sequence[FeedReport]) -> Metric:
    states = GaugeMetricFamily(
        "finarchive_feed_state", "1 for the feed's current state, 0 for the others.", labels=("feed", "state")
    )
    for feed in feeds:
        for state in dict.fromkeys((*STATES, feed.state)):
            states.add_metric((feed.id, state), state == feed.state)
    return states


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _by_feed(name: str, description: str, values: Iterable[tuple[str, float | None]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, description, labels=("feed",))
    for feed, value in values:
        if value is not None:
            family.add_metric((feed,), value)
    return family

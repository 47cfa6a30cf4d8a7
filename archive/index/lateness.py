"""How late articles enter a list: a histogram that fades, and the bound that follows from it. Pure.

A list is ordered by the time that its pages show, but articles enter it later, at the place of that time: of a real
week's new articles 5.7 % more than 30 minutes after the poll that should have shown them, 1.7 % more than two hours,
at most seven hours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from archive.model.feed import Lateness, Span

_MINUTES = (5, 10, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440, 2160, 2880, 4320, 5760, 7200, 10080)
# Upper edges of the buckets. The first has what was on time; the last also has everything later.
EDGES = tuple(timedelta(minutes=minutes) for minutes in _MINUTES)
HALF_LIFE = timedelta(days=28)  # a New Year with its late editors should not count for a whole year
# A bucket counts as long as one article is in it that is not older than the half-life.
_MIN_COUNT = 0.5
# With fewer articles the bound is unknown: 1.7 % of 200 are three, so that a feed with late articles has shown one.
MIN_ARTICLES = 200.0
UNKNOWN_BOUND = timedelta(days=1)  # three times the longest measured
MIN_BOUND = timedelta(hours=1)  # the polls of a feed may be an hour apart
# Between two polls further apart than this, nobody knows when an article entered.
MAX_POLL_DISTANCE = timedelta(hours=2)
NO_LATENESS = Lateness((), None)


def learn(lateness: Lateness, samples: Iterable[timedelta], at: datetime) -> Lateness:
    """Add articles to the histogram.

    :param samples: how late each article was; zero for one that was on time
    :param at: when they were first listed
    """
    since = at - lateness.until if lateness.until else timedelta(0)
    fade = 0.5 ** (max(since, timedelta(0)) / HALF_LIFE)
    counts = [count * fade for count in lateness.counts] or [0.0] * len(EDGES)
    for sample in samples:
        counts[min(bisect_left(EDGES, sample), len(EDGES) - 1)] += 1
    return Lateness(tuple(counts), max(at, lateness.until or at))


def bound(lateness: Lateness) -> timedelta:
    """Return the time after which an article has entered its list, as far as was measured."""
    seen = [edge for edge, count in zip(EDGES, lateness.counts, strict=False) if count >= _MIN_COUNT]
    return max(*seen, MIN_BOUND, UNKNOWN_BOUND if sum(lateness.counts) < MIN_ARTICLES else MIN_BOUND)


def quantile(lateness: Lateness, share: float) -> timedelta | None:
    """Return the time within which this share of the articles has entered; None if nothing was measured."""
    wanted = share * sum(lateness.counts)
    total = 0.0
    for edge, count in zip(EDGES, lateness.counts, strict=False):
        total += count
        if total >= wanted and total:
            return edge
    return None


def poll_samples(
    first_shown: Iterable[datetime], at: datetime, last_poll: datetime | None, spans: Sequence[Span]
) -> list[timedelta]:
    """Return how late the articles were that a poll is the first to show.

    :param first_shown: their publication times
    :param at: the time of the poll
    :param last_poll: the time of the last poll that left nothing unread
    :param spans: spans that were read before; an article of another time is old, not late
    """
    if last_poll is None or not timedelta(0) <= at - last_poll <= MAX_POLL_DISTANCE:
        return []
    return [
        at - time if time <= last_poll else timedelta(0)
        for time in first_shown
        if time > last_poll or _is_inside(time, spans)
    ]


def backfill_samples(first_shown: Iterable[datetime], at: datetime, spans: Sequence[Span]) -> list[timedelta]:
    """Return how late the articles were, at most, that a backfill or a sweep finds where polls have read."""
    return [at - time for time in first_shown if time <= at and _is_inside(time, spans)]


def _is_inside(time: datetime, spans: Sequence[Span]) -> bool:
    return any(span.start <= time <= span.end for span in spans)

"""Learn at which hours a feed publishes, and predict its next articles. Pure.

The record is :class:`archive.model.feed.ArrivalRate`: 48 slots, the hours of the day in China time on weekdays and at
weekends. The rate of a slot is the number of arrivals in it over the time it was observed. Slots with little evidence
shrink towards the feed's rate over all slots, and that rate towards the configured interval.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate

# Expected articles at which a poll is worth its request: at a half, two polls of five find something, and an article
# waits for half an interval on average. A higher target saves few requests, because in busy hours `schedule.min`
# limits the polls anyway. See D24.
ARTICLES_PER_POLL = 0.5

_HOUR = 3600.0  # all durations here that are not timedeltas are seconds
_WEEK = 168 * _HOUR
_CHINA_OFFSET = CHINA.utcoffset(None).total_seconds()
_SLOTS = 48
# Any Monday and Saturday: one of each kind of day.
_SAMPLE_DAYS = (datetime(2026, 3, 2, tzinfo=CHINA), datetime(2026, 3, 7, tzinfo=CHINA))

# Evidence counts half after its slot was observed for ten more hours: two weeks for an hour of weekdays, five for one
# of weekends. Short enough to follow a quiet summer, long enough that one busy day does not dominate the next.
_HALF_LIFE = 10 * _HOUR
_MEAN_LIFE = _HALF_LIFE / math.log(2)  # the limit of a slot's seconds
# Of a longer span without new articles only the end is learned: the part before would weigh half or less.
_MEMORY = timedelta(days=14)
# Weight of a prior: two hours of observation, but at most two articles. The hours keep one article of a rare feed
# from looking like a pattern of its hour. The articles let a few silent hours of night outweigh a busy day: two hours
# of a day with 40 articles an hour would predict busy nights for months.
_PRIOR_SECONDS = 2 * _HOUR
_PRIOR_ARTICLES = 2.0
# With fewer (decayed) articles the rate of a feed counts as unknown: one article is chance. A feed with one article a
# month reaches nearly two.
_MIN_KNOWN_ARRIVALS = 1.5
# The oldest tenth of a list may be pinned or filed late, and does not show how far back the list reaches.
_OLDEST_PART = 10
_MAX_WAIT = timedelta(weeks=52)  # keeps the arithmetic within the calendar

EMPTY = ArrivalRate(seconds=(0.0,) * _SLOTS, arrivals=(0.0,) * _SLOTS, until=None)  # of a feed that was never polled


def learn(arrival_rate: ArrivalRate, since: datetime, until: datetime, times: Iterable[datetime]) -> ArrivalRate:
    """Return the arrival rate updated with a span in which articles arrived at ``times``.

    Call it when new articles were found. A silence is learned when it ends: a feed that died keeps the rate that
    shows that it is dead.

    :param since: start of the observed span, usually the rate's ``until``
    :param times: when the articles entered the list; times outside the span are moved to its ends. If the span is
        longer than the memory, times before its last part are ignored
    :return: the rate with the new ``until``; otherwise unchanged if ``until`` is not after ``since``, as when a
        clock was set back
    """
    if until <= since:
        return replace(arrival_rate, until=until)
    start = max(since, until - _MEMORY)
    arrived = sorted(
        _china_seconds(time) for time in (min(max(time, since), until) for time in times) if time >= start
    )
    seconds, arrivals = list(arrival_rate.seconds), list(arrival_rate.arrivals)
    done = 0
    for slot, begin, end in _hours(_china_seconds(start), _china_seconds(until)):
        following = bisect_left(arrived, end, done) if end < _china_seconds(until) else len(arrived)
        remaining = _remaining(end - begin)
        # Decay is continuous: the result does not depend on how the time is split into spans.
        seconds[slot] = seconds[slot] * remaining + _MEAN_LIFE * (1 - remaining)
        arrivals[slot] = arrivals[slot] * remaining + sum(_remaining(end - time) for time in arrived[done:following])
        done = following
    return ArrivalRate(tuple(seconds), tuple(arrivals), until)


def learn_first_poll(times: Iterable[datetime], now: datetime) -> ArrivalRate:
    """Return the arrival rate that a feed's first poll shows: the list records when its articles arrived.

    :param times: of all listed articles, old ones included
    """
    past = sorted(time for time in times if time <= now)
    since = past[len(past) // _OLDEST_PART] if past else now
    return learn(EMPTY, since, now, [time for time in past if time >= since])


def is_known(arrival_rate: ArrivalRate) -> bool:
    """Return True if the feed brought enough recent articles for its rate to be meaningful."""
    return sum(arrival_rate.arrivals) >= _MIN_KNOWN_ARRIVALS


def expected(arrival_rate: ArrivalRate, since: datetime, until: datetime, base: timedelta) -> float:
    """Return the number of articles expected between two times; 0 when ``until`` is not after ``since``.

    :param base: the interval assumed to bring :data:`ARTICLES_PER_POLL` articles while the rate is unknown
    """
    rates, start, end = _rates(arrival_rate, base), _china_seconds(since), _china_seconds(until)
    if end <= start:
        return 0.0
    weeks = (end - start) // _WEEK
    return weeks * _per_week(rates) + sum(rates[slot] * (b - a) for slot, a, b in _hours(start + weeks * _WEEK, end))


def hourly_rates(arrival_rate: ArrivalRate, base: timedelta) -> tuple[float, ...]:
    """Return the expected articles in each hour of a weekday, then of a weekend day; empty if the rate is not known.

    :param base: as for :func:`expected`
    """
    if not is_known(arrival_rate):
        return ()
    hour = timedelta(hours=1)
    hours = [day + number * hour for day in _SAMPLE_DAYS for number in range(24)]
    return tuple(expected(arrival_rate, start, start + hour, base) for start in hours)


def expected_time(arrival_rate: ArrivalRate, since: datetime, number: float, base: timedelta) -> datetime:
    """Return when ``number`` articles are expected after ``since``; a year later at most.

    :param base: as for :func:`expected`, whose inverse this is
    """
    rates, start = _rates(arrival_rate, base), _china_seconds(since)
    weeks, left = divmod(max(number, 0.0), _per_week(rates))
    if weeks >= _MAX_WAIT.total_seconds() / _WEEK:
        return since + _MAX_WAIT
    at = start + weeks * _WEEK
    for slot, begin, end in _hours(at, at + _WEEK):
        in_slot = rates[slot] * (end - begin)
        if in_slot >= left:
            return since + timedelta(seconds=begin + left / rates[slot] - start)
        left -= in_slot
    return since + timedelta(seconds=at + _WEEK - start)  # rounding lost the last moment of the week


def interval(arrival_rate: ArrivalRate, since: datetime, number: float, base: timedelta) -> timedelta:
    """Return how long after ``since`` to poll in order to find ``number`` articles.

    As :func:`expected_time`, but where the rate falls, at most the interval at the rate of ``since``: articles
    from the last minutes of the evening must not wait for those of the night.

    :param base: as for :func:`expected`
    """
    slot, _, _ = next(_hours(_china_seconds(since), math.inf))
    steady = timedelta(seconds=min(number / _rates(arrival_rate, base)[slot], _MAX_WAIT.total_seconds()))
    return min(expected_time(arrival_rate, since, number, base) - since, steady)


def _rates(arrival_rate: ArrivalRate, base: timedelta) -> list[float]:
    """Articles per second in each slot; always above 0."""
    overall = _shrunk(sum(arrival_rate.arrivals), sum(arrival_rate.seconds), ARTICLES_PER_POLL / base.total_seconds())
    return [_shrunk(*evidence, overall) for evidence in zip(arrival_rate.arrivals, arrival_rate.seconds, strict=True)]


def _shrunk(arrivals: float, seconds: float, prior: float) -> float:
    """A rate, shrunk towards ``prior`` (per second) the more the weaker its evidence is."""
    weight = min(_PRIOR_SECONDS, _PRIOR_ARTICLES / prior)
    return (arrivals + prior * weight) / (seconds + weight)


def _per_week(rates: Sequence[float]) -> float:
    return (5 * sum(rates[:24]) + 2 * sum(rates[24:])) * _HOUR


def _remaining(seconds: float) -> float:
    """Share of the evidence that remains after its slot was observed for ``seconds`` more."""
    return math.exp(-seconds / _MEAN_LIFE)


def _china_seconds(moment: datetime) -> float:
    """Seconds since the start of 1970 in China."""
    return moment.timestamp() + _CHINA_OFFSET


def _hours(start: float, end: float) -> Iterator[tuple[int, float, float]]:
    """Yield slot, start and end of each clock hour between two times; the first and last are partial."""
    hour = int(start // _HOUR)
    while start < end:
        day, of_day = divmod(hour, 24)
        weekend = (day + 3) % 7 >= 5  # 1970 began on a Thursday
        hour += 1
        stop = min(hour * _HOUR, end)
        yield of_day + 24 * weekend, start, stop
        start = stop

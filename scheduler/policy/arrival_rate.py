"""When a feed brings articles, learned hour by hour of its week. Pure.

The record is :class:`archive.model.feed.ArrivalRate`: 48 slots, the hours of the day in China time on weekdays and at
weekends. A slot's rate is what came in it over how long it was watched. Slots of which little is known lean on the
feed's rate over all slots, and that on the configured interval.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate

# A poll is worth its request when half an article is to be expected: two polls of five then bring something, and
# an article waits for half an interval on average. More saves few requests, because polls come no closer than
# `schedule.min` in busy hours anyway. See D24.
WANTED = 0.5

_HOUR = 3600.0  # seconds, as all numbers here that are not times
_WEEK = 168 * _HOUR
_CHINA_AHEAD = CHINA.utcoffset(None).total_seconds()
_SLOTS = 48

# Evidence counts half after its slot was watched for ten hours more: two weeks for an hour of weekdays, five for one
# of weekends. Short enough to follow a summer lull, long enough that one busy day does not rule the next.
_HALF_LIFE = 10 * _HOUR
_LIFE = _HALF_LIFE / math.log(2)  # the same as a mean life: what a slot's seconds tend to
# Of a stretch without news longer than this its end is enough: what came before would weigh half or less.
_MEMORY = timedelta(days=14)
# How much a prior weighs: as much as two hours of watching, but no more than two articles. The hours keep one
# article of a rare feed from looking like a habit of that hour; the articles let a few silent hours of night outweigh
# a busy day. (Two hours of a day with 40 articles an hour would keep the nights busy for months.)
_PRIOR_SECONDS, _PRIOR_ARTICLES = 2 * _HOUR, 2.0
# With fewer articles than this, faded, nothing is known of a feed's habits: one is chance. A feed of one article a
# month comes to have nearly two.
_HABIT = 1.5
_OLDEST_PART = 10  # the oldest tenth of a list may be pinned, or filed late: it does not say how far the list reaches
_LONGEST = timedelta(weeks=52)  # nobody waits longer for an article; keeps the arithmetic within the calendar

EMPTY = ArrivalRate(seconds=(0.0,) * _SLOTS, arrivals=(0.0,) * _SLOTS, until=None)  # of a feed never watched


def learn(arrival_rate: ArrivalRate, since: datetime, until: datetime, times: Iterable[datetime]) -> ArrivalRate:
    """The rhythm, once a feed that was watched from since to until has brought articles at these times.

    Meant for when something new came. Silence is learned when it ends, so that a feed that died keeps the rhythm by
    which it can be told that it is dead.

    :param since: the rhythm's ``until``, as a rule
    :param times: when the articles entered the list; those outside the stretch are moved to its ends.
        (Of a stretch that is too long for the memory, those before its end part are left out)
    :return: with ``until`` set; nothing else is learned when until is not after since, as after a clock set back
    """
    if until <= since:
        return replace(arrival_rate, until=until)
    start = max(since, until - _MEMORY)
    came = sorted(_clock(time) for time in (min(max(time, since), until) for time in times) if time >= start)
    seconds, arrivals = list(arrival_rate.seconds), list(arrival_rate.arrivals)
    done = 0
    for slot, begin, end in _hours(_clock(start), _clock(until)):
        following = bisect_left(came, end, done) if end < _clock(until) else len(came)
        kept = _kept(end - begin)
        # As if it faded by the moment: then it does not matter into how many stretches the time is cut.
        seconds[slot] = seconds[slot] * kept + _LIFE * (1 - kept)
        arrivals[slot] = arrivals[slot] * kept + sum(_kept(end - time) for time in came[done:following])
        done = following
    return ArrivalRate(tuple(seconds), tuple(arrivals), until)


def first_fetch(times: Iterable[datetime], now: datetime) -> ArrivalRate:
    """What a feed's first poll tells: a list is a record of when its articles came, as far as it reaches.

    :param times: of all articles that were listed, the old ones too
    """
    known = sorted(time for time in times if time <= now)
    since = known[len(known) // _OLDEST_PART] if known else now
    return learn(EMPTY, since, now, [time for time in known if time >= since])


def is_known(arrival_rate: ArrivalRate) -> bool:
    """Whether the feed has brought enough, not yet faded, to speak of its habits."""
    return sum(arrival_rate.arrivals) >= _HABIT


def expected(arrival_rate: ArrivalRate, since: datetime, until: datetime, base: timedelta) -> float:
    """How many articles are to be expected between two times; 0 when until is not after since.

    :param base: the interval that is taken for right while nothing is known: it brings :data:`WANTED` articles
    """
    rates, start, end = _rates(arrival_rate, base), _clock(since), _clock(until)
    if end <= start:
        return 0.0
    weeks = (end - start) // _WEEK
    return weeks * _of_a_week(rates) + sum(rates[slot] * (b - a) for slot, a, b in _hours(start + weeks * _WEEK, end))


def time_of(arrival_rate: ArrivalRate, since: datetime, number: float, base: timedelta) -> datetime:
    """When so many articles are to be expected after since; a year later at the latest.

    :param base: as for :func:`expected`, whose inverse this is
    """
    rates, start = _rates(arrival_rate, base), _clock(since)
    weeks, left = divmod(max(number, 0.0), _of_a_week(rates))
    if weeks >= _LONGEST.total_seconds() / _WEEK:
        return since + _LONGEST
    at = start + weeks * _WEEK
    for slot, begin, end in _hours(at, at + _WEEK):
        brings = rates[slot] * (end - begin)
        if brings >= left:
            return since + timedelta(seconds=begin + left / rates[slot] - start)
        left -= brings
    return since + timedelta(seconds=at + _WEEK - start)  # rounding ate the last moment of the week


def interval(arrival_rate: ArrivalRate, since: datetime, number: float, base: timedelta) -> timedelta:
    """How long after since to look again, to find so many articles.

    As :func:`time_of` says; but where the rate falls, no longer than the rate at since would have it. What came in
    the last minutes of the evening must not wait for what the night brings.

    :param base: as for :func:`expected`
    """
    slot, _, _ = next(_hours(_clock(since), math.inf))
    steady = timedelta(seconds=min(number / _rates(arrival_rate, base)[slot], _LONGEST.total_seconds()))
    return min(time_of(arrival_rate, since, number, base) - since, steady)


def _rates(arrival_rate: ArrivalRate, base: timedelta) -> list[float]:
    """Articles per second in each slot; always above 0."""
    overall = _leaning(sum(arrival_rate.arrivals), sum(arrival_rate.seconds), WANTED / base.total_seconds())
    return [
        _leaning(*evidence, overall) for evidence in zip(arrival_rate.arrivals, arrival_rate.seconds, strict=True)
    ]


def _leaning(arrivals: float, seconds: float, prior: float) -> float:
    """A rate that leans on another one (`prior`, per second) as far as its own evidence is weak."""
    weight = min(_PRIOR_SECONDS, _PRIOR_ARTICLES / prior)
    return (arrivals + prior * weight) / (seconds + weight)


def _of_a_week(rates: Sequence[float]) -> float:
    return (5 * sum(rates[:24]) + 2 * sum(rates[24:])) * _HOUR


def _kept(seconds: float) -> float:
    """What is left of evidence after its slot was watched for so long."""
    return math.exp(-seconds / _LIFE)


def _clock(moment: datetime) -> float:
    """Seconds since 1970 began in China."""
    return moment.timestamp() + _CHINA_AHEAD


def _hours(start: float, end: float) -> Iterator[tuple[int, float, float]]:
    """The hours of the clock between two times, the first and last cut: slot, begin and end of each."""
    hour = int(start // _HOUR)
    while start < end:
        day, of_day = divmod(hour, 24)
        weekend = (day + 3) % 7 >= 5  # 1970 began on a Thursday
        hour += 1
        stop = min(hour * _HOUR, end)
        yield of_day + 24 * weekend, start, stop
        start = stop

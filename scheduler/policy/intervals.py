"""When to poll a feed, and when a silent list is dead. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from archive.model.feed import ArrivalRate, FailureKind
from config.model import Feed, ScheduleSettings
from scheduler.policy.arrival_rate import WANTED, expected, interval, is_known

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

_WEIGHTS = {
    FailureKind.TEMPORARY: 0.25,  # a time-out is over soon, as a rule
    FailureKind.UNREADABLE: 0.5,  # an error page in place of the list: often a slip, sometimes a new layout
    FailureKind.GONE: 1.0,
    FailureKind.REFUSED: 1.0,
    FailureKind.BLOCKED: 0.0,  # the host's rest says when to ask again; the feed need not wait on top of it
}
_LIGHTEST = 0.25  # every so much trouble doubles the wait
# A feed in trouble is asked at least this often, as a host that refuses is: it must recover by itself.
_MAX_SETBACK = _HOUR
# Three articles expected and none come is chance once in twenty times: something is other than usual.
_PATIENCE = 3.0
# How far intervals are moved at random, up or down. A tenth is enough to part the polls of feeds that began together.
_JITTER = 0.1
# A list that answers is dead when so many articles are missing: a slow day explains a few, never so many.
_MISSING = 30.0
# And not sooner than this, whatever is missing: a newsroom's system that is down over a morning is no dead list.
_SOONEST_DEATH = timedelta(hours=6)
# While nothing is known of a feed's habits. The longest quiet stretch of a live news list, the Spring Festival night,
# is shorter.
_UNKNOWN_DEATH = 3 * _DAY


@dataclass(frozen=True, slots=True)
class Pace:
    """Within which bounds a feed's interval adapts."""

    least: timedelta
    most: timedelta
    base: timedelta  # taken for right while nothing is known of the feed


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a list that answers is taken for dead."""

    age: timedelta  # of the newest article when the list last answered
    missing: float | None  # articles that the feed's rhythm let expect since; None: its rhythm is not known


def pace(feed: Feed, schedule: ScheduleSettings) -> Pace:
    """A feed's pace: its own ``every``, or the common one, within the common bounds."""
    base = min(max(feed.every or schedule.every, schedule.min), schedule.max)
    return Pace(least=schedule.min, most=schedule.max, base=base)


def weight(kind: FailureKind) -> float:
    """How much one failed poll weighs; a feed's trouble is the sum over its failed polls in a row."""
    return _WEIGHTS[kind]


def next_poll(
    arrival_rate: ArrivalRate,
    pace: Pace,
    now: datetime,
    *,
    last_poll: datetime | None,
    last_success: datetime | None,
    trouble: float = 0.0,
    spread: float = 0.5,
    cron_next: datetime | None = None,
) -> datetime:
    """When a feed is to be polled next; never before now.

    That is when its arrival rate predicts :data:`~scheduler.policy.arrival_rate.WANTED` articles since its last
    poll, within the pace. After a silence that its rhythm does not explain more are waited for: at an even rate the
    interval becomes a sixth of the silence. Failed polls put it off.

    :param arrival_rate: its ``until`` is when the feed last brought something new
    :param last_poll: None: never polled, so now. One in the future (the clock was set back) is taken as now
    :param last_success: the last poll that got an answer
    :param trouble: the weight of the failed polls in a row, see :func:`weight`
    :param spread: 0 to 1, a random number: moves the interval by up to a tenth, down or up
    :param cron_next: the next time by the feed's cron expression, if it has one; it overrules everything else
    """
    if cron_next is not None:
        return max(cron_next, now)
    if last_poll is None:
        return now
    last_poll = min(last_poll, now)
    number = WANTED * max(1.0, _silence(arrival_rate, last_poll, last_success, pace.base) / _PATIENCE)
    healthy = min(interval(arrival_rate, last_poll, number, pace.base), pace.most)
    setback = _setback(trouble, pace)
    wait = max(healthy, setback) * (1 + _JITTER * (2 * spread - 1))
    return max(now, last_poll + min(max(wait, pace.least), max(pace.most, setback)))


def find_silence(
    arrival_rate: ArrivalRate, newest: datetime | None, heard: datetime, base: timedelta
) -> Silence | None:
    """Whether a list that answers has died; None: it has not, or nothing can be said.

    :param newest: publication time of the newest article it has listed. Where that lies in the future, the rhythm's
        ``until`` is taken
    :param heard: when it last answered, not the time of asking: what came later nobody has seen
    :param base: as in the feed's :class:`Pace`
    """
    since = arrival_rate.until if newest and newest > heard else newest
    if since is None:
        return None
    age = heard - since
    if not is_known(arrival_rate):
        return Silence(age, None) if age >= _UNKNOWN_DEATH else None
    missing = expected(arrival_rate, since, heard, base)
    return Silence(age, missing) if missing >= _MISSING and age >= _SOONEST_DEATH else None


def _silence(arrival_rate: ArrivalRate, last_poll: datetime, last_success: datetime | None, base: timedelta) -> float:
    """How many articles the rhythm let expect since the feed last brought one, as far as it was heard."""
    if arrival_rate.until is None or last_success is None:
        return 0.0
    return expected(arrival_rate, arrival_rate.until, min(last_success, last_poll), base)


def _setback(trouble: float, pace: Pace) -> timedelta:
    """How long trouble keeps a feed from being polled: the least interval after one time-out, then doubling."""
    if trouble <= 0:
        return timedelta(0)
    longest = max(pace.most, _MAX_SETBACK)
    doublings = min(trouble / _LIGHTEST - 1, 32.0)  # more would leave the range of numbers after months of failures
    return timedelta(seconds=min(pace.least.total_seconds() * 2**doublings, longest.total_seconds()))

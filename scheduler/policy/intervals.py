"""When to poll a feed, and when a silent list is dead. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from archive.model.feed import ArrivalRate, FailureKind
from scheduler.policy.arrival_rate import ARTICLES_PER_POLL, expected, interval, is_known

if TYPE_CHECKING:
    from config.model import Feed, ScheduleSettings

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

_WEIGHTS = {
    FailureKind.TEMPORARY: 0.25,  # a time-out usually passes soon
    FailureKind.UNREADABLE: 0.5,  # an error page instead of the list: often temporary, sometimes a new layout
    FailureKind.GONE: 1.0,
    FailureKind.ENDED: 1.0,
    FailureKind.REFUSED: 1.0,
    FailureKind.BLOCKED: 0.0,  # the back-off of the host says when to try again; the feed adds no delay of its own
}
_TROUBLE_PER_DOUBLING = 0.25  # trouble that doubles the delay
# A failing feed is polled at least this often, like a host that refuses: it must recover without help.
_MAX_FAILURE_DELAY = _HOUR
# A feed that has ended (410) is asked again once a day: some return, or the server was wrong.
_ENDED_DELAY = _DAY
# Three expected articles and none received happens by chance once in twenty times: something is unusual.
_UNUSUAL_MISSING = 3.0
# Random change of intervals, up or down. A tenth is enough to spread the polls of feeds that started together.
_JITTER = 0.1
# That of feeds that are heard through a broad list: they must not be verified all at once.
_VERIFY_JITTER = 1 / 3
# A list that answers is dead when this many articles are missing: a slow day explains a few, not thirty.
_DEAD_MISSING = 30.0
# And not before this age, however many are missing: a publishing system may be down for a morning.
_MIN_DEAD_AGE = timedelta(hours=6)
# While the arrival rate of a feed is unknown. The longest quiet span of a live news list, the night of the Spring
# Festival, is shorter.
_DEAD_AGE_UNKNOWN_RATE = 3 * _DAY


class Pace(Struct, frozen=True):
    """Bounds of a feed's polling interval."""

    min_interval: timedelta
    max_interval: timedelta
    base: timedelta  # used while the arrival rate is unknown


class Silence(Struct, frozen=True):
    """Why a list that answers counts as dead."""

    age: timedelta  # of the newest article at the list's last response
    missing: float | None  # articles expected since then by the arrival rate; None: the rate is unknown


def pace(feed: Feed, schedule: ScheduleSettings) -> Pace:
    """Return the bounds of a feed: its own ``every`` or the common one, within the common bounds."""
    base = min(max(feed.every or schedule.every, schedule.min), schedule.max)
    return Pace(schedule.min, schedule.max, base)


def weight(kind: FailureKind) -> float:
    """Return the weight of a failed poll. A feed's trouble is the sum over its failed polls in a row."""
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
    has_ended: bool = False,
    verify: timedelta | None = None,
) -> datetime:
    """Return when to poll a feed next; never before now.

    That is when the arrival rate predicts ARTICLES_PER_POLL articles since the last poll, within the bounds of
    ``pace``. After a silence that the rate does not explain, the target is higher: at an even rate the interval
    becomes a sixth of the silence. Failed polls delay the next one.

    :param arrival_rate: its ``until`` is the time of the last poll that found new articles
    :param last_poll: None: never polled, so now. A time in the future (the clock was set back) counts as now
    :param last_success: the last poll that got a response
    :param trouble: the weight of the failed polls in a row, see :func:`weight`
    :param spread: random, 0 to 1: changes the interval by up to a tenth, down or up
    :param cron_next: next time of the feed's cron expression, if it has one; overrides everything else but has_ended
    :param has_ended: the last poll found that the feed has ended: poll it once a day
    :param verify: the feed is heard through a broad list, and polled after this instead
    """
    if has_ended and last_poll is not None:
        return max(now, min(last_poll, now) + _ENDED_DELAY * (1 + _JITTER * (2 * spread - 1)))
    if cron_next is not None:
        return max(cron_next, now)
    if last_poll is None:
        return now
    last_poll = min(last_poll, now)
    normal = verify or _predicted_interval(arrival_rate, pace, last_poll, last_success)
    failure_delay, jitter = _failure_delay(trouble, pace), _VERIFY_JITTER if verify else _JITTER
    wait = max(normal, failure_delay) * (1 + jitter * (2 * spread - 1))
    return max(now, last_poll + min(max(wait, pace.min_interval), max(pace.max_interval, failure_delay)))


def normal_interval(arrival_rate: ArrivalRate, pace: Pace, now: datetime) -> timedelta:
    """Return the polling interval of a feed at this hour, without failures and unusual silences."""
    predicted = interval(arrival_rate, now, ARTICLES_PER_POLL, pace.base)
    return min(max(predicted, pace.min_interval), pace.max_interval)


def find_silence(
    arrival_rate: ArrivalRate, newest: datetime | None, last_response: datetime, base: timedelta
) -> Silence | None:
    """Return why a list that answers counts as dead; None if it is alive, or if there is no data.

    :param newest: publication time of the newest article in the list; if it is in the future, the arrival rate's
        ``until`` is used instead
    :param last_response: when the list last answered; not the present time, because later articles were not seen
    :param base: as in the feed's :class:`Pace`
    """
    since = arrival_rate.until if newest and newest > last_response else newest
    if since is None:
        return None
    age = last_response - since
    if not is_known(arrival_rate):
        return Silence(age, None) if age >= _DEAD_AGE_UNKNOWN_RATE else None
    missing = expected(arrival_rate, since, last_response, base)
    return Silence(age, missing) if missing >= _DEAD_MISSING and age >= _MIN_DEAD_AGE else None


def _predicted_interval(
    arrival_rate: ArrivalRate, pace: Pace, last_poll: datetime, last_success: datetime | None
) -> timedelta:
    """Interval after which enough articles are expected for a poll."""
    missing = _missing_articles(arrival_rate, last_poll, last_success, pace.base)
    target = ARTICLES_PER_POLL * max(1.0, missing / _UNUSUAL_MISSING)
    return min(interval(arrival_rate, last_poll, target, pace.base), pace.max_interval)


def _missing_articles(
    arrival_rate: ArrivalRate, last_poll: datetime, last_success: datetime | None, base: timedelta
) -> float:
    """Number of articles expected between the last new one and the last response."""
    if arrival_rate.until is None or last_success is None:
        return 0.0
    return expected(arrival_rate, arrival_rate.until, min(last_success, last_poll), base)


def _failure_delay(trouble: float, pace: Pace) -> timedelta:
    """Delay after failed polls: the minimum interval after one time-out, then doubling with the trouble."""
    if trouble <= 0:
        return timedelta(0)
    longest = max(pace.max_interval, _MAX_FAILURE_DELAY)
    doublings = min(trouble / _TROUBLE_PER_DOUBLING - 1, 32.0)  # more would overflow after months of failures
    return timedelta(seconds=min(pace.min_interval.total_seconds() * 2**doublings, longest.total_seconds()))

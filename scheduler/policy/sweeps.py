"""When to sweep a feed's list, and how far back. Pure.

A poll reads the top of a list. Articles also enter it further down, hours late, where no poll reads. A sweep walks
over the last days once a day, and what it has read counts as settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate, FeedHistory, Span
from scheduler.policy.arrival_rate import expected, is_known

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# The hours of a day at which a feed publishes least. While that is unknown: when editors sleep.
_QUIET_HOURS = 4
_USUAL_QUIET_HOURS = range(2, 6)  # in China
# A sweep may come earlier or later than the interval by these shares of it, in order to fall into a quiet hour. A
# machine that is off at night sweeps when the second has passed.
_EARLIEST, _LATEST = 0.75, 1.5
# A sweep reads at least the last three days, also where the measured lateness is short: what is later than was ever
# measured must be found, too.
MIN_DEPTH = 3 * _DAY
# And at most the last two weeks, some 9,000 articles of the busiest list. Older time stays provisional; a backfill
# settles it.
MAX_DEPTH = 14 * _DAY


def next_sweep(
    history: FeedHistory | None,
    every: timedelta | None,
    arrival_rate: ArrivalRate,
    now: datetime,
) -> datetime | None:
    """Return when to sweep a feed's list; a time in the past means now. None: never, or not before its first poll.

    :param every: the configured interval; None: never
    """
    if every is None or history is None or history.complete_to is None:
        return None
    if history.swept is None:  # an older program wrote the index
        return now
    last = min(history.swept, now)  # the clock may have been set back
    if every < _DAY:
        return last + every
    begin, end = last + every * _EARLIEST, last + every * _LATEST
    hour = max(begin, now - _HOUR)
    while hour < end:
        if _is_quiet(hour, arrival_rate, every):
            return hour
        hour = hour.replace(minute=0, second=0, microsecond=0) + _HOUR
    return end


def sweep_start(
    settled: Sequence[Span], spans: Sequence[Span], lateness: timedelta, every: timedelta, now: datetime
) -> datetime:
    """Return how far back a sweep reads: past the articles that may have entered since the last one.

    :param settled: the feed's settled spans
    :param spans: all of the feed's spans
    :param lateness: how late articles enter the list
    :param every: the interval of sweeps
    """
    record_begin = min((span.start for span in spans), default=now)
    unsettled = max((span.end for span in settled), default=record_begin)
    start = min(unsettled - lateness, now - every - lateness, now - MIN_DEPTH)
    return max(start, now - MAX_DEPTH, min(record_begin, now))


def _is_quiet(hour: datetime, arrival_rate: ArrivalRate, base: timedelta) -> bool:
    if not is_known(arrival_rate):
        return hour.astimezone(CHINA).hour in _USUAL_QUIET_HOURS
    midnight = hour.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [midnight + number * _HOUR for number in range(24)]
    articles = [expected(arrival_rate, begin, begin + _HOUR, base) for begin in hours]
    return articles[hour.astimezone(CHINA).hour] <= sorted(articles)[_QUIET_HOURS - 1]

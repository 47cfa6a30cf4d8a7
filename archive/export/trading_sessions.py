"""In which part of an exchange's day a moment lies. Pure.

The hours are those of continuous trading; each part begins at its first minute, which belongs to it, and ends before
the next one's. Auctions outside of these hours belong to the part beside them: docs/exports.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from archive.files.paths import CHINA


class SessionPart(StrEnum):
    """A part of the day, as exports name it."""

    PRE_OPEN = "pre-open"  # of a trading day, from midnight until continuous trading begins
    MORNING = "morning"
    NOON = "noon"  # the break between the two
    AFTERNOON = "afternoon"
    AFTER_CLOSE = "after close"  # until midnight; on a half day from the end of the morning
    NON_TRADING = "non-trading day"


@dataclass(frozen=True, slots=True)
class Hours:
    """When continuous trading goes on, on the exchange's clock."""

    since: date  # the first day that has these hours
    opens: time
    noon: time
    resumes: time
    closes: time


@dataclass(frozen=True, slots=True)
class Days:
    """On which days an exchange trades."""

    first: date  # nothing is known of days before
    last: date  # nor of days after
    trading: frozenset[date]
    half: frozenset[date]  # of these, the ones that end with the morning


@dataclass(frozen=True, slots=True)
class Exchange:
    """Days and hours of an exchange. Both that there are keep China's time."""

    hours: tuple[Hours, ...]  # the earliest first
    days: Days


SHANGHAI = (Hours(date.min, time(9, 30), time(11, 30), time(13), time(15)),)
# The second and the third are of HKEX's two phases of longer hours, announced on 23 November 2010.
HONG_KONG = (
    Hours(date.min, time(10), time(12, 30), time(14, 30), time(16)),
    Hours(date(2011, 3, 7), time(9, 30), time(12), time(13, 30), time(16)),
    Hours(date(2012, 3, 5), time(9, 30), time(12), time(13), time(16)),
)


def part_of(moment: datetime, exchange: Exchange) -> SessionPart | None:
    """The part of the exchange's day in which a moment lies; None where nobody knows whether it was a trading day.

    :param moment: aware
    """
    local = moment.astimezone(CHINA)
    day, clock = local.date(), local.time()
    days = exchange.days
    if not days.first <= day <= days.last:
        return None
    if day not in days.trading:
        return SessionPart.NON_TRADING
    hours = next(each for each in reversed(exchange.hours) if each.since <= day)
    ends = [(hours.opens, SessionPart.PRE_OPEN), (hours.noon, SessionPart.MORNING)]
    if day not in days.half:
        ends += [(hours.resumes, SessionPart.NOON), (hours.closes, SessionPart.AFTERNOON)]
    return next((part for end, part in ends if clock < end), SessionPart.AFTER_CLOSE)

"""Map a time to the part of an exchange's trading day, and to the day on which one can trade on it. Pure.

The hours are those of continuous trading. Each part includes its first minute and ends before the next part begins.
Auctions outside these hours belong to the adjacent part: docs/exports.md.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum

from msgspec import Struct

from archive.files.paths import CHINA


class SessionPart(StrEnum):
    """A part of the day, as named in exports."""

    PRE_OPEN = "pre-open"  # on a trading day, from midnight until continuous trading begins
    MORNING = "morning"
    NOON = "noon"  # the break between morning and afternoon
    AFTERNOON = "afternoon"
    AFTER_CLOSE = "after close"  # until midnight; on a half day, from the end of the morning
    NON_TRADING = "non-trading day"


class Hours(Struct, frozen=True):
    """The hours of continuous trading, in the exchange's local time."""

    since: date  # the first day with these hours
    opens: time
    noon: time
    resumes: time
    closes: time


class Days(Struct, frozen=True):
    """The days on which an exchange trades."""

    first: date  # earlier days are unknown
    last: date  # later days are unknown
    trading: frozenset[date]
    half: frozenset[date]  # trading days that end with the morning


class Exchange(Struct, frozen=True):
    """Trading days and hours of an exchange. Both supported exchanges use China's time."""

    hours: tuple[Hours, ...]  # in ascending order
    days: Days


SHANGHAI_HOURS = (Hours(date.min, time(9, 30), time(11, 30), time(13), time(15)),)
# The second and third entries are HKEX's two phases of longer hours, announced on 23 November 2010.
HONG_KONG_HOURS = (
    Hours(date.min, time(10), time(12, 30), time(14, 30), time(16)),
    Hours(date(2011, 3, 7), time(9, 30), time(12), time(13, 30), time(16)),
    Hours(date(2012, 3, 5), time(9, 30), time(12), time(13), time(16)),
)


def session_part(moment: datetime, exchange: Exchange) -> SessionPart | None:
    """Return the part of the exchange's day that contains a moment.

    :param moment: an aware datetime
    :return: None if the exchange's calendar does not cover the day
    """
    local = moment.astimezone(CHINA)
    day, clock = local.date(), local.time()
    days = exchange.days
    if not days.first <= day <= days.last:
        return None
    if day not in days.trading:
        return SessionPart.NON_TRADING
    hours = _hours(exchange, day)
    ends = [(hours.opens, SessionPart.PRE_OPEN), (hours.noon, SessionPart.MORNING)]
    if day not in days.half:
        ends += [(hours.resumes, SessionPart.NOON), (hours.closes, SessionPart.AFTERNOON)]
    return next((part for end, part in ends if clock < end), SessionPart.AFTER_CLOSE)


def trade_date(moment: datetime, exchange: Exchange) -> date | None:
    """Return the day of the next session in which one can trade on what is known at a moment.

    That is the moment's own day until its continuous trading ends, breaks included, else the next trading day.

    :param moment: an aware datetime
    :return: None if the exchange's calendar does not cover the moment's day, or the next trading day
    """
    local = moment.astimezone(CHINA)
    day, days = local.date(), exchange.days
    if not days.first <= day <= days.last:
        return None
    if day in days.trading and local.time() < _end(exchange, day):
        return day
    following = (day + timedelta(days=n) for n in range(1, (days.last - day).days + 1))
    return next((each for each in following if each in days.trading), None)


def _end(exchange: Exchange, day: date) -> time:
    hours = _hours(exchange, day)
    return hours.noon if day in exchange.days.half else hours.closes


def _hours(exchange: Exchange, day: date) -> Hours:
    return next(each for each in reversed(exchange.hours) if each.since <= day)

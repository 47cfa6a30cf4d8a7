"""Parts of an exchange's day: at their bounds, on half days, with former hours, and outside the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from archive.export.calendars import exchanges
from archive.export.trading_sessions import (
    HONG_KONG_HOURS,
    SHANGHAI_HOURS,
    Days,
    Exchange,
    SessionPart,
    session_part,
    trade_date,
)
from archive.files.paths import CHINA

DAY, HALF, SUNDAY = date(2026, 9, 30), date(2026, 12, 24), date(2026, 9, 27)
DAYS = Days(date(2000, 1, 1), date(2026, 12, 31), frozenset({DAY, HALF}), frozenset({HALF}))
LAST_MOMENT = timedelta(microseconds=1)


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), CHINA).astimezone(UTC)


SHANGHAI_EDGES = [
    ("00:00", None, SessionPart.PRE_OPEN),
    ("09:15", SessionPart.PRE_OPEN, SessionPart.PRE_OPEN),  # the opening auction begins
    ("09:25", SessionPart.PRE_OPEN, SessionPart.PRE_OPEN),  # and ends
    ("09:30", SessionPart.PRE_OPEN, SessionPart.MORNING),
    ("11:30", SessionPart.MORNING, SessionPart.NOON),
    ("13:00", SessionPart.NOON, SessionPart.AFTERNOON),
    ("14:57", SessionPart.AFTERNOON, SessionPart.AFTERNOON),  # the closing auction begins
    ("15:00", SessionPart.AFTERNOON, SessionPart.AFTER_CLOSE),
    ("23:59", SessionPart.AFTER_CLOSE, SessionPart.AFTER_CLOSE),
]
HONG_KONG_EDGES = [
    ("09:00", SessionPart.PRE_OPEN, SessionPart.PRE_OPEN),
    ("09:30", SessionPart.PRE_OPEN, SessionPart.MORNING),
    ("12:00", SessionPart.MORNING, SessionPart.NOON),
    ("13:00", SessionPart.NOON, SessionPart.AFTERNOON),
    ("16:00", SessionPart.AFTERNOON, SessionPart.AFTER_CLOSE),
    ("16:10", SessionPart.AFTER_CLOSE, SessionPart.AFTER_CLOSE),  # the closing auction has ended
]


@pytest.mark.parametrize(
    ("hours", "clock", "before", "since"),
    [(SHANGHAI_HOURS, *edge) for edge in SHANGHAI_EDGES] + [(HONG_KONG_HOURS, *edge) for edge in HONG_KONG_EDGES],
)
def test_a_part_begins_with_its_first_minute(
    hours: tuple, clock: str, before: SessionPart | None, since: SessionPart
) -> None:
    exchange = Exchange(hours, DAYS)
    assert session_part(at(DAY, clock), exchange) is since
    if before:
        assert session_part(at(DAY, clock) - LAST_MOMENT, exchange) is before


def test_a_half_day_ends_with_its_morning() -> None:
    exchange = Exchange(HONG_KONG_HOURS, DAYS)
    clocks = ("09:29", "09:30", "11:59", "12:00", "13:00", "17:00")
    parts = [session_part(at(HALF, clock), exchange) for clock in clocks]
    assert parts == [SessionPart.PRE_OPEN, SessionPart.MORNING, SessionPart.MORNING, *[SessionPart.AFTER_CLOSE] * 3]


def test_a_day_without_trading_is_one_from_midnight_to_midnight() -> None:
    exchange = Exchange(SHANGHAI_HOURS, DAYS)
    assert session_part(at(SUNDAY, "00:00"), exchange) is SessionPart.NON_TRADING
    assert session_part(at(SUNDAY, "23:59"), exchange) is SessionPart.NON_TRADING
    # In China it is already Wednesday.
    assert session_part(datetime(2026, 9, 29, 16, 0, tzinfo=UTC), exchange) is SessionPart.PRE_OPEN


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("00:00", DAY), ("10:00", DAY), ("12:00", DAY), ("14:59", DAY), ("15:00", HALF), ("23:59", HALF)],
)
def test_the_trade_date_is_that_of_the_next_session_that_has_not_ended(clock: str, expected: date) -> None:
    assert trade_date(at(DAY, clock), Exchange(SHANGHAI_HOURS, DAYS)) == expected


def test_the_trade_date_on_half_days_and_days_without_trading() -> None:
    exchange = Exchange(HONG_KONG_HOURS, DAYS)
    assert trade_date(at(SUNDAY, "12:00"), exchange) == DAY
    assert trade_date(at(HALF, "12:00") - LAST_MOMENT, exchange) == HALF
    assert trade_date(at(HALF, "12:00"), exchange) is None, "the next session is after the calendar's last day"
    assert trade_date(at(date(1999, 12, 31), "23:59"), exchange) is None
    assert trade_date(at(date(2027, 1, 1), "00:00"), exchange) is None


def test_the_trade_date_after_the_national_holidays() -> None:
    moment = at(date(2026, 9, 30), "15:00")  # China's holidays begin; Hong Kong trades on the 2nd
    dates = {name: trade_date(moment, exchange) for name, exchange in exchanges().items()}
    assert dates == {"shanghai": date(2026, 10, 8), "hong_kong": date(2026, 9, 30)}


def test_outside_the_calendar_no_session_is_returned() -> None:
    exchange = Exchange(SHANGHAI_HOURS, DAYS)
    assert session_part(at(date(1999, 12, 31), "10:00"), exchange) is None
    assert session_part(at(date(2026, 12, 31), "10:00"), exchange) is SessionPart.NON_TRADING
    assert session_part(at(date(2027, 1, 1), "00:00"), exchange) is None


@pytest.mark.parametrize(
    ("day", "clock", "expected"),
    [
        (date(2011, 3, 4), "09:59", SessionPart.PRE_OPEN),
        (date(2011, 3, 4), "10:00", SessionPart.MORNING),
        (date(2011, 3, 4), "12:29", SessionPart.MORNING),
        (date(2011, 3, 4), "14:29", SessionPart.NOON),
        (date(2011, 3, 4), "14:30", SessionPart.AFTERNOON),
        (date(2011, 3, 7), "09:30", SessionPart.MORNING),
        (date(2011, 3, 7), "12:00", SessionPart.NOON),
        (date(2012, 3, 2), "13:29", SessionPart.NOON),
        (date(2012, 3, 2), "13:30", SessionPart.AFTERNOON),
        (date(2012, 3, 5), "13:00", SessionPart.AFTERNOON),
        (date(2010, 12, 24), "12:29", SessionPart.MORNING),
        (date(2010, 12, 24), "12:30", SessionPart.AFTER_CLOSE),
    ],
)
def test_hong_kong_hours_changed_over_time(day: date, clock: str, expected: SessionPart) -> None:
    assert session_part(at(day, clock), exchanges()["hong_kong"]) is expected


@pytest.mark.parametrize(
    ("name", "day", "clock", "expected"),
    [
        ("shanghai", "2026-10-01", "10:00", SessionPart.NON_TRADING),  # the National Day's week
        ("shanghai", "2026-10-08", "10:00", SessionPart.MORNING),
        ("hong_kong", "2026-10-01", "10:00", SessionPart.NON_TRADING),
        ("hong_kong", "2026-10-02", "10:00", SessionPart.MORNING),  # one day off, not a week
        ("shanghai", "2026-02-16", "13:30", SessionPart.NON_TRADING),  # the eve of the Lunar New Year
        ("hong_kong", "2026-02-16", "11:59", SessionPart.MORNING),
        ("hong_kong", "2026-02-16", "12:00", SessionPart.AFTER_CLOSE),
        ("hong_kong", "2026-12-24", "12:00", SessionPart.AFTER_CLOSE),
        ("hong_kong", "2026-12-31", "12:00", SessionPart.AFTER_CLOSE),
        ("hong_kong", "2026-12-30", "12:00", SessionPart.NOON),
        ("shanghai", "2026-12-31", "13:00", SessionPart.AFTERNOON),
        ("hong_kong", "2023-07-17", "10:00", SessionPart.NON_TRADING),  # a typhoon
        ("shanghai", "2026-10-10", "10:00", SessionPart.NON_TRADING),  # a Saturday of work; not at the exchange
        ("shanghai", "1999-12-31", "10:00", None),
    ],
)
def test_the_exchanges_days_are_known(name: str, day: str, clock: str, expected: SessionPart | None) -> None:
    assert session_part(at(date.fromisoformat(day), clock), exchanges()[name]) is expected


def test_a_calendar_has_no_sessions_after_its_last_day() -> None:
    for exchange in exchanges().values():
        last = exchange.days.last
        assert last >= date(2026, 12, 31)
        assert session_part(at(last, "10:00"), exchange) is not None
        assert session_part(at(last, "10:00") + timedelta(days=1), exchange) is None

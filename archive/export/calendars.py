"""Trading days of the Shanghai and Hong Kong exchanges, from exchange-calendars."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from archive.export.extras import requires_extra
from archive.export.trading_sessions import HONG_KONG_HOURS, SHANGHAI_HOURS, Days, Exchange

# Sina Finance began in 1999; earlier years are not needed.
_FIRST_DAY = date(2000, 1, 1)


@cache
def exchanges() -> dict[str, Exchange]:
    """Return the exchanges by the name used in columns: ``shanghai``, ``hong_kong``.

    :raises MissingExtraError: the library is not installed
    """
    with requires_extra("parquet", "parquet"):
        # Undocumented in exchange-calendars 4.13: the modules and classes of its calendars.
        from exchange_calendars.exchange_calendar_xhkg import XHKGExchangeCalendar  # noqa: PLC0415 - an extra
        from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar  # noqa: PLC0415
    return {
        "shanghai": Exchange(SHANGHAI_HOURS, _days(XSHGExchangeCalendar)),
        "hong_kong": Exchange(HONG_KONG_HOURS, _days(XHKGExchangeCalendar)),
    }


def _days(calendar_class: Any) -> Days:
    # Without an end the library takes a year from today or its last day; the result must not depend on the clock.
    last = calendar_class.bound_max()
    calendar = calendar_class(start=_FIRST_DAY.isoformat(), end=last)
    return Days(
        _FIRST_DAY,
        last.date(),
        frozenset(calendar.sessions.date),
        frozenset(calendar.early_closes.date),
    )

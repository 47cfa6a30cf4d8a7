"""The days on which the exchanges of Shanghai and Hong Kong trade, from the library that keeps them."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from archive.export.extras import needed_by
from archive.export.trading_sessions import HONG_KONG, SHANGHAI, Days, Exchange

# Sina Finance is of 1999. What the library knows of earlier years is of no use here.
_FIRST = date(2000, 1, 1)


@cache
def exchanges() -> dict[str, Exchange]:
    """The exchanges, by the name that columns have.

    :raises MissingExtraError: the library is not installed
    """
    with needed_by("parquet", "parquet"):
        # Undocumented in exchange-calendars 4.13: the modules and classes of its calendars.
        from exchange_calendars.exchange_calendar_xhkg import XHKGExchangeCalendar  # noqa: PLC0415 - an extra
        from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar  # noqa: PLC0415
    return {
        "shanghai": Exchange(SHANGHAI, _days(XSHGExchangeCalendar)),
        "hong_kong": Exchange(HONG_KONG, _days(XHKGExchangeCalendar)),
    }


def _days(of_exchange: Any) -> Days:
    # Without an end the library takes a year from today, or its own last day; here the clock is to have no say.
    last = of_exchange.bound_max()
    calendar = of_exchange(start=_FIRST.isoformat(), end=last)
    return Days(
        _FIRST,
        last.date(),
        frozenset(calendar.sessions.date),
        frozenset(calendar.early_closes.date),
    )

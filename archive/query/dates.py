"""Days and times in queries: 2026-11-30, 2026-11, 2026, today, 7d, ranges A..B. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from archive.files.paths import CHINA
from archive.query.messages import query_error

_YEARS = range(1970, 9999)  # years whose times exist in every zone
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_AGO = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_NAMED_DAYS = {"today": 0, "今天": 0, "今日": 0, "yesterday": 1, "昨天": 1, "昨日": 1}
_MILLISECOND = timedelta(milliseconds=1)  # times in the index have milliseconds

Bounds = tuple[datetime | None, datetime | None]  # the first and the last moment; None: no bound


def parse_time(text: str, now: datetime, *, is_end: bool = False) -> datetime:
    """Return one end of a span of time.

    :param text: a time in ISO 8601 with its zone; a day, a month or a year in China; today or yesterday; or 7d (also
        h and w): that long ago
    :param now: aware
    :param is_end: of a day, a month or a year, return the last millisecond instead of the first
    :raises QueryError: it is none of these
    """
    try:
        first, last = _span(text, now)
    except (ValueError, OverflowError):
        raise query_error("time", text=text) from None
    return last if is_end else first


def parse_span(text: str, now: datetime) -> Bounds:
    """Return the bounds of a span of time, both included.

    :param text: as for :func:`parse_time`; 7d is the time from then until now; or a range A..B, of which one end may
        be missing
    :raises QueryError: it is none of these, or the range ends before it begins
    """
    begin, is_range, end = text.partition("..")
    if not is_range:
        return parse_time(text, now), now if _AGO.fullmatch(text) else parse_time(text, now, is_end=True)
    if not begin and not end:
        raise query_error("time", text=text)
    since = parse_time(begin, now) if begin else None
    until = parse_time(end, now, is_end=True) if end else None
    if since and until and until < since:
        raise query_error("backwards", text=text)
    return since, until


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    first, last = _ends(text, now)
    if first.tzinfo is None or first.year not in _YEARS:
        raise ValueError(text)
    return first, last


def _ends(text: str, now: datetime) -> tuple[datetime, datetime]:
    if ago := _AGO.fullmatch(text):
        moment = now - int(ago[1]) * _UNITS[ago[2]]
        return moment, moment
    if text in _NAMED_DAYS:
        text = f"{now.astimezone(CHINA) - timedelta(days=_NAMED_DAYS[text]):%Y-%m-%d}"
    day = _DAY.fullmatch(text)
    if day is None:
        moment = datetime.fromisoformat(text)
        return moment, moment
    year, month = int(day[1]), int(day[2] or 1)
    first = datetime(year, month, int(day[3] or 1), tzinfo=CHINA)
    if day[3]:
        after = first + timedelta(days=1)
    elif day[2]:
        after = first.replace(year=year + month // 12, month=month % 12 + 1)
    else:
        after = first.replace(year=year + 1)
    return first, after - _MILLISECOND

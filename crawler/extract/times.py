"""Times as sites write them, with their zone and their precision. Pure.

The forms are those of feeds (RFC 822, ISO 8601), and those of pages in Chinese and other languages:
2026年5月30日 12:00, 2026/5/30 12:00, 今天 12:00, 5分钟前, 30 de mayo de 2026.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from msgspec import Struct

from archive.model.feed_values import Precision
from crawler.extract.time_forms.clocks import find_clock
from crawler.extract.time_forms.days import find_day
from crawler.extract.time_forms.wording import plain_text
from crawler.extract.time_forms.zones import find_zone

LATER = "the stated time is later than the poll"
ONLY_DAY = "only its day is stated"
_MAX_CHARS = 120  # the longest form, that of JavaScript's Date with the name of its zone, has 60
_PLAUSIBLE_YEARS = range(1980, 2100)  # others are mistakes of the site
# Seconds and milliseconds since 1970, from 1995 on: shorter numbers are something else.
_EPOCH = re.compile(r"(\d{9,10})(?:\d{3})?(?:\.\d{1,9})?")
_NOW = re.compile("刚刚|刚才|剛剛|剛才|just now|방금")
_AGO = re.compile(
    r"(\d{1,4}) ?(秒|sec|초|分|min|분|小时|小時|个小时|個小時|hour|시간|天|日|day|일|周|週|个星期|week|주)"
    r"[a-z钟鐘]{0,4} ?(?:前|之前|以前|ago|전)",
    re.ASCII,
)
_SECONDS = {
    "秒": 1, "sec": 1, "초": 1, "分": 60, "min": 60, "분": 60, "小时": 3600, "小時": 3600, "个小时": 3600,
    "個小時": 3600, "hour": 3600, "시간": 3600, "天": 86400, "日": 86400, "day": 86400, "일": 86400, "周": 604800,
    "週": 604800, "个星期": 604800, "week": 604800, "주": 604800,
}  # fmt: skip


class StatedTime(Struct, frozen=True):
    """A time as a site states it."""

    at: datetime  # aware, UTC; of a day, its first moment in the zone of the text
    precision: Precision


def read_time(text: str, *, zone: tzinfo, now: datetime) -> StatedTime | None:
    """Return the time in a text; None if there is none, or one out of range.

    :param zone: of times that state none
    :param now: what 今天 and 5分钟前 are relative to; a day without a year is the last such day before it
    """
    plain = plain_text(text[:_MAX_CHARS])
    try:
        found = _read(plain, zone, now)
        if found is None or found.at.year not in _PLAUSIBLE_YEARS:
            return None
        return StatedTime(found.at.astimezone(UTC), found.precision)
    except (ValueError, OverflowError):  # the 30th of February, 25:00, an offset of 30 hours
        return None


def publication(
    stated: StatedTime | None, *, zone: tzinfo, now: datetime
) -> tuple[datetime | None, Precision, str | None]:
    """Return the time of publication that a statement supports at a poll, its precision, and a note.

    The time is never later than the poll, and of a day never before its end: an archive must not claim that news was
    known before it was.

    :param zone: in which a day ends
    :param now: the time of the poll
    :return: the time, or None without a statement; its precision; and why it is not the stated time, None if it is
    """
    if stated is None:
        return None, Precision.TIME, None
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the index has the time of the poll
    if stated.precision is Precision.TIME:
        return (now, Precision.TIME, LATER) if stated.at > now else (stated.at, Precision.TIME, None)
    day = stated.at.astimezone(zone).date()
    end = datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)
    note = LATER if stated.at > now else ONLY_DAY
    return min(end, now), Precision.DAY, note


def _read(text: str, zone: tzinfo, now: datetime) -> StatedTime | None:
    if epoch := _EPOCH.fullmatch(text):
        return StatedTime(datetime.fromtimestamp(int(epoch[1]), UTC), Precision.TIME)
    if _NOW.search(text):
        return StatedTime(now, Precision.TIME)
    if ago := _AGO.search(text):
        seconds = _SECONDS[ago[2]]
        at = now - timedelta(seconds=int(ago[1]) * seconds)
        if seconds < 86400:
            return StatedTime(at, Precision.TIME)
        return StatedTime(datetime.combine(at.astimezone(zone).date(), time(), zone), Precision.DAY)
    return _day_and_time(text, zone, now)


def _day_and_time(text: str, zone: tzinfo, now: datetime) -> StatedTime | None:
    found = find_day(text, now.astimezone(zone).date())
    if found is None:
        return None
    clock = find_clock(found.clock or found.after) or find_clock(found.before)
    if clock is None:
        return StatedTime(datetime.combine(found.day, time(), zone), Precision.DAY)
    hour, minute, second, end = clock
    if found.clock:
        follows = f"{found.clock[end:]} {found.after}"
    else:
        follows = found.after[end:] if find_clock(found.after) else found.after
    own = find_zone(follows, found.day, zone) or zone
    at = datetime.combine(found.day, time(), own) + timedelta(hours=hour, minutes=minute, seconds=second)
    return StatedTime(at, Precision.TIME)

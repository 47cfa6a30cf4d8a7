"""Times as sites write them, with their zone and their precision. Pure.

The forms are those of feeds (RFC 822, ISO 8601), and those of Chinese pages: 2026年5月30日 12:00, 2026/5/30 12:00,
今天 12:00, 5分钟前.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from archive.model.feed_values import Precision

CHINA = timezone(timedelta(hours=8))
CHINA_NAME = "Asia/Shanghai"
LATER = "the stated time is later than the poll"
ONLY_DAY = "only its day is stated"
_MAX_CHARS = 120  # the longest form, that of JavaScript's Date with the name of its zone, has 60
_PLAUSIBLE_YEARS = range(1980, 2100)  # others are mistakes of the site
# Seconds and milliseconds since 1970, from 1995 on: shorter numbers are something else.
_EPOCH = re.compile(r"(\d{9,10})(?:\d{3})?(?:\.\d{1,9})?")
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MONTH = f"({'|'.join(_MONTH_NAMES)})[a-z]{{0,6}}"
# The day in the forms that have a year, each with groups of these names.
_DAYS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(?<!\d)(?P<y>\d{4}) ?[-/.年] ?(?P<m>\d{1,2}) ?[-/.月] ?(?P<d>\d{1,2})(?!\d) ?日?",
        r"(?<!\d)(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?=$|[t ]|\d{6}(?!\d)|\d{4}(?!\d))",
        rf"(?<!\d)(?P<d>\d{{1,2}})[ /-]{_MONTH}\.?,?[ /-](?P<y>\d{{4}}|\d{{2}})(?!\d)",
        rf"\b{_MONTH}\.? (?P<d>\d{{1,2}}) (?P<clock>\d\d:\d\d:\d\d(?: [a-z]{{3,4}})?) (?P<y>\d{{4}})(?!\d)",
        rf"\b{_MONTH}\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2}) (?P<m>\d{1,2})月,? (?P<y>\d{4})(?!\d)",
        r"(?<!\d)(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})(?!\d)",
    )
)
_DAY_OF_YEAR = re.compile(r"(?<!\d)(\d{1,2})(?:月|-|/)(\d{1,2})(?:日|(?= \d{1,2}:))", re.ASCII)
_NAMED_DAYS = {"今天": 0, "今日": 0, "today": 0, "昨天": 1, "昨日": 1, "yesterday": 1, "前天": 2, "前日": 2}
_NAMED_DAY = re.compile("|".join(_NAMED_DAYS))
_NOW = re.compile("刚刚|刚才|just now")
_AGO = re.compile(
    r"(\d{1,4}) ?(秒|sec|分|min|小时|个小时|hour|天|日|day|周|个星期|week)[a-z钟]{0,4} ?(?:前|之前|以前|ago)",
    re.ASCII,
)
_SECONDS = {
    "秒": 1, "sec": 1, "分": 60, "min": 60, "小时": 3600, "个小时": 3600, "hour": 3600, "天": 86400, "日": 86400,
    "day": 86400, "周": 604800, "个星期": 604800, "week": 604800,
}  # fmt: skip
_CLOCK = re.compile(
    r"(上午|早上|早晨|清晨|凌晨|中午|下午|傍晚|晚上|晚间|夜间|am|pm)? ?"
    r"(?<![\d:+-])(\d{1,2})(?::| ?时 ?| ?点 ?)(\d{1,2})?(?:(?::| ?分 ?)(\d{1,2})?(?:[.,]\d{1,9})? ?秒?)?"
    r" ?(?:(am|pm|a\.m\.|p\.m\.)(?![a-z]))?",
    re.ASCII,
)
_BASIC_CLOCK = re.compile(r"[t ]?(\d{2})(\d{2})(\d{2})?(?!\d)", re.ASCII)
_AFTERNOON = {"下午", "傍晚", "晚上", "晚间", "夜间", "pm", "p.m."}
_NIGHT = {"晚上", "晚间", "夜间"}
_NOON = "中午"
_OFFSET = re.compile(r"(?:gmt|utc)? ?([+-])(\d{1,2})(?::?(\d{2}))?(?!\d)|(?:gmt|utc) (\d{2})(\d{2})(?!\d)", re.ASCII)
_HALF_HOURS_WEST = (3, 9)  # Newfoundland and the Marquesas are all that there is
_ZONE_NAME = re.compile(r"\b([a-z]{3,10}/[a-z_]{3,20})\b|(北京时间|中国标准时间)|\b(z|[a-z]{2,4})\b", re.ASCII)
_HOURS = {
    "z": 0, "utc": 0, "gmt": 0, "wet": 0, "prc": 8, "bjt": 8, "bjs": 8, "hkt": 8, "sgt": 8, "awst": 8, "jst": 9,
    "kst": 9, "ict": 7, "msk": 3, "eet": 2, "eest": 3, "cet": 1, "cest": 2, "west": 1, "bst": 1, "est": -5, "edt": -4,
    "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "aest": 10, "aedt": 11,
}  # fmt: skip
# Names that stand for a zone in summer and in winter.
_REGIONS = {
    "et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver", "pt": "America/Los_Angeles",
}  # fmt: skip
_CST = "cst"  # China Standard Time, and Central Standard Time of America
_US_CENTRAL_HOURS = -6
_NUMERAL = re.compile("[〇零一二三四五六七八九十]{1,4}(?=[年月日时点分秒])")
_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")


@dataclass(frozen=True, slots=True)
class StatedTime:
    """A time as a site states it."""

    at: datetime  # aware, UTC; of a day, its first moment in the zone of the text
    precision: Precision


def read_time(text: str, *, zone: tzinfo, now: datetime) -> StatedTime | None:
    """Return the time in a text; None if there is none, or one out of range.

    :param zone: of times that state none
    :param now: what 今天 and 5分钟前 are relative to; a day without a year is the last such day before it
    """
    plain = _plain(text)
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


def _plain(text: str) -> str:
    """Return a text in lower case with half-width characters, single spaces and no Chinese numerals."""
    plain = unicodedata.normalize("NFKC", text[:_MAX_CHARS]).lower()
    plain = " ".join(plain.split())
    plain = _NUMERAL.sub(lambda match: _number(match[0]), plain)
    return plain.replace("点半", "点30分").replace("时半", "时30分")


def _number(numeral: str) -> str:
    tens, ten, ones = numeral.partition("十")
    if not ten:
        return numeral.translate(_DIGITS)
    return f"{int(tens.translate(_DIGITS) or 1) * 10 + int(ones.translate(_DIGITS) or 0)}"


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
    found = _day(text, zone, now)
    if found is None:
        return None
    day, before, inside, after = found
    clock = _clock(inside or after) or _clock(before)
    if clock is None:
        return StatedTime(datetime.combine(day, time(), zone), Precision.DAY)
    hour, minute, second, end = clock
    follows = f"{inside[end:]} {after}" if inside else after[end:] if _clock(after) else after
    own = _zone(follows, day, zone) or zone
    at = datetime.combine(day, time(), own) + timedelta(hours=hour, minutes=minute, seconds=second)
    return StatedTime(at, Precision.TIME)


def _day(text: str, zone: tzinfo, now: datetime) -> tuple[date, str, str, str] | None:
    """Return the day in a text, what stands before it, the time of day inside it, and what stands after it."""
    for pattern in _DAYS:
        if match := pattern.search(text):
            groups = match.groupdict()
            month = int(groups["m"]) if groups.get("m") else _MONTHS[next(g for g in match.groups() if g in _MONTHS)]
            year = int(groups["y"])
            year += 0 if year > 99 else 2000 if year < 70 else 1900
            day = date(year, month, int(groups["d"]))
            return day, text[: match.start()], groups.get("clock") or "", text[match.end() :]
    today = now.astimezone(zone).date()
    if match := _NAMED_DAY.search(text):
        return today - timedelta(days=_NAMED_DAYS[match[0]]), text[: match.start()], "", text[match.end() :]
    if match := _DAY_OF_YEAR.search(text):
        month, number = int(match[1]), int(match[2])
        years = [year for year in range(today.year, today.year - 5, -1) if _is_past(year, month, number, today)]
        return (date(years[0], month, number), text[: match.start()], "", text[match.end() :]) if years else None
    return None


def _is_past(year: int, month: int, number: int, today: date) -> bool:
    try:
        return date(year, month, number) <= today
    except ValueError:  # the 29th of February
        return False


def _clock(text: str) -> tuple[int, int, int, int] | None:
    """Return hour, minute and second in a text, and where they end."""
    if match := _CLOCK.search(text):
        hour, minute, second = (int(part or 0) for part in match.groups()[1:4])
        half = match[1] or match[5]
        if half in _NIGHT and hour == 12:  # the midnight after it
            return 24, minute, second, match.end()
        if (half in _AFTERNOON and hour < 12) or (half == _NOON and hour < 11):
            hour += 12
        elif half in ("am", "a.m.", "上午", "凌晨") and hour == 12:
            hour = 0
    elif match := _BASIC_CLOCK.match(text):
        hour, minute, second = (int(part or 0) for part in match.groups())
    else:
        return None
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        raise ValueError(text)
    return hour, minute, min(second, 59), match.end()


def _zone(text: str, day: date, zone: tzinfo) -> tzinfo | None:
    """Return the zone after a time; None if there is none."""
    if offset := _OFFSET.match(text.lstrip(" (")):
        sign, hours, minutes = offset[1] or "+", int(offset[2] or offset[4]), int(offset[3] or offset[5] or 0)
        if sign == "-" and minutes and hours not in _HALF_HOURS_WEST:
            return None  # 10:00-11:30 is a span of time
        length = timedelta(hours=hours, minutes=minutes)
        return timezone(-length if sign == "-" else length)
    for match in _ZONE_NAME.finditer(text):
        if named := _named_zone(match, day, zone):
            return named
    return None


def _named_zone(match: re.Match[str], day: date, zone: tzinfo) -> tzinfo | None:
    """Return the zone that a match of ``_ZONE_NAME`` names; None if the word is no zone."""
    if match[1]:
        return _iana(match[1])
    if match[2]:
        return CHINA
    name = match[3]
    if name == _CST:
        is_china = datetime.combine(day, time(), zone).utcoffset() == CHINA.utcoffset(None)
        return CHINA if is_china else timezone(timedelta(hours=_US_CENTRAL_HOURS))
    if name in _REGIONS:
        return zone_of(_REGIONS[name])
    return timezone(timedelta(hours=_HOURS[name])) if name in _HOURS else None


def zone_of(name: str) -> tzinfo:
    """Return the zone with an IANA name.

    China has had one zone without summer time since 1991, so its zone needs no database of zones.

    :raises ValueError: there is no such zone, or this machine has no database of zones
    """
    if name == CHINA_NAME:
        return CHINA
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"there is no zone {name!r}") from error


@lru_cache(maxsize=64)
def _iana(name: str) -> tzinfo | None:
    """Return a zone by its name in lower case; None if there is none."""
    try:
        return zone_of("/".join("_".join(map(str.capitalize, part.split("_"))) for part in name.split("/")))
    except ValueError:
        return None

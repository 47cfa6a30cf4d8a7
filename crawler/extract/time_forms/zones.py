"""The zone of a written time. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

CHINA = timezone(timedelta(hours=8))
CHINA_NAME = "Asia/Shanghai"
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


def find_zone(text: str, day: date, zone: tzinfo) -> tzinfo | None:
    """Return the zone after a time; None if there is none.

    :param text: what follows the time
    :param day: of the time
    :param zone: of times that state none: CST is China's in China's zone, and America's elsewhere
    """
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

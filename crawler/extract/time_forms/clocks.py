"""The time of day in a text. Pure."""

from __future__ import annotations

import re

_CLOCK = re.compile(
    r"(上午|早上|早晨|清晨|凌晨|中午|下午|傍晚|晚上|晚间|夜间|오전|새벽|아침|오후|저녁|밤|am|pm)? ?"
    r"(?<![\d:+-])(\d{1,2})(?::| ?[时時点點시] ?| ?h ?(?=\d\d))(\d{1,2})?"
    r"(?:(?::| ?[分분] ?)(\d{1,2})?(?:[.,]\d{1,9})? ?[秒초]?)?"
    r" ?(?:(am|pm|a\.m\.|p\.m\.)(?![a-z]))?",
    re.ASCII,
)
_BASIC_CLOCK = re.compile(r"[t ]?(\d{2})(\d{2})(\d{2})?(?!\d)", re.ASCII)
_NIGHT = {"晚上", "晚间", "夜间", "밤"}
_MAX_HOUR_AFTER_MIDNIGHT = 4  # 昨晚1点 is one o'clock of the next day, 昨晚7点 is not
_AFTERNOON = {"下午", "傍晚", "오후", "저녁", "pm", "p.m."} | _NIGHT
_MORNING = {"上午", "凌晨", "오전", "새벽", "am", "a.m."}
_NOON = "中午"


def find_clock(text: str) -> tuple[int, int, int, int] | None:
    """Return hour, minute and second in a text, and where they end; None if there is no time of day.

    :param text: as from :func:`~crawler.extract.time_forms.wording.plain_text`
    :return: the hour is 24 or more after the midnight that ends the day
    :raises ValueError: it is none, such as 25:00
    """
    if match := _CLOCK.search(text):
        hour, minute, second = (int(part or 0) for part in match.groups()[1:4])
        half, end = match[1] or match[5], match.end()
    elif match := _BASIC_CLOCK.match(text):
        hour, minute, second = (int(part or 0) for part in match.groups())
        half, end = None, match.end()
    else:
        return None
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        raise ValueError(text)
    return _hour(hour, half), minute, min(second, 59), end


def _hour(hour: int, half: str | None) -> int:
    if half in _NIGHT and hour == 12:
        return 24
    if half in _NIGHT and hour <= _MAX_HOUR_AFTER_MIDNIGHT:
        return 24 + hour
    if (half in _AFTERNOON and hour < 12) or (half == _NOON and hour < 11):
        return hour + 12
    return 0 if half in _MORNING and hour == 12 else hour

"""Cron expressions: five fields (minute, hour, day, month, weekday) in China time, read as cron reads them. Pure.

The fields are read here and APScheduler walks the calendar. Left to itself it counts weekdays from Monday = 0 where
cron has Sunday = 0, wants the day *and* the weekday to fit where cron takes either, drops what stands behind a name
("mon-fri/2" is every weekday to it), and knows words that cron does not. See D29.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

# The lists are those of a site in China, and its hours are what a schedule is about. Without summer time, as there is
# none in China: no time of the day is ever left out or doubled.
CHINA = timezone(timedelta(hours=8))

SUNDAY = 7  # also 0
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LEAP_YEAR = 2000  # any: in it every month has all the days it ever has

_ITEM = re.compile(r"(?:(\*)|(\w{1,3})(?:-(\w{1,3}))?)(?:/([0-9]{1,4}))?", re.ASCII)

EXAMPLE = "*/10 9-16 * * mon-fri"


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int  # that "*" means
    names: dict[str, int] = field(default_factory=dict)
    highest: int = 0  # that may be written, if more than `most`

    @property
    def accepted(self) -> str:
        """The values, for a message."""
        words = list(self.names)
        return f"{self.least}-{max(self.most, self.highest)}" + (f" or {words[0]}-{words[-1]}" if words else "")


_WEEKDAY = _Field("weekday", 0, 6, {name: number for number, name in enumerate(_DAYS)}, SUNDAY)
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _WEEKDAY,
)


def check_cron(text: str) -> str:
    """`text` in small letters, with one space between its fields.

    Raises ValueError, which names the field and the value that are wrong, and what would be right.
    """
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        names = " ".join(each.name for each in _FIELDS)
        raise ValueError(f'must have five fields ({names}), such as "{EXAMPLE}", not {len(words)}')
    _, _, days, months, _ = (_values(each, word) for each, word in zip(_FIELDS, words, strict=True))
    if min(days) > max(calendar.monthrange(_LEAP_YEAR, month)[1] for month in months):
        raise ValueError(f"never comes: no month in {words[3]!r:.40} has a day in {words[2]!r:.40}")
    return " ".join(words)


def next_time(cron: str, after: datetime) -> datetime:
    """The first time (aware, UTC, a whole minute) that `cron` names after `after` (aware), and not at it.

    Raises ValueError as `check_cron` does.
    """
    # The next microsecond: a trigger counts the time it is asked at as still to come.
    start = after.astimezone(CHINA) + timedelta(microseconds=1)
    times: list[datetime] = [trigger.get_next_fire_time(None, start) for trigger in _triggers(cron)]
    return min(times).astimezone(UTC)


@lru_cache(maxsize=256)  # more than a configuration has; an expression is asked for after every poll
def _triggers(cron: str) -> tuple[Any, ...]:
    """APScheduler's triggers for `cron`: two where the day or the weekday may fit, as cron has it."""
    # Here, because every command loads the settings and only the daemon asks for times.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    words = check_cron(cron).split()
    written = [sorted(_values(each, word)) for each, word in zip(_FIELDS, words, strict=True)]
    minute, hour, day, month = (",".join(map(str, values)) for values in written[:4])
    weekday = ",".join(_DAYS[number] for number in written[4])
    # Cron's rule: a field that begins with "*" restricts nothing, or goes together with the other one.
    either = not words[2].startswith("*") and not words[4].startswith("*")
    pairs = (("*", weekday), (day, "*")) if either else ((day, weekday),)
    return tuple(
        CronTrigger(minute=minute, hour=hour, day=one, month=month, day_of_week=other, timezone=CHINA)
        for one, other in pairs
    )


def _values(each: _Field, word: str) -> frozenset[int]:
    """The numbers that a field means; those of weekdays are 0 (Sunday) to 6."""
    found = {number for item in word.split(",") for number in _expanded(each, item)}
    return frozenset(number % SUNDAY for number in found) if each is _WEEKDAY else frozenset(found)


def _expanded(each: _Field, item: str) -> range:
    """The numbers of one item: "*", "5", "9-16", "mon-fri", any but a single value with a step."""
    match = _ITEM.fullmatch(item)
    if match is None:
        right = f"*, or values of {each.accepted}, ranges and steps such as {each.least}-{each.most}/2"
        raise ValueError(f"{each.name} must be {right}, not {item!r:.40}")
    star, first, last, step = match.groups()
    least = each.least if star else _number(each, first)
    most = each.most if star else _number(each, last or first)
    if least > most and each is _WEEKDAY:
        most += SUNDAY  # a week is a ring: "fri-mon"
    if least > most:
        right = f"{first}-{each.most},{each.least}-{last}"
        raise ValueError(f"{each.name} must not run backwards, as {item!r} does: write {right}")
    if step is not None and least == most:
        right = f"{first}-{each.most}/{step}"
        raise ValueError(f"{each.name} must have a range for its step: write {right}, not {item!r}")
    if step is not None and not 1 <= int(step) <= most - least:
        # Cron takes "*/90" for the first minute of each hour, which nobody means who writes it.
        raise ValueError(f"{each.name} must have a step of 1 to {most - least}, not {step} as in {item!r}")
    return range(least, most + 1, int(step or 1))


def _number(each: _Field, word: str) -> int:
    number = int(word) if word.isdecimal() else each.names.get(word, -1)
    if not each.least <= number <= max(each.most, each.highest):
        raise ValueError(f"{each.name} must be within {each.accepted}, not {word!r}")
    return number

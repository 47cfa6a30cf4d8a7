"""Cron expressions: five fields (minute, hour, day, month, weekday) in China time, as in cron. Pure.

This module parses the fields, and APScheduler computes the times. APScheduler's own parser differs from cron: it
counts weekdays from Monday = 0 instead of Sunday = 0, requires the day *and* the weekday to match instead of either,
ignores the rest after a name ("mon-fri/2" is every weekday), and accepts words that cron does not (D29).
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

# A schedule follows the hours of a site in China. China has no summer time, so that no time of day is ever skipped or
# repeated.
CHINA = timezone(timedelta(hours=8))

SUNDAY = 7  # also 0
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LEAP_YEAR = 2000  # any leap year: every month has its maximum number of days

_ITEM = re.compile(r"(?:(\*)|(\w{1,3})(?:-(\w{1,3}))?)(?:/([0-9]{1,4}))?", re.ASCII)

EXAMPLE = "*/10 9-16 * * mon-fri"


class _Field(Struct, frozen=True):
    name: str
    minimum: int
    maximum: int  # of "*"
    names: dict[str, int] = field(default_factory=dict)
    max_written: int = 0  # accepted as a number, if more than `maximum`

    @property
    def accepted(self) -> str:
        """The accepted values, for a message."""
        words = list(self.names)
        return f"{self.minimum}-{max(self.maximum, self.max_written)}" + (
            f" or {words[0]}-{words[-1]}" if words else ""
        )


_WEEKDAY = _Field("weekday", 0, 6, {name: number for number, name in enumerate(_DAYS)}, SUNDAY)
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _WEEKDAY,
)


def check_cron(text: str) -> str:
    """Return a cron expression in lower case, with one space between its fields.

    :raises ValueError: it is not valid; the message names the field, the value and what is accepted
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
    """Return the first time of `cron` after `after`, excluded: aware, UTC, a whole minute.

    :param after: aware
    :raises ValueError: as `check_cron`
    """
    # One microsecond later, because a trigger may return the start itself.
    start = after.astimezone(CHINA) + timedelta(microseconds=1)
    times: list[datetime] = [trigger.get_next_fire_time(None, start) for trigger in _triggers(cron)]
    return min(times).astimezone(UTC)


@lru_cache(maxsize=256)  # more than a configuration has; it is used after every poll
def _triggers(cron: str) -> tuple[Any, ...]:
    """Return APScheduler's triggers for `cron`: two if either the day or the weekday may match, as in cron."""
    # Imported here, because every command loads the settings, but only the daemon computes times.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    words = check_cron(cron).split()
    fields = [sorted(_values(each, word)) for each, word in zip(_FIELDS, words, strict=True)]
    minute, hour, day, month = (",".join(map(str, values)) for values in fields[:4])
    weekday = ",".join(_DAYS[number] for number in fields[4])
    # Cron's rule: if one of the two fields begins with "*", both must match; else either.
    either = not words[2].startswith("*") and not words[4].startswith("*")
    pairs = (("*", weekday), (day, "*")) if either else ((day, weekday),)
    return tuple(
        CronTrigger(minute=minute, hour=hour, day=one, month=month, day_of_week=other, timezone=CHINA)
        for one, other in pairs
    )


def _values(each: _Field, word: str) -> frozenset[int]:
    """Return the numbers of a field; weekdays are 0 (Sunday) to 6."""
    numbers = {number for item in word.split(",") for number in _expanded(each, item)}
    return frozenset(number % SUNDAY for number in numbers) if each is _WEEKDAY else frozenset(numbers)


def _expanded(each: _Field, item: str) -> range:
    """Return the numbers of one item: "*", "5", "9-16" or "mon-fri"; all but "5" also with a step."""
    match = _ITEM.fullmatch(item)
    if match is None:
        accepted = f"*, or values of {each.accepted}, ranges and steps such as {each.minimum}-{each.maximum}/2"
        raise ValueError(f"{each.name} must be {accepted}, not {item!r:.40}")
    star, first, last, step = match.groups()
    first_number = each.minimum if star else _number(each, first)
    last_number = each.maximum if star else _number(each, last or first)
    if first_number > last_number and each is _WEEKDAY:
        last_number += SUNDAY  # a range may cross the end of the week: "fri-mon"
    if first_number > last_number:
        accepted = f"{first}-{each.maximum},{each.minimum}-{last}"
        raise ValueError(f"{each.name} must not run backwards, as {item!r} does: write {accepted}")
    if step is not None and first_number == last_number:
        accepted = f"{first}-{each.maximum}/{step}"
        raise ValueError(f"{each.name} must have a range for its step: write {accepted}, not {item!r}")
    if step is not None and not 1 <= int(step) <= last_number - first_number:
        # To cron, "*/90" is the first minute of each hour, which is never what the user means.
        raise ValueError(
            f"{each.name} must have a step of 1 to {last_number - first_number}, not {step} as in {item!r}"
        )
    return range(first_number, last_number + 1, int(step or 1))


def _number(each: _Field, word: str) -> int:
    number = int(word) if word.isdecimal() else each.names.get(word, -1)
    if not each.minimum <= number <= max(each.maximum, each.max_written):
        raise ValueError(f"{each.name} must be within {each.accepted}, not {word!r}")
    return number

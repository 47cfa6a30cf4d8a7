"""Durations: text as people write it ("90s", "1h30m") to timedelta, and back. Pure."""

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # seconds; in the order in which they are written
_READ_UNITS = {"y": 365 * 86_400} | _UNITS  # nothing computed is written in years
_WRITTEN = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _READ_UNITS))

# Far above any use: `now + duration` must be a date that Python can represent.
MAX_DURATION = timedelta(days=36_500)

ACCEPTED = 'a text of whole numbers with the units y (365 days), d, h, m and s, such as "90s", "1h30m" or "7d"'


class WrittenDuration(timedelta):
    """A duration that somebody wrote. What is computed from it is a timedelta."""

    written = ""  # the text


def parse_duration(value: object) -> timedelta:
    """Return the duration of a text such as "1h30m"; a timedelta is returned unchanged.

    Numbers are refused, because a reader of `every = 5` cannot tell seconds from minutes.

    :raises ValueError: the value is neither, or more than 36,500 days
    """
    if isinstance(value, timedelta):
        return value
    match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if not value or match is None:
        raise ValueError(f"must be {ACCEPTED}, not {value!r}")
    seconds = sum(int(n) * size for n, size in zip(match.groups(), _READ_UNITS.values(), strict=True) if n)
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError(f"must be at most {format_duration(MAX_DURATION)}, not {value!r}")
    duration = WrittenDuration(seconds=seconds)
    duration.written = match[0]
    return duration


def format_duration(duration: timedelta) -> str:
    """Return the text of a duration (whole seconds, not negative), which `parse_duration` reads as the same.

    It is as it was written; what was not is the shortest text in days and less.
    """
    if isinstance(duration, WrittenDuration) and duration.written:
        return duration.written
    left, written = int(duration.total_seconds()), ""
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"

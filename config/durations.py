"""Stretches of time as people write them ("90s", "1h30m") and as the program counts with them (timedelta)."""

import re
from datetime import timedelta

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # seconds in each, largest first: the order they are written in
_WRITTEN = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS))

# A bound far above any use: `now + duration` must stay a date that Python can hold.
LONGEST = timedelta(days=36_500)

ACCEPTED = 'a text of whole numbers with the units d, h, m and s, such as "90s", "5m", "1h30m" or "7d"'


def parse_duration(value: object) -> timedelta:
    """The timedelta that a text like "1h30m" means; a timedelta passes as it is.

    Numbers are refused: nobody reading `every = 5` can tell seconds from minutes. Raises ValueError.
    """
    if isinstance(value, timedelta):
        return value
    match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if not value or match is None:
        raise ValueError(f"must be {ACCEPTED}, not {value!r}")
    seconds = sum(int(n) * size for n, size in zip(match.groups(), _UNITS.values(), strict=True) if n)
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"must be at most {format_duration(LONGEST)}, not {value!r}")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as `duration` (whole seconds, not negative)."""
    left, written = int(duration.total_seconds()), ""
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        written += f"{count}{unit}" if count else ""
    return written or "0s"

"""Values in journal documents: times, durations, and type checks of loaded JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache, wraps
from typing import Any, TypeVar

_DURATION = re.compile(
    r"([+-]?)P(?=.)(?:([\d.]+)Y)?(?:([\d.]+)W)?(?:([\d.]+)D)?"
    r"(?:T(?=.)(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?"
)
_DAYS_OF_YEAR = 365  # in durations

T = TypeVar("T")


def checked(load: Callable[[Any], T]) -> Callable[[Any], T]:
    """Decorate a loader so that it raises ValueError for every kind of invalid document."""

    @wraps(load)
    def checked_load(document: Any) -> T:
        try:
            return load(document)
        except KeyError as error:
            raise ValueError(f"key {error} is missing") from error
        except (TypeError, AttributeError) as error:
            raise ValueError(f"a value has the wrong type: {error}") from error

    return checked_load


def dump_time(at: datetime) -> str:
    """Return an aware time in ISO 8601, with "Z" for UTC."""
    written = at.isoformat()
    return f"{written[:-6]}Z" if written.endswith("+00:00") else written


def dump_index_time(at: datetime) -> str:
    """Return an aware time as version 1 of the index writes it: ISO 8601, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


# Return the time that dump_time wrote. TypeError if the value is not a string.
time = datetime.fromisoformat


def optional_time(value: Any) -> datetime | None:
    """Return the time that :func:`dump_time` wrote, or None for None."""
    return None if value is None else datetime.fromisoformat(value)


@lru_cache(maxsize=256)  # every fetch has those of a few configurations
def dump_duration(length: timedelta) -> str:
    """Return an ISO 8601 duration, with years of 365 days."""
    if not length:
        return "PT0S"
    sign, length = ("-", -length) if length < timedelta(0) else ("", length)
    years, days = divmod(length.days, _DAYS_OF_YEAR)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    exact = f"{seconds}{fraction}" if seconds or fraction else ""
    date = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (days, "D")) if n)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (exact, "S")) if n)
    return f"{sign}P{date}{clock and 'T'}{clock}"


@lru_cache(maxsize=256)
def duration(value: str) -> timedelta:
    """Return the duration that :func:`dump_duration` wrote, or any other ISO 8601 duration.

    :raises ValueError: it is not one, or is out of range
    """
    match = _DURATION.fullmatch(value)
    if not match:
        raise ValueError(f"{value!r} is not a duration")
    years, weeks, days, hours, minutes, seconds = (float(part or 0) for part in match.groups()[1:])
    try:
        length = timedelta(years * _DAYS_OF_YEAR + weeks * 7 + days, seconds, hours=hours, minutes=minutes)
    except OverflowError as error:
        raise ValueError(f"{value!r} is out of range") from error
    return -length if match[1] == "-" else length


def text(value: Any) -> str:
    """Return a string; TypeError if it is anything else."""
    if type(value) is str:
        return value
    raise TypeError(f"{value!r} is not a string")


def optional_text(value: Any) -> str | None:
    """Return a string or None; TypeError if it is anything else."""
    return value if value is None else text(value)


def number(value: Any) -> int:
    """Return an integer; TypeError if it is anything else."""
    if type(value) is int:
        return value
    raise TypeError(f"{value!r} is not an integer")


def flag(value: Any) -> bool:
    """Return a boolean; TypeError if it is anything else."""
    if value is True or value is False:
        return bool(value)
    raise TypeError(f"{value!r} is not a boolean")


def array(value: Any) -> list[Any]:
    """Return an array; TypeError if it is anything else."""
    if type(value) is list:
        return value
    raise TypeError(f"{value!r} is not an array")


def texts(value: Any) -> tuple[str, ...]:
    """Return an array of strings; TypeError if it is anything else."""
    for each in array(value):
        if type(each) is not str:
            raise TypeError(f"{each!r} is not a string")
    return tuple(value)


def numbers(value: Any) -> tuple[int, ...]:
    """Return an array of integers; TypeError if it is anything else."""
    for each in array(value):
        if type(each) is not int:
            raise TypeError(f"{each!r} is not an integer")
    return tuple(value)

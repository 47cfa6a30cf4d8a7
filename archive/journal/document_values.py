"""Values in journal documents: times, durations, and checks of what JSON gave. Pure."""

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
_YEAR = 365  # days, in durations

T = TypeVar("T")


def checked(load: Callable[[Any], T]) -> Callable[[Any], T]:
    """Decorate a loader: it raises ValueError for every kind of bad document."""

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
    """Return a time in ISO 8601, with "Z" for UTC."""
    stated = at.isoformat()
    return f"{stated[:-6]}Z" if stated.endswith("+00:00") else stated


def dump_index_time(at: datetime) -> str:
    """Return a time as version 1 of the index writes it: UTC in milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


# Returns the time that :func:`dump_time` was given; a TypeError if the value is no text.
time = datetime.fromisoformat


def optional_time(value: Any) -> datetime | None:
    """Return a time, or None."""
    return None if value is None else datetime.fromisoformat(value)


@lru_cache(maxsize=256)  # those of a few configurations, in every look
def dump_duration(length: timedelta) -> str:
    """Return an ISO 8601 duration, with years of 365 days."""
    if not length:
        return "PT0S"
    sign, length = ("-", -length) if length < timedelta(0) else ("", length)
    years, days = divmod(length.days, _YEAR)
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    exact = f"{seconds}{fraction}" if seconds or fraction else ""
    date = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (days, "D")) if n)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (exact, "S")) if n)
    return f"{sign}P{date}{clock and 'T'}{clock}"


@lru_cache(maxsize=256)
def duration(value: str) -> timedelta:
    """Return the duration that :func:`dump_duration` was given."""
    found = _DURATION.fullmatch(value)
    if not found:
        raise ValueError(f"{value!r} is no duration")
    years, weeks, days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    try:
        length = timedelta(years * _YEAR + weeks * 7 + days, seconds, hours=hours, minutes=minutes)
    except OverflowError as error:
        raise ValueError(f"{value!r} is out of range") from error
    return -length if found[1] == "-" else length


def text(value: Any) -> str:
    """Return a text."""
    if type(value) is str:
        return value
    raise TypeError(f"{value!r} is no text")


def optional_text(value: Any) -> str | None:
    """Return a text, or None."""
    return value if value is None else text(value)


def number(value: Any) -> int:
    """Return a whole number."""
    if type(value) is int:
        return value
    raise TypeError(f"{value!r} is no whole number")


def flag(value: Any) -> bool:
    """Return a truth value."""
    if value is True or value is False:
        return bool(value)
    raise TypeError(f"{value!r} is neither true nor false")


def array(value: Any) -> list[Any]:
    """Return an array."""
    if type(value) is list:
        return value
    raise TypeError(f"{value!r} is no array")


def texts(value: Any) -> tuple[str, ...]:
    """Return an array of texts."""
    for each in array(value):
        if type(each) is not str:
            raise TypeError(f"{each!r} is no text")
    return tuple(value)


def numbers(value: Any) -> tuple[int, ...]:
    """Return an array of whole numbers."""
    for each in array(value):
        if type(each) is not int:
            raise TypeError(f"{each!r} is no whole number")
    return tuple(value)

"""Values in journal documents: times, durations, and type checks of loaded JSON. Pure."""

from __future__ import annotations

import json
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
# Calculations with other values overflow.
_YEARS = range(1900, 9000)
_MAX_DURATION = timedelta(days=1000 * _DAYS_OF_YEAR)
_INTEGERS = range(-(1 << 63), 1 << 63)  # what SQLite stores

T = TypeVar("T")


def checked(load: Callable[[Any], T]) -> Callable[[Any], T]:
    """Decorate a loader so that it raises ValueError for every kind of invalid document."""

    @wraps(load)
    def checked_load(document: Any) -> T:
        try:
            return load(document)
        except KeyError as error:
            raise ValueError(f"key {error} is missing") from error
        except (TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"a value has the wrong type: {error}") from error

    return checked_load


def dump_time(at: datetime) -> str:
    """Return an aware time in ISO 8601, with "Z" for UTC."""
    written = at.isoformat()
    return f"{written[:-6]}Z" if written.endswith("+00:00") else written


def dump_index_time(at: datetime) -> str:
    """Return an aware time as version 1 of the index writes it: ISO 8601, UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def load_json(data: bytes) -> Any:
    """Return the value of a JSON text in UTF-8 that the index can store.

    :raises ValueError: it is not JSON, is nested too deeply, or has a character or a number that is none
    """
    text_ = data.decode("utf-8")
    try:
        value = json.loads(text_, parse_constant=_no_number)
        if "\\u" in text_:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except RecursionError:
        raise ValueError("its document is nested too deeply") from None
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def time(value: str) -> datetime:
    """Return the time that :func:`dump_time` wrote; TypeError if the value is not a string, or has no zone."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise TypeError(f"{value!r} is a time without a zone")
    return at


def moment(value: str) -> datetime:
    """Return a time of this machine's clock; TypeError if it is none, or calculations with it could overflow."""
    at = time(value)
    if at.year not in _YEARS:
        raise TypeError(f"{value!r} is no time of an observation")
    return at


def optional_moment(value: Any) -> datetime | None:
    """Return a time as :func:`moment` does, or None for None."""
    return None if value is None else moment(value)


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
    if length > _MAX_DURATION:
        raise ValueError(f"{value!r} is out of range")
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
    if type(value) is int and value in _INTEGERS:
        return value
    raise TypeError(f"{str(value)[:40]!r} is not an integer of 64 bits")


def cell(value: Any) -> str | int | float | None:
    """Return a value of a table's row; TypeError if the index cannot store it."""
    if value is None or isinstance(value, float):
        return value
    return int(value) if isinstance(value, bool) else number(value) if isinstance(value, int) else text(value)


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
            raise TypeError(f"{str(each)[:40]!r} is not an integer")
    return tuple(value)

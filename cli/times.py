"""Times on the command line. All that people see are China's, with +08:00, or with --utc those of UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from archive.files.paths import CHINA
from cli.context import CommandError

_DAY = "2026-09-30"  # the form of a day
_zones: list[tzinfo] = [CHINA]  # the zone in force; the command line sets it once, before a command begins


def use_utc(is_on: bool) -> None:
    """Show times in UTC from now on; or, with False, in China time."""
    _zones[:] = [UTC if is_on else CHINA]


def zone_name() -> str:
    """The name of the zone in which times are shown."""
    return "UTC, +00:00" if _zones == [UTC] else "China's, +08:00"


def short_time(time: datetime | None) -> str:
    """A time without its year and zone, for a table that names the zone; ``-`` for None."""
    return f"{time.astimezone(_zones[0]):%m-%d %H:%M}" if time else "-"


def full_time(time: datetime, *, seconds: bool = False) -> str:
    """A time with its zone. In quotes it can be given as ``--as-of``."""
    return time.astimezone(_zones[0]).isoformat(" ", "seconds" if seconds else "minutes")


def full_time_of(text: str) -> str:
    """The same for a time in a JSON document, to the second."""
    return full_time(datetime.fromisoformat(text), seconds=True)


def parse_time(text: str, now: datetime, *, is_start: bool = False) -> datetime:
    """A time given on the command line: ``now``, a day in China, or ISO 8601 with its zone.

    :param is_start: whether a day means its beginning; else it means its end
    :raises CommandError: the text is no such time
    """
    if text == "now":
        return now
    try:
        time = datetime.fromisoformat(text)
        # Outside these years a time may not exist in every zone. The sign of a zone after a date is read as a T.
        if time.year not in range(1970, 9999) or text[10:11] in ("+", "-"):
            raise ValueError
    except ValueError:
        raise CommandError(
            f"{text!r} is no time: write now, a day such as {_DAY}, or a time such as {_DAY}T09:30+08:00"
        ) from None
    if len(text) == len(_DAY):
        day = time.replace(tzinfo=CHINA)
        return day if is_start else day + timedelta(days=1)
    if time.tzinfo is None:
        raise CommandError(f"{text!r} needs its zone, such as {text}+08:00")
    return time

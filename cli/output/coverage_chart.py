"""Coverage as plain text: a character for each day, or for each hour of one day. Pure.

The characters are all of one width wherever a font is: East Asian terminals draw every one of them two columns wide,
others one. So rows stay in line on both, and nothing but the blanks after the present hour may be a space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from archive.files.paths import CHINA
from scheduler.policy.coverage import CoverageState, FeedDay

WHOLE, PARTS, NOTHING, BEFORE, AHEAD = "█", "▁▂▃▄▅▆▇", "·", "─", " "
LEGEND = (
    f"{WHOLE} whole   {PARTS[-1]} to {PARTS[0]} a part   {NOTHING} nothing known   {BEFORE} before the record begins"
)
NO_FEED = "no feed is on; finarchive feeds shows those that are configured"
# Of one feed and day. A feed that is crawled by hand has as many as it had pauses; --json has them all.
MAX_OPEN = 6
_NAME_WIDTH = 40  # columns; with 24 hours and a share a row keeps within 80


def recent_chart(days: Sequence[FeedDay]) -> list[str]:
    """A line for each feed with a character for each day, under a head and above a legend.

    :param days: of one or more feeds; each feed has the same days, in order
    """
    if not days:
        return [NO_FEED]
    shown = sorted({found.day for found in days})
    lines = [f"Known complete from {shown[0]} to {shown[-1]}, China time; one character a day", ""]
    lines += _rows({feed: [f.cover for f in days if f.feed == feed] for feed in _feeds(days)}, "")
    holed = [found.day for found in days if found.cover.open and not found.cover.before]
    lines += ["", LEGEND]
    if holed:
        lines.append(f"finarchive coverage --day {max(holed)} shows the hours, and what is open in them")
    return lines


def day_chart(days: Sequence[FeedDay], now: datetime) -> list[str]:
    """A line for each feed with a character for each hour of a day, then what is open.

    :param days: of one or more feeds, all of the same day
    """
    if not days:
        return [NO_FEED]
    day = days[0].day
    lines = [f"Known complete on {day}, China time; one character an hour", ""]
    lines += _rows(
        {found.feed: found.cover.hours() for found in days}, "".join(f"{hour:<6}" for hour in (0, 6, 12, 18))
    )
    lines += ["", LEGEND]
    for found in days:
        lines += _open(found, now)
    return lines


def mark(cover: CoverageState) -> str:
    """The character that stands for a cover."""
    if not cover.length:
        return AHEAD
    if not cover.open:
        return WHOLE
    if cover.known:
        eighths = cover.known * (len(PARTS) + 1) // cover.length
        return PARTS[max(eighths, 1) - 1]
    return BEFORE if cover.before else NOTHING


def percent(covers: Sequence[CoverageState]) -> str:
    """How much of some stretches together is known; 100 % or 0 % only when that is exact."""
    length = sum((cover.length for cover in covers), timedelta(0))
    known = sum((cover.known for cover in covers), timedelta(0))
    if known == length:
        return "100 %"
    if not known:
        return "0 %"
    tenths = max(known * 1000 // length, 1)
    return f"{tenths // 10}.{tenths % 10} %"


def _rows(covers: dict[str, list[CoverageState]], scale: str) -> list[str]:
    width = max(len(name) for name in ("feed", *map(_name, covers)))
    lines = [f"{'feed':<{width}}   known  {scale}"]
    for feed, cells in covers.items():
        lines.append(f"{_name(feed):<{width}}  {percent(cells):>6}  {''.join(mark(cell) for cell in cells)}")
    return [line.rstrip() for line in lines]


def _open(found: FeedDay, now: datetime) -> Iterator[str]:
    name, begin = _name(found.feed), found.cover.begin
    for hole in found.cover.open[:MAX_OPEN]:
        end = "now" if hole.end >= now else _clock(hole.end, found.day)
        why = ", before its record begins" if begin is None or hole.end <= begin else ""
        yield f"{name}: open from {_clock(hole.start, found.day)} to {end}{why}"
    more = len(found.cover.open) - MAX_OPEN
    if more > 0:
        yield f"{name}: … and {more} more; --json lists them all"


def _name(feed: str) -> str:
    return feed if len(feed) <= _NAME_WIDTH else feed[: _NAME_WIDTH - 1] + "…"


def _clock(moment: datetime, day: date) -> str:
    local = moment.astimezone(CHINA)
    return f"{local:%H:%M:%S}" if local.date() == day else "24:00:00"


def _feeds(days: Sequence[FeedDay]) -> list[str]:
    return list(dict.fromkeys(found.feed for found in days))

"""Coverage as plain text: a character for each day, or for each hour of one day. Pure.

All characters have the same width in any one terminal: two columns in East Asian ones, one column in others. So rows
stay aligned in both. The only spaces in a row are those after the present hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from rich.cells import cell_len, set_cell_size

from archive.files.paths import CHINA
from cli.output.feed_names import FeedNames
from scheduler.policy.coverage import CoverageState, FeedDay

SETTLED, PROVISIONAL, PARTS, NOTHING, LOST, BEFORE, AHEAD = "█", "▒", "▁▂▃▄▅▆▇", "·", "×", "─", " "
LEGEND = (
    f"{SETTLED} settled   {PROVISIONAL} known, not all of it settled   {PARTS[-1]} to {PARTS[0]} a part known",
    f"{NOTHING} nothing known   {LOST} lost   {BEFORE} before the record begins",
    "settled: a sweep has read it after late articles had entered the list",
    "known: settled, or provisional: read by polls or backfills",
)
NO_FEED = "no feed is on; finarchive feeds shows those that are configured"
# Spans of a kind listed for one feed and day. A feed that is crawled by hand has one for each pause; --json has all.
MAX_SPANS = 6
_SHARES = "  settled   known  "
_MIN_NAME_COLUMNS = 10  # of a name, however narrow the screen: five Chinese characters


def recent_chart(days: Sequence[FeedDay], names: FeedNames, width: int) -> list[str]:
    """A line for each feed with a character for each day, between a heading and a legend.

    :param days: of one or more feeds; each feed has the same days, in order
    :param width: of the screen, in columns; without room for the ids of feeds in the chart, they are in a line below
    """
    if not days:
        return [NO_FEED]
    dates = sorted({each.day for each in days})
    lines = [f"Known complete from {dates[0]} to {dates[-1]}, China time; one character a day", ""]
    covers = {feed: [each.cover for each in days if each.feed == feed] for feed in _feeds(days)}
    lines += _rows(covers, "", names, width)
    incomplete = [each.day for each in days if each.cover.open and not each.cover.before]
    lines += ["", *LEGEND]
    if incomplete:
        lines.append(f"finarchive coverage --day {max(incomplete)} shows the hours, and what is open in them")
    return lines


def day_chart(days: Sequence[FeedDay], names: FeedNames, width: int, now: datetime) -> list[str]:
    """A line for each feed with a character for each hour of a day, then the open, lost and provisional spans.

    :param days: of one or more feeds, all of the same day
    :param width: as for :func:`recent_chart`
    """
    if not days:
        return [NO_FEED]
    day = days[0].day
    lines = [f"Known complete on {day}, China time; one character an hour", ""]
    scale = "".join(f"{hour:<6}" for hour in (0, 6, 12, 18))
    lines += _rows({each.feed: each.cover.hours() for each in days}, scale, names, width)
    lines += ["", *LEGEND]
    for each in days:
        lines += _spans(each, names.name(each.feed), now)
    return lines


def mark(cover: CoverageState) -> str:
    """The character for the coverage of a span."""
    if not cover.length:
        return AHEAD
    if not cover.open:
        return PROVISIONAL if cover.provisional else SETTLED
    if cover.lost == cover.open and not cover.known:
        return LOST
    if cover.known:
        eighths = cover.known * (len(PARTS) + 1) // cover.length
        return PARTS[max(eighths, 1) - 1]
    return BEFORE if cover.before else NOTHING


def percent(part: timedelta, length: timedelta) -> str:
    """A share as text; 100 % or 0 % only if that is exact."""
    if part == length:
        return "100 %"
    if not part:
        return "0 %"
    tenths = max(part * 1000 // length, 1)
    return f"{tenths // 10}.{tenths % 10} %"


def _rows(covers: dict[str, list[CoverageState]], scale: str, names: FeedNames, width: int) -> list[str]:
    room = width - len(_SHARES) - max(cell_len(scale), *map(len, covers.values()))
    labels = _column("feed", [names.by_id.get(feed, feed) for feed in covers], room)
    ids = _column("id", list(covers), room)
    has_ids = cell_len(f"{labels[0]}  {ids[0]}") <= room
    if has_ids:
        labels = [f"{label}  {feed}" for label, feed in zip(labels, ids, strict=True)]
    lines = [f"{labels[0]}{_SHARES}{scale}"]
    for label, cells in zip(labels[1:], covers.values(), strict=True):
        length = _sum(cell.length for cell in cells)
        settled = percent(_sum(part.end - part.start for cell in cells for part in cell.settled), length)
        known = percent(_sum(cell.known for cell in cells), length)
        lines.append(f"{label}  {settled:>7}  {known:>6}  {''.join(mark(cell) for cell in cells)}")
    return [*map(str.rstrip, lines), *([] if has_ids else ["", names.ids(covers)])]


def _column(title: str, values: Sequence[str], room: int) -> list[str]:
    """The cells of a column, all of one width and no wider than ``room``. Chinese characters have two columns."""
    width = min(max(map(cell_len, (title, *values))), max(room, _MIN_NAME_COLUMNS))
    return [
        set_cell_size(text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…", width)
        for text in (title, *values)
    ]


def _sum(lengths: Iterable[timedelta]) -> timedelta:
    return sum(lengths, timedelta(0))


def _spans(feed_day: FeedDay, name: str, now: datetime) -> Iterator[str]:
    cover = feed_day.cover
    for word, spans in (("open", cover.open), ("of that lost", cover.lost), ("provisional", cover.provisional)):
        for span in spans[:MAX_SPANS]:
            end = "now" if span.end >= now else _clock_time(span.end, feed_day.day)
            is_before = word == "open" and (cover.begin is None or span.end <= cover.begin)
            reason = ", before its record begins" if is_before else ""
            yield f"{name}: {word} from {_clock_time(span.start, feed_day.day)} to {end}{reason}"
        if (more := len(spans) - MAX_SPANS) > 0:
            yield f"{name}: … and {more} more; --json lists them all"


def _clock_time(time: datetime, day: date) -> str:
    local = time.astimezone(CHINA)
    return f"{local:%H:%M:%S}" if local.date() == day else "24:00:00"


def _feeds(days: Sequence[FeedDay]) -> list[str]:
    return list(dict.fromkeys(each.feed for each in days))

"""Charts as SVG, made here: pages run no scripts. Pure.

Colours and fonts are the style sheet's, by class; what a mark stands for is told in its title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from markupsafe import Markup

from archive.files.paths import CHINA

# Units for names and numbers, right of the marks, where the latest are: a feed's id of twelve letters. On a narrow
# screen both are seen first.
_LABEL = 84
_SCALE = 34  # the same, of a number alone
_CELL = 15  # of an hour
_ROW = 19
_BARS = 74  # height of the tallest bar
_LEVELS = 5  # shades
_AXIS = 20


@dataclass(frozen=True, slots=True)
class ChartMark:
    """One value of a chart."""

    value: float
    told: str  # in words
    link: str | None = None


def timeline(
    hours: Sequence[datetime], totals: Mapping[datetime, ChartMark], rows: Mapping[str, Mapping[datetime, ChartMark]]
) -> Markup:
    """A bar for each hour above, and below a row for each feed with a shade for each hour.

    :param hours: those that are shown, the first first
    :param rows: of each feed, by name
    """
    plot = _CELL * len(hours)
    top = _BARS + _AXIS
    height = top + _ROW * len(rows) + 6
    most = max((mark.value for mark in totals.values()), default=0)
    parts = [_scale(most, plot)]
    for place, hour in enumerate(hours):
        left = place * _CELL
        parts += _tick(hour, left, height - 6)
        if mark := totals.get(hour):
            parts.append(_bar(mark, left, _CELL - 2, most, _BARS))
    for number, (name, marks) in enumerate(rows.items()):
        y = top + number * _ROW
        parts.append(Markup('<text class="label" x="{}" y="{}">{}</text>').format(plot + 6, y + 12, name))
        parts.append(_rect("s0", 0, y, plot - 2, _ROW - 3))
        highest = max((mark.value for mark in marks.values()), default=0)
        for place, hour in enumerate(hours):
            if mark := marks.get(hour):
                shape = _rect(f"s{_level(mark.value, highest)}", place * _CELL, y, _CELL - 2, _ROW - 3)
                parts.append(_linked(mark, shape))
    return _svg(plot + _LABEL, height, "每小时、每个订阅源的文章数", parts, "timeline")


def days(counts: Sequence[tuple[date, ChartMark]], *, described: str) -> Markup:
    """A bar for each day."""
    most = max((mark.value for _, mark in counts), default=0)
    step = max(4, min(28, 1_000 // max(len(counts), 1)))
    plot = step * len(counts)
    parts = [_scale(most, plot)]
    for place, (day, mark) in enumerate(counts):
        x = place * step
        if day.day == 1 or (place == 0 and day.day < 25):  # else the next first of a month stands too near
            parts.append(
                Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x, _BARS + 14, f"{day.month}-{day.day}")
            )
        if mark.value:
            parts.append(_bar(mark, x, step - max(1, step // 6), most, _BARS))
    return _svg(plot + _SCALE, _BARS + _AXIS, described, parts, "days")


def arrival_rate(rates: Sequence[float], *, most: float, described: str) -> Markup:
    """24 bars, for the hours of the day.

    :param most: what the highest bar stands for, here or in another chart beside it
    """
    step, height = 8, 34
    parts = []
    for hour, rate in enumerate(rates):
        told = f"{hour}–{hour + 1} 时：每小时约 {rate:.1f} 篇"
        parts.append(_bar(ChartMark(rate, told), hour * step, step - 1, most, height))
    for hour in (0, 6, 12, 18):
        parts.append(Markup('<text class="tick" x="{}" y="{}">{}</text>').format(hour * step, height + 12, hour))
    return _svg(24 * step, height + 15, described, parts, "rhythm")


def cover(shares: Sequence[tuple[ChartMark, bool]], *, described: str) -> Markup:
    """A cell for each day, filled as far as the day is known complete.

    :param shares: of each day, and whether the feed's record had begun by its end
    """
    step, height = 13, 34
    parts = []
    for place, (mark, begun) in enumerate(shares):
        x = place * step
        filled = round(mark.value * height, 1)
        cell = _rect("open" if begun else "before", x, 0, step - 2, height)
        if begun:
            # What is not whole must not look so.
            filled = min(filled, height - 2) if mark.value < 1 else filled
            cell += _rect("whole", x, height - filled, step - 2, filled)
        parts.append(_linked(mark, cell))
    return _svg(step * len(shares), height, described, parts, "cover")


def _svg(width: float, height: float, described: str, parts: Sequence[Markup], kind: str) -> Markup:
    head = Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}" '
        'xmlns="http://www.w3.org/2000/svg">'
    ).format(kind, width, height, width, height, described)
    return head + Markup("").join(parts) + Markup("</svg>")


def _scale(most: float, right: float) -> Markup:
    """The line at the bottom, and how much the tallest bar is."""
    line = Markup('<line class="axis" x1="0" x2="{0}" y1="{1}" y2="{1}"/>').format(right, _BARS + 0.5)
    if not most:
        return line
    return (
        Markup('<line class="grid" x1="0" x2="{}" y1="4.5" y2="4.5"/>').format(right)
        + line
        + Markup('<text class="label" x="{}" y="10">{:,.0f}</text>').format(right + 6, most)
    )


def _tick(hour: datetime, x: float, height: float) -> Iterator[Markup]:
    local = hour.astimezone(CHINA)
    if local.hour == 0:
        yield Markup('<line class="grid" x1="{0}" x2="{0}" y1="0" y2="{1}"/>').format(x - 1, height)
    if local.hour % 6 == 0:
        told = f"{local.month}月{local.day}日" if local.hour == 0 else f"{local.hour}时"
        yield Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x, _BARS + 14, told)


def _bar(mark: ChartMark, x: float, width: float, most: float, height: float) -> Markup:
    tall = round(max(mark.value / most * (height - 5), 1.5), 1) if most and mark.value else 0.5
    return _linked(mark, _rect("bar", x, round(height - tall, 1), width, tall))


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(kind, x, y, width, height)


def _linked(mark: ChartMark, shape: Markup) -> Markup:
    inner = Markup("<g><title>{}</title>{}</g>").format(mark.told, shape)
    return Markup('<a href="{}" tabindex="-1">{}</a>').format(mark.link, inner) if mark.link else inner


def _level(value: float, most: float) -> int:
    """The shade of a value: 1 to the most, by even steps; what is there is never 0."""
    return max(1, min(_LEVELS, round(value / most * _LEVELS))) if most else 0


def spread(begin: datetime, hours: int) -> list[datetime]:
    """So many hours from a full one on."""
    return [begin + timedelta(hours=number) for number in range(hours)]

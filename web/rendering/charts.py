"""Charts as SVG, rendered on the server, because pages run no scripts. Pure.

Colours and fonts come from the style sheet, by class. The title of a mark describes its value. Functions that return
``str`` return SVG: they escape each text that they get, with :func:`markupsafe.escape`. ``Markup.format``, which does
that by itself, takes ten times as long, and a chart has hundreds of marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from markupsafe import Markup, escape
from msgspec import Struct

from archive.files.paths import CHINA
from web.rendering.language import gettext as _

# All sizes are SVG units. Names and numbers are right of the marks, beside the latest ones: a narrow screen shows
# both first.
_LABEL_WIDTH = 84  # a feed's id of twelve letters
_SCALE_WIDTH = 34  # a number alone
_CELL_WIDTH = 15  # an hour
_ROW_HEIGHT = 19
_BAR_HEIGHT = 74  # of the tallest bar
_AXIS_HEIGHT = 20
_LEVELS = 5  # number of shades


class ChartMark(Struct, frozen=True):
    """One value of a chart, with its description."""

    value: float
    title: str  # text for people
    link: str | None = None


def timeline(
    hours: Sequence[datetime], totals: Mapping[datetime, ChartMark], rows: Mapping[str, Mapping[datetime, ChartMark]]
) -> Markup:
    """Return a chart with a bar for each hour, and below it a row for each feed with a shaded cell for each hour.

    :param hours: the hours to show, ascending
    :param totals: the values of the bars, by hour
    :param rows: the values of the cells, by feed and hour
    """
    plot = _CELL_WIDTH * len(hours)
    top = _BAR_HEIGHT + _AXIS_HEIGHT
    height = top + _ROW_HEIGHT * len(rows) + 6
    maximum = max((mark.value for mark in totals.values()), default=0)
    parts = [_scale(maximum, plot)]
    for index, hour in enumerate(hours):
        left = index * _CELL_WIDTH
        parts += _tick(hour, left, height - 6)
        if mark := totals.get(hour):
            parts.append(_bar(mark, left, _CELL_WIDTH - 2, maximum, _BAR_HEIGHT))
    for number, (name, marks) in enumerate(rows.items()):
        y = top + number * _ROW_HEIGHT
        parts.append(f'<text class="label" x="{plot + 6}" y="{y + 12}">{escape(name)}</text>')
        parts.append(_rect("s0", 0, y, plot - 2, _ROW_HEIGHT - 3))
        highest = max((mark.value for mark in marks.values()), default=0)
        for index, hour in enumerate(hours):
            if mark := marks.get(hour):
                shade = f"s{_level(mark.value, highest)}"
                shape = _rect(shade, index * _CELL_WIDTH, y, _CELL_WIDTH - 2, _ROW_HEIGHT - 3)
                parts.append(_linked(mark, shape))
    return _svg(plot + _LABEL_WIDTH, height, _("每小时、每个订阅源的文章数"), parts, "timeline")


def days(counts: Sequence[tuple[date, ChartMark]], *, label: str) -> Markup:
    """Return a chart with a bar for each day."""
    maximum = max((mark.value for _, mark in counts), default=0)
    step = max(4, min(28, 1_000 // max(len(counts), 1)))
    plot = step * len(counts)
    parts = [_scale(maximum, plot)]
    for index, (day, mark) in enumerate(counts):
        x = index * step
        if day.day == 1 or (index == 0 and day.day < 25):  # otherwise the next label would be too close
            parts.append(_tick_text(x, _BAR_HEIGHT + 14, f"{day.month}-{day.day}"))
        if mark.value:
            parts.append(_bar(mark, x, step - max(1, step // 6), maximum, _BAR_HEIGHT))
    return _svg(plot + _SCALE_WIDTH, _BAR_HEIGHT + _AXIS_HEIGHT, label, parts, "days")


def arrival_rate(rates: Sequence[float], *, maximum: float, label: str) -> Markup:
    """Return a chart with 24 bars, one for each hour of the day.

    :param rates: articles per hour
    :param maximum: the value of a bar of full height; charts side by side share it
    """
    step, height = 8, 34
    parts = []
    for hour, rate in enumerate(rates):
        title = _("%(begin)s–%(end)s 时：每小时约 %(rate)s 篇") % {
            "begin": hour, "end": hour + 1, "rate": f"{rate:.1f}",
        }  # fmt: skip
        parts.append(_bar(ChartMark(rate, title), hour * step, step - 1, maximum, height))
    for hour in (0, 6, 12, 18):
        parts.append(_tick_text(hour * step, height + 12, str(hour)))
    return _svg(24 * step, height + 15, label, parts, "rhythm")


def coverage(shares: Sequence[tuple[ChartMark, float, bool]], *, label: str) -> Markup:
    """Return a chart with a cell for each day, filled by the share of the day that is known, its settled part darker.

    :param shares: for each day, the known share, the settled share of the day, and whether the feed's record begins
        before the day ends
    """
    step, height = 13, 34
    parts = []
    for index, (mark, settled, begun) in enumerate(shares):
        x = index * step
        filled = round(mark.value * height, 1)
        cell = _rect("open" if begun else "before", x, 0, step - 2, height)
        if begun:
            # A day that is not complete must not look complete.
            filled = min(filled, height - 2) if mark.value < 1 else filled
            cell += _rect("provisional", x, height - filled, step - 2, filled)
            dark = round(min(settled * height, filled), 1)
            cell += _rect("whole", x, height - dark, step - 2, dark)
        parts.append(_linked(mark, cell))
    return _svg(step * len(shares), height, label, parts, "cover")


def _svg(width: float, height: float, label: str, parts: Sequence[str], kind: str) -> Markup:
    head = (
        f'<svg class="chart {kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" '
        f'aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg">'
    )
    return Markup("".join([head, *parts, "</svg>"]))  # noqa: S704 - the parts are escaped


def _scale(maximum: float, right: float) -> str:
    """Return the line at the bottom, and the value of the tallest bar."""
    bottom = _BAR_HEIGHT + 0.5
    line = f'<line class="axis" x1="0" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
    if not maximum:
        return line
    return (
        f'<line class="grid" x1="0" x2="{right}" y1="4.5" y2="4.5"/>'
        f'{line}<text class="label" x="{right + 6}" y="10">{maximum:,.0f}</text>'
    )


def _tick(hour: datetime, x: float, height: float) -> Iterator[str]:
    local = hour.astimezone(CHINA)
    if local.hour == 0:
        yield f'<line class="grid" x1="{x - 1}" x2="{x - 1}" y1="0" y2="{height}"/>'
    if local.hour % 6 == 0:
        text = (
            _("%(month)s月%(day)s日") % {"month": local.month, "day": local.day}
            if local.hour == 0
            else _("%(hour)s时") % {"hour": local.hour}
        )
        yield _tick_text(x, _BAR_HEIGHT + 14, text)


def _tick_text(x: float, y: float, text: str) -> str:
    return f'<text class="tick" x="{x}" y="{y}">{escape(text)}</text>'


def _bar(mark: ChartMark, x: float, width: float, maximum: float, height: float) -> str:
    tall = round(max(mark.value / maximum * (height - 5), 1.5), 1) if maximum and mark.value else 0.5
    return _linked(mark, _rect("bar", x, round(height - tall, 1), width, tall))


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _linked(mark: ChartMark, shape: str) -> str:
    """Return a shape with the title and the link of its value.

    :param shape: SVG
    """
    inner = f"<g><title>{escape(mark.title)}</title>{shape}</g>"
    return f'<a href="{escape(mark.link)}" tabindex="-1">{inner}</a>' if mark.link else inner


def _level(value: float, maximum: float) -> int:
    """Return the shade of a value, in even steps from 1 to the number of shades; 0 only if ``maximum`` is 0."""
    return max(1, min(_LEVELS, round(value / maximum * _LEVELS))) if maximum else 0


def hours_from(start: datetime, hours: int) -> list[datetime]:
    """Return a number of consecutive hours, the first at ``start``."""
    return [start + timedelta(hours=number) for number in range(hours)]

"""Coverage as text: one character for each day or hour, in line in any terminal, true to the last minute."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, timedelta

import pytest
from rich.cells import cell_len

from archive.model.feed import Gap, Span
from cli.output.coverage_chart import LEGEND, MAX_SPANS, day_chart, mark, percent, recent_chart
from cli.output.feed_names import FeedNames
from scheduler.policy.coverage import CoverageState, FeedDay, KnownSpans, coverage
from tests.scheduler.test_coverage import DAY, LATER, at, cover, span

DAYS = [DAY + timedelta(days=number) for number in (-2, -1, 0)]
LONG = "a" * 70
NAMES = FeedNames({"china": "国内", "usstock": "美股", "new": "新"})


def days(
    spans: dict[str, list[Span]],
    *gaps: Gap,
    of: list[date] | None = None,
    settled: tuple[Span, ...] = (),
    now: datetime = LATER,
) -> list[FeedDay]:
    known = {
        feed: KnownSpans(each, settled if feed == "china" else (), [gap for gap in gaps if gap.feed == feed])
        for feed, each in spans.items()
    }
    return coverage(known, of or [DAY], now)


@pytest.mark.parametrize(
    ("found", "character"),
    [
        (cover(span(0, 1440), settled=(span(0, 1440),)), "█"),
        (cover(span(0, 1440)), "▒"),
        (cover(span(0, 1440), settled=(span(0, 1439),)), "▒"),
        (cover(gaps=(Gap("china", at(-60), at(1500), lost=LATER),)), "×"),
        (cover(span(-60, 0), gaps=(Gap("china", at(60), at(1500), lost=LATER),)), "·"),
        (cover(span(0, 1439)), "▇"),
        (cover(span(0, 1260)), "▇"),  # seven eighths
        (cover(span(0, 1259)), "▆"),
        (cover(span(0, 720)), "▄"),
        (cover(span(0, 360)), "▂"),
        (cover(span(0, 180)), "▁"),
        (cover(span(0, 1)), "▁"),
        (cover(span(-60, -30)), "·"),
        (cover(span(1500, 1600)), "─"),
        (cover(), "─"),
        (cover(span(0, 60), now=at(0)), " "),
    ],
)
def test_a_character_shows_the_covered_share(found: CoverageState, character: str) -> None:
    assert mark(found) == character


@pytest.mark.parametrize(
    ("known", "text"),
    [(1440, "100 %"), (1439.9999, "99.9 %"), (1439, "99.9 %"), (720, "50.0 %"), (0.0001, "0.1 %"), (0, "0 %")],
)
def test_a_share_is_never_rounded_to_0_or_1(known: float, text: str) -> None:
    assert percent(timedelta(minutes=known), timedelta(days=1)) == text


def test_the_days_chart_has_a_line_for_each_feed_and_distinguishes_gaps_from_earlier_days() -> None:
    spans = {"china": [span(-1440, -720), span(0, 1440)], "usstock": [span(-3000, -2160), span(-720, 0)], "new": []}

    assert recent_chart(days(spans, of=DAYS, settled=(span(0, 1440),)), NAMES, 80) == [
        "Known complete from 2026-09-26 to 2026-09-28, China time; one character a day",
        "",
        "feed  id       settled   known",
        "国内  china     33.3 %  50.0 %  ─▄█",
        "美股  usstock      0 %  33.3 %  ▄▄·",
        "新    new          0 %     0 %  ───",
        "",
        *LEGEND,
        "finarchive coverage --day 2026-09-28 shows the hours, and what is open in them",
    ]


def test_a_record_without_a_gap_needs_no_hint() -> None:
    assert recent_chart(days({"china": [span(-99999, 1440)]}, of=DAYS), NAMES, 80)[-1] == LEGEND[-1]


def test_the_hours_chart_lists_what_is_open() -> None:
    spans = {"china": [span(-60, 0), span(65.5, 150)], "usstock": [span(90, 180)], "new": []}
    gaps = [Gap("china", at(70), at(80))]

    assert day_chart(days(spans, *gaps, now=at(200)), NAMES, 80, at(200)) == [
        "Known complete on 2026-09-28, China time; one character an hour",
        "",
        "feed  id       settled   known  0     6     12    18",
        "国内  china        0 %  37.2 %  ·▅▄·",
        "美股  usstock      0 %  45.0 %  ─▄▒·",
        "新    new          0 %     0 %  ────",
        "",
        *LEGEND,
        "国内: open from 00:00:00 to 01:05:30",
        "国内: open from 01:10:00 to 01:20:00",
        "国内: open from 02:30:00 to now",
        "国内: provisional from 01:05:30 to 01:10:00",
        "国内: provisional from 01:20:00 to 02:30:00",
        "美股: open from 00:00:00 to 01:30:00, before its record begins",
        "美股: open from 03:00:00 to now",
        "美股: provisional from 01:30:00 to 03:00:00",
        "新: open from 00:00:00 to now, before its record begins",
    ]


def test_a_day_ends_at_24_hours_not_at_midnight_before_it_began() -> None:
    assert day_chart(days({"china": [span(0, 1320)]}), NAMES, 80, LATER)[-2] == "国内: open from 22:00:00 to 24:00:00"


def test_many_open_spans_are_truncated_and_counted() -> None:
    spans = [span(start, start + 5) for start in range(0, 1440, 10)]
    lines = day_chart(days({"china": spans}), NAMES, 80, LATER)

    assert len([line for line in lines if line.startswith("国内: open")]) == MAX_SPANS
    assert lines.count(f"国内: … and {144 - MAX_SPANS} more; --json lists them all") == 2, "open, provisional"


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_row_is_wider_than_the_terminal_and_every_id_is_there(width: int) -> None:
    spans = {LONG: [span(start, start + 5) for start in range(0, 1440, 10)], "china": [], "new": []}
    names = FeedNames({LONG: "新浪财经－国內", "china": "香港文汇报・大公报与全世界的其他报纸", "new": "新"})
    fortnight = [DAY - timedelta(days=number) for number in range(13, -1, -1)]
    for chart in (recent_chart(days(spans, of=fortnight), names, width), day_chart(days(spans), names, width, LATER)):
        heading, *rows = chart[2:6]
        assert max(map(cell_len, chart[2:6])) <= width
        begins = {cell_len(row) - len(row.rpartition("%  ")[2]) for row in rows}
        assert begins == {cell_len(heading.partition("known")[0] + "known  ")}
        assert all(feed in "\n".join(chart) for feed in spans)


def test_feeds_of_one_name_are_told_apart_by_their_ids() -> None:
    names = FeedNames({"china": "要闻", "new": "要闻", "usstock": "美股"})
    lines = day_chart(days({"china": [], "new": [], "usstock": []}), names, 80, LATER)
    assert [line.partition(": ")[0] for line in lines[-3:]] == ["要闻 (china)", "要闻 (new)", "美股"]


def test_the_cells_of_a_row_are_all_of_one_width_in_chinese_terminals_too() -> None:
    spans = {"china": [span(-1440, -700), span(0, 700), span(800, 1440)]}
    row = (
        day_chart(days(spans), NAMES, 80, LATER)[3].rpartition("%  ")[2]
        + recent_chart(days(spans, of=DAYS), NAMES, 80)[3].rpartition("%  ")[2]
    )

    assert {unicodedata.east_asian_width(character) for character in row + "·─█×"} == {"A"}


def test_without_a_feed_there_is_a_line_that_says_so() -> None:
    assert recent_chart([], NAMES, 80) == day_chart([], NAMES, 80, LATER)
    assert "no feed is on" in recent_chart([], NAMES, 80)[0]

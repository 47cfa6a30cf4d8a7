"""Charts of the web view: bars as high as their values, and escaped text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.rendering.charts import ChartMark, arrival_rate, coverage, days, hours_from, timeline

START = datetime(2026, 9, 28, 16, tzinfo=UTC)  # midnight in China
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "\"'></text><script>alert(1)</script>&amp;"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - what was just made here


def heights(svg: str, kind: str) -> list[float]:
    return [float(each.attrib["height"]) for each in parsed(svg).iter(f"{SVG}rect") if each.attrib["class"] == kind]


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=48))
def test_bars_are_as_high_as_their_values(values: list[int]) -> None:
    shown = [
        (date(2026, 9, 1) + timedelta(days=n), ChartMark(value, f"{value} 篇")) for n, value in enumerate(values)
    ]

    found = heights(days(shown, label="x"), "bar")

    assert len(found) == len(values)
    highest = max(found)
    for height, value in zip(found, values, strict=True):
        # Any value above zero is visible; others are exact to a tenth of a unit.
        assert height == pytest.approx(max(value / max(values) * highest, 1.5), abs=0.11)


def test_each_feed_has_its_row_and_each_hour_its_shade() -> None:
    hours = hours_from(START, 48)
    marks = {"china": {hours[0]: ChartMark(1, "一"), hours[47]: ChartMark(10, "十", "/x?a=1&b=2")}, "empty": {}}

    svg = timeline(hours, {hours[0]: ChartMark(11, "总")}, marks)

    shades = [each.attrib["class"] for each in parsed(svg).iter(f"{SVG}rect")]
    assert [each for each in shades if each in ("s1", "s5")] == ["s1", "s5"]
    assert {each.text for each in parsed(svg).iter(f"{SVG}text")} >= {"china", "empty", "9月29日", "6时", "11"}
    (leading,) = parsed(svg).iter(f"{SVG}a")
    assert leading.attrib["href"] == "/x?a=1&b=2"


def test_words_are_words() -> None:
    hour = hours_from(START, 1)
    svg = timeline(
        hour, {hour[0]: ChartMark(1, HOSTILE, HOSTILE)}, {HOSTILE: {hour[0]: ChartMark(1, HOSTILE, HOSTILE)}}
    )

    assert not list(parsed(svg).iter(f"{SVG}script"))
    assert [each.text for each in parsed(svg).iter(f"{SVG}title")] == [HOSTILE, HOSTILE]
    assert HOSTILE in [each.text for each in parsed(svg).iter(f"{SVG}text")]


def test_an_incomplete_day_does_not_look_complete() -> None:
    svg = coverage(
        [(ChartMark(share, ""), share / 2, True) for share in (1.0, 0.9999, 0.5, 0.0)]
        + [(ChartMark(0, ""), 0, False)],
        label="x",
    )

    whole, nearly, half, nothing = heights(svg, "provisional")
    assert whole > nearly > half > nothing == 0
    assert heights(svg, "whole")[0] == pytest.approx(whole / 2)
    assert (len(heights(svg, "open")), len(heights(svg, "before"))) == (4, 1)


def test_two_rhythms_have_one_scale() -> None:
    low, high = (max(heights(arrival_rate([rate] * 24, maximum=10, label="x"), "bar")) for rate in (5, 10))

    assert low == pytest.approx(high / 2)
    assert re.search("每小时约 5.0 篇", arrival_rate([5] * 24, maximum=10, label="x"))


def test_nothing_is_drawn_of_nothing() -> None:
    assert heights(timeline(hours_from(START, 2), {}, {}), "bar") == []
    assert heights(days([(date(2026, 9, 1), ChartMark(0, ""))], label="x"), "bar") == []

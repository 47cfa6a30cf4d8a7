"""How much of a day is known: shares, open spans, days in China."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.files.paths import CHINA
from archive.model.feed import Gap, Span
from scheduler.policy.coverage import (
    RECENT_DAYS,
    CoverageState,
    KnownSpans,
    coverage,
    day_span,
    parse_day,
    recent_days,
    today,
)

DAY = date(2026, 9, 28)
START = datetime(2026, 9, 27, 16, tzinfo=UTC)  # midnight in China
LATER = START + timedelta(days=3)
MINUTE = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    """A number of minutes after the start of DAY."""
    return START + minutes * MINUTE


def span(start: float, end: float) -> Span:
    return Span(at(start), at(end))


def gap(start: float, end: float) -> Gap:
    return Gap("china", at(start), at(end))


def cover(
    *spans: Span,
    gaps: tuple[Gap, ...] = (),
    settled: tuple[Span, ...] = (),
    dead_since: datetime | None = None,
    now: datetime = LATER,
) -> CoverageState:
    (found,) = coverage({"china": KnownSpans(spans, settled, gaps, dead_since)}, [DAY], now)
    assert (found.feed, found.day) == ("china", DAY)
    return found.cover


@pytest.mark.parametrize(
    ("spans", "gaps", "share", "opened"),
    [
        pytest.param([(0, 1440)], [], 1.0, [], id="whole"),
        pytest.param([(-600, 2000)], [], 1.0, [], id="whole within a longer span"),
        pytest.param([(0, 700), (700, 1440)], [], 1.0, [], id="spans that touch leave nothing open"),
        pytest.param([(700, 1440), (0, 900)], [], 1.0, [], id="spans overlap, in any order"),
        pytest.param([], [], 0.0, [(0, 1440)], id="nothing"),
        pytest.param([(-900, -1), (1441, 1500)], [], 0.0, [(0, 1440)], id="known all around"),
        pytest.param([(0, 360)], [], 0.25, [(360, 1440)], id="a quarter"),
        pytest.param([(0, 360), (1080, 2000)], [], 0.5, [(360, 1080)], id="a gap"),
        pytest.param([(0, 1440)], [(300, 660)], 0.75, [(300, 660)], id="an open gap counts, whatever spans say"),
        pytest.param([(0, 720)], [(720, 1500)], 0.5, [(720, 1440)], id="a gap beyond the day's end"),
        pytest.param([(0, 1440 - 0.0001)], [], 0.9999, [(1440 - 0.0001, 1440)], id="never whole by rounding"),
        pytest.param([(0, 0.0001)], [], 0.0001, [(0.0001, 1440)], id="never nothing by rounding"),
    ],
)
def test_a_day_is_covered_as_far_as_its_spans_reach(
    spans: list[tuple[float, float]],
    gaps: list[tuple[float, float]],
    share: float,
    opened: list[tuple[float, float]],
) -> None:
    found = cover(*(span(*ends) for ends in spans), gaps=tuple(gap(*ends) for ends in gaps))

    assert found.share == share
    assert found.open == tuple(span(*ends) for ends in opened)


def test_what_a_sweep_has_read_is_settled_and_the_remainder_provisional() -> None:
    found = cover(span(0, 1080), settled=(span(-600, 720),))

    assert (found.settled, found.provisional, found.open) == (
        (span(0, 720),), (span(720, 1080),), (span(1080, 1440),),
    )  # fmt: skip
    assert (found.settled_share, found.share) == (0.5, 0.75)


def test_a_gap_is_neither_settled_nor_provisional() -> None:
    lost = Gap("china", at(100), at(200), lost=LATER, evidence="the list ends")
    found = cover(span(0, 1440), settled=(span(0, 300),), gaps=(gap(250, 350), lost))

    assert found.settled == (span(0, 100), span(200, 250))
    assert found.provisional == (span(350, 1440),)
    assert found.open == (span(100, 200), span(250, 350))
    assert found.lost == (span(100, 200),)


def test_what_was_read_of_a_lost_gap_is_not_lost() -> None:
    lost = Gap("china", at(0), at(200), lost=LATER)
    assert cover(span(0, 1440), gaps=(lost,)).lost == (span(0, 200),)
    assert cover(span(0, 1440)).lost == ()


def test_a_dead_list_is_open_from_its_newest_article_on() -> None:
    found = cover(span(0, 1440), settled=(span(0, 900),), dead_since=at(720))

    assert (found.settled, found.provisional, found.open) == ((span(0, 720),), (), (span(720, 1440),))
    assert found.share == 0.5


def test_the_present_day_is_judged_up_to_now() -> None:
    found = cover(span(0, 60), now=at(120))

    assert (found.share, found.open) == (0.5, (span(60, 120),))
    assert cover(span(0, 120), now=at(120)).share == 1.0
    assert cover(span(0, 500), now=at(120)).share == 1.0  # the clock was set back


def test_of_a_day_that_has_not_begun_nothing_is_open() -> None:
    for spans in ((), (span(0, 60),)):
        found = cover(*spans, now=START)
        assert (found.share, found.open, found.length) == (1.0, (), timedelta(0))


def test_each_feed_is_judged_by_its_own_spans_and_gaps() -> None:
    known = {
        "usstock": KnownSpans([span(0, 720)], gaps=[Gap("usstock", at(0), at(360))]),
        "china": KnownSpans([span(0, 1440)]),
        "new": KnownSpans(),
    }
    found = coverage(known, [DAY], LATER)

    assert [(day.feed, day.cover.share) for day in found] == [("usstock", 0.25), ("china", 1.0), ("new", 0.0)]


def test_the_record_begins_with_its_first_span_or_gap() -> None:
    assert cover(span(60, 120)).begin == at(60)
    assert cover(span(60, 120), gaps=(gap(-5, 10),)).begin == at(-5)
    assert cover().begin is None
    assert cover().before
    assert cover(span(1440, 1500)).before
    assert not cover(span(1439, 1500)).before
    assert not cover(span(-90, -60)).before


def test_a_day_has_24_hours_and_future_ones_have_no_length() -> None:
    hours = cover(span(0, 90), now=at(150)).hours()

    assert len(hours) == 24
    assert [hour.share for hour in hours[:3]] == [1.0, 0.5, 0.0]
    assert [hour.length for hour in hours[:4]] == [60 * MINUTE, 60 * MINUTE, 30 * MINUTE, timedelta(0)]
    assert hours[2].open == (span(120, 150),)
    assert {hour.length for hour in hours[3:]} == {timedelta(0)}


def test_a_day_is_one_in_china() -> None:
    assert day_span(DAY) == Span(START, START + timedelta(days=1))
    assert today(START) == DAY
    assert today(START - timedelta(seconds=1)) == DAY - timedelta(days=1)


@pytest.mark.parametrize(
    ("begin", "first", "number"),
    [
        pytest.param(
            at(0) - timedelta(days=90), DAY - timedelta(days=RECENT_DAYS - 1), RECENT_DAYS, id="a long record"
        ),
        pytest.param(at(-1), DAY - timedelta(days=1), 2, id="since yesterday"),
        pytest.param(at(5), DAY, 1, id="since today"),
        pytest.param(at(5000), DAY, 1, id="a record of the future: the clock was set back"),
        pytest.param(None, DAY, 1, id="no record"),
    ],
)
def test_recent_days_go_back_two_weeks_or_to_the_first_record(
    begin: datetime | None, first: date, number: int
) -> None:
    spans = [[], [Span(begin, begin + MINUTE)]] if begin else [[]]
    days = recent_days(spans, at(600))

    assert (days[0], days[-1], len(days)) == (first, DAY, number)
    assert days == sorted(days)


def test_a_day_is_written_as_in_the_folders() -> None:
    assert parse_day("2026-09-28", at(1)) == DAY
    assert parse_day("1990-01-01", at(1)) == date(1990, 1, 1)


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "2026-9-3", "20260928", "2026-W40-1", "", "2026-09-28T10:00"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="there is no such day; write it like 2026-09-30"):
        parse_day(text, at(1))


@pytest.mark.parametrize("text", ["2026-09-29", "9999-12-31", "0001-01-01", "1989-12-31"])
def test_days_to_come_and_days_before_the_web_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be from 1990-01-01 to 2026-09-28, the present day in China"):
        parse_day(text, at(1439))


minutes = st.integers(-200, 1700)
minute_spans = st.lists(st.tuples(minutes, minutes).map(sorted), max_size=8)


@given(minute_spans, minute_spans, st.integers(0, 1700))
def test_the_share_is_that_of_counting_minutes(spans: list[list[int]], gaps: list[list[int]], now: int) -> None:
    """Minute m, from m to m + 1, is known when a span holds it whole and no gap does."""
    length = min(now, 1440)
    known = {m for start, end in spans for m in range(start, end)} - {m for s, e in gaps for m in range(s, e)}
    count = len(known & set(range(length)))

    found = cover(*(span(*ends) for ends in spans), gaps=tuple(gap(*ends) for ends in gaps), now=at(now))

    assert found.known == count * MINUTE
    assert {
        m for m in range(length) if any(open_span.start <= at(m) < open_span.end for open_span in found.open)
    } == (set(range(length)) - known)
    if length:
        exact = count / length
        assert (found.share == 1.0) == (count == length)
        assert (found.share == 0.0) == (count == 0)
        assert found.share == pytest.approx(floor(exact * 10_000) / 10_000, abs=0.00011)
    assert sum((hour.known for hour in found.hours()), timedelta(0)) == found.known
    assert sum((hour.length for hour in found.hours()), timedelta(0)) == found.length
    assert all(one.end < other.start for one, other in zip(found.open, found.open[1:], strict=False))


def test_times_of_any_zone_are_the_same_times() -> None:
    local = Span(at(0).astimezone(CHINA), at(720).astimezone(CHINA))

    assert cover(local) == cover(span(0, 720))

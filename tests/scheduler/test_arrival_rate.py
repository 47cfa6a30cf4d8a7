"""The arrival rate learned from a feed's week, and the expected number of articles."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate
from scheduler.policy.arrival_rate import (
    ARTICLES_PER_POLL,
    EMPTY,
    expected,
    expected_time,
    hourly_rates,
    interval,
    is_known,
    learn,
    learn_first_poll,
)

BASE = timedelta(minutes=5)  # half an article in it: six an hour
SECOND, MINUTE, HOUR, DAY, WEEK = (timedelta(seconds=n) for n in (1, 60, 3600, 86_400, 604_800))
MONDAY = datetime(2026, 3, 2, tzinfo=CHINA).astimezone(UTC)  # midnight in China, when a week of work begins

spans = st.timedeltas(min_value=timedelta(0), max_value=13 * DAY)
starts = st.floats(0, 2 * 365 * 24).map(lambda number: MONDAY + number * HOUR)
numbers = st.floats(0, 1000)
arrival_rates = st.builds(
    ArrivalRate,
    seconds=st.lists(st.floats(0, 50_000), min_size=48, max_size=48).map(tuple),
    arrivals=st.lists(st.floats(0, 500), min_size=48, max_size=48).map(tuple),
    until=st.none(),
)


def at(day: int, hour: float) -> datetime:
    """A time of the week that begins on MONDAY, in China time."""
    return MONDAY + day * DAY + hour * HOUR


def even(start: datetime, end: datetime, number: int) -> list[datetime]:
    """Articles at even distances."""
    return [start + (n + 0.5) * (end - start) / number for n in range(number)]


def touched(arrival_rate: ArrivalRate) -> dict[int, tuple[int, float]]:
    """The slots of which something is known: minutes watched, articles."""
    both = enumerate(zip(arrival_rate.seconds, arrival_rate.arrivals, strict=True))
    return {slot: (round(seconds / 60), round(arrivals, 1)) for slot, (seconds, arrivals) in both if seconds}


def office(weeks: int) -> ArrivalRate:
    """The rhythm of a feed that brings 40 articles an hour from 9 to 16 on weekdays, and nothing else, ever."""
    arrival_rate, since = replace(EMPTY, until=MONDAY), MONDAY
    for day in range(7 * weeks):
        if day % 7 < 5:
            until = at(day, 16)
            arrival_rate, since = learn(arrival_rate, since, until, even(at(day, 9), until, 280)), until
    return arrival_rate


# -- learning -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "times", "slots"),
    [
        (at(0, 9), at(0, 9.5), [at(0, 9.2)], {9: (29, 1.0)}),
        (at(0, 8.75), at(0, 10.25), [at(0, 9), at(0, 10)], {8: (15, 0), 9: (58, 0.9), 10: (15, 1.0)}),
        (at(0, 23.75), at(1, 0.25), [], {23: (15, 0), 0: (15, 0)}),
        (at(4, 23.5), at(5, 0.5), [at(5, 0.1)], {23: (29, 0), 24: (29, 1.0)}),  # Friday to Saturday
        (at(6, 23.5), at(7, 0.5), [at(6, 23.9)], {47: (29, 1.0), 0: (29, 0)}),  # Sunday to Monday
        (at(0, 9), at(0, 9.5), [at(-1, 0), at(3, 0)], {9: (29, 2.0)}),  # moved to the ends
    ],
)
def test_evidence_goes_to_the_hours_of_the_china_week(
    start: datetime, end: datetime, times: list[datetime], slots: dict[int, tuple[int, float]]
) -> None:
    assert touched(learn(EMPTY, start, end, times)) == slots


def test_evidence_counts_half_after_ten_more_hours_of_its_slot() -> None:
    once = learn(EMPTY, at(0, 9), at(0, 10), [at(0, 9.999)] * 8)
    later = once
    for day in (1, 2, 3, 4, 7, 8, 9, 10, 11, 14):
        later = learn(later, at(day, 9), at(day, 10), [])
    assert once.arrivals[9] == pytest.approx(8, rel=1e-3)
    assert later.arrivals[9] == pytest.approx(4, rel=1e-3)
    assert learn(once, at(1, 10), at(1, 24), []).arrivals[9] == once.arrivals[9], "other hours do not fade it"


def test_a_constant_arrival_rate_is_learned_and_a_new_one_replaces_it() -> None:
    arrival_rate = EMPTY
    for rate in (40, 4):
        for day in range(140):
            arrival_rate = learn(arrival_rate, at(day, 9), at(day, 10), even(at(day, 9), at(day, 10), rate))
        assert arrival_rate.arrivals[9] / arrival_rate.seconds[9] * 3600 == pytest.approx(rate, rel=0.1)


@settings(deadline=None)
@given(starts, st.lists(spans, min_size=1, max_size=6), st.lists(spans, max_size=20))
def test_the_number_of_spans_does_not_affect_the_rate(
    start: datetime, cuts: list[timedelta], arrivals: list[timedelta]
) -> None:
    ends = sorted({start + cut for cut in cuts} - {start})
    if not ends:
        return
    times = [start + arrival for arrival in arrivals if start + arrival < ends[-1]]
    whole = learn(EMPTY, start, ends[-1], times)
    pieces, since = EMPTY, start
    for end in ends:
        pieces = learn(pieces, since, end, [time for time in times if since <= time < end])
        since = end
    assert pieces.until == whole.until == ends[-1]
    assert pieces.seconds == pytest.approx(whole.seconds, rel=1e-6, abs=1e-3)
    assert pieces.arrivals == pytest.approx(whole.arrivals, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(starts, spans, st.lists(st.timedeltas(min_value=-DAY, max_value=14 * DAY), max_size=20))
def test_no_evidence_is_made_up(start: datetime, span: timedelta, arrivals: list[timedelta]) -> None:
    arrival_rate = learn(EMPTY, start, start + span, [start + arrival for arrival in arrivals])
    assert 0 <= sum(arrival_rate.seconds) <= span.total_seconds() + 1e-3
    assert 0 <= sum(arrival_rate.arrivals) <= len(arrivals) + 1e-9
    assert min(arrival_rate.seconds) >= 0 <= min(arrival_rate.arrivals)


def test_of_a_very_long_silence_the_last_two_weeks_are_learned_and_no_crowd_of_old_articles() -> None:
    end = at(400, 12)
    old = [*even(MONDAY, at(300, 0), 300), *even(at(386, 0), at(386, 11), 300)]
    assert learn(EMPTY, MONDAY, end, [*old, at(399, 12)]) == learn(EMPTY, end - 14 * DAY, end, [at(399, 12)])


@pytest.mark.parametrize("back", [timedelta(0), SECOND, 5 * HOUR, 400 * DAY])
def test_a_clock_that_was_set_back_only_updates_the_time(back: timedelta) -> None:
    arrival_rate = office(1)
    assert arrival_rate.until is not None
    set_back = learn(arrival_rate, arrival_rate.until, arrival_rate.until - back, [arrival_rate.until])
    assert set_back == replace(arrival_rate, until=arrival_rate.until - back)


# -- the first poll -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "times", "an_hour", "known"),
    [
        ("busy", even(at(2, 10), at(2, 12), 80), 40, True),
        ("busy, with an old pinned article", [at(-700, 0), *even(at(2, 10), at(2, 12), 80)], 40, True),
        ("one a week for a year", [at(2, 11) - n * WEEK for n in range(52)], 2 / 14 / 24, True),
        ("dead for two years", even(at(-800, 0), at(-790, 0), 500), 0, False),
        ("empty", [], None, False),
    ],
)
def test_a_first_list_is_a_record_of_when_its_articles_came(
    name: str, times: list[datetime], an_hour: float | None, known: bool
) -> None:
    arrival_rate = learn_first_poll(times, at(2, 12))
    assert arrival_rate.until == at(2, 12)
    assert is_known(arrival_rate) is known
    if an_hour is None:
        assert arrival_rate == replace(EMPTY, until=at(2, 12))
    else:
        assert sum(arrival_rate.arrivals) / sum(arrival_rate.seconds) * 3600 == pytest.approx(an_hour, rel=0.08), name


def test_articles_of_the_future_are_not_part_of_a_first_estimate() -> None:
    times = even(at(2, 10), at(2, 12), 80)
    assert learn_first_poll([*times, at(30, 0)], at(2, 12)) == learn_first_poll(times, at(2, 12))


# -- expected articles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [SECOND, BASE, HOUR, DAY])
def test_while_nothing_is_known_one_poll_at_the_configured_interval_is_taken_for_right(base: timedelta) -> None:
    assert expected(EMPTY, MONDAY, MONDAY + base, base) == pytest.approx(ARTICLES_PER_POLL)
    assert expected_time(EMPTY, MONDAY, ARTICLES_PER_POLL, base) - MONDAY == pytest.approx(base, abs=SECOND / 1000)


def test_hourly_rates_are_those_of_a_weekday_and_of_a_weekend_day() -> None:
    rates = hourly_rates(office(4), BASE)
    assert len(rates) == 48
    assert rates[9:16] == pytest.approx([40] * 7, rel=0.05)
    assert max(rates[:8] + rates[18:24] + rates[24:]) < 2
    assert hourly_rates(EMPTY, BASE) == ()


def test_after_a_week_an_office_feed_is_expected_in_office_hours() -> None:
    arrival_rate = office(1)
    assert expected(arrival_rate, at(7, 9), at(7, 16), BASE) == pytest.approx(280, rel=0.05)
    assert expected(arrival_rate, at(7, 17), at(8, 8), BASE) < 8, (
        "about half an article an hour of night, after a week"
    )
    assert expected(office(6), at(49, 17), at(50, 8), BASE) < 3, "and less after six"
    # The next poll of a quiet night comes soon after nine, whenever the last one was.
    for minutes in (50, 30, 10, 1):
        assert (
            at(7, 9)
            < expected_time(arrival_rate, at(7, 9) - minutes * MINUTE, ARTICLES_PER_POLL, BASE)
            < at(7, 9) + MINUTE
        )


def test_unobserved_hours_use_the_rate_of_observed_ones() -> None:
    busy = learn(EMPTY, at(0, 9), at(0, 12), even(at(0, 9), at(0, 12), 120))
    assert expected(busy, at(0, 12), at(0, 13), BASE) == pytest.approx(40, rel=0.15)
    assert expected(learn(EMPTY, at(0, 9), at(0, 12), []), at(0, 12), at(0, 13), BASE) < 1


def test_one_article_of_a_rare_feed_is_no_habit_of_its_hour() -> None:
    arrival_rate = learn(EMPTY, MONDAY, at(7, 0), [at(3, 10.5)])
    assert expected(arrival_rate, at(10, 10), at(10, 11), BASE) < 0.25
    assert expected(arrival_rate, at(7, 0), at(14, 0), BASE) < 4


def test_the_one_busy_hour_of_a_feed_with_few_articles_is_found() -> None:
    arrival_rate = replace(EMPTY, until=MONDAY)
    for day in (0, 1, 2, 3, 4, 7, 8, 9, 10, 11):
        arrival_rate = learn(arrival_rate, arrival_rate.until or MONDAY, at(day, 10), [at(day, 9.3), at(day, 9.6)])
    assert interval(arrival_rate, at(14, 9), ARTICLES_PER_POLL, BASE) < 20 * MINUTE
    assert interval(arrival_rate, at(14, 14), ARTICLES_PER_POLL, BASE) > 4 * HOUR


@settings(deadline=None)
@given(arrival_rates, starts, st.timedeltas(min_value=timedelta(0), max_value=30 * DAY))
def test_what_is_expected_adds_up_and_weeks_at_once_are_as_hour_by_hour(
    arrival_rate: ArrivalRate, start: datetime, span: timedelta
) -> None:
    end = start + span
    days = [start + n * DAY for n in range(span.days + 1)] + [end]
    pieces = sum(expected(arrival_rate, a, b, BASE) for a, b in pairwise(days))
    assert expected(arrival_rate, start, end, BASE) == pytest.approx(pieces, rel=1e-6, abs=1e-6)
    assert expected(arrival_rate, end, start, BASE) == 0


@settings(deadline=None)
@given(arrival_rates, starts, numbers)
def test_the_time_of_a_number_is_when_that_number_is_expected(
    arrival_rate: ArrivalRate, start: datetime, number: float
) -> None:
    found = expected_time(arrival_rate, start, number, BASE)
    assert start <= found <= start + 52 * WEEK
    if found < start + 52 * WEEK:
        assert expected(arrival_rate, start, found, BASE) == pytest.approx(number, rel=1e-5, abs=1e-3)
    else:
        assert expected(arrival_rate, start, found, BASE) <= number * (1 + 1e-9)


@settings(deadline=None)
@given(arrival_rates, starts, numbers, numbers)
def test_more_articles_never_come_sooner(
    arrival_rate: ArrivalRate, start: datetime, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    assert expected_time(arrival_rate, start, less, BASE) <= expected_time(arrival_rate, start, more, BASE)
    assert interval(arrival_rate, start, less, BASE) <= interval(arrival_rate, start, more, BASE)


@settings(deadline=None)
@given(arrival_rates, starts, st.lists(spans, min_size=1, max_size=20), spans)
def test_more_articles_never_make_the_interval_longer(
    arrival_rate: ArrivalRate, start: datetime, arrivals: list[timedelta], after: timedelta
) -> None:
    def then(times: Iterable[datetime]) -> timedelta:
        learned = learn(arrival_rate, start, start + 13 * DAY, times)
        return interval(learned, start + 13 * DAY + after, ARTICLES_PER_POLL, BASE)

    times = [start + arrival for arrival in arrivals]
    assert then(times) <= then(times[1:]) + SECOND / 1000


@pytest.mark.parametrize(
    ("since", "least", "most"),
    [
        (at(7, 12), 40 * SECOND, 50 * SECOND),
        (at(7, 15.99), 40 * SECOND, 50 * SECOND),  # the last minute of the day does not wait for the night
        (at(7, 8.9), 6 * MINUTE, 7 * MINUTE),  # the night ends at nine
        (at(7, 20), HOUR, 12 * HOUR),
    ],
)
def test_the_interval_follows_the_edges_of_the_day(since: datetime, least: timedelta, most: timedelta) -> None:
    assert least <= interval(office(3), since, ARTICLES_PER_POLL, BASE) <= most

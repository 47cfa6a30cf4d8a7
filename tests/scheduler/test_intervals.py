"""When to poll, when to try again and when to give up."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.model.feed import ArrivalRate, FailureKind
from config.model import Feed, ScheduleSettings
from pipeline.retry import retry_delay
from scheduler.policy.arrival_rate import EMPTY, learn, learn_first_poll
from scheduler.policy.intervals import Pace, Silence, find_silence, next_poll, pace, weight

SECOND, MINUTE, HOUR, DAY, WEEK = (timedelta(seconds=n) for n in (1, 60, 3600, 86_400, 604_800))
PACE = Pace(min_interval=MINUTE, max_interval=HOUR, base=5 * MINUTE)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)  # Monday noon in China
spreads = st.floats(0, 1, exclude_max=True)
troubles = st.floats(0, 1e6)
hours = (st.floats(-3, 1) | st.floats(-24 * 400, 24 * 400)).map(lambda number: NOW + number * HOUR)
paces = st.tuples(*[st.floats(1, 200_000)] * 3).map(lambda three: Pace(*(n * SECOND for n in _middle_last(three))))
arrival_rates = st.builds(
    ArrivalRate,
    seconds=st.lists(st.floats(0, 50_000), min_size=48, max_size=48).map(tuple),
    arrivals=st.lists(st.floats(0, 500), min_size=48, max_size=48).map(tuple),
    until=st.none() | hours,
)


def _middle_last(three: tuple[float, ...]) -> tuple[float, float, float]:
    least, base, most = sorted(three)
    return least, most, base


def delays(kind: FailureKind) -> list[timedelta]:
    """All waits until an entry is parked."""
    found: list[timedelta] = []
    while (delay := retry_delay(kind, len(found) + 1, sum(found, timedelta(0)))) is not None:
        found.append(delay)
        assert len(found) < 100, "it is never parked"
    return found


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_of_failure_is_tried_again_at_once_then_ever_later_then_parked(kind: FailureKind) -> None:
    found = delays(kind)
    assert found[0] == timedelta(0)
    assert found == sorted(found)
    assert found[-1] == timedelta(days=1)
    assert retry_delay(kind, len(found) + 1, 30 * DAY) is None
    assert retry_delay(kind, len(found) + 50, 30 * DAY) is None


@pytest.mark.parametrize("kind", list(FailureKind))
def test_failures_of_other_kinds_in_the_first_minutes_park_nothing(kind: FailureKind) -> None:
    """Three resets, and then a 404: that says no more than the first 404 of any article."""
    assert delays(kind)[1] <= (retry_delay(kind, 9, 12 * MINUTE) or timedelta(0)) <= HOUR
    assert retry_delay(kind, 9, 20 * HOUR) == DAY
    assert retry_delay(kind, 9, 40 * HOUR) is None


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_clock_that_was_set_back_leaves_the_attempts_to_count(kind: FailureKind) -> None:
    waits = [retry_delay(kind, attempts, -HOUR) for attempts in range(1, 9)]
    assert [wait for wait in waits if wait is not None] == delays(kind)


def test_temporary_failures_are_retried_more_often_than_lasting_ones() -> None:
    assert len(delays(FailureKind.TEMPORARY)) == len(delays(FailureKind.BLOCKED)) == 7
    assert (
        len(delays(FailureKind.GONE)) == len(delays(FailureKind.REFUSED)) == len(delays(FailureKind.UNREADABLE)) == 3
    )


def test_a_network_that_is_down_for_a_day_parks_nothing() -> None:
    assert sum(delays(FailureKind.TEMPORARY), timedelta(0)) > timedelta(days=1)


# -- the next poll ------------------------------------------------------------------------------------------------


def steady(an_hour: float, until: datetime | None = NOW) -> ArrivalRate:
    """The arrival rate of a feed with a constant number of articles an hour."""
    return ArrivalRate(seconds=(50_000.0,) * 48, arrivals=(an_hour * 50_000 / 3600,) * 48, until=until)


def wait(
    arrival_rate: ArrivalRate, trouble: float = 0.0, silent: timedelta = timedelta(0), **changed: Any
) -> timedelta:
    """From one poll to the next, of a feed last polled now that has been silent for so long."""
    arguments: dict[str, Any] = {"last_poll": NOW, "last_success": NOW, "trouble": trouble} | changed
    return next_poll(replace(arrival_rate, until=NOW - silent), PACE, NOW, **arguments) - NOW


def minutes(interval: timedelta) -> float:
    return round(interval / MINUTE, 1)


@pytest.mark.parametrize(
    ("an_hour", "expected"), [(400, 1), (40, 1), (20, 1.5), (10, 3), (1, 30), (0.51, 58.8), (0.4, 60), (0, 60)]
)
def test_the_interval_is_that_in_which_half_an_article_comes_within_bounds(an_hour: float, expected: float) -> None:
    assert minutes(wait(steady(an_hour))) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("an_hour", "silent", "expected"),
    [
        (10, 5 * MINUTE, 3),
        (10, 18 * MINUTE, 3),  # three articles missing: chance
        (10, 36 * MINUTE, 6),
        (10, 2 * HOUR, 20),  # a sixth of the silence
        (40, 2 * HOUR, 20),
        (10, 10 * HOUR, 60),
        (10, 700 * DAY, 60),
        (0.2, 12 * HOUR, 60),  # a quiet night
    ],
)
def test_a_silence_longer_than_the_arrival_rate_predicts_lengthens_the_interval(
    an_hour: float, silent: timedelta, expected: float
) -> None:
    assert minutes(wait(steady(an_hour), silent=silent)) == pytest.approx(expected, rel=0.03)


def test_silence_counts_only_as_far_as_the_feed_was_heard() -> None:
    assert wait(steady(10), silent=9 * HOUR, last_success=NOW - 9 * HOUR) == wait(steady(10))
    assert wait(steady(10), silent=9 * HOUR, last_success=None) == wait(steady(10))


def test_a_feed_of_which_nothing_is_known_is_polled_at_its_base_interval_and_a_dead_one_ever_less() -> None:
    assert minutes(wait(EMPTY)) == 5
    polls, now = 0, NOW
    while now < NOW + DAY:
        now = next_poll(replace(EMPTY, until=NOW), PACE, now, last_poll=now, last_success=now)
        polls += 1
    assert polls < 50


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([], 1),
        ([FailureKind.TEMPORARY], 1),
        ([FailureKind.TEMPORARY] * 2, 2),
        ([FailureKind.TEMPORARY] * 5, 16),
        ([FailureKind.TEMPORARY] * 7, 60),
        ([FailureKind.UNREADABLE], 2),
        ([FailureKind.GONE], 8),
        ([FailureKind.REFUSED, FailureKind.TEMPORARY], 16),
        ([FailureKind.GONE] * 2, 60),
        ([FailureKind.GONE] * 100_000, 60),
        ([FailureKind.BLOCKED] * 9, 1),  # the host's back-off delays it
    ],
)
def test_failed_polls_put_the_next_one_off_each_by_its_weight(failures: list[FailureKind], expected: float) -> None:
    trouble = sum(weight(kind) for kind in failures)
    assert minutes(wait(steady(40), trouble)) == expected
    assert wait(steady(0.1), trouble) == HOUR, "a failing feed is not polled more often than a healthy one"


def test_failures_lengthen_a_short_maximum_interval_to_an_hour_at_most() -> None:
    short = Pace(min_interval=MINUTE, max_interval=2 * MINUTE, base=MINUTE)
    polls = [next_poll(steady(40), short, NOW, last_poll=NOW, last_success=None, trouble=t) for t in (0, 1, 9, 99)]
    assert [minutes(poll - NOW) for poll in polls] == [1, 8, 60, 60]


def test_a_feed_never_polled_or_long_not_polled_is_due_now() -> None:
    assert next_poll(EMPTY, PACE, NOW, last_poll=None, last_success=None) == NOW
    assert next_poll(steady(9), PACE, NOW, last_poll=NOW - 2 * HOUR, last_success=None, trouble=50) == NOW


@pytest.mark.parametrize("ahead", [SECOND, 5 * HOUR, 900 * DAY])
def test_a_clock_that_was_set_back_clamps_the_last_poll_to_now(ahead: timedelta) -> None:
    later = NOW + ahead
    found = next_poll(steady(10, until=later), PACE, NOW, last_poll=later, last_success=later)
    assert found - NOW == wait(steady(10))


def test_spread_parts_the_polls_of_feeds_by_a_tenth_each_way() -> None:
    waits = [minutes(wait(steady(2), spread=spread)) for spread in (0, 0.5, 0.999)]
    assert waits == pytest.approx([13.5, 15, 16.5], rel=0.02)


def test_a_cron_expression_overrides_arrival_rate_and_failures_but_is_never_past() -> None:
    for arrival_rate, trouble in ((EMPTY, 0.0), (steady(400), 0.0), (steady(10), 99.0)):
        assert wait(arrival_rate, trouble, cron_next=NOW + 7 * HOUR) == 7 * HOUR
        assert wait(arrival_rate, trouble, cron_next=NOW + 7 * HOUR, last_poll=None) == 7 * HOUR
        assert wait(arrival_rate, trouble, cron_next=NOW - HOUR) == timedelta(0)


@settings(deadline=None)
@given(arrival_rates, paces, st.tuples(st.none() | hours, st.none() | hours), troubles, spreads)
def test_the_next_poll_is_never_past_and_always_within_bounds(
    arrival_rate: ArrivalRate,
    pace: Pace,
    polls: tuple[datetime | None, datetime | None],
    trouble: float,
    spread: float,
) -> None:
    last, heard = polls
    found = next_poll(arrival_rate, pace, NOW, last_poll=last, last_success=heard, trouble=trouble, spread=spread)
    assert NOW <= found <= NOW + (max(pace.max_interval, HOUR) if trouble else pace.max_interval)
    if last is None:
        assert found == NOW
    elif found > NOW:
        assert found >= min(last, NOW) + pace.min_interval


@settings(deadline=None)
@given(arrival_rates, paces, troubles, troubles, spreads)
def test_more_trouble_never_makes_a_poll_come_sooner(
    arrival_rate: ArrivalRate, pace: Pace, one: float, other: float, spread: float
) -> None:
    less, more = (
        next_poll(arrival_rate, pace, NOW, last_poll=NOW, last_success=NOW, trouble=trouble, spread=spread)
        for trouble in sorted((one, other))
    )
    assert less <= more


@settings(deadline=None)
@given(arrival_rates, st.timedeltas(min_value=timedelta(0), max_value=300 * DAY), spreads)
def test_a_longer_silence_never_makes_a_poll_come_sooner(
    arrival_rate: ArrivalRate, silent: timedelta, spread: float
) -> None:
    assert wait(arrival_rate, silent=silent, spread=spread) <= wait(arrival_rate, silent=silent + HOUR, spread=spread)


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (None, Pace(MINUTE, HOUR, 5 * MINUTE)),
        (2 * MINUTE, Pace(MINUTE, HOUR, 2 * MINUTE)),
        (20 * SECOND, Pace(MINUTE, HOUR, MINUTE)),
        (DAY, Pace(MINUTE, HOUR, HOUR)),
    ],
)
def test_a_feeds_own_interval_is_its_base_within_the_bounds(every: timedelta | None, expected: Pace) -> None:
    feed = Feed(id="a", kind="column", endpoint="https://example.org/", categories=("a",), every=every)
    assert pace(feed, ScheduleSettings()) == expected


# -- silence and death --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrival_rate", "age", "dead"),
    [
        (steady(40), HOUR, False),
        (steady(40), 5.9 * HOUR, False),  # 236 articles missing, but a morning only
        (steady(40), 6 * HOUR, True),
        (steady(1), 29 * HOUR, False),
        (steady(1), 31 * HOUR, True),
        (steady(1 / 168), 20 * WEEK, False),  # one a week
        (steady(1 / 168), 40 * WEEK, True),
        (EMPTY, 2.9 * DAY, False),
        (EMPTY, 3 * DAY, True),
        (learn(EMPTY, NOW - DAY, NOW, [NOW]), 3 * DAY, True),  # one article is no habit
    ],
)
def test_a_list_is_dead_when_its_own_rhythm_misses_thirty_articles(
    arrival_rate: ArrivalRate, age: timedelta, dead: bool
) -> None:
    found = find_silence(arrival_rate, NOW - age, NOW, PACE.base)
    assert (found is not None) is dead
    if found:
        assert found.age == age
        known = sum(arrival_rate.arrivals) > 1.5
        assert (found.missing is not None and found.missing >= 30) if known else found.missing is None


def test_a_feed_of_one_article_a_week_is_not_stale_between_articles() -> None:
    arrival_rate, last = learn_first_poll([NOW - n * WEEK for n in range(30)], NOW), NOW
    for week in range(1, 20):
        assert find_silence(arrival_rate, last, NOW + week * WEEK - HOUR, PACE.base) is None
        arrival_rate, last = learn(arrival_rate, last, NOW + week * WEEK, [NOW + week * WEEK]), NOW + week * WEEK


def test_a_list_that_is_dead_at_its_first_poll_is_reported_at_once_and_polled_rarely() -> None:
    old = [NOW - 200 * DAY - n * HOUR for n in range(100)]
    arrival_rate = learn_first_poll(old, NOW)
    assert find_silence(arrival_rate, max(old), NOW, PACE.base) == Silence(200 * DAY, None)
    assert wait(arrival_rate) == HOUR


def test_what_has_no_newest_article_is_not_judged_and_one_of_the_future_does_not_hide_a_death() -> None:
    assert find_silence(steady(40), None, NOW, PACE.base) is None
    assert find_silence(steady(40, until=None), NOW + DAY, NOW, PACE.base) is None
    assert find_silence(steady(40, until=NOW - HOUR), NOW + DAY, NOW, PACE.base) is None
    silence = find_silence(steady(40, until=NOW - 8 * HOUR), NOW + DAY, NOW, PACE.base)
    assert silence
    assert (silence.age, round(silence.missing or 0)) == (8 * HOUR, 320)


# -- two weeks in the life of a feed ------------------------------------------------------------------------------


def rate(time: datetime) -> float:
    """Articles an hour: busy from 9 to 16, some in the evening, hardly any at night; a quarter of it at weekends."""
    local = time.astimezone(CHINA)
    part = 1 if local.weekday() < 5 else 0.25
    return 40 * part if 9 <= local.hour < 16 else 10 * part if 16 <= local.hour < 23 else 0.2


def lived(days: int, rnd: random.Random) -> tuple[list[datetime], list[tuple[datetime, timedelta]]]:
    """The polls of a new feed in its first days, and each article's time and wait for the next poll."""
    start = datetime(2026, 3, 1, 16, tzinfo=UTC)  # Monday, midnight in China
    articles, time = [], start
    while time < start + days * DAY:
        time += rnd.expovariate(50) * HOUR
        if rnd.random() < rate(time) / 50:
            articles.append(time)
    arrival_rate, now, polls, waits = replace(EMPTY, until=start), start, [], []
    while now < start + days * DAY:
        new, articles = articles[: bisect_right(articles, now)], articles[bisect_right(articles, now) :]
        if new and arrival_rate.until:
            arrival_rate = learn(arrival_rate, arrival_rate.until, now, new)
            waits += [(time, now - time) for time in new]
        polls.append(now)
        now = next_poll(arrival_rate, PACE, now, last_poll=now, last_success=now, spread=rnd.random())
    return polls, waits


@pytest.mark.parametrize("seed", range(3))
def test_after_a_week_busy_hours_are_polled_each_minute_and_the_night_hardly(seed: int) -> None:
    polls, waits = lived(14, random.Random(seed))

    def in_hours(time: datetime, first: int, last: int) -> bool:
        local = time.astimezone(CHINA)
        return time >= polls[0] + WEEK and local.weekday() < 5 and first <= local.hour < last

    def waited(first: int, last: int) -> list[float]:
        return sorted(wait.total_seconds() for time, wait in waits if in_hours(time, first, last))

    assert 58 <= sum(in_hours(poll, 9, 16) for poll in polls) / 35 <= 60.5
    assert sum(in_hours(poll, 0, 9) or in_hours(poll, 23, 24) for poll in polls) / 50 <= 1.6
    busy, nine, evening = waited(9, 16), waited(9, 10), waited(16, 23)
    assert fmean(busy) <= 33
    assert busy[int(0.95 * len(busy))] <= 60
    assert fmean(nine) <= 37, "the morning is caught as it begins"
    assert fmean(evening) <= 120
    assert evening[-1] <= 15 * 60, "the last of the evening do not wait for the night"

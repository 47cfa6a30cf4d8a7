"""How late articles enter a list: what is measured, and the bound that follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.index.lateness import (
    EDGES,
    HALF_LIFE,
    MIN_ARTICLES,
    MIN_BOUND,
    NO_LATENESS,
    UNKNOWN_BOUND,
    backfill_samples,
    bound,
    learn,
    poll_samples,
    quantile,
)
from archive.model.feed import Lateness, Span

NOW = datetime(2026, 9, 30, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ON_TIME = [timedelta(0)] * 400


def measured(*late: timedelta, at: datetime = NOW) -> Lateness:
    return learn(NO_LATENESS, [*ON_TIME, *late], at)


def test_the_bound_of_an_unmeasured_list_is_a_day() -> None:
    assert bound(NO_LATENESS) == UNKNOWN_BOUND == DAY
    assert bound(learn(NO_LATENESS, ON_TIME[: int(MIN_ARTICLES) - 1], NOW)) == DAY
    assert bound(learn(NO_LATENESS, ON_TIME[: int(MIN_ARTICLES)], NOW)) == MIN_BOUND


def test_one_late_article_raises_the_bound_to_the_edge_above_it() -> None:
    assert bound(measured(7 * HOUR)) == 8 * HOUR
    assert bound(measured(8 * HOUR)) == 8 * HOUR
    assert bound(measured(50 * HOUR)) == 72 * HOUR
    assert bound(measured(7 * HOUR, 30 * MINUTE)) == 8 * HOUR


def test_the_bound_has_a_minimum_and_a_maximum() -> None:
    assert bound(measured(MINUTE)) == MIN_BOUND
    assert bound(measured(365 * DAY)) == EDGES[-1]


def test_a_late_article_is_forgotten_after_its_half_life() -> None:
    old = measured(7 * HOUR, at=NOW - HALF_LIFE + DAY)
    assert bound(learn(old, ON_TIME, NOW)) == 8 * HOUR
    assert bound(learn(old, ON_TIME, NOW + 2 * DAY)) == MIN_BOUND


def test_a_clock_that_is_set_back_forgets_nothing() -> None:
    late = measured(7 * HOUR)
    again = learn(late, [timedelta(0)], NOW - 100 * DAY)
    assert (bound(again), again.until) == (8 * HOUR, NOW)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=60))
def test_a_quantile_is_the_edge_within_which_that_share_entered(minutes: list[int]) -> None:
    samples = sorted(minutes)
    lateness = learn(NO_LATENESS, [each * MINUTE for each in minutes], NOW)
    for share in (0.5, 0.95, 0.99, 1.0):
        found = quantile(lateness, share)
        assert found is not None
        within = sum(each * MINUTE <= found for each in samples)
        assert within >= share * len(samples) - 1e-6 or found == EDGES[-1]


def test_nothing_measured_has_no_quantile() -> None:
    assert quantile(NO_LATENESS, 0.5) is None


@pytest.mark.parametrize(
    ("published", "samples"),
    [
        (NOW - MINUTE, [timedelta(0)]),  # after the last poll
        (NOW - 2 * HOUR, [2 * HOUR]),  # the last poll should have shown it
        (NOW - 5 * DAY, []),  # from before the record: old, not late
        (NOW + HOUR, [timedelta(0)]),  # the site's clock is ahead
    ],
)
def test_an_article_is_late_if_the_last_poll_should_have_shown_it(
    published: datetime, samples: list[timedelta]
) -> None:
    spans = [Span(NOW - DAY, NOW - 10 * MINUTE)]
    assert poll_samples([published], NOW, NOW - 10 * MINUTE, spans) == samples


def test_between_polls_that_are_far_apart_nothing_is_measured() -> None:
    spans = [Span(NOW - 9 * DAY, NOW - 3 * DAY)]
    assert poll_samples([NOW - 4 * DAY], NOW, NOW - 3 * DAY, spans) == []
    assert poll_samples([NOW], NOW, None, []) == []
    assert poll_samples([NOW], NOW, NOW + HOUR, spans) == [], "the clock was set back"


def test_what_a_sweep_finds_where_polls_have_read_is_late() -> None:
    spans = [Span(NOW - DAY, NOW)]
    assert backfill_samples([NOW - 5 * HOUR, NOW - 2 * DAY, NOW + HOUR], NOW, spans) == [5 * HOUR]

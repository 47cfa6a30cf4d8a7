"""When a list is swept, and how far back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.model.feed import FeedHistory, Filing, Span
from scheduler.policy.arrival_rate import EMPTY, learn
from scheduler.policy.sweeps import MAX_DEPTH, MIN_DEPTH, next_sweep, sweep_start

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NIGHT = datetime(2026, 9, 29, 3, tzinfo=CHINA).astimezone(UTC)  # a Tuesday
SWEPT = FeedHistory("china", Filing(("金融",), "x"), NIGHT, NIGHT, NIGHT, None, None, complete_to=NIGHT, swept=NIGHT)


def china_hour(time: datetime | None) -> float:
    assert time is not None
    return time.astimezone(CHINA).hour + time.minute / 60


@pytest.mark.parametrize("hours", [0, 1, 6, 12, 17.5])
def test_a_list_is_not_swept_again_before_three_quarters_of_the_interval(hours: float) -> None:
    due = next_sweep(SWEPT, DAY, EMPTY, NIGHT + hours * HOUR)
    assert due is not None
    assert due >= NIGHT + 18 * HOUR


def test_the_next_sweep_is_in_the_next_quiet_hours() -> None:
    due = next_sweep(SWEPT, DAY, EMPTY, NIGHT + 20 * HOUR)
    assert due == datetime(2026, 9, 30, 2, tzinfo=CHINA)


def test_a_sweep_in_the_day_is_followed_by_one_in_the_night() -> None:
    noon = datetime(2026, 9, 29, 12, tzinfo=CHINA)
    due = next_sweep(replace(SWEPT, swept=noon), DAY, EMPTY, noon + 10 * HOUR)
    assert due is not None
    assert noon + 18 * HOUR <= due <= noon + 36 * HOUR


def test_a_machine_that_is_off_at_night_sweeps_by_day() -> None:
    morning = datetime(2026, 9, 30, 16, tzinfo=CHINA)
    due = next_sweep(SWEPT, DAY, EMPTY, morning)
    assert due is not None
    assert due <= morning


def test_the_quiet_hours_are_those_in_which_the_feed_publishes_least() -> None:
    begin = datetime(2026, 9, 14, tzinfo=CHINA)
    busy = [begin + day * DAY + hour * HOUR for day in range(14) for hour in range(24) if hour not in (9, 10, 11, 12)]
    rate = learn(EMPTY, begin, begin + 14 * DAY, [time + minute * HOUR / 20 for time in busy for minute in range(20)])

    due = next_sweep(SWEPT, DAY, rate, NIGHT + 19 * HOUR)

    assert 9 <= china_hour(due) < 13


def test_a_short_interval_knows_no_hours() -> None:
    assert next_sweep(SWEPT, HOUR, EMPTY, NIGHT) == NIGHT + HOUR


def test_sweeps_can_be_off_and_wait_for_the_first_poll() -> None:
    assert next_sweep(SWEPT, None, EMPTY, NIGHT) is None
    assert next_sweep(None, DAY, EMPTY, NIGHT) is None
    assert next_sweep(replace(SWEPT, complete_to=None), DAY, EMPTY, NIGHT) is None


def test_a_list_that_an_older_program_polled_is_swept_now() -> None:
    assert next_sweep(replace(SWEPT, swept=None), DAY, EMPTY, NIGHT) == NIGHT


def test_a_clock_that_was_ahead_at_the_last_sweep_delays_the_next_by_an_interval_at_most() -> None:
    due = next_sweep(replace(SWEPT, swept=NIGHT + 300 * DAY), DAY, EMPTY, NIGHT)
    assert due is not None
    assert due <= NIGHT + 1.5 * DAY


LONG = [Span(NIGHT - 100 * DAY, NIGHT)]


def test_a_sweep_reads_back_past_the_lateness_of_what_was_not_settled() -> None:
    settled = [Span(NIGHT - 90 * DAY, NIGHT - 5 * DAY)]
    assert sweep_start(settled, LONG, 8 * HOUR, DAY, NIGHT) == NIGHT - 5 * DAY - 8 * HOUR


def test_a_sweep_reads_three_days_at_least_and_two_weeks_at_most() -> None:
    assert sweep_start([Span(NIGHT - 90 * DAY, NIGHT - HOUR)], LONG, HOUR, DAY, NIGHT) == NIGHT - MIN_DEPTH
    assert sweep_start([], LONG, HOUR, DAY, NIGHT) == NIGHT - MAX_DEPTH
    assert sweep_start([], LONG, 5 * DAY, DAY, NIGHT) == NIGHT - MAX_DEPTH


def test_a_sweep_does_not_read_what_is_older_than_the_record() -> None:
    begin = NIGHT - 10 * HOUR
    assert sweep_start([], [Span(begin, NIGHT)], DAY, DAY, NIGHT) == begin
    assert sweep_start([], [], DAY, DAY, NIGHT) == NIGHT

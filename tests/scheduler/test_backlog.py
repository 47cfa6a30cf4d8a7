"""When the articles that wait will be archived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scheduler.policy.backlog import MIN_MEASURED, Backlog, estimate

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def test_nothing_that_is_due_needs_no_estimate() -> None:
    assert estimate({}, 100, NOW - MINUTE, SECOND, NOW) is None


def test_the_rate_of_the_last_minutes_counts() -> None:
    expected = Backlog(600, 60.0, NOW + 10 * MINUTE, True)
    assert estimate({"a.cn": 500, "b.cn": 100}, 120, NOW - 2 * MINUTE, SECOND, NOW) == expected


def test_without_a_crawl_the_host_with_the_most_articles_decides() -> None:
    expected = Backlog(600, 72.0, NOW + 500 * SECOND, False)
    assert estimate({"a.cn": 500, "b.cn": 100}, 0, None, SECOND, NOW) == expected


def test_a_few_articles_say_nothing_of_a_rate() -> None:
    found = estimate({"a.cn": 60}, MIN_MEASURED - 1, NOW - SECOND, SECOND, NOW)
    assert found == Backlog(60, 60.0, NOW + MINUTE, False)


def test_articles_that_were_archived_by_a_clock_ahead_say_nothing() -> None:
    assert estimate({"a.cn": 60}, 100, NOW + MINUTE, SECOND, NOW) == Backlog(60, 60.0, NOW + MINUTE, False)


def test_without_a_delay_and_a_crawl_nothing_is_known() -> None:
    assert estimate({"a.cn": 60}, 0, None, timedelta(0), NOW) is None

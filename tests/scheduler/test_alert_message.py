"""What alerts say, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from archive.index.alerts import AlertProgress
from archive.model.results import Change
from archive.query.parser import And, DateFilter, FeedFilter, Not, parse
from scheduler.alerts.message import (
    MAX_AGE,
    MAX_ARTICLES,
    after_failure,
    after_success,
    compose,
    next_send_time,
    recent_only,
)

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def news(number: int, title: str = "茅台提价", url: str = "https://a.cn/a", symbols: tuple[str, ...] = ()) -> Change:
    return Change(number, f"d{number}", 1, title, url, "a.md", NOW, NOW, None, ("china",), symbols, "…")


def test_one_article_is_the_title_and_its_address_the_text() -> None:
    composed = compose("maotai", [news(1, symbols=("sh600519",))], 1)
    assert composed.title == "maotai: 茅台提价"
    assert composed.body == "10:00 茅台提价 sh600519\nhttps://a.cn/a"


def test_what_is_over_the_bound_is_summed_up() -> None:
    composed = compose("maotai", [news(n) for n in range(MAX_ARTICLES)], MAX_ARTICLES + 37)
    assert composed.title == "maotai: 47 articles"
    assert composed.body.count("茅台提价") == MAX_ARTICLES
    assert composed.body.endswith("\n\nand 37 more: finarchive alerts, finarchive search")


def test_foreign_text_mentions_nobody_and_stays_on_one_line() -> None:
    long = "长" * 500
    composed = compose(
        "a", [news(1, "x\n@everyone\x1b[0m <@U1>"), news(2, long), news(3, url="https://a.cn/" + long)], 3
    )
    first, second = composed.body.split("\n")[0], composed.body.split("\n")[3]
    assert first == "10:00 x ＠everyone [0m <＠U1>"
    assert len(second) == len("10:00 ") + 100
    assert composed.body.count("https://") == 2  # an address that is a text of its own is left out


def test_messages_are_evenly_spaced() -> None:
    composed = after_success(AlertProgress("a", 1, 5), 7, NOW)
    assert (composed.position, composed.sent, composed.attempts) == (7, NOW, 0)
    assert next_send_time(composed, 12, NOW) == NOW + 5 * MINUTE
    assert next_send_time(composed, 12, NOW + 6 * MINUTE) == NOW + 6 * MINUTE
    assert next_send_time(composed, 60, NOW) == NOW + MINUTE
    assert next_send_time(AlertProgress("a", 1, 5), 12, NOW) == NOW


def test_what_failed_is_tried_again_after_twice_the_time_up_to_an_hour() -> None:
    composed, waits = AlertProgress("a", 1, 5, NOW - timedelta(days=1)), []
    for _ in range(9):
        composed = after_failure(composed, "no", NOW)
        waits.append((next_send_time(composed, 12, NOW) - NOW) / MINUTE)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (composed.attempts, composed.failure, composed.position) == (9, "no", 5)
    again = after_success(composed, 9, NOW)
    assert (again.attempts, again.due, again.failure) == (0, None, None)


def test_a_clock_that_was_ahead_suppresses_no_message() -> None:
    composed = AlertProgress("a", 1, 5, sent=NOW + timedelta(days=3), due=NOW + timedelta(days=3), attempts=1)
    assert next_send_time(composed, 12, NOW) == NOW


def test_only_what_was_published_within_a_day_is_news() -> None:
    since = DateFilter(since=NOW - MAX_AGE)
    assert recent_only(parse("茅台"), NOW) == And((parse("茅台"), since))
    # Adjacent articles stay adjacent: only then is the full-text index read sequentially.
    assert recent_only(And((FeedFilter("a"), Not(FeedFilter("b")))), NOW) == And(
        (FeedFilter("a"), Not(FeedFilter("b")), since)
    )

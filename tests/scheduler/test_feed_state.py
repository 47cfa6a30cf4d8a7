"""The state of a feed, its beginning and the advice for the user; how a gap can be closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from archive.model.feed import ArrivalRate, FailureKind, FeedHistory, Filing, Gap, HostBackoff
from scheduler.policy.arrival_rate import EMPTY
from scheduler.policy.feed_state import MAX_POLL_AGE, close_gap, decide

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BASE = timedelta(minutes=5)
BUSY = ArrivalRate((36_000.0,) * 48, (200.0,) * 48, NOW - DAY)  # twenty articles an hour
RARE = ArrivalRate((36_000.0,) * 48, (0.05,) * 48, NOW - 9 * DAY)  # about one a week
FINE = FeedHistory("china", Filing(("金融",), "新浪财经"), NOW - HOUR, NOW - HOUR, NOW - 2 * HOUR, None, None)
BROKEN = replace(FINE, last_success=NOW - DAY, failing_since=NOW - 5 * HOUR, trouble=1.25)
BAN = HostBackoff("feed.cn", NOW + HOUR, 3, from_retry_after=False, reason="status 456")
OUTAGE = replace(BAN, kind=FailureKind.TEMPORARY, reason="the name feed.cn could not be resolved")


def failing(kind: FailureKind, error: str) -> FeedHistory:
    return replace(BROKEN, kind=kind, error=error)


TIMED_OUT, GONE = failing(FailureKind.TEMPORARY, "timed out"), failing(FailureKind.GONE, "status 404")
REFUSED = failing(FailureKind.REFUSED, "robots.txt forbids it")
UNREADABLE, BANNED = (
    failing(FailureKind.UNREADABLE, "HTML in place of a list"),
    failing(FailureKind.BLOCKED, "status 456"),
)
WALKED = replace(FINE, last_poll=None, last_success=None)
LEFT, DEAD = replace(FINE, last_poll=NOW - MAX_POLL_AGE), replace(FINE, newest=NOW - 12 * HOUR)
OLD = replace(FINE, newest=NOW - 4 * DAY)
FAILING, BLOCKED = ("failing", NOW - 5 * HOUR), ("blocked", NOW - 5 * HOUR)
UNTIL = "feed.cn is backed off until 2026-09-30 11:00 China time, and then polled again"


@pytest.mark.parametrize(
    ("history", "backoff", "arrival_rate", "expected", "words"),
    [
        pytest.param(None, None, EMPTY, ("new", None), ["never polled"], id="never polled"),
        pytest.param(WALKED, None, EMPTY, ("new", None), ["never polled"], id="only backfilled"),
        pytest.param(FINE, None, EMPTY, ("ok", None), ["polled without an error"], id="fine"),
        pytest.param(
            TIMED_OUT, None, EMPTY, FAILING,
            ["timed out", "polls it again", "finarchive crawl"], id="a failure that passes",
        ),
        pytest.param(GONE, None, EMPTY, FAILING, ["status 404", "check its address"], id="gone"),
        pytest.param(REFUSED, None, EMPTY, FAILING, ["robots.txt", "[network]"], id="our refusal"),
        pytest.param(
            UNREADABLE, None, EMPTY, FAILING, ["HTML", "an error page passes"], id="no list",
        ),
        pytest.param(BANNED, None, EMPTY, BLOCKED, ["456", "polls it again"], id="refused"),
        pytest.param(BANNED, BAN, EMPTY, BLOCKED, ["status 456", UNTIL], id="refused and resting"),
        pytest.param(TIMED_OUT, BAN, EMPTY, BLOCKED, ["timed out", UNTIL], id="its host is resting"),
        pytest.param(FINE, BAN, EMPTY, ("blocked", None), ["status 456", UNTIL], id="another feed was refused"),
        pytest.param(
            FINE, OUTAGE, EMPTY, ("failing", None), ["could not be resolved", UNTIL], id="its host is out of reach",
        ),
        pytest.param(TIMED_OUT, OUTAGE, EMPTY, FAILING, ["timed out", UNTIL], id="and it failed"),
        pytest.param(FINE, replace(BAN, until=NOW), EMPTY, ("ok", None), [], id="a back-off that is over"),
        pytest.param(
            DEAD, None, BUSY, ("stale", NOW - 12 * HOUR),
            ["11 hours old", "some 220", "check its address"], id="silent",
        ),
        pytest.param(DEAD, None, EMPTY, ("ok", None), [], id="a silence of a feed of unknown habits"),
        pytest.param(
            OLD, None, EMPTY, ("stale", NOW - 4 * DAY), ["3 days old"], id="a long one",
        ),
        pytest.param(OLD, None, RARE, ("ok", None), [], id="one that brings few"),
        pytest.param(
            LEFT, None, EMPTY, ("stale", NOW - MAX_POLL_AGE),
            ["not polled for 3 days", "is the daemon running"], id="left",
        ),
    ],
)  # fmt: skip
def test_a_feed_is_in_the_state_that_its_record_shows(
    history: FeedHistory | None,
    backoff: HostBackoff | None,
    arrival_rate: ArrivalRate,
    expected: tuple[str, datetime | None],
    words: list[str],
) -> None:
    found = decide(history, backoff, arrival_rate, BASE, NOW, listed=True)

    assert (found.state, found.since) == expected
    for word in words:
        assert word in found.reason
    assert "\n" not in found.reason


def test_silence_is_judged_by_when_the_list_was_heard_not_by_now() -> None:
    """Nothing is known after the last response: a suspended daemon must not report its lists as dead."""
    heard = replace(FINE, last_poll=NOW - 60 * HOUR, last_success=NOW - 60 * HOUR, newest=NOW - 61 * HOUR)

    assert decide(heard, None, BUSY, BASE, NOW, listed=True).state == "ok"


def test_a_list_that_never_listed_anything_is_stale() -> None:
    empty = replace(FINE, newest=None)

    assert decide(empty, None, EMPTY, BASE, NOW, listed=False).state == "stale"
    assert decide(empty, None, EMPTY, BASE, NOW, listed=True).state == "ok"  # a list without times


def test_a_clock_set_back_makes_nothing_stale() -> None:
    ahead = replace(FINE, last_poll=NOW + DAY, last_success=NOW + DAY, newest=NOW + DAY)

    assert decide(ahead, None, EMPTY, BASE, NOW, listed=True).state == "ok"


GAP = Gap("china", NOW, NOW + timedelta(hours=1, seconds=1))


def test_a_gap_is_closed_by_a_backfill_over_whole_minutes_around_it() -> None:
    whole = "finarchive backfill china --from 2026-09-30T10:00+08:00 --to 2026-09-30T11:01+08:00"

    for oldest_available in (None, NOW, NOW - DAY):
        assert (
            close_gap(GAP, oldest_available, enabled=True).command,
            close_gap(GAP, oldest_available, enabled=True).why_not,
        ) == (whole, None)
    start = Gap("china", NOW + timedelta(seconds=59), NOW + HOUR)
    assert "--from 2026-09-30T10:00+08:00 --to 2026-09-30T11:00+08:00" in str(
        close_gap(start, None, enabled=True).command
    )


def test_a_gap_below_the_end_of_the_list_cannot_be_closed() -> None:
    found = close_gap(GAP, NOW + HOUR * 2, enabled=True)

    assert close_gap(GAP, GAP.end, enabled=True).command is None
    assert found.command is None
    assert "reaches back to 2026-09-30 12:00 China time only" in str(found.why_not)


def test_a_gap_that_the_list_reaches_into_can_be_closed_in_part() -> None:
    found = close_gap(GAP, NOW + HOUR / 2, enabled=True)

    assert found.command == "finarchive backfill china --from 2026-09-30T10:30+08:00 --to 2026-09-30T11:01+08:00"
    assert "only" in str(found.why_not)


def test_a_gap_of_a_feed_that_is_off_is_not_closed() -> None:
    found = close_gap(GAP, None, enabled=False)

    assert found.command is None
    assert "off or no longer configured" in str(found.why_not)

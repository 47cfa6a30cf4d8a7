"""Which feeds are heard through a broad list, and what that costs in requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pytest
from msgspec.structs import replace

from archive.index.containment_proof import MIN_ENTRIES, MIN_TIME
from archive.model.feed import ArrivalRate, Containment, FailureKind, FeedHistory, Filing
from config.model import Feed, Settings
from scheduler.policy.arrival_rate import EMPTY, learn
from scheduler.policy.intervals import next_poll, normal_interval, pace
from scheduler.policy.listening import (
    MAX_VERIFIED_AGE,
    VERIFY_INTERVAL,
    ListeningPlan,
    broad_lists_of,
    listening_plan,
)

NOW = datetime(2026, 9, 29, 2, 0, tzinfo=UTC)  # ten o'clock of a Tuesday in China
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


def feed(name: str, lid: int, *, broad: bool = False, **more: object) -> Feed:
    return Feed.model_validate({"id": name, "kind": "roll", "categories": [name], "lid": lid, "broad": broad, **more})


FINANCE = feed("finance", 2516, broad=True)
ALL = feed("all", 2509, broad=True, enabled=False)
OTHERS = [feed(name, number) for number, name in enumerate(("stocks", "china", "usstock", "global", "macro"), 1)]


@lru_cache
def rate(per_hour: float) -> ArrivalRate:
    """The rate of a list with so many articles in each hour of the last days."""
    every, begin = timedelta(hours=1 / per_hour), NOW - 4 * DAY
    return learn(EMPTY, begin, NOW, [begin + number * every for number in range(int(96 * per_hour))])


def history(name: str, **changes: object) -> FeedHistory:
    known = FeedHistory(name, Filing((name,), name), NOW - MINUTE, NOW - MINUTE, NOW, None, None, NOW - MINUTE)
    return replace(known, **changes)  # type: ignore[arg-type]


def proven(name: str, broad: str = "finance", **changes: object) -> Containment:
    known = Containment(name, broad, NOW - MIN_TIME, MIN_ENTRIES, NOW - MINUTE, None)
    return replace(known, **changes)  # type: ignore[arg-type]


def plan(
    containments: Iterable[Containment],
    feeds: Iterable[Feed] = (*OTHERS, FINANCE),
    rates: Mapping[str, float] = {},
    listen: str = "12s",
    **histories: FeedHistory,
) -> ListeningPlan:
    feeds = tuple(feeds)
    settings = Settings(feeds=feeds).model_copy(
        update={"schedule": Settings().schedule.model_validate({"listen": listen})}
    )
    return listening_plan(
        settings,
        {name: history(name) for each in feeds for name in (each.id, f"{each.id}.heard")} | histories,
        {each.id: rate(rates.get(each.id, 30)) for each in feeds},
        list(containments),
        NOW,
    )


def heard(*containments: Containment, **histories: FeedHistory) -> dict[str, str]:
    return dict(plan(containments, **histories).heard)


def test_only_lists_of_the_same_api_can_be_heard() -> None:
    feeds = [FINANCE, ALL, *OTHERS]
    assert broad_lists_of(OTHERS[0], feeds) == ["finance", "all"]
    assert broad_lists_of(FINANCE, feeds) == [], "a broad list is polled by itself"
    assert broad_lists_of(feed("x", 9, endpoint="https://other.cn/roll"), feeds) == []
    assert broad_lists_of(OTHERS[0], [feed("finance", 2516, broad=True, cron="0 9 * * *")]) == []


def test_a_feed_is_heard_while_its_containment_is_proven_and_verified() -> None:
    assert heard(proven("stocks")) == {"stocks": "finance"}
    assert heard(proven("stocks", entries=MIN_ENTRIES - 1)) == {}
    assert heard(proven("stocks", since=NOW - MIN_TIME + SECOND)) == {}
    assert heard(proven("stocks", verified=None)) == {}
    assert heard(proven("stocks", verified=NOW - MAX_VERIFIED_AGE)) == {"stocks": "finance"}
    assert heard(proven("stocks", verified=NOW - MAX_VERIFIED_AGE - SECOND)) == {}
    assert heard(proven("unknown")) == {}


def test_nothing_is_heard_when_that_is_off() -> None:
    assert plan([proven("stocks")], listen="off") == ListeningPlan()


def test_nothing_is_heard_through_a_list_that_is_down() -> None:
    error = history("finance", error="status 502", kind=FailureKind.TEMPORARY)
    assert heard(proven("stocks"), finance=error) == {}
    assert heard(proven("stocks"), finance=history("finance", complete_to=NOW - 3 * MINUTE)) == {"stocks": "finance"}
    assert heard(proven("stocks"), finance=history("finance", complete_to=NOW - 3 * MINUTE - SECOND)) == {}
    assert heard(proven("stocks"), finance=history("finance", complete_to=None)) == {}


def test_a_feed_that_fails_is_polled_by_its_own_rule() -> None:
    assert heard(proven("stocks"), stocks=history("stocks", error="x", kind=FailureKind.UNREADABLE)) == {}


def test_after_a_miss_all_feeds_of_the_broad_list_are_verified_first() -> None:
    missed = proven("china", entries=0, since=NOW, verified=None, missed=NOW - 2 * MINUTE)
    assert heard(proven("stocks", verified=NOW - 3 * MINUTE), missed) == {}
    assert heard(proven("stocks", verified=NOW - MINUTE), missed) == {"stocks": "finance"}
    assert heard(proven("stocks", verified=NOW - 3 * MINUTE), replace(missed, broad="all")) == {"stocks": "finance"}


def test_a_list_that_is_on_is_preferred() -> None:
    feeds = [ALL, *OTHERS, FINANCE]
    assert plan([proven("china", "all.heard"), proven("china", "finance")], feeds).heard == {"china": "finance"}


def test_a_list_that_is_off_is_used_only_if_it_brings_articles_sooner() -> None:
    feeds, pairs = [*OTHERS, ALL], [proven(each.id, "all.heard") for each in OTHERS]
    assert plan(pairs, feeds).heard == {each.id: "all.heard" for each in OTHERS}
    slow = {each.id: 4.0 for each in OTHERS}
    assert plan(pairs[:1], feeds, slow).heard == {}, "one quiet feed saves no more than the broad list costs"


def test_a_list_that_is_off_is_polled_only_for_feeds_that_no_list_that_is_on_contains() -> None:
    def polled(*containments: Containment, listen: str = "12s") -> list[str]:
        return [each.id for each in plan(containments, [*OTHERS, FINANCE, ALL], listen=listen).off_lists]

    contained = [proven(each.id) for each in OTHERS]
    assert polled() == polled(*contained[1:]) == ["all.heard"]
    assert polled(*contained) == []
    assert polled(listen="off") == []


@pytest.mark.parametrize("per_hour", [0.2, 1, 4, 15, 60, 200])
def test_listening_needs_no_more_requests_than_polls(per_hour: float) -> None:
    feeds = [*OTHERS, FINANCE]
    found = plan([proven(each.id) for each in OTHERS], feeds, {each.id: per_hour for each in feeds})

    def polls(name: str) -> float:
        return HOUR / normal_interval(rate(per_hour), pace(OTHERS[0], Settings().schedule), NOW)

    alone = sum(1.5 * polls(each.id) for each in OTHERS)
    listening = sum(3 * (HOUR / found.verify[each.id]) if HOUR / found.verify[each.id] < polls(each.id)
                    else 1.5 * polls(each.id) for each in OTHERS)  # fmt: skip
    listening += sum(HOUR / every for every in found.peeks.values())
    assert listening <= alone + 0.01
    assert all(every >= 12 * SECOND for every in found.peeks.values())


def test_in_busy_hours_the_broad_list_is_read_as_often_as_configured() -> None:
    busy = {each.id: 60.0 for each in OTHERS}
    assert plan([proven(each.id) for each in OTHERS], rates=busy).peeks == {"finance": 12 * SECOND}


def test_a_feed_is_verified_often_enough_for_its_pages_to_overlap() -> None:
    settings = {"pages": 1}  # a poll reads 50 articles
    schedule = Settings().schedule.model_validate(settings)
    found = listening_plan(
        Settings(feeds=(*OTHERS, FINANCE), schedule=schedule),
        {each.id: history(each.id) for each in (*OTHERS, FINANCE)},
        {each.id: rate(100) for each in (*OTHERS, FINANCE)},
        [proven("stocks")],
        NOW,
    )
    assert found.verify["stocks"] <= timedelta(hours=25 / 100) * 1.01
    assert plan([proven("stocks")]).verify["stocks"] == VERIFY_INTERVAL


def test_verifications_are_spread_and_stay_within_the_bounds_of_the_schedule() -> None:
    bounds = pace(OTHERS[0], Settings().schedule)
    times = [
        next_poll(rate(30), bounds, NOW, last_poll=NOW, last_success=NOW, spread=spread, verify=VERIFY_INTERVAL) - NOW
        for spread in (0.0, 0.5, 1.0)
    ]
    assert times == [20 * MINUTE, 30 * MINUTE, 40 * MINUTE]
    short = replace(bounds, max_interval=5 * MINUTE)
    assert (
        next_poll(rate(30), short, NOW, last_poll=NOW, last_success=NOW, verify=VERIFY_INTERVAL) == NOW + 5 * MINUTE
    )


def test_a_failed_verification_is_delayed_as_any_poll() -> None:
    bounds = pace(OTHERS[0], Settings().schedule)
    due = next_poll(rate(30), bounds, NOW, last_poll=NOW, last_success=NOW, trouble=9.0, verify=VERIFY_INTERVAL)
    assert due == NOW + HOUR


def test_a_feed_with_fixed_times_keeps_them() -> None:
    feeds = [feed("stocks", 1, cron="0 9 * * *"), FINANCE]
    found = plan([proven("stocks")], feeds)
    assert (dict(found.heard), dict(found.peeks)) == ({"stocks": "finance"}, {})

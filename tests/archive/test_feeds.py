"""Coverage of feeds in the index: spans, gaps and how they are filled, arrival rates, sources."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.index.spans import merged, uncovered
from archive.model.feed import (
    ArrivalRate,
    BackfillPage,
    Counts,
    Entry,
    Failure,
    FailureKind,
    Gap,
    ListingResult,
    Poll,
    Span,
    Validators,
)
from archive.store import Store
from tests.archive.test_store import ERROR, FILING, HOST, HOUR, NOW, commit, due, dump, entry, path, poll_of, store
from tests.support.examples import examples
from tests.support.fetches import commit_failure

__all__ = ["path", "store"]  # fixtures

MINUTE = timedelta(minutes=1)
RHYTHM = ArrivalRate(tuple(n / 3 for n in range(48)), tuple(float(n) for n in range(48)), NOW)


def at(minutes: float) -> datetime:
    return NOW + minutes * MINUTE


def span(start: float, end: float) -> Span:
    return Span(at(start), at(end))


def backfill(store: Store, *entries: Entry, covered: Span | None = None, oldest_available: datetime | None = None,
         when: float = 100, failures: tuple[Failure, ...] = ()) -> ListingResult:  # fmt: skip
    docids = [found.docid for found in entries]
    page = BackfillPage("china", at(when), entries, failures, covered, oldest_available)
    return store.listings.commit_backfill_page(
        page, FILING, dict.fromkeys(docids, ("china",)), dict.fromkeys(docids, HOST)
    )


def poll_at(when: float, *published: float) -> Poll:
    """A poll that found articles published at these minutes, named after them."""
    return poll_of(*(entry(f"{minutes:g}", minutes) for minutes in published), at=at(when))


def leave_a_gap(store: Store) -> None:
    """Between minutes -10 and 30, noticed at minute 60. Late articles may be as old as the record."""
    commit(store, poll_at(5, 0, -10, -20))
    assert commit(store, poll_at(60, 59, 40, 30)).gap == Gap("china", at(-10), at(30))


# Spans


def test_a_feeds_record_begins_with_the_middle_of_what_its_first_poll_read_last(store: Store) -> None:
    commit(store, poll_at(5, 0, -10, -20, -30, -1e6))
    assert store.coverage.spans() == {"china": [span(-20, 5)]}


def test_a_poll_that_reached_known_articles_makes_all_known_up_to_it(store: Store) -> None:
    commit(store, poll_at(5, 0, -10, -20))
    commit(store, poll_of(error=ERROR, at=at(10)))
    assert store.coverage.spans() == {"china": [span(-10, 5)]}, "one that broke off adds nothing"
    commit(store, poll_at(300, 0, -10, -20))
    assert store.coverage.spans() == {"china": [span(-10, 300)]}
    assert store.feeds.histories()["china"].complete_to == at(300)


def test_a_list_without_times_is_known_from_its_first_poll_on(store: Store) -> None:
    commit(store, poll_of(entry("a", None)))
    commit(store, poll_of(entry("a", None), at=NOW + HOUR))
    assert store.coverage.spans("china") == {"china": [span(0, 60)]}


def test_spans_are_returned_for_one_feed_or_all(store: Store) -> None:
    commit(store, poll_of(entry("a"), feed="stock"))
    commit(store, poll_of(entry("a")))
    assert store.coverage.spans("china") == {"china": [span(0, 0)]}
    assert set(store.coverage.spans()) == {"china", "stock"}
    assert store.coverage.spans("unknown") == {}


def test_a_clock_that_jumps_back_removes_nothing(store: Store) -> None:
    commit(store, poll_at(5, 0, -10, -20))
    commit(store, poll_at(300, 0, -10, -20))
    commit(store, poll_at(10, 0, -10, -20))
    assert store.coverage.spans() == {"china": [span(-10, 300)]}
    assert store.feeds.histories()["china"].complete_to == at(300)
    commit(store, poll_at(301, 0, -10, -20))
    assert store.coverage.spans() == {"china": [span(-10, 301)]}


def test_a_gap_noticed_after_the_clock_jumped_back_is_the_end_of_what_is_known(store: Store) -> None:
    commit(store, poll_at(5, 0, -10, -20))
    commit(store, poll_at(300, 0, -10, -20))  # the clock is hours ahead
    commit(store, poll_at(60, 59, 40, 30))
    assert store.coverage.spans() == {"china": [span(30, 60)]}
    commit(store, poll_at(65, 59, 40, 30))
    assert store.coverage.spans() == {"china": [span(30, 65)]}


def test_a_clock_that_is_behind_closes_no_gap(store: Store) -> None:
    commit(store, poll_at(-200, 0, -10, -20))
    commit(store, poll_at(-140, 59, 40, 30))
    for when in (-100, 10, 20, 40):
        commit(store, poll_at(when, 59, 40, 30))
    assert store.coverage.gaps() == [Gap("china", at(-200), at(30))]
    assert store.coverage.spans()["china"][-1] == span(30, 40)


# Gaps


def test_what_is_known_stops_at_a_gap_and_goes_on_behind_it(store: Store) -> None:
    """Everything up to minute 5 was read, but late articles may have arrived since."""
    leave_a_gap(store)
    assert store.coverage.spans() == {"china": [span(30, 60)]}
    assert store.coverage.gaps() == [Gap("china", at(-10), at(30))]
    assert store.feeds.histories()["china"].complete_to == at(60)


def test_no_poll_ever_closes_a_gap(store: Store) -> None:
    leave_a_gap(store)
    commit(store, poll_at(70, 59, 40, 30, 20, 10, 0, -10, -20))
    assert store.coverage.gaps() == [Gap("china", at(-10), at(30))]
    assert store.coverage.spans() == {"china": [span(30, 70)]}


def test_a_gap_is_closed_when_all_of_it_is_covered(store: Store, path: Path) -> None:
    leave_a_gap(store)
    backfill(store, covered=span(-15, 35), when=100)
    assert store.coverage.gaps() == []
    assert store.coverage.spans() == {"china": [span(-15, 60)]}
    [line] = [line for line in dump(path) if 'INTO "gaps"' in line]
    assert "2026-09-30T03:40:00.000+00:00'" in line, "closed at minute 100"


def test_a_partly_filled_gap_stays_open_in_its_other_part(store: Store) -> None:
    leave_a_gap(store)
    backfill(store, covered=span(20, 60))
    assert store.coverage.gaps() == [Gap("china", at(-10), at(20))]
    backfill(store, covered=span(5, 10))
    assert store.coverage.gaps() == [Gap("china", at(-10), at(5)), Gap("china", at(10), at(20))]
    backfill(store, covered=span(-10, 60))
    assert store.coverage.gaps() == []


def test_gaps_come_by_feed_and_time(store: Store) -> None:
    for feed in ("stock", "china"):
        for hours in (0, 3, 6):
            commit(store, poll_of(entry(f"{feed}{hours}", 60 * hours), feed=feed, at=NOW + hours * HOUR))
    assert [(gap.feed, gap.start) for gap in store.coverage.gaps()] == [
        ("china", NOW), ("china", NOW + 3 * HOUR), ("stock", NOW), ("stock", NOW + 3 * HOUR),
    ]  # fmt: skip


def test_what_fills_another_feeds_gap_fills_no_other(store: Store) -> None:
    leave_a_gap(store)
    store.listings.commit_backfill_page(BackfillPage("stock", NOW, (), covered=span(-60, 60)), FILING, {}, {})
    assert store.coverage.gaps() == [Gap("china", at(-10), at(30))]


NUMBERS = count()
SPANS = st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda pair: span(pair[0], pair[0] + pair[1]))


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(SPANS, st.integers(1, 90)), min_size=1, max_size=12))
def test_the_spans_table_says_what_spans_and_gaps_say(store: Store, steps: list[Span | int]) -> None:
    """Any order of backfills and polls that leave gaps, compared with spans computed at once."""
    store.feeds.register_source(
        "china", f"list {next(NUMBERS)}", NOW
    )  # so that each example starts with an empty record
    commit(store, poll_at(0, 0))
    clock, known, gaps = 0, [span(0, 0)], []
    for step in steps:
        if isinstance(step, Span):
            backfill(store, covered=step)
            known = merged([*known, step])
        else:  # so many minutes later all that is listed is the newest article
            commit(store, poll_at(clock + step, clock + step))
            begin = next(each.start for each in known if each.start <= at(clock) <= each.end)
            gaps.append(Span(begin, at(clock + step)))
            known = merged([*(each for each in known if each.end < begin), span(clock + step, clock + step)])
            clock += step
        assert store.coverage.spans()["china"] == known
        assert [Span(gap.start, gap.end) for gap in store.coverage.gaps()] == [
            h for gap in gaps for h in uncovered(gap, known)
        ]
        gaps = [gap for gap in gaps if uncovered(gap, known)]  # one that is closed stays closed


# Backfills


def test_what_a_backfill_finds_is_to_be_fetched_and_adds_no_known_span(store: Store) -> None:
    commit(store, poll_of(entry("a")))
    bad = Failure("bad", FailureKind.UNREADABLE, "no usable address")
    assert backfill(store, entry("a"), entry("b", -60), failures=(bad,)) == ListingResult(1, 1)
    assert backfill(store, entry("a"), entry("b", -60), failures=(bad,)) == ListingResult(0, 0)
    assert sorted(due(store, at(100))) == ["a", "b"]
    assert store.listings.known_docids("china", ["a", "b", "bad"]) == {"a"}, "known articles stay known"
    assert store.feeds.counts() == {"china": Counts(entries=3, pending=2, parked=1)}


def test_a_feed_can_begin_with_a_backfill(store: Store) -> None:
    backfill(store, entry("a", -600), covered=span(-600, -500), oldest_available=at(-700))
    history = store.feeds.histories()["china"]
    assert (history.last_poll, history.filing, history.oldest_available) == (None, FILING, at(-700))
    assert store.coverage.spans() == {"china": [span(-600, -500)]}
    commit(store, poll_at(5, 0, -10, -20))
    assert store.coverage.gaps() == [], "polls know no articles yet, so there is no gap"
    assert store.coverage.spans() == {"china": [span(-600, -500), span(-10, 5)]}
    history = store.feeds.histories()["china"]
    assert (history.last_poll, history.oldest_available) == (at(5), at(-700))


def test_a_backfill_does_not_affect_the_state_of_polls(store: Store) -> None:
    commit(store, poll_of(entry("a"), error=ERROR), trouble=0.5)
    before = store.feeds.histories()["china"]
    backfill(store, entry("old", -600), covered=span(-600, -500))
    assert store.feeds.histories()["china"] == before
    backfill(store, oldest_available=at(-800))
    backfill(store, covered=span(-600, -500))
    assert store.feeds.histories()["china"] == replace(before, oldest_available=at(-800))


# Another list under the same name


def test_a_feed_with_another_list_starts_over(store: Store) -> None:
    assert not store.feeds.register_source("china", "roll lid=1", NOW)
    leave_a_gap(store)
    backfill(store, covered=span(-600, -500), oldest_available=at(-700))
    store.feeds.commit_arrival_rate("china", RHYTHM)
    commit(store, poll_of(error=ERROR, at=at(80)))
    assert not store.feeds.register_source("china", "roll lid=1", NOW)
    assert store.coverage.gaps() != []

    assert store.feeds.register_source("china", "roll lid=2", NOW)
    assert (store.coverage.gaps(), store.coverage.spans(), store.feeds.arrival_rates()) == ([], {}, {})
    assert store.listings.known_docids("china", ["0", "59"]) == set()
    history = store.feeds.histories()["china"]
    assert history == replace(history, last_poll=None, last_success=None, newest=None, error=None, kind=None,
                              complete_to=None, failing_since=None, trouble=0.0, oldest_available=None)  # fmt: skip
    assert history.filing == FILING
    assert store.entries.counts().entries == 6, "what was listed stays"
    assert not store.feeds.register_source("china", "roll lid=2", NOW)

    commit(store, poll_at(500, 499, 490, 480))
    assert store.coverage.gaps() == [], "articles of the other list do not count as known"
    assert store.coverage.spans() == {"china": [span(490, 500)]}


def test_other_feeds_keep_what_is_known_of_them(store: Store) -> None:
    for feed in ("china", "stock"):
        store.feeds.register_source(feed, "roll lid=1", NOW)
        commit(store, poll_of(entry("a"), feed=feed))
        commit(store, poll_of(entry("b", 60), feed=feed, at=NOW + HOUR))
        store.feeds.commit_arrival_rate(feed, RHYTHM)
    history = store.feeds.histories()["stock"]
    assert store.feeds.register_source("china", "roll lid=2", NOW)
    assert store.coverage.gaps() == [Gap("stock", NOW, NOW + HOUR)]
    assert (store.coverage.spans(), store.feeds.arrival_rates()) == ({"stock": [span(60, 60)]}, {"stock": RHYTHM})
    assert store.listings.known_docids("stock", ["a"]) == {"a"}
    assert store.feeds.histories()["stock"] == history


# Rhythms, next due


def test_arrival_rates_are_read_back_unchanged(store: Store) -> None:
    assert store.feeds.arrival_rates() == {}
    store.feeds.commit_arrival_rate("china", ArrivalRate((0.0,) * 48, (0.0,) * 48, None))
    store.feeds.commit_arrival_rate("china", RHYTHM)
    store.feeds.commit_arrival_rate("stock", replace(RHYTHM, until=None))
    assert store.feeds.arrival_rates() == {"china": RHYTHM, "stock": replace(RHYTHM, until=None)}


def test_the_next_due_after_a_time_passes_over_what_is_due(store: Store) -> None:
    commit(store, poll_of(entry("a"), entry("b"), entry("c")))
    commit_failure(store, Failure("b", FailureKind.TEMPORARY, "x"), NOW, NOW + HOUR)
    commit_failure(store, Failure("c", FailureKind.TEMPORARY, "x"), NOW, NOW + 2 * HOUR)
    assert store.entries.next_due() == NOW
    assert store.entries.next_due(NOW) == NOW + HOUR
    assert store.entries.next_due(NOW + HOUR) == NOW + 2 * HOUR
    assert store.entries.next_due(NOW + 2 * HOUR) is None


# What a poll writes


def test_a_quiet_poll_writes_its_feed_and_its_span_only(store: Store, path: Path) -> None:
    unreadable = (Failure("bad", FailureKind.UNREADABLE, "x"),)
    entries = [entry(f"doc{n}", -n) for n in range(100)]
    commit(store, poll_of(*entries, failures=unreadable), "china", "stock")
    before = dump(path)
    commit(store, poll_of(*entries, failures=unreadable, at=NOW + HOUR), "china", "stock")
    written = [line for line in dump(path) if line not in before]
    assert sorted(line.split('"')[1] for line in written) == ["feeds", "spans"]


def test_what_is_known_already_is_not_written_again(store: Store) -> None:
    """Not even with the same values, which a dump would not show."""
    unreadable = (Failure("bad", FailureKind.UNREADABLE, "x"),)
    entries = [entry(f"doc{n}", -n) for n in range(100)]
    commit(store, poll_of(*entries, failures=unreadable), "china", "stock")
    changed = store._db.conn.total_changes
    commit(store, poll_of(*entries, failures=unreadable, at=NOW + HOUR), "china", "stock")
    assert store._db.conn.total_changes - changed == 2  # the rows of feeds and spans


def test_validators_of_a_list_are_stored_with_its_entries(store: Store) -> None:
    def known() -> Validators | None:
        return store.feeds.histories()["china"].validators

    first, second = Validators('"1"', None), Validators(None, "Wed, 30 Sep 2026 02:00:00 GMT")
    store.feeds.register_source("china", "rss one", NOW)
    commit(store, replace(poll_of(entry("a")), validators=first))
    assert known() == first
    commit(store, replace(poll_of(), unchanged=True, at=NOW + HOUR))
    assert known() == first, "it has not changed since"
    broken = Failure("china", FailureKind.TEMPORARY, "x")
    commit(store, replace(poll_of(entry("b")), caught_up=False, error=broken, validators=second, at=NOW + 2 * HOUR))
    assert known() == first, "what was read is not all"
    commit(store, replace(poll_of(entry("c")), validators=second, at=NOW + 3 * HOUR))
    assert known() == second
    commit(store, replace(poll_of(entry("d")), at=NOW + 4 * HOUR))
    assert known() is None
    commit(store, replace(poll_of(entry("e")), validators=first, at=NOW + 5 * HOUR))
    store.feeds.register_source("china", "rss another", NOW)
    assert known() is None

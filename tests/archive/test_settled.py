"""Settled spans, lost gaps, and entries that left a list, in the index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from archive.index.unlisted import find_unlisted
from archive.model.feed import BackfillPage, Entry, Gap, Poll, Unlisting
from archive.model.identity import IdentityQuery
from archive.query.parser import And
from archive.store import Store
from tests.archive.test_feeds import at, leave_a_gap, poll_at, span
from tests.archive.test_store import FILING, HOST, NOW, commit, entry, path, poll_of, revision, store
from tests.support.fetches import commit_revisions

__all__ = ["path", "store"]  # fixtures

DAY = 24 * 60  # minutes; the bound of a list whose lateness is not measured


def walked(store: Store, start: float, end: float, *entries: Entry, when: float | None = None) -> None:
    """A walk by page numbers that has ended."""
    docids = [each.docid for each in entries]
    page = BackfillPage(
        "china", at(end if when is None else when), entries, covered=span(start, end), walked=span(start, end),
        is_sweep=True,
    )  # fmt: skip
    store.listings.commit_backfill_page(page, FILING, dict.fromkeys(docids, ("china",)), dict.fromkeys(docids, HOST))


def test_a_sweep_settles_what_is_older_than_the_lateness(store: Store) -> None:
    walked(store, -3 * DAY, 0)

    assert store.coverage.settled() == {"china": [span(-3 * DAY, -DAY)]}
    assert store.coverage.spans() == {"china": [span(-3 * DAY, 0)]}
    assert store.feeds.histories()["china"].swept == NOW


def test_a_walk_that_goes_on_or_that_the_site_has_chosen_settles_nothing(store: Store) -> None:
    page = BackfillPage("china", NOW, (), covered=span(-3 * DAY, 0), is_sweep=True)
    store.listings.commit_backfill_page(page, FILING, {}, {})

    assert store.coverage.settled() == {}
    assert store.feeds.histories()["china"].swept is None


def test_the_next_sweep_settles_on(store: Store) -> None:
    walked(store, -3 * DAY, 0)
    walked(store, -2 * DAY, DAY)

    assert store.coverage.settled() == {"china": [span(-3 * DAY, 0)]}


def test_a_late_article_takes_back_what_was_settled_too_early(store: Store) -> None:
    commit(store, poll_at(-5 * DAY, -5 * DAY))
    for number in range(1, 250):  # so that the lateness is known: all were on time
        commit(store, poll_at(-5 * DAY + 10 * number, -5 * DAY + 10 * number - 1, -5 * DAY + 10 * (number - 1) - 1))
    commit(store, poll_at(0, -1, -10, -5 * DAY + 2489))
    walked(store, -3 * DAY, 0)
    assert store.coverage.settled()["china"][-1] == span(-3 * DAY, -60)

    walked(store, -3 * DAY, 60, entry("late", -2 * DAY))

    assert store.coverage.settled()["china"][-1].end <= at(-2 * DAY), "two days late: the last two are not settled"


def test_a_feeds_first_poll_is_its_first_sweep(store: Store) -> None:
    commit(store, poll_at(0, 0, -3 * DAY, -6 * DAY))

    assert store.coverage.settled() == {"china": [span(-3 * DAY, -DAY)]}
    assert store.feeds.histories()["china"].swept == NOW
    commit(store, poll_at(10, 0, -3 * DAY, -6 * DAY))
    assert store.feeds.histories()["china"].swept == NOW, "later polls read the top only"


def test_each_poll_of_a_list_of_one_page_settles_what_the_page_shows(store: Store) -> None:
    entries = tuple(entry(f"{minutes}", minutes) for minutes in (0, -3 * DAY, -6 * DAY))
    for when in (0, 600):
        poll = Poll("china", at(when), 1, entries, (), caught_up=True, reaches_known=when > 0)
        commit(store, poll)

    assert store.coverage.settled() == {"china": [span(-3 * DAY, 600 - DAY)]}


def test_a_gap_is_not_settled(store: Store) -> None:
    walked(store, -3 * DAY, 5)
    commit(store, poll_at(5, 0, -10, -20))
    gap = commit(store, poll_at(60, 59, 40, 30)).gap

    assert gap == Gap("china", at(5 - DAY), at(30)), "late articles may be a day old"
    assert store.coverage.settled()["china"][-1].end <= gap.start


def test_an_export_says_in_which_feeds_the_time_of_an_article_is_settled(store: Store) -> None:
    when = {"old": -2 * DAY, "new": -60, "open": -4 * DAY}
    commit(store, poll_of(*(entry(docid, minutes) for docid, minutes in when.items()), at=at(0)), "china", "stock")
    walked(store, -3 * DAY, 0)
    commit_revisions(store, [replace(revision(docid), published=at(minutes)) for docid, minutes in when.items()])

    found = {each.docid: (each.settled_feeds, each.provisional_feeds) for each in store.search.each(And(()))}

    assert found == {"old": (("china",), ()), "new": ((), ("china",)), "open": ((), ())}


# Lost gaps


def test_a_gap_that_the_list_no_longer_has_is_lost_once_and_stays_on_record(store: Store) -> None:
    leave_a_gap(store)
    page = BackfillPage("china", at(70), (), covered=span(20, 60), oldest_available=at(20))
    for _ in range(2):
        store.listings.commit_backfill_page(page, FILING, {}, {})

    [lost] = store.coverage.lost_gaps()
    assert (lost.start, lost.end, lost.lost) == (at(-10), at(20), at(70))
    assert lost.evidence == f"the list ends at {at(20).isoformat()}: it no longer has older articles"
    assert store.coverage.gaps() == []


def test_a_gap_that_reaches_into_the_list_is_not_lost(store: Store) -> None:
    leave_a_gap(store)
    page = BackfillPage("china", at(70), (), oldest_available=at(20))
    store.listings.commit_backfill_page(page, FILING, {}, {})

    assert store.coverage.gaps() == [Gap("china", at(-10), at(30))]
    assert store.coverage.lost_gaps() == []


def test_a_lost_gap_that_is_read_after_all_is_closed(store: Store) -> None:
    leave_a_gap(store)
    [gap] = store.coverage.gaps()
    store.coverage.lose_gap(gap, at(70), "six backfills did not find it")
    assert [each.evidence for each in store.coverage.lost_gaps()] == ["six backfills did not find it"]

    walked(store, -DAY, 90)

    assert (store.coverage.gaps(), store.coverage.lost_gaps()) == ([], [])


# Entries that left a list


def listed(*minutes: float) -> tuple[Entry, ...]:
    return tuple(entry(f"{each:g}", each) for each in minutes)


@pytest.mark.parametrize(
    ("now", "unlisted"),
    [
        ((30, 20, 10, 0), []),
        ((30, 10, 0), [Unlisting("20", "30", "10")]),
        ((30, 0, -10), [Unlisting("20", "30", "0"), Unlisting("10", "30", "0")]),
        ((30, 0), []),  # an old article may be pinned to the end of a page: the list may go on below it
        ((20, 10, 0), []),  # the newest: nothing stands above it
        ((30, 20, 10), []),  # the oldest fell off the end
        ((0, 30, 20), []),  # what is below it is newer, and an old one is pinned on top
        ((0, 30, 10, 5), [Unlisting("20", "30", "10")]),  # the pinned one is no neighbour
        ((), []),
    ],
)
def test_what_stood_between_two_that_stayed_has_left(now: Sequence[float], unlisted: list[Unlisting]) -> None:
    before = [(each.docid, each.published) for each in listed(30, 20, 10, 0) if each.published]
    inside = [each for each in before if now and at(min(now)) < each[1] < at(max(now))]
    assert find_unlisted(listed(*now), inside) == unlisted


def test_old_articles_at_the_end_of_a_page_do_not_make_those_below_it_vanish() -> None:
    """Two are pinned below a hundred newer ones; the list goes on with what stood there before."""
    page = (*listed(*range(0, -100, -1)), entry("pinned", -9000), entry("another", -8000))
    below = [(f"{minutes}", at(minutes)) for minutes in range(-100, -150, -1)]
    assert find_unlisted(page, below) == []
    assert [each.docid for each in find_unlisted((*page[:20], *page[21:]), [("-20", at(-20))])] == ["-20"]


def test_of_articles_with_one_time_the_order_is_unknown_and_their_neighbours_tell() -> None:
    same = (entry("a", 10), entry("b", 10))
    assert find_unlisted((entry("n", 20), same[0], entry("o", 0), entry("p", -5)), [("b", at(10))]) == [
        Unlisting("b", "n", "o")
    ]


def test_what_left_a_list_is_rechecked_at_once_whatever_postponed_it(store: Store) -> None:
    commit(store, poll_of(*listed(30, 20, 10, 0), at=at(40)))
    commit_revisions(store, [revision("20", at=at(40))])
    later = at(500)
    store._db.execute("UPDATE entries SET due = ?, idle = 9, recheck = NULL", [at(9999).isoformat()])
    store._db.conn.commit()
    assert store.articles.recheck_hosts(later, later) == {}

    result = commit(store, poll_of(*listed(30, 10, 0), at=later))

    assert [each.docid for each in result.unlisted] == ["20"]
    assert store.articles.recheck_hosts(later, later) == {HOST: 1}
    assert [each.entry.docid for each in store.articles.due_rechecks(HOST, 9, later, later, [])] == ["20"]


def test_what_is_back_in_the_list_is_on_record_too(store: Store) -> None:
    commit(store, poll_of(*listed(30, 20, 10, 0), at=at(40)))
    for when, minutes in ((50, (30, 10, 0)), (60, (30, 10, 0)), (70, (30, 20, 10, 0)), (80, (30, 10, 0))):
        commit(store, poll_of(*listed(*minutes), at=at(when)))

    rows = [(row["at"], row["back"]) for row in store.unlisted.absences("20")]
    assert [(datetime.fromisoformat(gone), back and datetime.fromisoformat(back)) for gone, back in rows] == [
        (at(50), at(70)), (at(80), None),
    ]  # fmt: skip


def test_other_lists_say_nothing_of_what_they_never_showed(store: Store) -> None:
    """An entry that names another list belongs to its feed, but that list may not have shown it."""
    commit(store, poll_of(*listed(30, 20, 10, 0), at=at(40)), "china", "stock")

    assert commit(store, poll_of(*listed(30, 10, 0), at=at(50), feed="stock"), "stock").unlisted == ()


def test_an_old_article_that_is_pinned_does_not_make_a_poll_read_the_whole_index(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.index.unlisted.MAX_ENTRIES", 10)
    commit(store, poll_of(*listed(*range(0, -300, -1)), at=at(10)))
    steps = 0

    def count_steps() -> int:
        nonlocal steps
        steps += 1
        return 0

    store._db.conn.set_progress_handler(count_steps, 10)
    found, _ = store.unlisted.find("china", [*listed(0, -1, -3), entry("pinned", -99_999)])
    store._db.conn.set_progress_handler(None, 10)

    assert [each.docid for each in found][:1] == ["-2"]
    assert steps < 100, "ten entries are looked at, not three hundred"


@pytest.mark.parametrize("known", [300, 3000])
def test_what_is_known_of_a_list_s_items_does_not_cost_more_in_a_larger_feed(store: Store, known: int) -> None:
    items = [replace(each, guid=f"g{each.docid}", link=f"l{each.docid}") for each in listed(*range(0, -known, -1))]
    commit(store, poll_of(*items, at=at(10)))
    steps = 0

    def count_steps() -> int:
        nonlocal steps
        steps += 1
        return 0

    query = IdentityQuery(("g-1", "g-2", "gone"), ("l-1", "gone"), ("-1",))
    store._db.conn.set_progress_handler(count_steps, 10)
    found = store.listings.identities("china", query)
    store._db.conn.set_progress_handler(None, 10)

    assert set(found.guids) == {"g-1", "g-2"}
    assert steps < 60, "three items are looked at, not the feed"


class CountedTime(datetime):
    """A time that counts how often times are compared."""

    compared = 0

    def __lt__(self, other: datetime) -> bool:
        CountedTime.compared += 1
        return super().__lt__(other)

    def __gt__(self, other: datetime) -> bool:
        CountedTime.compared += 1
        return super().__gt__(other)


def test_a_long_list_is_not_searched_from_its_beginning_for_each_entry() -> None:
    number = 3000
    times = [CountedTime.fromtimestamp(1_700_000_000 - minute * 60, UTC) for minute in range(2 * number)]
    page = [replace(entry(f"{place}", 0), published=time) for place, time in enumerate(times)][::2]
    before = [(f"{place}", time) for place, time in enumerate(times)]
    CountedTime.compared = 0
    assert len(find_unlisted(page, before)) > 0.9 * number  # each second one has left
    assert CountedTime.compared < 20 * number

"""How far a list is read: whole pages that overlap, down to known articles."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.model.feed import Entry, Failure, FailureKind, Listing, Poll, Validators
from crawler.paging.page import RETREATS
from crawler.paging.poll import KNOWN_PAGES, NextPage, PollState, add_page, add_single_page, next_request

AT = datetime(2026, 9, 30, 2, tzinfo=UTC)
URL = "https://finance.sina.com.cn/a/doc-i{}.shtml"
MAX_SIZE = 50
Change = Callable[["SimulatedList"], None]


def entry(docid: str, title: str = "", published: datetime | None = None) -> Entry:
    return Entry(docid, URL.format(docid), title, published, None, None, None, None)


class SimulatedList:
    """A list of a site: it gives pages of any size up to ``cap``, and changes between two requests.

    :param after: request number -> what happens to the list after it was answered
    :param reach: number of articles that it shows; below them its pages are empty, whatever its total is
    """

    def __init__(
        self,
        number: int,
        *,
        cap: int = MAX_SIZE,
        after: dict[int, Change] | None = None,
        reach: int | None = None,
        states_total: bool = True,
    ) -> None:
        self.docids = [f"d{number - place:06d}" for place in range(number)]
        self.shown: set[str] = set(self.docids)  # listed at any time
        self.requests: list[tuple[int, int]] = []
        self._cap, self._after, self._reach, self._states_total = cap, after or {}, reach, states_total

    def page(self, number: int, size: int) -> Listing:
        self.requests.append((number, size))
        size = min(size, self._cap)
        docids = self.docids[: self._reach][(number - 1) * size : number * size]
        total = len(self.docids) if self._states_total else None
        listing = Listing(tuple(map(entry, docids)), (), total, is_open=not self._states_total)
        if change := self._after.get(len(self.requests)):
            change(self)
        return listing

    def withdraw(self, *places: int) -> None:
        for place in sorted(places, reverse=True):
            del self.docids[place]

    def publish(self, number: int, place: int = 0) -> None:
        new = [f"n{len(self.shown) + each:06d}" for each in range(number)]
        self.docids[place:place] = new
        self.shown.update(new)


def read(pages: SimulatedList, known: set[str] | None = None, max_pages: int = 20) -> tuple[PollState, NextPage]:
    """Read a list as the spider does."""
    state, what = PollState("china", AT), NextPage.CONTINUE
    while what is NextPage.CONTINUE:
        listing = pages.page(*next_request(state))
        shown = {each.docid for each in listing.entries}
        state, what = add_page(state, listing, shown & (known or set()), max_pages)
        assert len(pages.requests) <= max_pages
    return state, what


def docids(poll: Poll) -> list[str]:
    return [each.docid for each in poll.entries]


# How far a poll reads


def test_a_first_poll_reads_to_the_end() -> None:
    pages = SimulatedList(230)
    state, what = read(pages)

    assert (what, [each.docid for each in state.entries]) == (NextPage.END, pages.docids)
    assert state.poll(caught_up=True).proven is None


def test_two_pages_of_known_articles_are_enough_and_one_is_not() -> None:
    pages = SimulatedList(1000)
    state, what = read(pages, set(pages.docids))
    assert (what, state.pages) == (NextPage.CAUGHT_UP, KNOWN_PAGES)

    state, what = read(pages, set(pages.docids) - {pages.docids[60]})
    assert (what, state.pages) == (NextPage.CAUGHT_UP, 4)  # the second page has a new article


def test_the_first_known_article_proves_nothing() -> None:
    pages = SimulatedList(1000)
    state, what = read(pages, {*pages.docids[1::2], *pages.docids[300:]})

    assert what is NextPage.CAUGHT_UP
    assert set(docids(state.poll(caught_up=True))) >= set(pages.docids[:300])


def test_a_poll_stops_at_its_page_limit() -> None:
    assert read(SimulatedList(1000), max_pages=3)[1] is NextPage.LIMIT
    whole = SimulatedList(1000)
    assert read(whole, set(whole.docids), max_pages=2)[1] is NextPage.CAUGHT_UP, "the limit is met, not exceeded"
    whole = SimulatedList(1000)
    assert read(whole, set(whole.docids), max_pages=1)[1] is NextPage.LIMIT
    assert read(SimulatedList(40), max_pages=1)[1] is NextPage.END


def test_an_empty_list_ends() -> None:
    assert read(SimulatedList(0))[1] is NextPage.END


@pytest.mark.parametrize("cap", [10, 20, 49, 50])
@pytest.mark.parametrize("states_total", [True, False])
def test_a_list_with_shorter_pages_is_read_whole(cap: int, states_total: bool) -> None:
    pages = SimulatedList(125, cap=cap, states_total=states_total)
    state, what = read(pages, max_pages=40)

    assert (what, state.poll(caught_up=True).proven) == (NextPage.END, None)
    assert docids(state.poll(caught_up=True)) == pages.docids


@pytest.mark.parametrize("reach", [50, 100, 130])
def test_a_list_that_is_cut_off_is_reported_as_such(reach: int) -> None:
    """The list states a total of 5,000, but its pages are empty from some place on."""
    pages = SimulatedList(5000, reach=reach)
    state, what = read(pages)

    assert (what, docids(state.poll(caught_up=True))) == (NextPage.CUT, pages.docids[:reach])
    assert state.pages <= reach // 48 + 3
    assert state.cut_off().reason == f"the list shows nothing after article {reach}, but states more"


def test_one_empty_page_is_requested_again() -> None:
    pages = SimulatedList(300)
    state, what = PollState("china", AT), NextPage.CONTINUE
    while what is NextPage.CONTINUE:
        listing = pages.page(*next_request(state))
        if len(pages.requests) == 3:
            listing = Listing((), (), 300)
        state, what = add_page(state, listing, set(), 20)

    assert (what, docids(state.poll(caught_up=True))) == (NextPage.END, pages.docids)
    assert pages.requests[2] == pages.requests[3]


def test_a_list_that_gives_its_last_page_again_and_again_ends() -> None:
    pages = SimulatedList(100)
    state, what = PollState("china", AT), NextPage.CONTINUE
    while what is NextPage.CONTINUE:
        number, size = next_request(state)
        state, what = add_page(state, pages.page(min(number, (100 - 1) // size + 1), size), set(), 20)
        assert len(pages.requests) < 6

    assert (what, len(state.entries)) == (NextPage.END, 100)


def test_items_that_cannot_be_understood_are_no_reason_to_stop() -> None:
    def broken(listing: Listing) -> Listing:
        failures = tuple(Failure(each.docid, FailureKind.UNREADABLE, "") for each in listing.entries)
        return Listing((), failures, listing.total)

    pages = SimulatedList(130)
    state, what = PollState("china", AT), NextPage.CONTINUE
    while what is NextPage.CONTINUE:
        listing = pages.page(*next_request(state))
        state, what = add_page(state, broken(listing) if len(pages.requests) == 1 else listing, set(), 20)

    assert (what, len(state.failures)) == (NextPage.END, 50)
    assert {each.docid for each in state.entries} >= set(pages.docids[50:])


def test_pages_overlap_so_that_withdrawals_show() -> None:
    pages = SimulatedList(1000)
    state, _ = read(pages)

    assert pages.requests[:3] == [(1, 50), (2, 48), (3, 47)]
    assert state.pages <= 1000 / 40 + 1


# A list that changes while it is read


@pytest.mark.parametrize("gone", [1, 2, 3, 10, 45])
@pytest.mark.parametrize("request_number", [1, 3, 4])
def test_withdrawals_during_a_poll_hide_nothing(gone: int, request_number: int) -> None:
    """Articles of the next page move up to the page that was just read."""
    change: Change = lambda pages: pages.withdraw(*range(gone))  # noqa: E731
    pages = SimulatedList(600, after={request_number: change})
    state, what = read(pages)

    assert (what, state.poll(caught_up=True).proven) == (NextPage.END, None)
    assert set(docids(state.poll(caught_up=True))) == pages.shown


@pytest.mark.parametrize("new", [1, 3, 47])
def test_arrivals_during_a_poll_hide_nothing(new: int) -> None:
    pages = SimulatedList(600, after={2: lambda pages: pages.publish(new)})
    before = set(pages.docids)
    state, what = read(pages)

    assert what is NextPage.END
    assert set(docids(state.poll(caught_up=True))) >= before


def test_pages_that_cannot_be_joined_prove_nothing_below_them() -> None:
    """More articles are withdrawn before each request than a page can overlap."""
    pages = SimulatedList(6000, after={each: lambda pages: pages.withdraw(*range(320)) for each in range(12, 30)})
    state, what = read(pages, max_pages=40)
    poll = state.poll(caught_up=True)

    assert (what, poll.proven) == (NextPage.UNPROVEN, len(state.entries))
    assert len(poll.entries) > len(poll.proven_entries) > 500, "what was read loosely is kept, and marked"
    assert state.pages == 12 + len(RETREATS) + 1


def test_a_list_that_ignores_the_page_size_proves_its_first_page_only() -> None:
    pages = SimulatedList(600)
    state, what = PollState("china", AT), NextPage.CONTINUE
    while what is NextPage.CONTINUE:
        number, _ = next_request(state)
        state, what = add_page(state, pages.page(number, 50), set(), 20)

    poll = state.poll(caught_up=True)
    assert (poll.proven, docids(poll)) == (50, pages.docids[:100])


changes = st.dictionaries(
    st.integers(1, 12),
    st.one_of(
        st.tuples(st.just("withdraw"), st.sets(st.integers(0, 250), min_size=1, max_size=60)),
        st.tuples(st.just("publish"), st.integers(1, 60)),
    ),
    max_size=6,
)


@given(changes, st.integers(0, 400), st.integers(1, 20))
def test_what_a_poll_proves_holds_everything_that_was_listed_throughout(
    events: dict[int, tuple[str, set[int] | int]], known_from: int, max_pages: int
) -> None:
    """Whatever happens between two requests: no article that was listed all the time is skipped."""

    def change(event: tuple[str, set[int] | int]) -> Change:
        def apply(pages: SimulatedList) -> None:
            _, argument = event
            if isinstance(argument, set):
                pages.withdraw(*(place for place in argument if place < len(pages.docids)))
            else:
                pages.publish(argument)

        return apply

    pages = SimulatedList(500, after={number: change(event) for number, event in events.items()})
    listed_before = list(pages.docids)
    state, _ = read(pages, set(listed_before[known_from:]), max_pages)
    throughout = [docid for docid in listed_before if docid in pages.docids]
    proven = {each.docid for each in state.poll(caught_up=True).proven_entries}
    last = max((place for place, docid in enumerate(throughout) if docid in proven), default=-1)

    assert set(throughout[: last + 1]) <= proven


def test_a_poll_without_overlap_would_miss_articles() -> None:
    """The check above can fail: pages that begin where the last one ended skip what moved up."""
    pages = SimulatedList(300, after={2: lambda pages: pages.withdraw(0, 1)})
    listed = [each.docid for number in range(1, 7) for each in pages.page(number, 50).entries]

    assert not set(pages.docids) <= set(listed)


# What a poll has


def test_entries_are_each_there_once_in_the_lists_order_and_failures_all() -> None:
    first = Listing((entry("a"), entry("b")), (Failure("x", FailureKind.UNREADABLE, ""),), 300)
    state, _ = add_page(PollState("china", AT), first, set(), 20)
    state, _ = add_page(state, Listing((entry("b"), entry("c"), entry("d")), (), 300), set(), 20)

    assert [found.docid for found in state.entries] == list("abcd")
    assert len(state.failures) == 1
    assert state.seen == set("abcd")


def test_an_item_listed_twice_on_a_page_counts_once_as_first_listed() -> None:
    page = Listing((entry("a", "newer"), entry("b"), entry("a", "older")))
    state, _ = add_page(PollState("china", AT), page, set(), 20)
    assert [(found.docid, found.title) for found in state.entries] == [("a", "newer"), ("b", "")]


def test_a_poll_state_becomes_a_poll_of_the_pages_read() -> None:
    state, _ = read(SimulatedList(80))
    error = Failure("china", FailureKind.TEMPORARY, "time-out")
    poll = state.poll(caught_up=False, error=error)
    assert (poll.feed, poll.at, poll.pages, poll.caught_up, poll.error) == ("china", AT, 2, False, error)
    assert (poll.entries, poll.failures) == (state.entries, state.failures)
    assert state.poll(caught_up=True).error is None


def test_of_three_days_of_real_polls_no_docid_is_missed(shared: Path) -> None:
    known: set[str] = set()
    listed: set[str] = set()
    taken: set[str] = set()
    with gzip.open(shared / "realdata/lists/polls-2024-03-18..20.jsonl.gz", "rt", encoding="utf-8") as lines:
        polls = [json.loads(line)["rows"] for line in lines]
    assert len(polls) == 292
    for rows in polls:
        docids = [docid for docid, _, _ in rows]
        listed |= set(docids)
        page = Listing(tuple(entry(docid, title) for docid, _, title in rows))
        reading, what = add_page(PollState("all", AT), page, set(docids) & known, 20)
        if what is NextPage.CONTINUE:
            reading, what = add_page(reading, Listing(()), set(), 20)
        assert what is NextPage.END
        taken |= {found.docid for found in reading.poll(caught_up=True).entries}
        known |= taken
    assert taken == listed


@pytest.mark.parametrize(
    ("page", "known", "met"),
    [
        ("abcdef", "f", True),
        ("abcdef", "d", True),  # its end may hold one out of its order
        ("abcdef", "a", False),  # pinned on top: it proves nothing
        ("abcdef", "", False),
        ("ab", "ab", True),
    ],
)
def test_a_list_of_one_page_meets_what_was_known_at_its_end(page: str, known: str, met: bool) -> None:
    after = add_single_page(PollState("china", AT), Listing(tuple(map(entry, page))), set(known))
    poll = after.poll(caught_up=True)
    assert (poll.reaches_known, poll.pages, [each.docid for each in poll.entries]) == (met, 1, list(page))


def test_validators_of_a_list_are_removed_with_its_entries() -> None:
    validators = Validators('"1"', None)
    after = add_single_page(PollState("china", AT, validators=validators), Listing(tuple(map(entry, "aab"))), set())
    assert after.poll(caught_up=True).validators == validators
    assert [each.docid for each in after.poll(caught_up=True).entries] == ["a", "b"]

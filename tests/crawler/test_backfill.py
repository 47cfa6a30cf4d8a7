"""Walking back through a list: what is covered is read whole, whatever comes and goes meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.model.feed import BackfillPage, Entry, Failure, FailureKind, Listing, Span
from crawler.paging.backfill import (
    MARGIN,
    RETREATS,
    Backfill,
    BackfillStep,
    NextStep,
    PageRequest,
    apply_page,
    apply_single_page,
    begin_backfill,
    next_request,
)
from tests.support.examples import examples

NOW = datetime(2026, 9, 30, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def entry(docid: str, published: datetime | None) -> Entry:
    return Entry(docid, f"https://finance.sina.com.cn/a/doc-i{docid}.shtml", "", published, None, None, None, None)


def ago(minutes: float) -> datetime:
    return NOW - minutes * MINUTE


@dataclass
class Shelf:
    """A list as the site keeps it: newest first, asked by page number or by the history parameters."""

    items: list[tuple[datetime, str]] = field(default_factory=list)
    history: str = "honoured"
    short: int = 100  # of history "short" so many can be had
    tells_total: bool = True
    asked: list[PageRequest] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, every: timedelta = MINUTE, **how: str | bool | int) -> Shelf:
        """``count`` articles, the n-th one n times ``every`` ago, its docid n."""
        return cls([(NOW - n * every, str(n)) for n in range(count)], **how)  # type: ignore[arg-type]

    def add(self, published: datetime, docid: str) -> None:
        self.items.append((published, docid))
        self.items.sort(reverse=True)

    def response(self, asked: PageRequest) -> Listing:
        self.asked.append(asked)
        found = self.items
        if asked.window and self.history in {"honoured", "short"}:
            found = [item for item in found if asked.window.start <= item[0] <= asked.window.end]
        elif asked.window and self.history == "empty":
            found = []
        elif asked.window and self.history == "reversed":
            found = found[::-1]
        elif asked.window and self.history == "older":
            found = [item for item in found if item[0] < asked.window.start - MARGIN]
        total = len(found)
        if asked.window and self.history == "short":
            found = found[: self.short]
        page = found[(asked.page - 1) * asked.size : asked.page * asked.size]
        return self.listing(page, total if self.tells_total else None)

    def listing(self, page: list[tuple[datetime, str]], total: int | None) -> Listing:
        return Listing(tuple(entry(docid, published) for published, docid in page), (), total)

    def within(self, span: Span | None) -> set[str]:
        return {docid for published, docid in self.items if span and span.start <= published <= span.end}


@dataclass
class Journal:
    """What came of a walk."""

    legs: list[BackfillStep]

    @property
    def docids(self) -> set[str]:
        return {entry.docid for step in self.legs for entry in step.page.entries}

    @property
    def last(self) -> BackfillStep:
        return self.legs[-1]

    @property
    def covered(self) -> Span | None:
        return self.last.page.covered


def go(
    revision_files: Shelf,
    backfill: Backfill,
    known: Iterable[str] = (),
    between: Callable[[Backfill], None] = lambda backfill: None,
    legs: int = 1000,
) -> Journal:
    """Walk as the spider does; what it lists is known from then on."""
    listed, journal = set(known), Journal([])
    while len(journal.legs) < legs:
        listing = revision_files.response(next_request(backfill))
        docids = {entry.docid for entry in listing.entries}
        journal.legs.append(apply_page(backfill, listing, docids & listed))
        listed |= docids
        backfill = journal.last.backfill
        if journal.last.next_step is not NextStep.CONTINUE:
            break
        between(backfill)
    return journal


def stretch(
    newest: float,
    oldest: float,
    *,
    must_meet_known: bool = False,
    history: bool = False,
    max_pages: int = 500,
) -> Backfill:
    """A walk from so many minutes ago back to so many."""
    return begin_backfill(
        "china", ago(oldest), ago(newest), NOW, must_meet_known=must_meet_known, history=history, max_pages=max_pages
    )


# A quiet list


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(
    ("newest", "oldest"), [(0, 30), (0, 900), (300, 700), (999, 1999), (2500, 2510), (2500, 2500)]
)
def test_a_span_is_read_completely(newest: float, oldest: float, history: bool) -> None:
    revision_files = Shelf.of(3000)
    journal = go(revision_files, stretch(newest, oldest, history=history))
    assert (journal.last.next_step, journal.last.reason) == (NextStep.DONE, "")
    assert journal.covered == Span(ago(oldest), ago(newest))
    assert journal.docids >= revision_files.within(journal.covered)
    assert journal.last.page.oldest_available is None


def test_history_reads_little_besides_the_span() -> None:
    revision_files = Shelf.of(30_000)
    journal = go(revision_files, stretch(20_000, 21_000, history=True))
    margin = MARGIN / MINUTE
    assert journal.docids == {str(n) for n in range(20_000 - int(margin), 21_001 + int(margin))}
    assert len(journal.legs) < 28


def test_late_articles_are_searched_below_the_old_end() -> None:
    """One published at the stretch's end may have entered the list among those of ten minutes before."""
    revision_files = Shelf.of(3000, timedelta(seconds=10))
    assert go(revision_files, stretch(0, 93)).docids >= revision_files.within(Span(ago(93) - MARGIN, NOW))


def test_a_thousand_articles_take_few_pages() -> None:
    """Edge to edge it would be 20, without any proof."""
    for deep in (0, 1000, 10_000, 80_000):
        revision_files = Shelf.of(deep + 1100)
        legs = go(revision_files, stretch(deep, deep + 1000)).legs
        assert len([step for step in legs if step.backfill.search is None]) <= 28


def test_the_covered_span_grows_downwards_only() -> None:
    spans = [step.page.covered for step in go(Shelf.of(3000), stretch(1000, 2000)).legs]
    starts = [span.start for span in spans if span]
    assert starts == sorted(starts, reverse=True)
    assert {span.end for span in spans if span} == {ago(1000)}
    assert len(set(starts)) > 15


@pytest.mark.parametrize("history", [True, False])
def test_each_leg_claims_only_what_was_read(history: bool) -> None:
    revision_files = Shelf.of(2000, timedelta(seconds=1), history="honoured")
    # Many of one second: the page's last second may go on on the next one.
    revision_files.items = [(published.replace(second=0), docid) for published, docid in revision_files.items]
    seen: set[str] = set()
    for step in go(revision_files, stretch(5, 30, history=history)).legs:
        seen |= {entry.docid for entry in step.page.entries}
        assert seen >= revision_files.within(step.page.covered)


def test_what_lies_in_the_future_is_not_claimed() -> None:
    journal = go(
        Shelf.of(300),
        begin_backfill("china", ago(60), ago(-60), NOW, must_meet_known=False, history=False, max_pages=9),
    )
    assert journal.covered == Span(ago(60), NOW)


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot backfill china from"):
        stretch(20, 10)


def test_an_interrupted_backfill_continues_where_it_stopped() -> None:
    revision_files = Shelf.of(4000)
    whole = go(revision_files, stretch(1000, 2000))
    first = go(revision_files, stretch(1000, 2000), legs=20)
    assert first.last.next_step is NextStep.CONTINUE
    assert first.covered
    left = (NOW - first.covered.start) / MINUTE
    second = go(revision_files, stretch(left, 2000))
    assert second.last.next_step is NextStep.DONE
    assert second.covered == Span(ago(2000), first.covered.start)
    wanted = revision_files.within(Span(ago(2000), ago(1000)))
    assert (first.docids | second.docids) & wanted == whole.docids & wanted == wanted


def test_a_backfill_stops_at_its_page_limit_and_can_go_on() -> None:
    revision_files = Shelf.of(4000)
    journal = go(revision_files, stretch(0, 2000, max_pages=10))
    assert (len(journal.legs), journal.last.next_step) == (10, NextStep.LIMIT)
    assert "10 pages" in journal.last.reason
    assert journal.docids >= revision_files.within(journal.covered) > set()
    more = go(revision_files, journal.last.backfill).last.backfill
    assert more.covered
    assert journal.covered
    assert more.covered.start < journal.covered.start


# Ground


def known_after(minutes: float, count: int = 3000) -> set[str]:
    return {str(n) for n in range(count) if n >= minutes}


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(("newest", "oldest"), [(500, 900), (500, 505), (500, 501)])
def test_a_gap_is_closed_at_known_articles(newest: float, oldest: float, history: bool) -> None:
    known = known_after(oldest) | {str(n) for n in range(int(newest) + 1)}
    journal = go(Shelf.of(3000), stretch(newest, oldest, must_meet_known=True, history=history), known)
    assert (journal.last.next_step, journal.last.reason) == (NextStep.DONE, "")
    assert journal.covered == Span(ago(oldest), ago(newest))
    assert journal.last.backfill.history is history


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(("newest", "oldest"), [(500, 900), (500, 505)])
def test_without_known_articles_a_gap_stays_open_at_its_old_end(newest: float, oldest: float, history: bool) -> None:
    """What the walk itself has listed is no ground, nor is what polls have known above the gap."""
    known = {str(n) for n in range(int(newest) + 1)}
    journal = go(Shelf.of(3000), stretch(newest, oldest, must_meet_known=True, history=history), known)
    assert journal.last.next_step is NextStep.FAILED
    assert "known" in journal.last.reason
    assert journal.covered
    assert ago(oldest) < journal.covered.start <= ago(oldest - 11)
    assert journal.docids >= {str(n) for n in range(int(newest), int(oldest))}


def test_a_known_article_slightly_above_the_old_end_is_sufficient() -> None:
    journal = go(Shelf.of(3000), stretch(500, 900, must_meet_known=True), known={"891"})
    assert journal.last.next_step is NextStep.DONE
    assert (
        go(Shelf.of(3000), stretch(500, 900, must_meet_known=True), known={"889"}).last.next_step is NextStep.FAILED
    )


def test_known_articles_seen_while_searching_count_when_the_backfill_reaches_them() -> None:
    """By then the walk has listed it itself."""
    revision_files = Shelf.of(1000)
    revision_files.items += [(ago(2000), str(n)) for n in range(1000, 1100)]
    revision_files.items[:50] = [
        (ago(n / 100), str(n)) for n in range(50)
    ]  # busy now: the first guess leads far down
    journal = go(revision_files, stretch(900, 1000, must_meet_known=True), known_after(1000))
    first = next(step for step in journal.legs if {each.docid for each in step.page.entries} & known_after(1000))
    assert first.backfill.search
    assert journal.last.next_step is NextStep.DONE


# The list's end


def test_a_list_that_ends_before_the_start_says_so() -> None:
    revision_files = Shelf.of(1234)
    journal = go(revision_files, stretch(1000, 5000))
    assert journal.last.next_step is NextStep.DONE
    assert journal.last.reason == f"the list of china reaches back to {ago(1233).isoformat()} only"
    assert journal.last.page.oldest_available == ago(1233)
    assert journal.covered == Span(ago(1233), ago(1000))
    assert journal.docids >= revision_files.within(journal.covered)


@pytest.mark.parametrize("count", [1, 2, 49, 50, 51, 97, 100, 150])
def test_short_lists_are_read_to_their_end(count: int) -> None:
    revision_files = Shelf.of(count)
    journal = go(revision_files, stretch(0, 5000))
    assert (journal.last.next_step, journal.last.page.oldest_available) == (NextStep.DONE, ago(count - 1))
    assert len(journal.docids) == count


def test_a_list_that_ends_above_the_end_covers_nothing() -> None:
    journal = go(Shelf.of(500), stretch(2000, 3000))
    assert (journal.last.next_step, journal.covered, journal.last.page.oldest_available) == (
        NextStep.DONE,
        None,
        ago(499),
    )


def test_a_list_that_ends_at_known_articles_closes_the_gap() -> None:
    journal = go(Shelf.of(896), stretch(500, 900, must_meet_known=True), known_after(890))
    assert (journal.last.next_step, journal.covered) == (NextStep.DONE, Span(ago(900), ago(500)))
    assert journal.last.page.oldest_available == ago(895)


def test_history_that_leaves_the_first_day_empty_is_not_believed() -> None:
    """The list may end there, or the parameters reach no further: page numbers tell which."""
    journal = go(Shelf.of(3000), stretch(0, 9000, history=True))
    assert journal.last.page.oldest_available == ago(2999)
    assert journal.covered == Span(ago(2999), NOW)
    assert not journal.last.backfill.history


class Capped(Shelf):
    """It shows the first so many articles only, and goes on to count the others."""

    def response(self, asked: PageRequest) -> Listing:
        response = super().response(asked)
        left = max(0, 700 - (asked.page - 1) * asked.size)
        return Listing(response.entries[:left], (), len(self.items))


def test_a_list_that_stops_short_of_its_total_fails_and_is_no_lower_bound() -> None:
    revision_files = Capped.of(3000)
    journal = go(revision_files, stretch(300, 2000))
    assert (journal.last.next_step, journal.last.page.oldest_available) == (NextStep.FAILED, None)
    assert journal.last.reason == "the list of china returns nothing further from article 699 of 3000"
    assert journal.covered
    assert journal.covered.start > ago(700)
    assert journal.docids >= {str(n) for n in range(300, 700)}


class Hiccup(Shelf):
    """Some of its answers are empty."""

    empty: frozenset[int] = frozenset()

    def response(self, asked: PageRequest) -> Listing:
        response = super().response(asked)
        return Listing((), (), 0) if len(self.asked) - 1 in self.empty else response


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("request_number", range(12))
def test_a_single_empty_answer_ends_nothing(request_number: int, history: bool) -> None:
    revision_files = Hiccup.of(3000)
    revision_files.empty = frozenset({request_number})
    journal = go(revision_files, stretch(1000, 2000, history=history))
    assert (journal.last.next_step, journal.covered) == (NextStep.DONE, Span(ago(2000), ago(1000)))
    assert len(journal.legs) < 55


@pytest.mark.parametrize("history", [True, False])
def test_a_list_that_is_always_empty_fails_soon(history: bool) -> None:
    journal = go(Shelf(), stretch(1000, 2000, history=history))
    assert (journal.last.next_step, journal.covered) == (NextStep.FAILED, None)
    assert len(journal.legs) <= 3
    assert "empty" in journal.last.reason


class Stuck(Shelf):
    """It gives one page whatever is asked."""

    def response(self, asked: PageRequest) -> Listing:
        return super().response(PageRequest(1, None, 50))


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(("newest", "oldest"), [(0, 2000), (1000, 2000)])
def test_a_list_that_repeats_one_page_fails_soon(newest: float, oldest: float, history: bool) -> None:
    journal = go(Stuck.of(3000), stretch(newest, oldest, history=history))
    assert journal.last.next_step is NextStep.FAILED
    assert len(journal.legs) < 40
    assert not journal.covered or journal.covered.start > ago(50)


class Fixed(Shelf):
    """It has one size of page, whatever is asked."""

    def response(self, asked: PageRequest) -> Listing:
        return super().response(PageRequest(asked.page, asked.window, 50))


def test_pages_that_do_not_meet_are_not_joined() -> None:
    revision_files = Fixed.of(3000)
    journal = go(revision_files, stretch(0, 2000))
    assert journal.last.next_step is NextStep.FAILED
    assert journal.docids >= revision_files.within(journal.covered)


# Odd lists


@pytest.mark.parametrize("history", [True, False])
def test_an_old_article_pinned_on_top_claims_nothing(history: bool) -> None:
    revision_files = Shelf.of(1000)
    revision_files.items.insert(0, (ago(100_000), "pinned"))
    seen: set[str] = set()
    journal = go(revision_files, stretch(0, 800, history=history))
    for step in journal.legs:
        seen |= {entry.docid for entry in step.page.entries}
        assert seen >= revision_files.within(step.page.covered)
    assert journal.last.next_step is NextStep.DONE


def test_a_list_in_another_order_is_not_backfilled() -> None:
    revision_files = Shelf.of(500)
    random.Random(4).shuffle(revision_files.items)
    journal = go(revision_files, stretch(0, 400))
    assert (journal.last.next_step, journal.covered) == (NextStep.FAILED, None)
    assert "not ordered by time" in journal.last.reason


def test_pages_without_times_claim_nothing() -> None:
    class Timeless(Shelf):
        def listing(self, page: list[tuple[datetime, str]], total: int | None) -> Listing:
            return Listing(tuple(entry(docid, None) for _, docid in page), (), total)

    journal = go(Timeless.of(120), stretch(0, 60))
    assert (journal.last.next_step, journal.covered) == (NextStep.DONE, None)
    assert "no time" in journal.last.reason
    assert len(journal.docids) == 120


def test_items_that_cannot_be_understood_are_handed_on_and_keep_their_places() -> None:
    class Broken(Shelf):
        def listing(self, page: list[tuple[datetime, str]], total: int | None) -> Listing:
            bad = tuple(Failure(docid, FailureKind.UNREADABLE, "") for _, docid in page if int(docid) % 3 == 0)
            good = tuple(entry(docid, published) for published, docid in page if int(docid) % 3)
            return Listing(good, bad, total)

    revision_files = Broken.of(600)
    revision_files.items[100:230] = [
        (published, str(3 * int(docid))) for published, docid in revision_files.items[100:230]
    ]
    journal = go(revision_files, stretch(0, 400))
    failed = {failure.subject for step in journal.legs for failure in step.page.failures}
    assert journal.last.next_step is NextStep.DONE
    assert journal.docids | failed >= revision_files.within(Span(ago(400), NOW))


def test_an_article_listed_twice_on_a_page_counts_once_as_first_listed() -> None:
    backfill = stretch(0, 60)
    listing = Listing((entry("a", ago(1)), entry("b", ago(2)), entry("a", ago(3))), (), 3)
    kept = apply_page(backfill, listing, set()).page
    assert isinstance(kept, BackfillPage)
    assert [(each.docid, each.published) for each in kept.entries] == [("a", ago(1)), ("b", ago(2))]


# History parameters that are not what they should be


@pytest.mark.parametrize("history", ["ignored", "empty", "reversed", "short", "older"])
@pytest.mark.parametrize(("newest", "oldest"), [(0, 900), (300, 900), (2500, 2900)])
def test_where_history_is_odd_page_numbers_do_it(history: str, newest: float, oldest: float) -> None:
    revision_files = Shelf.of(4000, history=history)
    journal = go(
        revision_files, stretch(newest, oldest, history=True, must_meet_known=True), known_after(oldest, 4000)
    )
    assert (journal.last.next_step, journal.covered) == (NextStep.DONE, Span(ago(oldest), ago(newest)))
    assert journal.docids >= revision_files.within(journal.covered)
    assert not journal.last.backfill.history
    turns = [step.reason for step in journal.legs if step.reason]
    assert len(turns) == 1
    assert "continuing by page numbers" in turns[0]


def test_history_that_does_not_say_how_much_there_is_is_not_believed_at_its_end() -> None:
    journal = go(Shelf.of(1000, history="short", tells_total=False), stretch(0, 146, history=True))
    assert (journal.last.next_step, journal.last.backfill.history) == (NextStep.DONE, False)
    assert journal.docids >= {str(n) for n in range(147)}


def test_what_history_has_covered_is_not_read_again() -> None:
    journal = go(Shelf.of(5000, history="short", short=700), stretch(2500, 3500, history=True))
    turn = next(place for place, step in enumerate(journal.legs) if step.reason)
    assert journal.last.next_step is NextStep.DONE
    assert len([step for step in journal.legs[turn:] if not step.backfill.search]) < 15


def test_history_is_requested_with_a_margin_at_both_ends() -> None:
    assert next_request(stretch(10, 20, history=True)).window == Span(ago(20) - MARGIN, ago(10) + MARGIN)


# What comes and goes

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "delete"]),
        st.sampled_from(["top", "here", "below", "anywhere"]),
        st.sampled_from([1, 1, 2, 3, 4, 10, 49, 60, 300]),
    ),
    max_size=3,
)


def come_and_go(revision_files: Shelf, change: tuple[str, str, int], aim: int, dice: random.Random) -> None:
    """Articles come or go: on top, about where the walk stands, below, or anywhere."""
    what, where, count = change
    place = {"top": 0, "here": aim - dice.randrange(60), "below": aim + dice.randrange(99)}.get(where)
    place = max(0, dice.randrange(len(revision_files.items) + 1) if place is None else place)
    if what == "delete":
        del revision_files.items[place : place + count]
        return
    upper = revision_files.items[place - 1][0] if 0 < place <= len(revision_files.items) else NOW + timedelta(hours=1)
    lower = revision_files.items[place][0] if place < len(revision_files.items) else upper - timedelta(hours=1)
    for _ in range(count):
        revision_files.add(lower + (upper - lower) * dice.random(), f"new{dice.getrandbits(64)}")


@settings(deadline=None, max_examples=examples(150))
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 900),
    newest=st.integers(0, 500),
    length=st.integers(0, 500),
    changes=st.lists(CHANGES, max_size=30),
    history=st.sampled_from(["", "honoured", "ignored", "empty", "short"]),
    must_meet_known=st.booleans(),
    tells_total=st.booleans(),
)
def test_whatever_comes_and_goes_what_was_there_all_the_time_is_returned(
    *,
    seed: int,
    count: int,
    newest: int,
    length: int,
    changes: list[list[tuple[str, str, int]]],
    history: str,
    must_meet_known: bool,
    tells_total: bool,
) -> None:
    dice = random.Random(seed)
    revision_files = Shelf(history=history, tells_total=tells_total)
    for number in range(count):
        revision_files.add(ago(dice.choice([number, dice.randrange(1000)])), f"{number:04}")
    known = {docid for _, docid in revision_files.items if dice.random() < 0.5}
    backfill = stretch(newest, newest + length, history=bool(history), must_meet_known=must_meet_known, max_pages=120)
    lasting, script = set(revision_files.items), iter(changes)

    def between(backfill: Backfill) -> None:
        for each in next(script, []):
            come_and_go(revision_files, each, backfill.target, dice)
        lasting.intersection_update(revision_files.items)

    journal = go(revision_files, backfill, known, between)
    seen: set[str] = set()
    for step in journal.legs:
        seen |= {each.docid for each in step.page.entries}
        assert seen >= {docid for published, docid in lasting if _is_in(step.page.covered, published)}
    if journal.last.next_step is NextStep.DONE:
        assert seen >= {docid for published, docid in lasting if backfill.start <= published <= backfill.end}


def _is_in(span: Span | None, published: datetime) -> bool:
    return span is not None and span.start <= published <= span.end


def test_a_deletion_that_an_arrival_hides_from_every_count_hides_no_article() -> None:
    """The case that no comparing of totals can tell from a quiet list."""
    revision_files = Shelf.of(600)
    turn = iter(range(1000))

    def between(_: Backfill) -> None:
        number = next(turn)
        if number % 2:
            revision_files.add(NOW + number * MINUTE, f"new{number}")
        else:
            del revision_files.items[5:10]

    journal = go(revision_files, stretch(50, 500), between=between)
    assert journal.last.next_step is NextStep.DONE
    assert journal.docids >= revision_files.within(journal.covered)


def test_more_deletions_than_the_overlap_cost_a_page_or_two() -> None:
    revision_files = Shelf.of(900)
    quiet = len(go(Shelf.of(900), stretch(0, 500)).legs)
    done: list[int] = []

    def between(backfill: Backfill) -> None:
        if backfill.target > 200 and not done:
            del revision_files.items[20 : 20 + RETREATS[0]]
            done.append(backfill.target)

    journal = go(revision_files, stretch(0, 500), between=between)
    assert journal.last.next_step is NextStep.DONE
    assert len(journal.legs) <= quiet + 2
    assert journal.docids >= revision_files.within(journal.covered)


def test_many_arrivals_at_once_cost_a_page_or_two() -> None:
    """The next page lies wholly above the last one then, where everything is covered already."""
    revision_files = Shelf.of(900)
    quiet = len(go(Shelf.of(900), stretch(0, 700)).legs)
    done: list[int] = []

    def between(backfill: Backfill) -> None:
        if backfill.target > 400 and not done:
            for number in range(120):
                revision_files.add(NOW + number * MINUTE, f"new{number}")
            done.append(backfill.target)

    journal = go(revision_files, stretch(0, 700), between=between)
    assert journal.last.next_step is NextStep.DONE
    assert len(journal.legs) <= quiet + 3
    assert journal.docids >= {str(n) for n in range(701)}


# Lists of one page


@pytest.mark.parametrize(
    ("start", "end", "covered", "oldest_available"),
    [
        (30, 10, (30, 10), None),  # all of it is on the page
        (90, 10, (45, 10), 45),  # a quarter of the page may be pinned or out of order
        (90, 70, None, 45),
    ],
)
def test_a_backfill_through_a_list_of_one_page_says_how_far_it_reaches(
    start: float, end: float, covered: tuple[float, float] | None, oldest_available: float | None
) -> None:
    revision_files = Shelf.of(61)
    page = revision_files.listing([*revision_files.items, revision_files.items[0]], None)
    backfill = begin_backfill("rss", ago(start), ago(end), NOW, must_meet_known=True, history=False, max_pages=9)

    step = apply_single_page(backfill, page)

    low = ago(45) + timedelta(seconds=1)
    expected = Span(max(ago(start), low), ago(end)) if covered else None
    assert (step.next_step, step.backfill.covered, step.page.oldest_available) == (
        NextStep.DONE,
        expected,
        low if oldest_available else None,
    )
    assert [entry.docid for entry in step.page.entries] == [str(n) for n in range(61)]
    assert bool(step.reason) is bool(oldest_available)


def test_a_list_of_one_page_without_times_says_nothing_about_the_past() -> None:
    backfill = begin_backfill("rss", ago(9), ago(1), NOW, must_meet_known=True, history=False, max_pages=9)
    step = apply_single_page(backfill, Listing((entry("a", None),)))
    assert (step.next_step, step.backfill.covered, step.page.oldest_available) == (NextStep.FAILED, None, None)
    assert "no article with a time" in step.reason


def test_a_short_page_of_a_list_that_may_cut_its_pages_ends_nothing() -> None:
    """A telegraph may give ten items to who asks for fifty: that is not where it ends."""
    revision_files = Shelf.of(200, tells_total=False)
    backfill = begin_backfill("live", ago(150), ago(1), NOW, must_meet_known=False, history=False, max_pages=40)
    for _ in range(40):
        asked = next_request(backfill)
        first = (asked.page - 1) * 10
        listing = replace(revision_files.listing(revision_files.items[first : first + 10], None), is_open=True)
        step = apply_page(backfill, listing, set())
        assert step.page.oldest_available is None
        backfill = step.backfill
        if step.next_step is not NextStep.CONTINUE:
            break
    assert step.next_step is NextStep.FAILED
    assert backfill.covered is None or backfill.covered.start >= ago(12)

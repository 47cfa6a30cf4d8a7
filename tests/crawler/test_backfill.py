"""Backfills of a list: a covered span is read completely, whatever arrives or is deleted meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from archive.model.feed import BackfillPage, Entry, Failure, FailureKind, Listing, Span
from crawler.paging.backfill import (
    MARGIN,
    Backfill,
    BackfillStep,
    NextStep,
    apply_page,
    begin_backfill,
    next_request,
)
from crawler.paging.page import RETREATS, PageRequest
from crawler.paging.single_page import apply_single_page
from tests.support.examples import examples

NOW = datetime(2026, 9, 30, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def entry(docid: str, published: datetime | None) -> Entry:
    return Entry(docid, f"https://finance.sina.com.cn/a/doc-i{docid}.shtml", "", published, None, None, None, None)


def ago(minutes: float) -> datetime:
    return NOW - minutes * MINUTE


class FakeList(Struct):
    """A list of the site: newest first, requested by page number or with the history parameters."""

    items: list[tuple[datetime, str]] = field(default_factory=list)
    history: str = "honoured"
    short: int = 100  # maximum number of articles with history "short"
    reports_total: bool = True
    requests: list[PageRequest] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, every: timedelta = MINUTE, **how: str | bool | int) -> FakeList:
        """``count`` articles, the n-th one n times ``every`` ago, its docid n."""
        return cls([(NOW - n * every, str(n)) for n in range(count)], **how)  # type: ignore[arg-type]

    def add(self, published: datetime, docid: str) -> None:
        self.items.append((published, docid))
        self.items.sort(reverse=True)

    def response(self, request: PageRequest) -> Listing:
        self.requests.append(request)
        items = self.items
        if request.window and self.history in {"honoured", "short"}:
            items = [item for item in items if request.window.start <= item[0] <= request.window.end]
        elif request.window and self.history == "empty":
            items = []
        elif request.window and self.history == "reversed":
            items = items[::-1]
        elif request.window and self.history == "older":
            items = [item for item in items if item[0] < request.window.start - MARGIN]
        total = len(items)
        if request.window and self.history == "short":
            items = items[: self.short]
        page = items[(request.page - 1) * request.size : request.page * request.size]
        return self.listing(page, total if self.reports_total else None)

    def listing(self, page: list[tuple[datetime, str]], total: int | None) -> Listing:
        return Listing(tuple(entry(docid, published) for published, docid in page), (), total)

    def within(self, span: Span | None) -> set[str]:
        return {docid for published, docid in self.items if span and span.start <= published <= span.end}


class BackfillRun(Struct):
    """The steps of a backfill."""

    steps: list[BackfillStep]

    @property
    def docids(self) -> set[str]:
        return {entry.docid for step in self.steps for entry in step.page.entries}

    @property
    def last(self) -> BackfillStep:
        return self.steps[-1]

    @property
    def covered(self) -> Span | None:
        return self.last.page.covered


def run_backfill(
    fake_list: FakeList,
    backfill: Backfill,
    known: Iterable[str] = (),
    between: Callable[[Backfill], None] = lambda backfill: None,
    steps: int = 1000,
) -> BackfillRun:
    """Run a backfill as the spider does; listed articles are known from then on."""
    listed, run = set(known), BackfillRun([])
    while len(run.steps) < steps:
        listing = fake_list.response(next_request(backfill))
        docids = {entry.docid for entry in listing.entries}
        run.steps.append(apply_page(backfill, listing, docids & listed))
        listed |= docids
        backfill = run.last.backfill
        if run.last.next_step is not NextStep.CONTINUE:
            break
        between(backfill)
    return run


def make_backfill(
    newest: float,
    oldest: float,
    *,
    must_meet_known: bool = False,
    history: bool = False,
    max_pages: int = 500,
) -> Backfill:
    """A backfill from ``newest`` minutes ago back to ``oldest`` minutes ago."""
    return begin_backfill(
        "china", ago(oldest), ago(newest), NOW, must_meet_known=must_meet_known, history=history, max_pages=max_pages
    )


# A quiet list


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(
    ("newest", "oldest"), [(0, 30), (0, 900), (300, 700), (999, 1999), (2500, 2510), (2500, 2500)]
)
def test_a_span_is_read_completely(newest: float, oldest: float, history: bool) -> None:
    fake_list = FakeList.of(3000)
    run = run_backfill(fake_list, make_backfill(newest, oldest, history=history))
    assert (run.last.next_step, run.last.reason) == (NextStep.DONE, "")
    assert run.covered == Span(ago(oldest), ago(newest))
    assert run.docids >= fake_list.within(run.covered)
    assert run.last.page.oldest_available is None


def test_history_reads_little_besides_the_span() -> None:
    fake_list = FakeList.of(30_000)
    run = run_backfill(fake_list, make_backfill(20_000, 21_000, history=True))
    margin = MARGIN / MINUTE
    assert run.docids == {str(n) for n in range(20_000 - int(margin), 21_001 + int(margin))}
    assert len(run.steps) < 28


def test_late_articles_are_searched_below_the_old_end() -> None:
    """An article published at the end of the span may have entered the list among those of ten minutes before."""
    fake_list = FakeList.of(3000, timedelta(seconds=10))
    assert run_backfill(fake_list, make_backfill(0, 93)).docids >= fake_list.within(Span(ago(93) - MARGIN, NOW))


def test_a_thousand_articles_take_few_pages() -> None:
    """Without overlap it would be 20, without any proof."""
    for deep in (0, 1000, 10_000, 80_000):
        fake_list = FakeList.of(deep + 1100)
        steps = run_backfill(fake_list, make_backfill(deep, deep + 1000)).steps
        assert len([step for step in steps if step.backfill.search is None]) <= 28


def test_the_covered_span_grows_downwards_only() -> None:
    spans = [step.page.covered for step in run_backfill(FakeList.of(3000), make_backfill(1000, 2000)).steps]
    starts = [span.start for span in spans if span]
    assert starts == sorted(starts, reverse=True)
    assert {span.end for span in spans if span} == {ago(1000)}
    assert len(set(starts)) > 15


@pytest.mark.parametrize("history", [True, False])
def test_each_step_covers_only_what_was_read(history: bool) -> None:
    fake_list = FakeList.of(2000, timedelta(seconds=1), history="honoured")
    # Many of one second: the page's last second may go on on the next one.
    fake_list.items = [(published.replace(second=0), docid) for published, docid in fake_list.items]
    seen: set[str] = set()
    for step in run_backfill(fake_list, make_backfill(5, 30, history=history)).steps:
        seen |= {entry.docid for entry in step.page.entries}
        assert seen >= fake_list.within(step.page.covered)


def test_what_lies_in_the_future_is_not_claimed() -> None:
    run = run_backfill(
        FakeList.of(300),
        begin_backfill("china", ago(60), ago(-60), NOW, must_meet_known=False, history=False, max_pages=9),
    )
    assert run.covered == Span(ago(60), NOW)


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot backfill china from"):
        make_backfill(20, 10)


def test_an_interrupted_backfill_continues_where_it_stopped() -> None:
    fake_list = FakeList.of(4000)
    whole = run_backfill(fake_list, make_backfill(1000, 2000))
    first = run_backfill(fake_list, make_backfill(1000, 2000), steps=20)
    assert first.last.next_step is NextStep.CONTINUE
    assert first.covered
    left = (NOW - first.covered.start) / MINUTE
    second = run_backfill(fake_list, make_backfill(left, 2000))
    assert second.last.next_step is NextStep.DONE
    assert second.covered == Span(ago(2000), first.covered.start)
    wanted = fake_list.within(Span(ago(2000), ago(1000)))
    assert (first.docids | second.docids) & wanted == whole.docids & wanted == wanted


def test_a_backfill_stops_at_its_page_limit_and_can_continue() -> None:
    fake_list = FakeList.of(4000)
    run = run_backfill(fake_list, make_backfill(0, 2000, max_pages=10))
    assert (len(run.steps), run.last.next_step) == (10, NextStep.LIMIT)
    assert "10 pages" in run.last.reason
    assert run.docids >= fake_list.within(run.covered) > set()
    more = run_backfill(fake_list, run.last.backfill).last.backfill
    assert more.covered
    assert run.covered
    assert more.covered.start < run.covered.start


# Known articles at the old end


def known_after(minutes: float, count: int = 3000) -> set[str]:
    return {str(n) for n in range(count) if n >= minutes}


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(("newest", "oldest"), [(500, 900), (500, 505), (500, 501)])
def test_a_gap_is_closed_at_known_articles(newest: float, oldest: float, history: bool) -> None:
    known = known_after(oldest) | {str(n) for n in range(int(newest) + 1)}
    run = run_backfill(FakeList.of(3000), make_backfill(newest, oldest, must_meet_known=True, history=history), known)
    assert (run.last.next_step, run.last.reason) == (NextStep.DONE, "")
    assert run.covered == Span(ago(oldest), ago(newest))
    assert run.last.backfill.history is history


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(("newest", "oldest"), [(500, 900), (500, 505)])
def test_without_known_articles_a_gap_stays_open_at_its_old_end(newest: float, oldest: float, history: bool) -> None:
    """Articles that only the backfill listed do not count, nor do those that polls listed above the gap."""
    known = {str(n) for n in range(int(newest) + 1)}
    run = run_backfill(FakeList.of(3000), make_backfill(newest, oldest, must_meet_known=True, history=history), known)
    assert run.last.next_step is NextStep.FAILED
    assert "known" in run.last.reason
    assert run.covered
    assert ago(oldest) < run.covered.start <= ago(oldest - 11)
    assert run.docids >= {str(n) for n in range(int(newest), int(oldest))}


def test_a_known_article_slightly_above_the_old_end_is_sufficient() -> None:
    run = run_backfill(FakeList.of(3000), make_backfill(500, 900, must_meet_known=True), known={"891"})
    assert run.last.next_step is NextStep.DONE
    assert (
        run_backfill(FakeList.of(3000), make_backfill(500, 900, must_meet_known=True), known={"889"}).last.next_step
        is NextStep.FAILED
    )


def test_known_articles_seen_while_searching_count_when_the_backfill_reaches_them() -> None:
    """By then the backfill has listed it."""
    fake_list = FakeList.of(1000)
    fake_list.items += [(ago(2000), str(n)) for n in range(1000, 1100)]
    fake_list.items[:50] = [(ago(n / 100), str(n)) for n in range(50)]  # busy now: the first guess leads far down
    run = run_backfill(fake_list, make_backfill(900, 1000, must_meet_known=True), known_after(1000))
    first = next(step for step in run.steps if {each.docid for each in step.page.entries} & known_after(1000))
    assert first.backfill.search
    assert run.last.next_step is NextStep.DONE


# The list's end


def test_a_list_that_ends_before_the_start_is_reported() -> None:
    fake_list = FakeList.of(1234)
    run = run_backfill(fake_list, make_backfill(1000, 5000))
    assert run.last.next_step is NextStep.DONE
    assert run.last.reason == f"the list of china reaches back to {ago(1233).isoformat()} only"
    assert run.last.page.oldest_available == ago(1233)
    assert run.covered == Span(ago(1233), ago(1000))
    assert run.docids >= fake_list.within(run.covered)


@pytest.mark.parametrize("count", [1, 2, 49, 50, 51, 97, 100, 150])
def test_short_lists_are_read_to_their_end(count: int) -> None:
    fake_list = FakeList.of(count)
    run = run_backfill(fake_list, make_backfill(0, 5000))
    assert (run.last.next_step, run.last.page.oldest_available) == (NextStep.DONE, ago(count - 1))
    assert len(run.docids) == count


def test_a_list_that_ends_above_the_end_covers_nothing() -> None:
    run = run_backfill(FakeList.of(500), make_backfill(2000, 3000))
    assert (run.last.next_step, run.covered, run.last.page.oldest_available) == (
        NextStep.DONE,
        None,
        ago(499),
    )


def test_a_list_that_ends_at_known_articles_closes_the_gap() -> None:
    run = run_backfill(FakeList.of(896), make_backfill(500, 900, must_meet_known=True), known_after(890))
    assert (run.last.next_step, run.covered) == (NextStep.DONE, Span(ago(900), ago(500)))
    assert run.last.page.oldest_available == ago(895)


def test_history_that_leaves_the_first_day_empty_is_not_believed() -> None:
    """The list may end there, or the parameters reach no further: page numbers tell which."""
    run = run_backfill(FakeList.of(3000), make_backfill(0, 9000, history=True))
    assert run.last.page.oldest_available == ago(2999)
    assert run.covered == Span(ago(2999), NOW)
    assert not run.last.backfill.history


class Capped(FakeList):
    """It shows only the first 700 articles, and counts the others too."""

    def response(self, request: PageRequest) -> Listing:
        response = super().response(request)
        left = max(0, 700 - (request.page - 1) * request.size)
        return Listing(response.entries[:left], (), len(self.items))


def test_a_list_that_stops_short_of_its_total_fails_and_is_no_lower_bound() -> None:
    fake_list = Capped.of(3000)
    run = run_backfill(fake_list, make_backfill(300, 2000))
    assert (run.last.next_step, run.last.page.oldest_available) == (NextStep.FAILED, None)
    assert run.last.reason == "the list of china returns nothing further from article 699 of 3000"
    assert run.covered
    assert run.covered.start > ago(700)
    assert run.docids >= {str(n) for n in range(300, 700)}


class Hiccup(FakeList):
    """Some of its answers are empty."""

    empty: frozenset[int] = frozenset()

    def response(self, request: PageRequest) -> Listing:
        response = super().response(request)
        return Listing((), (), 0) if len(self.requests) - 1 in self.empty else response


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize("request_number", range(12))
def test_a_single_empty_answer_ends_nothing(request_number: int, history: bool) -> None:
    fake_list = Hiccup.of(3000)
    fake_list.empty = frozenset({request_number})
    run = run_backfill(fake_list, make_backfill(1000, 2000, history=history))
    assert (run.last.next_step, run.covered) == (NextStep.DONE, Span(ago(2000), ago(1000)))
    assert len(run.steps) < 55


@pytest.mark.parametrize("history", [True, False])
def test_a_list_that_is_always_empty_fails_soon(history: bool) -> None:
    run = run_backfill(FakeList(), make_backfill(1000, 2000, history=history))
    assert (run.last.next_step, run.covered) == (NextStep.FAILED, None)
    assert len(run.steps) <= 3
    assert "empty" in run.last.reason


class Stuck(FakeList):
    """It returns the same page for every request."""

    def response(self, request: PageRequest) -> Listing:
        return super().response(PageRequest(1, None, 50))


@pytest.mark.parametrize("history", [True, False])
@pytest.mark.parametrize(("newest", "oldest"), [(0, 2000), (1000, 2000)])
def test_a_list_that_repeats_one_page_fails_soon(newest: float, oldest: float, history: bool) -> None:
    run = run_backfill(Stuck.of(3000), make_backfill(newest, oldest, history=history))
    assert run.last.next_step is NextStep.FAILED
    assert len(run.steps) < 40
    assert not run.covered or run.covered.start > ago(50)


class Fixed(FakeList):
    """Its pages have one size, whatever the request."""

    def response(self, request: PageRequest) -> Listing:
        return super().response(PageRequest(request.page, request.window, 50))


def test_pages_that_do_not_meet_are_not_joined() -> None:
    fake_list = Fixed.of(3000)
    run = run_backfill(fake_list, make_backfill(0, 2000))
    assert run.last.next_step is NextStep.FAILED
    assert run.docids >= fake_list.within(run.covered)


# Odd lists


@pytest.mark.parametrize("history", [True, False])
def test_an_old_article_pinned_on_top_claims_nothing(history: bool) -> None:
    fake_list = FakeList.of(1000)
    fake_list.items.insert(0, (ago(100_000), "pinned"))
    seen: set[str] = set()
    run = run_backfill(fake_list, make_backfill(0, 800, history=history))
    for step in run.steps:
        seen |= {entry.docid for entry in step.page.entries}
        assert seen >= fake_list.within(step.page.covered)
    assert run.last.next_step is NextStep.DONE


def test_a_list_in_another_order_is_not_backfilled() -> None:
    fake_list = FakeList.of(500)
    random.Random(4).shuffle(fake_list.items)
    run = run_backfill(fake_list, make_backfill(0, 400))
    assert (run.last.next_step, run.covered) == (NextStep.FAILED, None)
    assert "not ordered by time" in run.last.reason


def test_pages_without_times_claim_nothing() -> None:
    class Timeless(FakeList):
        def listing(self, page: list[tuple[datetime, str]], total: int | None) -> Listing:
            return Listing(tuple(entry(docid, None) for _, docid in page), (), total)

    run = run_backfill(Timeless.of(120), make_backfill(0, 60))
    assert (run.last.next_step, run.covered) == (NextStep.DONE, None)
    assert "no time" in run.last.reason
    assert len(run.docids) == 120


def test_unreadable_items_are_reported_and_keep_their_places() -> None:
    class Broken(FakeList):
        def listing(self, page: list[tuple[datetime, str]], total: int | None) -> Listing:
            bad = tuple(Failure(docid, FailureKind.UNREADABLE, "") for _, docid in page if int(docid) % 3 == 0)
            good = tuple(entry(docid, published) for published, docid in page if int(docid) % 3)
            return Listing(good, bad, total)

    fake_list = Broken.of(600)
    fake_list.items[100:230] = [(published, str(3 * int(docid))) for published, docid in fake_list.items[100:230]]
    run = run_backfill(fake_list, make_backfill(0, 400))
    failed = {failure.subject for step in run.steps for failure in step.page.failures}
    assert run.last.next_step is NextStep.DONE
    assert run.docids | failed >= fake_list.within(Span(ago(400), NOW))


def test_an_article_listed_twice_on_a_page_counts_once_as_first_listed() -> None:
    backfill = make_backfill(0, 60)
    listing = Listing((entry("a", ago(1)), entry("b", ago(2)), entry("a", ago(3))), (), 3)
    page = apply_page(backfill, listing, set()).page
    assert isinstance(page, BackfillPage)
    assert [(each.docid, each.published) for each in page.entries] == [("a", ago(1)), ("b", ago(2))]


# History parameters that are not what they should be


@pytest.mark.parametrize("history", ["ignored", "empty", "reversed", "short", "older"])
@pytest.mark.parametrize(("newest", "oldest"), [(0, 900), (300, 900), (2500, 2900)])
def test_where_history_is_odd_page_numbers_do_it(history: str, newest: float, oldest: float) -> None:
    fake_list = FakeList.of(4000, history=history)
    run = run_backfill(
        fake_list, make_backfill(newest, oldest, history=True, must_meet_known=True), known_after(oldest, 4000)
    )
    assert (run.last.next_step, run.covered) == (NextStep.DONE, Span(ago(oldest), ago(newest)))
    assert run.docids >= fake_list.within(run.covered)
    assert not run.last.backfill.history
    turns = [step.reason for step in run.steps if step.reason]
    assert len(turns) == 1
    assert "continuing by page numbers" in turns[0]


def test_history_that_does_not_say_how_much_there_is_is_not_believed_at_its_end() -> None:
    run = run_backfill(FakeList.of(1000, history="short", reports_total=False), make_backfill(0, 146, history=True))
    assert (run.last.next_step, run.last.backfill.history) == (NextStep.DONE, False)
    assert run.docids >= {str(n) for n in range(147)}


def test_what_history_has_covered_is_not_read_again() -> None:
    run = run_backfill(FakeList.of(5000, history="short", short=700), make_backfill(2500, 3500, history=True))
    turn = next(place for place, step in enumerate(run.steps) if step.reason)
    assert run.last.next_step is NextStep.DONE
    assert len([step for step in run.steps[turn:] if not step.backfill.search]) < 15


def test_history_is_requested_with_a_margin_at_both_ends() -> None:
    assert next_request(make_backfill(10, 20, history=True)).window == Span(ago(20) - MARGIN, ago(10) + MARGIN)


# Arrivals and deletions

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "delete"]),
        st.sampled_from(["top", "here", "below", "anywhere"]),
        st.sampled_from([1, 1, 2, 3, 4, 10, 49, 60, 300]),
    ),
    max_size=3,
)


def apply_change(fake_list: FakeList, change: tuple[str, str, int], aim: int, dice: random.Random) -> None:
    """Articles arrive or are deleted: on top, about where the backfill is, below, or anywhere."""
    what, where, count = change
    place = {"top": 0, "here": aim - dice.randrange(60), "below": aim + dice.randrange(99)}.get(where)
    place = max(0, dice.randrange(len(fake_list.items) + 1) if place is None else place)
    if what == "delete":
        del fake_list.items[place : place + count]
        return
    upper = fake_list.items[place - 1][0] if 0 < place <= len(fake_list.items) else NOW + timedelta(hours=1)
    lower = fake_list.items[place][0] if place < len(fake_list.items) else upper - timedelta(hours=1)
    for _ in range(count):
        fake_list.add(lower + (upper - lower) * dice.random(), f"new{dice.getrandbits(64)}")


@settings(deadline=None, max_examples=examples(150))
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(0, 900),
    newest=st.integers(0, 500),
    length=st.integers(0, 500),
    changes=st.lists(CHANGES, max_size=30),
    history=st.sampled_from(["", "honoured", "ignored", "empty", "short"]),
    must_meet_known=st.booleans(),
    reports_total=st.booleans(),
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
    reports_total: bool,
) -> None:
    dice = random.Random(seed)
    fake_list = FakeList(history=history, reports_total=reports_total)
    for number in range(count):
        fake_list.add(ago(dice.choice([number, dice.randrange(1000)])), f"{number:04}")
    known = {docid for _, docid in fake_list.items if dice.random() < 0.5}
    backfill = make_backfill(
        newest, newest + length, history=bool(history), must_meet_known=must_meet_known, max_pages=120
    )
    lasting, script = set(fake_list.items), iter(changes)

    def between(backfill: Backfill) -> None:
        for each in next(script, []):
            apply_change(fake_list, each, backfill.target, dice)
        lasting.intersection_update(fake_list.items)

    run = run_backfill(fake_list, backfill, known, between)
    seen: set[str] = set()
    for step in run.steps:
        seen |= {each.docid for each in step.page.entries}
        assert seen >= {docid for published, docid in lasting if _is_in(step.page.covered, published)}
    if run.last.next_step is NextStep.DONE:
        assert seen >= {docid for published, docid in lasting if backfill.start <= published <= backfill.end}


def _is_in(span: Span | None, published: datetime) -> bool:
    return span is not None and span.start <= published <= span.end


def test_a_deletion_that_an_arrival_hides_from_every_count_hides_no_article() -> None:
    """The case that no comparing of totals can tell from a quiet list."""
    fake_list = FakeList.of(600)
    turn = iter(range(1000))

    def between(_: Backfill) -> None:
        number = next(turn)
        if number % 2:
            fake_list.add(NOW + number * MINUTE, f"new{number}")
        else:
            del fake_list.items[5:10]

    run = run_backfill(fake_list, make_backfill(50, 500), between=between)
    assert run.last.next_step is NextStep.DONE
    assert run.docids >= fake_list.within(run.covered)


def test_more_deletions_than_the_overlap_cost_a_page_or_two() -> None:
    fake_list = FakeList.of(900)
    quiet = len(run_backfill(FakeList.of(900), make_backfill(0, 500)).steps)
    done: list[int] = []

    def between(backfill: Backfill) -> None:
        if backfill.target > 200 and not done:
            del fake_list.items[20 : 20 + RETREATS[0]]
            done.append(backfill.target)

    run = run_backfill(fake_list, make_backfill(0, 500), between=between)
    assert run.last.next_step is NextStep.DONE
    assert len(run.steps) <= quiet + 2
    assert run.docids >= fake_list.within(run.covered)


def test_many_arrivals_at_once_cost_a_page_or_two() -> None:
    """The next page lies wholly above the last one then, where everything is covered already."""
    fake_list = FakeList.of(900)
    quiet = len(run_backfill(FakeList.of(900), make_backfill(0, 700)).steps)
    done: list[int] = []

    def between(backfill: Backfill) -> None:
        if backfill.target > 400 and not done:
            for number in range(120):
                fake_list.add(NOW + number * MINUTE, f"new{number}")
            done.append(backfill.target)

    run = run_backfill(fake_list, make_backfill(0, 700), between=between)
    assert run.last.next_step is NextStep.DONE
    assert len(run.steps) <= quiet + 3
    assert run.docids >= {str(n) for n in range(701)}


# Lists of one page


@pytest.mark.parametrize(
    ("start", "end", "covered", "oldest_available"),
    [
        (30, 10, (30, 10), None),  # all of it is on the page
        (90, 10, (45, 10), 45),  # a quarter of the page may be pinned or out of order
        (90, 70, None, 45),
    ],
)
def test_a_backfill_of_a_one_page_list_reports_how_far_it_reaches(
    start: float, end: float, covered: tuple[float, float] | None, oldest_available: float | None
) -> None:
    fake_list = FakeList.of(61)
    page = fake_list.listing([*fake_list.items, fake_list.items[0]], None)
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
    """A telegraph may return ten items to a request for fifty: the list does not end there."""
    fake_list = FakeList.of(200, reports_total=False)
    backfill = begin_backfill("live", ago(150), ago(1), NOW, must_meet_known=False, history=False, max_pages=40)
    for _ in range(40):
        request = next_request(backfill)
        first = (request.page - 1) * 10
        listing = replace(fake_list.listing(fake_list.items[first : first + 10], None), is_open=True)
        step = apply_page(backfill, listing, set())
        assert step.page.oldest_available is None
        backfill = step.backfill
        if step.next_step is not NextStep.CONTINUE:
            break
    assert step.next_step is NextStep.FAILED
    assert backfill.covered is None or backfill.covered.start >= ago(12)

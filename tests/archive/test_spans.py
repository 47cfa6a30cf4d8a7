"""Spans of time: their content, and the spans that a poll covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.index.spans import gap_left, merged, span_read, uncovered, without
from archive.model.feed import Entry, Failure, FailureKind, Gap, Poll, Span
from archive.store import Store

NOON = datetime(2026, 9, 30, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def span(start: float, end: float) -> Span:
    return Span(at(start), at(end))


def naive(*spans: Span) -> set[float]:
    """Every half second in the spans: whole seconds are where ends can be, half ones lie between them."""
    halves = (number / 2 for number in range(121))
    return {half for half in halves if any(s.start <= at(half) <= s.end for s in spans)}


def between(halves: set[float]) -> set[float]:
    """Those that are no ends."""
    return {half for half in halves if half % 1}


def inside(cut: Span) -> set[float]:
    return {half for half in naive(cut) if cut.start < at(half) < cut.end}


SPANS = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: span(min(ends), max(ends)))
LONGER = SPANS.filter(lambda span: span.start < span.end)


@given(st.lists(SPANS, max_size=8))
def test_merged_spans_hold_the_same_and_lie_apart(spans: list[Span]) -> None:
    result = merged(spans)
    assert naive(*result) == naive(*spans)
    assert all(before.end < after.start for before, after in pairwise(result))
    assert merged(result) == result


@given(st.lists(LONGER, max_size=8), LONGER)
def test_a_gap_removes_its_inside_and_leaves_its_ends(spans: list[Span], cut: Span) -> None:
    remaining = without(merged(spans), cut)
    assert between(naive(*remaining)) == between(naive(*spans) - inside(cut))
    assert all(piece.start < piece.end for piece in remaining)
    assert not inside(cut) & naive(*remaining)


@given(LONGER, st.lists(SPANS, max_size=8))
def test_gaps_are_the_time_between_spans(window: Span, spans: list[Span]) -> None:
    left = uncovered(window, spans)
    assert between(naive(*left)) == between(naive(window) - naive(*spans))
    assert naive(*left, *spans) >= naive(window) >= naive(*left)
    assert uncovered(window, [*spans, *left]) == []
    assert left == merged(left)


@pytest.mark.parametrize(
    ("spans", "cut", "expected"),
    [
        ([span(0, 10)], span(3, 5), [span(0, 3), span(5, 10)]),
        ([span(0, 10)], span(5, 20), [span(0, 5)]),
        ([span(0, 10)], span(-5, 5), [span(5, 10)]),
        ([span(0, 10)], span(-5, 20), []),
        ([span(0, 10)], span(0, 10), []),
        ([span(0, 10)], span(10, 20), [span(0, 10)]),
        ([span(0, 10)], span(20, 30), [span(0, 10)]),
        ([span(0, 10)], span(5, 5), [span(0, 10)]),  # it has no inside
        ([span(0, 4), span(6, 10)], span(2, 8), [span(0, 2), span(8, 10)]),
    ],
)
def test_a_gap_is_cut_out(spans: list[Span], cut: Span, expected: list[Span]) -> None:
    assert without(spans, cut) == expected


@pytest.mark.parametrize(
    ("window", "spans", "expected"),
    [
        (span(0, 10), [], [span(0, 10)]),
        (span(0, 10), [span(-5, 0), span(10, 20)], [span(0, 10)]),
        (span(0, 10), [span(2, 4)], [span(0, 2), span(4, 10)]),
        (span(0, 10), [span(0, 5), span(5, 10)], []),
        (span(3, 3), [], [span(3, 3)]),
        (span(3, 3), [span(0, 3)], []),
    ],
)
def test_gaps_of_a_span(window: Span, spans: list[Span], expected: list[Span]) -> None:
    assert uncovered(window, spans) == expected


# Polls


def poll_of(*published: float | None, when: float = 0, caught_up: bool = True) -> Poll:
    entries = tuple(
        Entry(str(n), "http://a.cn/", "", None if p is None else at(p), None, None, None, None)
        for n, p in enumerate(published)
    )
    return Poll(
        "china",
        at(when),
        1,
        entries,
        (),
        caught_up,
        None if caught_up else Failure("china", FailureKind.TEMPORARY, "x"),
    )


@pytest.mark.parametrize(
    ("published", "known_to", "gap"),
    [
        ((-1, -10, -20), -30, (-30, -20)),
        ((-1, -10, -20), -20, (-20, -10)),  # only the oldest reaches it: it may be pinned
        ((-1, -20, -21), -20, None),
        ((-1, None, -20), -30, (-30, -20)),
        ((None,), -30, None),
        ((), -30, None),
        ((-1, -10), None, None),
    ],
)
def test_a_gap_reaches_from_what_was_known_to_what_was_seen(
    published: tuple[float | None, ...], known_to: float | None, gap: tuple[float, float] | None
) -> None:
    known = None if known_to is None else at(known_to)
    expected = Gap("china", at(gap[0]), at(gap[1])) if gap else None
    assert gap_left(poll_of(*published), known, known) == expected
    assert gap_left(poll_of(*published, caught_up=False), known, known) is None


def test_a_first_poll_covers_from_the_middle_of_its_last_page() -> None:
    newer = [-number for number in range(200)]
    pinned = -1e6
    assert span_read(poll_of(*newer, pinned), None, None) == span(-176, 0)
    assert span_read(poll_of(-10, -20, -30), None, None) == span(-20, 0)
    assert span_read(poll_of(None), None, None) == span(0, 0)
    assert span_read(poll_of(), None, None) == span(0, 0)
    assert span_read(poll_of(500, 600), None, None) == span(0, 0), "a clock that is behind"


def test_a_later_poll_covers_from_the_end_of_the_one_before() -> None:
    assert span_read(poll_of(-1, when=300), at(0), None) == span(0, 300)
    assert span_read(poll_of(-1, when=300), at(0), Gap("china", at(50), at(100))) == span(100, 300)
    assert span_read(poll_of(-1, when=300, caught_up=False), at(0), None) is None
    assert span_read(poll_of(-1, when=-300), at(0), None) is None, "the clock has jumped back"


def test_a_list_of_one_page_that_ends_in_what_was_known_has_missed_nothing() -> None:
    poll = poll_of(-1, -2, -3, -40)
    assert gap_left(poll, at(-30), at(-30)) is not None
    assert gap_left(replace(poll, reaches_known=True), at(-30), at(-30)) is None


def test_spans_that_touch_within_a_millisecond_are_one(tmp_path: Path) -> None:
    """The table has milliseconds: a time of a poll with microseconds is later than what is stored of it."""
    store = Store.open(tmp_path / "index.db")
    at = datetime(2026, 9, 29, 1, 2, 3, 123_900, tzinfo=UTC)
    with store._db.atomic():
        store.coverage._add_span("spans", "a", Span(at - timedelta(hours=1), at))
        store.coverage._add_span("spans", "a", Span(at, at + timedelta(hours=1)))
    [span] = store.coverage.spans()["a"]
    assert span.end - span.start == timedelta(hours=2)
    store.close()

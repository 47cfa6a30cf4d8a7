"""is:, first_seen: and observed: find what ``show`` shows, now and as of any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archive.search.candidates
from archive.query.parser import parse
from archive.store import Store
from tests.archive.test_as_of import DOCIDS, at, happen, histories
from tests.support.examples import examples

LAST_STEP = 14
END = datetime.max.replace(tzinfo=UTC)


def expected(shown: dict[str, Any], query: str, step: int) -> bool:
    """Whether an article answers a query, as far as ``show`` tells."""
    newest = shown["revisions"][-1]
    first_seen = datetime.fromisoformat(shown["first_seen"])
    return {
        "is:revised": newest.number > 1,
        "is:gone": shown["gone"] is not None,
        "is:moved": shown["moved"] is not None,
        f"first_seen:{at(step).isoformat()}..": first_seen >= at(step),
        f"first_seen:..{at(step).isoformat()}": first_seen <= at(step),
        f"observed:{at(step).isoformat()}..": newest.fetched_at >= at(step),
        f"observed:{at(step).isoformat()}": newest.fetched_at == at(step),
    }[query]


def queries(step: int) -> list[str]:
    moment = at(step).isoformat()
    times = (f"first_seen:{moment}..", f"first_seen:..{moment}", f"observed:{moment}..", f"observed:{moment}")
    return ["is:revised", "is:gone", "is:moved", *times]


@pytest.mark.parametrize("few", [(1, 1), (1, 5_000), (5_000, 5_000)])  # a filter with fewer articles has few
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, step=st.integers(0, LAST_STEP), then=st.integers(0, LAST_STEP))
def test_a_mark_is_what_is_shown_of_an_article(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[object, ...]],
    few: tuple[int, int],
    step: int,
    then: int,
) -> None:
    store = Store.open(tmp_path_factory.mktemp("marks") / "index.db")
    before = limits()
    set_limits(few)
    try:
        for number, what in enumerate(history):
            happen(store, number, what)
        for time in (at(then) + timedelta(seconds=1), END):
            articles = {docid: store.history.as_of(docid, time) for docid in DOCIDS}
            shown = {docid: each for docid, each in articles.items() if each and each["revisions"]}
            with_word = {hit.docid for hit in store.search.find(parse("茅台"), 9, time)}
            for query in queries(step):
                matching = {docid for docid, each in shown.items() if expected(each, query, step)}
                assert found(store, query, time) == matching, query
                assert found(store, f"NOT {query}", time) == shown.keys() - matching, query
                assert found(store, f"{query} 茅台", time) == matching & with_word, query
                assert found(store, f"{query} or 茅台", time) == matching | with_word, query
    finally:
        set_limits(before)
        store.close()


def limits() -> tuple[int, int]:
    return archive.search.candidates.SMALL_SOURCE_ARTICLES, archive.search.candidates.MAX_BOUNDED_ARTICLES


def set_limits(few: tuple[int, int]) -> None:
    archive.search.candidates.SMALL_SOURCE_ARTICLES, archive.search.candidates.MAX_BOUNDED_ARTICLES = few


def found(store: Store, query: str, time: datetime) -> set[str]:
    parsed = parse(query)
    docids = {hit.docid for hit in store.search.find(parsed, 9, time)}
    assert docids == {record.docid for record in store.search.each(parsed, time)}
    assert len(docids) == store.search.count(parsed, 9, time)
    return docids


def test_an_article_that_came_back_is_not_gone(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "index.db")
    outcomes = ("version", "gone", "failed", "same", "moved", "failed", "version")
    happen(store, 0, ("poll", "china", {"aaaa"}, "一", 0))
    for step, outcome in enumerate(outcomes, start=1):
        happen(store, step, ("look", "aaaa", outcome))
    marks = [
        [mark for mark in ("gone", "moved", "revised") if found(store, f"is:{mark}", at(step))]
        for step in range(1, len(outcomes) + 1)
    ]
    assert marks == [[], ["gone"], ["gone"], [], ["moved"], ["moved"], ["revised"]]
    store.close()

"""The table of all versions: one condition on it gives exactly what an export as of a time gives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from archive.export.cursor import parse_cursor
from archive.model.errors import CursorError
from archive.model.results import ArticlePeriod, Record
from archive.query.parser import And, parse
from archive.records import as_dict
from archive.store import Store
from tests.archive.test_as_of import at, happen, histories
from tests.support import article_history
from tests.support.article_history import Replay
from tests.support.examples import examples

QUERIES = (
    "茅台",
    "茅台 OR feed:stock",
    "NOT feed:china",
    "symbol:sh600519",
    "feed:stock 降准 NOT media:乙社",
    "is:gone",
    "is:moved",
    "is:revised OR NOT is:moved",
    "-is:gone first_seen:2026-09-29",
    "observed:..2026-09-28",
)
MOMENT = timedelta(milliseconds=1)
# A record's columns that the table has not.
_OF_NOW = {"settled_feeds", "provisional_feeds", "images"}
_OF_PERIODS = {"valid_from", "valid_to", "gone_from", "gone_to", "moved_to", "sequence", "modified"}


def where(rows: Iterable[ArticlePeriod], time: datetime) -> list[dict[str, Any]]:
    """The documented condition."""
    found = [row for row in rows if row.valid_from <= time and (row.valid_to is None or row.valid_to > time)]
    by_time = sorted(found, key=lambda row: (row.published, row.docid))
    rows_of_time = [as_dict(row) | {"gone": row.gone_from} for row in by_time]
    return [{name: value for name, value in row.items() if name not in _OF_PERIODS} for row in rows_of_time]


def as_of(records: Iterable[Record]) -> list[dict[str, Any]]:
    return [{name: value for name, value in as_dict(each).items() if name not in _OF_NOW} for each in records]


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(happened=article_history.events)
def test_one_condition_gives_what_was_observed_until_then(
    tmp_path_factory: pytest.TempPathFactory, happened: list[article_history.Event]
) -> None:
    store, replay = Store.open(tmp_path_factory.mktemp("periods") / "index.db"), Replay()
    try:
        article_history.write(store, replay, happened)
        rows = list(store.periods.each(And(())))
        for time in article_history.times(replay):
            found = where(rows, time)
            assert found == as_of(store.search.each(And(()), time))
            compared = ("docid", "title", "text", "revision", "media", "symbols", "keywords", "feeds", "gone")
            plain = {row["docid"]: {name: _list(row[name]) for name in compared} for row in found}
            assert plain == replay.at(time)
        for row in rows:
            assert row.gone_from is None or row.gone_to is None or row.gone_from < row.gone_to
            assert row.gone_to is None or (row.valid_to is not None and row.valid_to <= row.gone_to)
    finally:
        store.close()


def _list(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=histories, lags=st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_it_does_so_for_every_query_and_when_commits_are_late(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[object, ...]], lags: list[int]
) -> None:
    """Fetches that are committed after others that were made later, as after a crash or with a clock set back."""
    store = Store.open(tmp_path_factory.mktemp("late") / "index.db")
    try:
        for step, (what, lag) in enumerate(zip(history, lags, strict=False)):
            happen(store, step - lag, what)
        for text in (None, *QUERIES):
            query = parse(text) if text else And(())
            rows = list(store.periods.each(query))
            assert len({(row.docid, row.valid_from) for row in rows}) == len(rows)
            for time in sorted({moment for row in rows for moment in (row.valid_from, row.valid_to) if moment}):
                assert where(rows, time) == as_of(store.search.each(query, time)), text
                for row in (row for row in rows if row.valid_from <= time and (row.valid_to or time + MOMENT) > time):
                    known = store.history.as_of(row.docid, time)
                    assert known is not None
                    assert row.moved_to == (known["moved"] and known["moved"]["docid"])
    finally:
        store.close()


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    history=histories,
    lags=st.lists(st.integers(0, 8), min_size=14, max_size=14),
    exported_after=st.sets(st.integers(0, 13)),
    text=st.sampled_from((None, *QUERIES)),
)
# The feed of an exported article becomes known later, as of a time before the export.
@example(
    history=[
        *[("look", "aaaa", "version")] * 4,
        ("carried", "aaaa", 0, False),
        *[("look", "aaaa", "version")] * 2,
        ("poll", "china", {"aaaa"}, "一", 0),
    ],
    lags=[0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0],
    exported_after={0, 1, 2, 3, 4, 5},
    text="NOT feed:china",
)
def test_what_is_exported_since_a_cursor_completes_what_was_exported_before(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[object, ...]],
    lags: list[int],
    exported_after: set[int],
    text: str | None,
) -> None:
    store = Store.open(tmp_path_factory.mktemp("since") / "index.db")
    query = parse(text) if text else And(())
    table: dict[tuple[str, datetime], ArticlePeriod] = {}
    cursor = None
    try:
        for step, (what, lag) in enumerate(zip(history, lags, strict=False)):
            happen(store, step - lag, what)
            if step in exported_after or step == len(history) - 1:
                for row in store.periods.each(query, cursor):
                    before = table.get((row.docid, row.valid_from))
                    assert before is None or replace(before, sequence=row.sequence) != row, "nothing is written twice"
                    assert before is None or before.sequence < row.sequence
                    table[row.docid, row.valid_from] = row
                cursor = store.periods.cursor()
                now = {(row.docid, row.valid_from): replace(row, sequence=0) for row in store.periods.each(query)}
                visible = {
                    key: replace(row, sequence=0) for key, row in table.items() if row.valid_to != row.valid_from
                }
                assert visible == now
    finally:
        store.close()


def test_since_a_cursor_there_is_nothing_if_nothing_was_observed(tmp_path: Path) -> None:
    store, replay = Store.open(tmp_path / "index.db"), Replay()
    article_history.write(store, replay, [(0, ("poll", "china", ["aaaa"])), (1, ("edit", "aaaa"))])
    cursor = parse_cursor(str(store.periods.cursor()))
    assert cursor == store.periods.cursor()
    article_history.write(store, replay, [(1, ("same", "aaaa")), (1, ("poll", "china", ["aaaa"]))])
    assert list(store.periods.each(And(()), cursor)) == []
    article_history.write(store, replay, [(1, ("gone", "aaaa"))])
    closed, begun = store.periods.each(And(()), cursor)
    assert (closed.valid_to, closed.gone_from) == (begun.valid_from, None)
    assert (begun.valid_to, begun.gone_from) == (None, replay.now)
    store.close()


def test_what_is_committed_during_an_export_is_in_the_next_one(tmp_path: Path) -> None:
    writer, replay = Store.open(tmp_path / "index.db"), Replay()
    article_history.write(writer, replay, [(0, ("poll", "china", ["aaaa", "bbbb"])), (1, ("edit", "aaaa"))])
    reader = Store.open_for_reading(tmp_path / "index.db")
    with reader.snapshot():
        rows = reader.periods.each(And(()))
        cursor = reader.periods.cursor()
        article_history.write(writer, replay, [(1, ("retitle", "aaaa")), (1, ("edit", "bbbb"))])
        assert [(row.docid, row.revision, row.valid_to) for row in rows] == [("aaaa", 1, None)]
        assert reader.periods.cursor() == cursor
    since = [(row.docid, row.revision, row.valid_to is None) for row in reader.periods.each(And(()), cursor)]
    assert since == [("aaaa", 1, False), ("aaaa", 2, True), ("bbbb", 1, True)]
    reader.close()
    writer.close()


def test_a_period_that_is_no_more_ends_when_it_begins(tmp_path: Path) -> None:
    """A deletion that was observed earlier than the known one, and committed later."""
    store = Store.open(tmp_path / "index.db")
    happen(store, 0, ("poll", "china", {"aaaa"}, "一", 0))
    happen(store, 1, ("look", "aaaa", "version"))
    happen(store, 5, ("look", "aaaa", "gone"))
    assert [row.valid_from for row in store.periods.each(And(()))] == [at(1), at(5)]
    cursor = store.periods.cursor()
    happen(store, 3, ("look", "aaaa", "gone"))
    since = [(row.valid_from, row.valid_to, row.gone_from) for row in store.periods.each(And(()), cursor)]
    assert since == [(at(1), at(3), None), (at(3), None, at(3)), (at(5), at(5), at(5))]
    store.close()


def test_a_cursor_that_is_not_of_the_index_is_refused(tmp_path: Path) -> None:
    store, other, replay = Store.open(tmp_path / "index.db"), Store.open(tmp_path / "other.db"), Replay()
    happened: list[article_history.Event] = [(0, ("poll", "china", ["aaaa", "bbbb"])), (1, ("edit", "aaaa"))]
    article_history.write(store, replay, happened)
    article_history.write(other, Replay(), [*happened, (1, ("edit", "bbbb"))])
    cursor = store.periods.cursor()
    store.periods.ensure_valid(cursor)
    with pytest.raises(CursorError, match="not of this index"):
        store.periods.ensure_valid(other.periods.cursor())
    with pytest.raises(CursorError, match="not of this index"):
        store.periods.ensure_valid(replace(cursor, check="0" * 12))
    article_history.write(store, replay, [(1, ("edit", "bbbb"))])
    store.periods.ensure_valid(cursor)
    store.forgotten.commit(store.forgotten.plan(["aaaa"], "court order", replay.now), replay.now)
    with pytest.raises(CursorError, match="1 articles were forgotten since this cursor"):
        list(store.periods.each(And(()), cursor))
    store.close()
    other.close()


@pytest.mark.parametrize("text", ["", "x", "1-1-1-1-0-xyz", "1-٣-1-1-0-0123456789ab", "2-1-1-1-0-0123456789ab"])
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError, match="is no cursor: copy the one that an earlier export printed"):
        parse_cursor(text)


def test_a_forgotten_article_is_not_in_the_table(tmp_path: Path) -> None:
    store, replay = Store.open(tmp_path / "index.db"), Replay()
    article_history.write(
        store, replay, [(0, ("poll", "china", ["aaaa", "bbbb"])), (1, ("edit", "aaaa")), (1, ("edit", "bbbb"))]
    )
    store.forgotten.commit(store.forgotten.plan(["aaaa"], "court order", replay.now), replay.now)
    assert [row.docid for row in store.periods.each(And(()))] == ["bbbb"]
    store.close()

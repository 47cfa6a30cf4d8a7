"""A search or an export as of a time returns exactly the results of that time, in the same order."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.model.results import Hit, Record
from archive.query.parser import And, parse
from archive.store import Store
from tests.archive.test_as_of import BEGAN, DOCIDS, at, histories, whole_and_part
from tests.support.examples import examples
from tests.support.fetches import version
from tests.support.older_index import BEFORE_SEARCH
from tests.support.search_data import NOW, Story, put, revision_of

QUERIES = (
    "茅台",
    "降",
    "茅台 OR 降准",
    "版 NOT 茅台",
    "feed:china",
    "feed:stock 降价",
    "symbol:sh600519",
    "media:甲社",
)


def hits(store: Store, time: datetime | None) -> list[list[Hit]]:
    return [
        store.search.find(parse(query_text), 9, time, by_time=by_time)
        for query_text in QUERIES
        for by_time in (False, True)
    ]


def exported(store: Store, time: datetime | None) -> list[list[Record]]:
    """What every export is made from."""
    return [
        list(records)
        for query in (And(()), *map(parse, QUERIES))
        for records in (
            store.search.each(query, time),
            store.search.each(query, time, newest=1),
            store.search.latest(query, 9, time),
        )
    ]


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=histories, data=st.data())
def test_as_of_ignores_everything_later(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[object, ...]], data: st.DataObject
) -> None:
    last = data.draw(st.integers(0, len(history) - 1))
    time = at(last) + timedelta(seconds=1)
    with whole_and_part(tmp_path_factory.mktemp("past"), history, last) as (whole, part):
        assert hits(whole, time) == hits(part, time) == hits(part, None)
        assert exported(whole, time) == exported(part, time) == exported(part, None)
        assert_as_shown(whole, time)


def assert_as_shown(store: Store, time: datetime) -> None:
    """The export contains what ``show`` shows."""
    records = {record.docid: record for record in store.search.each(And(()), time)}
    for docid in DOCIDS:
        shown = store.history.as_of(docid, time)
        if shown is None or not shown["revisions"]:
            assert docid not in records
            continue
        record, newest = records[docid], shown["revisions"][-1]
        assert (record.title, record.path, record.feeds) == (shown["title"], shown["path"], tuple(shown["feeds"]))
        assert (record.revision, record.sha256, record.observed) == (newest.number, newest.sha256, newest.fetched_at)
        assert (record.gone and record.gone.isoformat(timespec="milliseconds")) == shown["gone"]


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.integers(0, 6), min_size=1, max_size=5), seen=st.integers(0, 6))
def test_a_clock_that_is_set_back_makes_no_difference_between_the_two(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], seen: int
) -> None:
    store = Store.open(tmp_path_factory.mktemp("clock") / "index.db")
    try:
        story = Story(DOCIDS[0], "题", "文")
        put(store, [story], at(steps[0]))
        # As if its list was read at another time than its page.
        store._db.execute("DELETE FROM searchable")
        store._db.execute("INSERT INTO words (words) VALUES ('delete-all')")
        store._db.execute("UPDATE entries SET first_seen = ?", [at(seen).isoformat(timespec="milliseconds")])
        store.search.add_missing()
        for number, step in enumerate(steps[1:], start=2):
            store.articles.commit([version(revision_of(story, at(step), number))], [None])
        for step in range(7):
            assert_as_shown(store, at(step))
            assert_as_shown(store, at(step) + timedelta(seconds=1))
    finally:
        store.close()


def test_an_index_older_than_search_can_be_searched(tmp_path: Path) -> None:
    """The tables that search needs are made of those that were there."""
    old, new = Store.open(tmp_path / "old.db"), Store.open(tmp_path / "new.db")
    story = Story("aaaa", "茅台提价", "正文", "甲社")
    for store in (old, new):
        put(store, [story, Story("bbbb", "降准", "央行降准", "乙社")], NOW)
        put(store, [Story("aaaa", "茅台降价", "更正", "甲社")], NOW + timedelta(hours=1), number=2)
    # These fetches have no response, as those of an article whose list has the whole text.
    new._db.execute("UPDATE revisions SET text_from = 'feed', text_note = 'the list has the whole text'")
    old._db.conn.executescript(BEFORE_SEARCH)
    old.close()
    reader = Store.open_for_reading(tmp_path / "old.db")
    writer = Store.open(tmp_path / "old.db")
    for time in (None, NOW, NOW + timedelta(hours=1), NOW - timedelta(hours=1), BEGAN):
        assert hits(reader, time) == hits(writer, time) == hits(new, time)
        assert exported(reader, time) == exported(writer, time) == exported(new, time)
    assert [hit.title for hit in writer.search.find(parse("茅台"), 9, NOW)] == ["茅台提价"]
    for store in (reader, writer, new):
        store.close()


def test_what_comes_later_does_not_change_how_rare_a_word_was(tmp_path: Path) -> None:
    """Many of the same day, and many versions of one article."""
    store = Store.open(tmp_path / "index.db")
    common = [
        Story(f"d{n:03d}", "某题", "大盘。大盘。大盘震荡", published=NOW - timedelta(days=1)) for n in range(50)
    ]
    put(
        store,
        [*common, Story("rare", "某题", "降准的消息", published=NOW - timedelta(days=9)), Story("day", "题", "无")],
    )

    def found(time: datetime | None) -> list[str]:
        return [hit.docid for hit in store.search.find(parse("大盘 OR 降准"), 3, time)]

    then = NOW + timedelta(minutes=1)
    assert found(then)[0] == "rare"
    for number in range(2, 104):
        changed = version(revision_of(Story("day", f"题{number}", "无"), NOW + timedelta(hours=number), number), "无")
        store.articles.commit([changed], [None])
    assert found(None)[0] == "rare"
    put(store, [Story(f"later{n}", "某题", "无关") for n in range(100)], NOW + timedelta(hours=1))
    assert found(then)[0] == "rare"

"""Indexes that an earlier version has written open, and nothing in them is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from archive.index.database import Database
from archive.index.migrations.registry import migrations
from archive.model.errors import DamagedIndexError, NotWritableError
from archive.model.feed import Counts, FailureKind, FeedHistory, Gap, HostBackoff, Span
from archive.query.parser import parse
from archive.store import Store
from tests.archive.test_store import FILING, HOUR, NOW, commit, due, dump, entry, poll_of
from tests.support.search_data import Story, put

MINUTE = timedelta(minutes=1)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An index of the first version, in use: two feeds, of which one is failing, a gap, a back-off, an entry."""
    path = tmp_path / "index.db"
    database = Database(path)
    migrations.apply(database, stop_before="m002_the_ledger")
    database.conn.executescript(
        """
            INSERT INTO feeds VALUES ('china', '["金融", "新浪财经"]', '新浪财经', '2026-09-30T02:00:00.000+00:00',
                '2026-09-30T02:00:00.000+00:00', '2026-09-30T01:59:00.000+00:00', '2026-09-30T01:59:00.000+00:00',
                NULL, NULL);
            INSERT INTO feeds VALUES ('stock', '["金融", "新浪财经"]', '新浪财经', '2026-09-30T02:00:00.000+00:00',
                NULL, NULL, NULL, 'temporary', 'status 502');
            INSERT INTO gaps VALUES (1, 'china', '2026-09-30T01:00:00.000+00:00', '2026-09-30T01:30:00.000+00:00',
                '2026-09-30T01:30:00.000+00:00', NULL);
            INSERT INTO rests VALUES ('a.cn', '2026-09-30T02:00:00.000+00:00', 1, 0, 'it answered 403');
            INSERT INTO entries VALUES ('a', 'https://finance.sina.com.cn/a', 'finance.sina.com.cn', '题“a”',
                '2026-09-30T01:59:00.000+00:00', '2026-09-30T01:59:00.000+00:00', NULL, NULL, NULL, '[]', '[]',
                '2026-09-30T02:00:00.000+00:00', 'pending', 0, '2026-09-30T02:00:00.000+00:00', NULL, NULL, NULL,
                NULL);
            INSERT INTO listings VALUES ('china', 'a', 1);
        """
    )
    database.close()
    return path


def assert_as_it_was(store: Store) -> None:
    """All that the first version knew is there."""
    newest = NOW - MINUTE
    assert store.feeds.histories() == {
        "china": FeedHistory("china", FILING, NOW, NOW, newest, None, None),
        "stock": FeedHistory(
            "stock", FILING, NOW, None, None, "status 502", FailureKind.TEMPORARY, failing_since=NOW
        ),
    }
    assert store.coverage.gaps() == [Gap("china", NOW - HOUR, NOW - 30 * MINUTE)]
    assert store.backoffs.all() == [
        HostBackoff("a.cn", NOW, 1, from_retry_after=False, reason="it answered 403", kind=FailureKind.BLOCKED)
    ]
    assert due(store) == ["a"]
    assert store.listings.known_docids("china", ["a"]) == {"a"}
    assert (store.coverage.spans(), store.feeds.arrival_rates()) == ({}, {})


def test_an_index_of_the_first_version_opens_and_continues(old: Path) -> None:
    store = Store.open(old)
    try:
        assert_as_it_was(store)
        assert not store.feeds.register_source("china", "roll lid=1686", NOW), "which list it read was not kept"
        commit(store, poll_of(entry("b", 10), entry("a", -1), entry("c", -2), at=NOW + HOUR))
        assert store.coverage.spans() == {"china": [Span(NOW - MINUTE, NOW + HOUR)]}
        assert len(store.coverage.gaps()) == 1
        commit(store, poll_of(entry("d"), feed="stock"))
        assert store.feeds.histories()["stock"].failing_since is None
    finally:
        store.close()


def test_an_index_of_the_first_version_is_read_without_being_written(old: Path) -> None:
    """Before the first writing command after an upgrade, or beside a daemon that was not restarted."""
    before = dump(old)
    store = Store.open_for_reading(old)
    try:
        assert_as_it_was(store)
        assert store.damage() is None
        with pytest.raises(NotWritableError, match=r"index\.db"):
            store.feeds.register_source("china", "roll lid=1", NOW)
    finally:
        store.close()
    assert dump(old) == before
    assert [path.name for path in old.parent.iterdir()] == ["index.db"]


@pytest.mark.parametrize("open_store", [Store.open, Store.open_for_reading])
def test_an_index_that_cannot_be_upgraded_is_unchanged(old: Path, open_store: Callable[[Path], Store]) -> None:
    connection = sqlite3.connect(old)
    connection.execute("CREATE TABLE forgotten (x)")  # the last migration creates this table
    connection.close()
    before = dump(old)

    with pytest.raises(DamagedIndexError, match=r"cannot be upgraded .*already exists.* is unchanged"):
        open_store(old)

    assert dump(old) == before


def test_an_upgraded_index_has_the_tables_of_a_new_one(old: Path) -> None:
    new = old.with_name("new.db")
    Store.open(new).close()
    Store.open(old).close()
    assert columns(old) == columns(new)


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")]
    found = {name: connection.execute(f"PRAGMA table_xinfo('{name}')").fetchall() for name in tables}
    strict = {
        name: bool(strict)
        for _, name, kind, _, _, strict in connection.execute("PRAGMA table_list")
        if kind == "table"  # FTS5 makes its own
    }
    connection.close()
    assert all(strict[name] for name in tables if name in strict and name[0] != "_")
    return found


def test_the_weight_of_failures_is_a_number_from_the_first(old: Path) -> None:
    Store.open(old).close()
    connection = sqlite3.connect(old)
    assert connection.execute("SELECT DISTINCT typeof(trouble) FROM feeds").fetchall() == [("real",)]
    connection.close()


def test_an_index_without_tables_reads_as_an_empty_one(tmp_path: Path) -> None:
    """A process that was killed between making the file and making its tables."""
    (tmp_path / "index.db").touch()
    store = Store.open_for_reading(tmp_path / "index.db")
    try:
        assert store.entries.counts() == Counts()
    finally:
        store.close()


def test_numbers_in_circles_were_a_part_of_those_beside_them(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "index.db")
    put(store, [Story("aaaa", "①2026年", "②30亿元，贵\u2066州"), Story("bbbb", "2026年", "30亿元")])
    database = store._db
    # The words of before, and those of one that has none of these characters.
    database.execute("INSERT INTO words (words) VALUES ('delete-all')")
    for before in ((1, "230 亿元 元 贵 州", "12026 年"), (2, "30 亿元 元", "2026 年")):
        database.execute("INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, '', '')", before)
    database.execute("DELETE FROM _sqlite_migrations WHERE name = 'm009_enclosed_numbers'")
    store.close()

    store = Store.open(tmp_path / "index.db")
    queries = ("2026", "30亿", "贵州", "230")
    found = [sorted(hit.docid for hit in store.search.find(parse(each), 9)) for each in queries]
    assert found == [["aaaa", "bbbb"], ["aaaa", "bbbb"], ["aaaa"], []]
    store._db.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, row)")
    terms = {row["term"] for row in store._db.execute("SELECT term FROM temp.vocabulary")}
    assert terms == {"1", "2", "2026", "30", "亿元", "元", "年", "贵州", "州"}
    store.close()

"""Access to the index by the web view and by Datasette."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from datasette.app import Datasette

import web.database
from archive.model.errors import ArchiveError
from archive.search.search import FoundVersion
from archive.store import Store
from tests.support.older_index import BEFORE_SEARCH
from tests.support.search_data import NOW, Story, put
from web.database import Index

SLOW = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index with an article."""
    found = tmp_path / "index.db"
    store = Store.open(found)
    put(store, [Story("a", "题", "文")])
    store.close()
    return found


@pytest.fixture
def index(path: Path) -> Index:
    """The index, read in one thread."""
    datasette = Datasette([], settings={"num_sql_threads": 1})
    opened = Index(datasette, path)
    datasette.add_database(opened, name="index")
    return opened


def test_what_takes_too_long_is_stopped_and_the_next_is_answered(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.database, "READ_TIMEOUT_MILLISECONDS", 30)

    with pytest.raises(TimeoutError):
        asyncio.run(index.read(lambda store: store._db.execute(SLOW).fetchall()))

    assert asyncio.run(index.read(lambda store: store.entries.counts().archived)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entries", "INSERT INTO entries SELECT * FROM entries", "CREATE TABLE x (y)", "DROP TABLE texts",
        "ATTACH ':memory:' AS other", "PRAGMA database_list", "SELECT * FROM pragma_database_list",
        "PRAGMA journal_mode = DELETE", "PRAGMA writable_schema = 1", "PRAGMA schema_version = 7", "VACUUM",
        "PRAGMA query_only = OFF", "SELECT load_extension('x')",
    ],
)  # fmt: skip
def test_it_cannot_be_written_and_reads_no_other_file(index: Index, path: Path, statement: str) -> None:
    before = path.read_bytes()

    with pytest.raises(sqlite3.DatabaseError):
        asyncio.run(index.execute_fn(lambda connection: connection.execute(statement).fetchall()))

    assert path.read_bytes() == before


def test_a_value_cannot_fill_the_memory(index: Index) -> None:
    with pytest.raises(sqlite3.DataError, match="too big"):
        asyncio.run(index.execute_fn(lambda connection: connection.execute("SELECT zeroblob(1 << 30)").fetchall()))


def test_an_index_of_an_older_program_is_read_as_it_is_now(index: Index, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(BEFORE_SEARCH)
    connection.close()

    assert asyncio.run(index.read(lambda store: len(store.search.hits([FoundVersion(0, 1)], NOW)))) == 1


def test_a_missing_index_file_is_reported(index: Index, path: Path) -> None:
    path.unlink()
    with pytest.raises(ArchiveError, match=r"index\.db cannot be read: No such file"):
        asyncio.run(index.read(lambda store: store.entries.counts()))

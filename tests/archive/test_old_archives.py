"""Archives of each release and of each change of the tables open, verify and are rebuilt to the same files."""

from __future__ import annotations

import hashlib
import sqlite3
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive.backup.create import create_backup
from archive.backup.restore import restore_backup
from archive.backup.storage import FolderStorage
from archive.index.database import Database
from archive.index.migrations.registry import migrations
from archive.store import Store
from tests.archive.test_migrations import NAMES
from tests.conftest import Home
from tests.fixtures.make_archive import MADE

FIXTURES = Path(__file__).parents[1] / "fixtures"
ARCHIVES = sorted(FIXTURES.glob("archive_*.tar.gz"))
FORGOTTEN = "nreplica0000007"


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def old(request: pytest.FixtureRequest, home: Home) -> Home:
    """A copy of an archive that an earlier program made."""
    with tarfile.open(request.param) as packed:
        packed.extractall(home.folder, filter="data")
    return home


def files(home: Home) -> dict[str, str]:
    """The digest of every article and superseded version."""
    return {
        path.relative_to(home.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.root.rglob("*.md"))
    }


def test_the_newest_tables_have_an_archive() -> None:
    newest = NAMES[-1].partition("_")[0]
    path = FIXTURES / f"archive_{newest}.tar.gz"
    assert path.exists(), f"python -m tests.fixtures.make_archive {path.relative_to(FIXTURES.parents[1])}"
    with tarfile.open(path) as packed:
        assert {name.partition("/")[0] for name in packed.getnames()} == set(MADE)


@pytest.mark.slow
def test_it_opens_verifies_and_is_rebuilt(old: Home) -> None:
    before = files(old)
    assert len(before) >= 9
    assert old.run("status", "--json").json["articles"] >= 7
    assert "nreplica0000000" in old.run("search", "--json", "新标题").out
    verified = old.run("verify", "--deep", "--json")
    assert (verified.status, verified.json["problems"], verified.json["unproven"]) == (0, [], 0), verified.err
    Store.open(old.root / ".finarchive" / "index.db").close()  # with the tables of today
    assert old.run("verify", "--deep", "--json").json["problems"] == []
    done = old.run("rebuild", "--json")
    assert (done.json["made"], done.json["changed"], done.json["unknown"], done.json["damaged"]) == ([], [], [], [])
    assert files(old) == before
    assert old.run("verify", "--deep", "--json").json["problems"] == []


@pytest.mark.slow
def test_a_backup_of_it_is_restored(old: Home, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "backup")
    create_backup(old.root, storage, datetime.now(UTC))
    restored = Home(old.folder)
    restored.root = tmp_path / "restored"
    restore_backup(storage, restored.root)
    restored.env = old.env | {"FINARCHIVE_ARCHIVE_ROOT": str(restored.root)}
    assert files(restored) == files(old)
    assert restored.run("verify", "--deep", "--json").json["problems"] == []


def test_the_newest_archive_has_a_forgotten_article(home: Home) -> None:
    with tarfile.open(FIXTURES / f"archive_{NAMES[-1].partition('_')[0]}.tar.gz") as packed:
        packed.extractall(home.folder, filter="data")
    assert [docid for (docid,) in home.rows("SELECT docid FROM forgotten WHERE done IS NOT NULL")] == [FORGOTTEN]


# Indexes of each change of the tables

TIME = "2026-09-30T02:00:00.000+00:00"
# Texts that mean something to a later migration.
VALUES = {
    **dict.fromkeys(("categories", "lids", "keywords", "symbols", "pictures", "authors", "enclosures"), "[]"),
    **dict.fromkeys(("changed", "counts", "arrivals", "seconds"), "{}"),
}


def fill(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Write a row into each table; return the rows of all tables."""
    tables = [
        name
        for name, kind in database.conn.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        if kind and "VIRTUAL" not in kind and not name.startswith(("_", "sqlite_", "words"))
    ]
    for table in tables:
        columns = database.conn.execute(f"PRAGMA table_info('{table}')").fetchall()
        values = [_value(name, kind) for _, name, kind, *_ in columns]
        names = ", ".join(f'"{row[1]}"' for row in columns)
        marks = ", ".join("?" * len(values))
        database.conn.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", values)
    database.conn.commit()
    return {table: [tuple(row) for row in database.conn.execute(f"SELECT * FROM {table}")] for table in tables}


def _value(column: str, kind: str) -> object:
    if kind in ("INTEGER", "REAL"):
        return 1
    is_time = column.endswith(("_at", "seen", "published", "modified", "entered")) or column in (
        "at", "since", "until", "due", "tried", "start", "end", "noticed", "ground", "newest", "first_seen", "gone",
    )  # fmt: skip
    return VALUES.get(column, TIME if is_time else f"a {column}")


@pytest.mark.parametrize("name", NAMES)
def test_an_index_of_each_change_of_the_tables_opens_and_loses_nothing(tmp_path: Path, name: str) -> None:
    following = NAMES[NAMES.index(name) + 1 :]
    path = tmp_path / "index.db"
    database = Database(path)
    migrations.apply(database, stop_before=following[0] if following else None)
    before = fill(database)
    database.close()
    assert all(before.values()), "each table has a row"
    assert len(before) >= 5

    Store.open(path).close()

    connection = sqlite3.connect(path)
    applied = [row[0] for row in connection.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid")]
    assert applied == NAMES
    for table, rows in before.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info('{table}')")]
        after = connection.execute(f"SELECT * FROM {table}").fetchall()
        assert len(after) >= len(rows), table
        for old, new in zip(rows, after, strict=False):
            assert new[: len(old)] == old or table in ("searchable", "days"), (table, columns)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()

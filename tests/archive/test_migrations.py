"""The migrations stay as they were released: their code, their names and the tables that they make."""

from __future__ import annotations

import importlib.metadata
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import archive.search.windows
from archive.index.connection import open_index_copy
from archive.index.database import Database
from archive.index.migrations import m008_days, words_m009
from archive.index.migrations.registry import migrations
from archive.store import Store
from tests.test_boundaries import PACKAGES, ROOT, imported

FOLDER = "archive/index/migrations"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / FOLDER).glob("*.py"))
NAMES = [
    "m001_entries_revisions_feeds",
    "m002_the_ledger",
    "m003_looks_and_versions",
    "m004_validators_and_addresses",
    "m005_images",
    "m006_search",
    "m007_alerts",
    "m008_days",
    "m009_enclosed_numbers",
    "m010_settled_and_lost",
    "m011_moves_and_facts",
    "m012_other_sites",
    "m013_moved_feeds",
    "m014_forgotten",
    "m015_formats",
    "m016_stock_names",
    "m017_changes",
    "m018_compacted",
    "m019_containments",
    "m020_old_archives",
]


@pytest.mark.parametrize("module", MODULES)
def test_a_migration_imports_nothing_that_changes(module: str) -> None:
    wrong = [
        f"{module}:{line} imports {name}"
        for line, name in imported(module)
        if name.partition(".")[0] in PACKAGES
        and name not in {"archive.index.database", "archive.index.migrations"}
        and not name.startswith("archive.index.migrations.")
    ]
    assert wrong == [], "a migration takes a copy of the code that it needs"


def test_a_new_index_is_the_same_as_one_that_went_through_all_migrations(tmp_path: Path) -> None:
    """A change of sqlite-utils can change how a migration writes a statement; a change of the program cannot."""
    Store.open(tmp_path / "index.db").close()
    migrated = Database(memory=True)
    migrations.apply(migrated)
    new = Database(tmp_path / "index.db")
    assert _contents(new) == _contents(migrated), f"sqlite-utils {importlib.metadata.version('sqlite-utils')}"


def test_the_copy_of_an_index_that_is_missing_is_a_new_one(tmp_path: Path) -> None:
    Store.open(tmp_path / "index.db").close()
    with closing(open_index_copy(tmp_path / "missing.db")) as copy:
        copy.conn.row_factory = None
        assert _contents(copy) == _contents(Database(tmp_path / "index.db"))


def test_the_tables_of_a_new_index_are_in_a_file() -> None:
    database = Database(memory=True)
    migrations.apply(database)
    statements = database.execute(
        """SELECT sql FROM sqlite_master
        WHERE sql IS NOT NULL AND substr(name, 1, 6) != 'words_' AND substr(name, 1, 7) != 'sqlite_'
        ORDER BY type = 'trigger', type = 'index', name"""
    ).fetchall()
    script = "".join(f"{sql};\n" for (sql,) in statements)
    assert (ROOT / FOLDER / "newest.sql").read_text(encoding="utf-8") == script


def _contents(database: Database) -> dict[str, Any]:
    """The statement of each table, index and trigger; and the rows of each table, without the times of migrations."""
    statements = database.execute("SELECT name, sql FROM sqlite_master").fetchall()
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()]
    rows = {f"rows of {name}": database.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    rows["rows of _sqlite_migrations"] = [row[:-1] for row in rows["rows of _sqlite_migrations"]]
    return {**dict(statements), **rows}


def test_names_recorded_in_indexes_do_not_change() -> None:
    database = Database(memory=True)
    migrations.apply(database)
    recorded = database.execute("SELECT migration_set, name FROM _sqlite_migrations ORDER BY rowid").fetchall()
    assert recorded == [("finarchive", name) for name in NAMES]


def test_each_migration_has_a_module_of_its_own() -> None:
    assert [Path(module).stem for module in MODULES if Path(module).name.startswith("m0")] == NAMES


def test_sqlite_utils_has_the_private_list_of_migrations() -> None:
    """archive/index/connection.py reads it to refuse an index that a newer program wrote."""
    version = importlib.metadata.version("sqlite-utils")
    names = [getattr(migration, "name", None) for migration in getattr(migrations, "_migrations", ())]
    assert names == NAMES, f"sqlite-utils {version} changed Migrations._migrations: adapt archive/index/connection.py"


def test_days_are_read_by_the_blocks_that_the_trigger_writes() -> None:
    assert archive.search.windows.BLOCK == m008_days.BLOCK


def test_the_words_of_m009_stay() -> None:
    text = "①2026年　贵\u2066州茅台ＳＨ600519，涨³％ Ｃａｆé"
    columns = words_m009.columns(text, "题", None, ["sh600519", "hk700"])
    assert [" ".join(column.split()) for column in columns] == [
        "1 2026 年 贵州 州茅 茅台 台 sh 600519 涨 3 café",
        "题",
        "",
        "sh 600519 hk 700",
    ]
    assert words_m009.before("①2026年 贵\u2066州") == "12026年 贵 州"

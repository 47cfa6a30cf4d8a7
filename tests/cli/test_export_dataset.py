"""export dataset: a folder that tools open as one table, of which only changed months are written."""

from __future__ import annotations

import fcntl
import os
from datetime import datetime
from typing import Any

import duckdb
import polars
import pyarrow.dataset
import pyarrow.parquet
import pytest

from archive.files.layout import index_path
from archive.store import Store
from tests.cli.test_export_versions import fill, in_duckdb, observed, run_here
from tests.cli.test_main import assert_refused
from tests.conftest import Home
from tests.support import article_history
from tests.support.article_history import BEGAN
from tests.support.killed_syncs import is_killed

DAY = 24 * 60
# From 29 September on. Articles of each month are listed, changed and withdrawn in later ones.
HAPPENED: list[article_history.Event] = [
    (0, ("poll", "china", ["aaaa", "bbbb"])),
    (1, ("edit", "aaaa")),
    (1, ("edit", "bbbb")),
    (20 * DAY, ("poll", "stock", ["bbbb", "cccc"])),  # in October
    (1, ("edit", "cccc")),
    (30 * DAY, ("retitle", "aaaa")),  # in November: a row of September ends
    (1, ("facts", "aaaa")),
    (30 * DAY, ("gone", "cccc")),  # in December: one of October
]


def files(home: Home) -> dict[str, int]:
    """The inode of each file of the dataset, by month."""
    paths = home.folder.glob("set/*/*.parquet")
    return {path.parent.name.removeprefix("month="): path.stat().st_ino for path in paths}


def export(home: Home, *arguments: str) -> str:
    done = home.run("export", "dataset", "set", *arguments)
    assert (done.status, done.err) == (0, "")
    return done.out


def rows(home: Home) -> list[dict[str, Any]]:
    """All rows of the dataset, without what is of the export that wrote them."""
    table = pyarrow.dataset.dataset(home.folder / "set", partitioning="hive").to_table()
    found = table.drop_columns(["sequence", "month"]).to_pylist()
    return sorted(found, key=lambda row: (row["docid"], row["valid_from"]))


def rows_of_table(home: Home) -> list[dict[str, Any]]:
    """The same of the table of all versions."""
    assert home.run("export", "parquet", "--versions", "-o", "whole.parquet").status == 0
    return pyarrow.parquet.read_table(home.folder / "whole.parquet").drop_columns(["sequence"]).to_pylist()


@pytest.mark.slow
def test_only_changed_months_are_written(home: Home) -> None:
    replay = fill(home, HAPPENED[:5])
    assert export(home) == "2 months written, 0 unchanged: set\n"
    first = files(home)
    assert sorted(first) == ["2026-09", "2026-10"]
    assert export(home) == "0 months written, 2 unchanged: set\n"
    assert files(home) == first
    fill(home, HAPPENED[5:7], replay)
    assert export(home) == "2 months written, 1 unchanged: set\n"
    second = files(home)
    assert {month for month in second if second[month] != first.get(month)} == {"2026-09", "2026-11"}
    fill(home, HAPPENED[7:], replay)
    export(home)
    third = files(home)
    assert {month for month in third if third[month] != second.get(month)} == {"2026-10", "2026-12"}
    assert rows(home) == rows_of_table(home)
    assert {path.name for path in (home.folder / "set").iterdir()} == {
        ".finarchive-dataset", *(f"month={month}" for month in third)
    }  # fmt: skip


@pytest.mark.slow
def test_duckdb_and_polars_open_it_as_one_table(home: Home) -> None:
    replay = fill(home, HAPPENED)
    export(home)
    source = f"read_parquet('{home.folder}/set/**/*.parquet', hive_partitioning = true)"
    times = sorted({time for time, *_ in replay.observed})
    for time in [BEGAN, *times]:
        assert in_duckdb(source, time) == observed(replay, time)
    assert duckdb.sql(f"SELECT DISTINCT month FROM {source} ORDER BY 1").fetchall() == [
        (f"2026-{month:02}",) for month in (9, 10, 11, 12)
    ]
    for opened in (f"{home.folder}/set/**/*.parquet", home.folder / "set"):
        frame = polars.scan_parquet(opened, hive_partitioning=True)
        assert frame.collect().height == len(rows(home))
        assert frame.filter(polars.col("month") == "2026-11").collect()["docid"].unique().to_list() == ["aaaa"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "nth", [nth if nth in (2, 5, 9, 12) else pytest.param(nth, marks=pytest.mark.long) for nth in range(1, 13)]
)
def test_killed_at_any_moment_it_can_be_read_and_the_next_run_completes_it(home: Home, nth: int) -> None:
    replay = fill(home, HAPPENED[:5])
    export(home)
    before = rows(home)
    known_until = replay.now
    fill(home, HAPPENED[5:], replay)
    assert is_killed(lambda: run_here(home, "export", "dataset", "set"), nth)
    as_of_before = [row for row in rows(home) if row["valid_from"] <= known_until]
    assert [visible_at(row, known_until) for row in as_of_before] == [visible_at(row, known_until) for row in before]
    export(home)
    assert rows(home) == rows_of_table(home)
    assert {path.name for path in (home.folder / "set").rglob("*.*")} == {".finarchive-dataset", "part-0.parquet"}


def visible_at(row: dict[str, Any], time: datetime) -> dict[str, Any] | None:
    """The row without what came later, if it was visible."""
    if row["valid_to"] and row["valid_to"] <= time:
        return None
    return {**row, "valid_to": None, "gone_to": None}


@pytest.mark.slow
def test_the_first_export_can_be_killed_too(home: Home) -> None:
    fill(home, HAPPENED)
    for nth in (2, 4, 6, 8):
        assert is_killed(lambda: run_here(home, "export", "dataset", "set"), nth)
    export(home)
    assert rows(home) == rows_of_table(home)


@pytest.mark.slow
def test_a_forgotten_article_and_a_lost_file_are_noticed(home: Home) -> None:
    replay = fill(home, HAPPENED)
    export(home)
    store = Store.open(index_path(home.root))
    store.forgotten.commit(store.forgotten.plan(["cccc"], "court order", replay.now), replay.now)
    store.close()
    assert export(home) == "3 months written, 0 unchanged, 1 removed: set\n"
    assert {row["docid"] for row in rows(home)} == {"aaaa", "bbbb"}
    (home.folder / "set" / "month=2026-11" / "part-0.parquet").unlink()
    assert export(home) == "1 month written, 2 unchanged: set\n"
    (home.folder / "set" / "month=2026-09" / "part-0.parquet").write_bytes(b"PAR1 damaged PAR1")
    assert export(home) == "1 month written, 2 unchanged: set\n"
    assert rows(home) == rows_of_table(home)


@pytest.mark.slow
def test_it_can_have_a_query_and_keeps_it(home: Home) -> None:
    fill(home, HAPPENED)
    export(home, "feed:stock")
    assert {row["docid"] for row in rows(home)} == {"bbbb", "cccc"}
    assert_refused(
        home.run("export", "dataset", "-o", "set"), 2, "set has the query 'feed:stock', and this one is ''"
    )
    assert home.run("export", "dataset", "-o", "set", "feed:stock").out == "0 months written, 2 unchanged: set\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "it is a folder: name it, as in finarchive export dataset DIR"),
        (("other",), "other is not empty and no export of a dataset created it: name another folder"),
        (("other/file",), "other/file is not a folder"),
        (("news/set",), "news/set and the archive at"),
        ((".",), "overlap: name another folder"),
        (("set", "--as-of", "now"), "leave out --as-of"),
        (("set", "--cursor-file", "x"), "leave out --observed-since and --cursor-file"),
    ],
)
def test_it_is_refused_where_it_does_not_fit(home: Home, arguments: tuple[str, ...], message: str) -> None:
    home.begin()
    (home.folder / "other").mkdir()
    (home.folder / "other" / "file").write_text("mine")
    assert_refused(home.run("export", "dataset", *arguments), 2, message)
    assert (home.folder / "other/file").read_text() == "mine"


@pytest.mark.slow
def test_two_exports_at_once_do_not_mix(home: Home) -> None:
    fill(home, HAPPENED)
    export(home)
    descriptor = os.open(home.folder / "set", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert_refused(
            home.run("export", "dataset", "set"), 2, "another export is writing to set: wait for it to end"
        )
    finally:
        os.close(descriptor)

"""export --versions: the table of everything that was ever known, read by the tools that its users have."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest

from archive.files.layout import index_path
from archive.store import Store
from tests.cli.test_main import assert_refused
from tests.conftest import Home
from tests.support import article_history
from tests.support.article_history import BEGAN, Replay

MINUTE = timedelta(minutes=1)
HAPPENED: list[article_history.Event] = [
    (0, ("poll", "china", ["aaaa", "bbbb"])),
    (1, ("edit", "aaaa")),
    (1, ("edit", "bbbb")),
    (1, ("retitle", "aaaa")),
    (1, ("poll", "stock", ["aaaa"])),
    (1, ("facts", "bbbb")),
    (1, ("gone", "aaaa")),
    (1, ("same", "aaaa")),
    (1, ("gone", "bbbb")),
    (1, ("edit", "aaaa")),
]
TIMES = [BEGAN + n * MINUTE for n in range(12)]
COMPARED = ("docid", "title", "text", "revision", "media", "symbols", "keywords", "feeds")
# As in docs/exports.md.
WHERE = "valid_from <= {time} AND (valid_to IS NULL OR valid_to > {time})"


def fill(home: Home, happened: list[article_history.Event], replay: Replay | None = None) -> Replay:
    """Let all of it happen in a home's archive."""
    index_path(home.root).parent.mkdir(parents=True, exist_ok=True)
    replay = replay or Replay()
    store = Store.open(index_path(home.root))
    article_history.write(store, replay, happened)
    store.close()
    return replay


@pytest.fixture
def replay(home: Home) -> Replay:
    """What happened in the archive of ``home``."""
    return fill(home, HAPPENED)


@pytest.fixture
def filled(home: Home, replay: Replay) -> Home:
    """A home with that archive."""
    return home


def table(home: Home, kind: str, *arguments: str, name: str = "") -> Path:
    path = home.folder / (name or f"versions.{kind}")
    done = home.run("export", kind, "--versions", "-o", str(path), *arguments)
    assert (done.status, done.out) == (0, ""), done.err
    return path


def exported(home: Home, time: datetime, *arguments: str) -> list[dict[str, Any]]:
    """What an export as of a time has."""
    done = home.run("export", "jsonl", "--as-of", time.isoformat(), *arguments)
    assert done.status == 0, done.err
    rows = sorted(map(json.loads, done.out.splitlines()), key=lambda row: str(row["docid"]))
    return [{**{name: row[name] for name in COMPARED}, "gone": row["gone"]} for row in rows]


def observed(replay: Replay, time: datetime) -> list[dict[str, Any]]:
    """What was observed until then, of each article that was archived."""
    rows = sorted(replay.at(time).values(), key=lambda row: str(row["docid"]))
    return [row | {"gone": _iso(row["gone"])} for row in rows]


def in_duckdb(source: str, time: datetime) -> list[dict[str, Any]]:
    query = f"SELECT * FROM {source} WHERE {WHERE.format(time='$time')} ORDER BY docid"
    result = duckdb.sql(query, params={"time": time})
    names = result.columns
    return list(_compared(dict(zip(names, row, strict=True)) for row in result.fetchall()))


def _compared(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for row in rows:
        yield {**{name: row[name] for name in COMPARED}, "gone": _iso(row["gone_from"])}


def _iso(time: datetime | None) -> str | None:
    return time.astimezone(BEGAN.tzinfo).isoformat(timespec="milliseconds") if time else None


@pytest.mark.slow
def test_duckdb_answers_for_every_time_as_the_export_of_that_time_does(filled: Home, replay: Replay) -> None:
    path = table(filled, "parquet")
    answers = [in_duckdb(f"'{path}'", time) for time in TIMES]
    assert answers == [observed(replay, time) for time in TIMES]
    assert answers[8] == exported(filled, TIMES[8])
    assert len({json.dumps(each) for each in answers}) > 8, "something is different at nearly all times"


@pytest.mark.slow
def test_polars_does_too(filled: Home, replay: Replay) -> None:
    frame = polars.scan_parquet(table(filled, "parquet"))
    for time in TIMES:
        is_valid = (polars.col("valid_from") <= time) & (
            polars.col("valid_to").is_null() | (polars.col("valid_to") > time)
        )
        assert list(_compared(frame.filter(is_valid).sort("docid").collect().to_dicts())) == observed(replay, time)


@pytest.mark.slow
def test_json_lines_and_csv_have_the_same_rows(filled: Home) -> None:
    lines = [json.loads(line) for line in table(filled, "jsonl").read_text("utf-8").splitlines()]
    with table(filled, "csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    rows = duckdb.sql(f"SELECT * FROM '{table(filled, 'parquet')}'")
    for time in ("valid_from", "valid_to", "gone_from", "gone_to"):
        values = [str(row[time] or "") for row in lines]
        assert values == [row[time] for row in cells]
        assert values == [_iso(row[0]) or "" for row in rows.select(time).fetchall()]
    assert list(lines[0]) == list(cells[0]) == rows.columns[: len(lines[0])]
    assert [(row["docid"], row["revision"], row["gone_to"] is not None) for row in lines][:5] == [
        ("aaaa", 1, False), ("aaaa", 2, False), ("aaaa", 2, False), ("aaaa", 2, True), ("aaaa", 2, False)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_query_selects_the_periods_in_which_an_article_matched(filled: Home) -> None:
    path = table(filled, "parquet", "media:乙社 OR feed:stock")
    for time in TIMES[3:9:5]:
        assert in_duckdb(f"'{path}'", time) == exported(filled, time, "media:乙社 OR feed:stock")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("atom", "--versions"), "--versions is a table, which atom is not: use one of jsonl, csv, parquet"),
        (("jsonl", "--versions", "--as-of", "now"), "leave out --as-of"),
        (("jsonl", "--versions", "--limit", "2"), "leave out --limit"),
    ],
)
def test_what_does_not_go_with_it_is_refused(filled: Home, arguments: tuple[str, ...], message: str) -> None:
    assert_refused(filled.run("export", *arguments), 2, message)

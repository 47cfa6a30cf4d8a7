"""export --versions: the table of everything that was ever known, read by the tools that its users have."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars
import pytest

from archive.files.layout import index_path
from archive.store import Store
from cli.main import cli
from mocksite.server import MockSite
from tests.cli.test_main import assert_refused
from tests.conftest import Home
from tests.support import article_history
from tests.support.article_history import BEGAN, Replay
from tests.support.killed_syncs import is_killed

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
        (("jsonl", "--versions", "--as-of", "now"), "leave out --as-of, or --versions"),
        (("jsonl", "--versions", "--limit", "2"), "leave out --limit"),
    ],
)
def test_what_does_not_go_with_it_is_refused(filled: Home, arguments: tuple[str, ...], message: str) -> None:
    assert_refused(filled.run("export", *arguments), 2, message)


# As in docs/exports.md: the table of all nights.
VIEW = """(
    SELECT * FROM '{files}'
    QUALIFY row_number() OVER (PARTITION BY docid, valid_from ORDER BY sequence DESC) = 1
)"""


def nights(home: Home, kind: str = "parquet") -> str:
    return str(home.folder / f"night*.{kind}")


@pytest.mark.slow
def test_a_job_of_every_night_appends_and_the_table_stays_exact(home: Home) -> None:
    """Rows that end later, one night after the other, and then with a cursor that was printed."""
    replay = fill(home, [])
    cursor = ""
    for night, what in enumerate(HAPPENED):
        fill(home, [what], replay)
        file_of_night = ("--versions", "-o", f"night{night}.parquet")
        if night < 6:
            done = home.run("export", "parquet", *file_of_night, "--cursor-file", "cursor")
            cursor = json.loads((home.folder / "cursor").read_text())["cursor"]
        else:
            done = home.run("export", "parquet", *file_of_night, "--observed-since", cursor)
            cursor = done.err.removeprefix("cursor: ").strip()
        assert (done.status, done.out) == (0, ""), done.err
        for time in TIMES:
            assert in_duckdb(VIEW.format(files=nights(home)), time) == observed(replay, time)
    frame = polars.scan_parquet(nights(home)).sort("sequence").unique(["docid", "valid_from"], keep="last")
    assert frame.collect().height == polars.read_parquet(table(home, "parquet")).height
    assert duckdb.sql(f"SELECT DISTINCT sequence FROM '{nights(home)}'").fetchall()[3:], "several nights had rows"


def assert_complete(home: Home, happened: list[article_history.Event]) -> None:
    """All nights together have the rows that one export has: none is missing, and none is there twice."""
    lines = [json.loads(line) for path in home.folder.glob("night*") for line in path.read_text("utf-8").splitlines()]
    without_sequence = [json.dumps(line | {"sequence": 0}, sort_keys=True) for line in lines]
    assert len(set(without_sequence)) == len(lines)
    newest = {
        (line["docid"], line["valid_from"]): line for line in sorted(lines, key=lambda line: int(line["sequence"]))
    }
    whole = [json.loads(line) for line in table(home, "jsonl").read_text("utf-8").splitlines()]
    assert {key: line | {"sequence": 0} for key, line in newest.items()} == {
        (line["docid"], line["valid_from"]): line | {"sequence": 0} for line in whole
    }


def run_here(home: Home, *arguments: str) -> None:
    """Run ``finarchive`` in this process, to its end."""
    os.chdir(home.folder)
    cli.main(["--root", str(home.root), "-q", *arguments], standalone_mode=False)


@pytest.mark.parametrize("nth", [3, 4, *(pytest.param(nth, marks=pytest.mark.slow) for nth in (1, 2, 5, 6))])
def test_killed_before_any_sync_a_night_has_its_rows_once(home: Home, nth: int) -> None:
    replay = fill(home, HAPPENED[:4])
    job = ("export", "jsonl", "--versions", "--cursor-file", "cursor", "-o")
    assert home.run(*job, "night0.jsonl").status == 0
    fill(home, HAPPENED[4:7], replay)
    assert is_killed(lambda: run_here(home, *job, "night1.jsonl"), nth)
    if nth % 2:  # the job is run again on the same day, or on the next, when there is more
        again = home.run(*job, "night1.jsonl")
        assert again.status == 0, again.err
    fill(home, HAPPENED[7:], replay)
    assert home.run(*job, "night2.jsonl").status == 0
    assert_complete(home, HAPPENED)


@pytest.mark.slow
def test_killed_at_random_moments_no_row_is_missing_or_there_twice(home: Home) -> None:
    replay, dice, kills = fill(home, []), random.Random(7), 0
    for night, what in enumerate(HAPPENED * 4):
        fill(home, [what], replay)
        command = home.command(
            "export", "jsonl", "--versions", "--cursor-file", "cursor", "-o", f"night{night}.jsonl"
        )
        process = subprocess.Popen(command, cwd=home.folder, env=home.env, stderr=subprocess.DEVNULL)
        try:
            process.wait(dice.uniform(0.15, 0.6))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    assert kills > 3
    assert home.run("export", "jsonl", "--versions", "--cursor-file", "cursor", "-o", "nightlast.jsonl").status == 0
    assert_complete(home, HAPPENED * 4)


def test_an_output_that_has_other_rows_is_not_replaced(filled: Home) -> None:
    job = ("export", "jsonl", "--versions", "--cursor-file", "cursor", "-o", "night.jsonl")
    assert filled.run(*job).status == 0
    before = (filled.folder / "night.jsonl").read_bytes()
    assert_refused(filled.run(*job), 2, "night.jsonl exists, and has rows that this export does not have")
    assert (filled.folder / "night.jsonl").read_bytes() == before


def test_a_cursor_file_is_of_one_query(filled: Home) -> None:
    job = ("export", "csv", "--versions", "--cursor-file", "cursor")
    done = filled.run(*job, "茅台")
    assert (done.status, done.err) == (0, "")
    assert_refused(filled.run(*job, "降准"), 2, "cursor is of the query '茅台', and this one is '降准'")
    assert filled.run(*job, "茅台").out.count("\n") == 1, "the header"
    (filled.folder / "cursor").write_text("{}")
    assert_refused(filled.run(*job, "茅台"), 2, "cursor is no readable cursor file")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--observed-since", "yesterday"), "'yesterday' is no cursor"),
        (("--observed-since", "1-900-1-1-0-0123456789ab"), "this cursor is not of this index"),
        (("--observed-since", "x", "--cursor-file", "x"), "leave out one of them"),
        (("--cursor-file", "x", "-o", "x"), "x cannot be the output and the cursor file"),
        (("--cursor-file", "news/x"), "news/x lies in the archive"),
        (("--cursor-file", "no/such/x", "-o", "out"), "no/such/x cannot be written"),
    ],
)
def test_a_cursor_that_cannot_be_used_is_refused(filled: Home, arguments: tuple[str, ...], message: str) -> None:
    assert_refused(filled.run("export", "jsonl", "--versions", *arguments), 2, message)
    assert not (filled.folder / "out").exists()


def test_a_cursor_needs_the_table_of_versions(filled: Home) -> None:
    assert_refused(filled.run("export", "jsonl", "--cursor-file", "x"), 2, "need --versions")


@pytest.mark.slow
def test_a_cursor_outlives_a_rebuild(home: Home, mocksite: MockSite) -> None:
    home.configure(mocksite.endpoint, mocksite.endpoint)
    assert home.run("crawl").status == 0
    mocksite.site.edit(mocksite.site.stories[0].docid, mocksite.clock, title="第二版", body="<p>第二版</p>")
    assert home.run("crawl").status == 0
    cursor = home.run("export", "csv", "--versions").err
    assert home.run("rebuild").status == 0
    again = home.run("export", "csv", "--versions", "--observed-since", cursor.removeprefix("cursor: "))
    assert (again.status, again.err, again.out.count("\n")) == (0, cursor, 1)

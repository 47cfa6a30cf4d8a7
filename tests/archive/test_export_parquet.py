"""Parquet, read back by pyarrow."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version

import pyarrow
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from archive.export.formats import Table
from archive.export.parquet import to_parquet
from archive.model.results import Record
from archive.records import as_dict
from tests.archive.test_export_formats import COLUMNS, NOW, RECORD
from tests.cli.test_main import assert_refused
from tests.conftest import Home

DATES = [
    "trade_date_shanghai", "trade_date_hong_kong",
    "first_seen_trade_date_shanghai", "first_seen_trade_date_hong_kong",
]  # fmt: skip
SESSIONS = ["published_shanghai", "published_hong_kong", "first_seen_shanghai", "first_seen_hong_kong"]


def written(*records: Record) -> pyarrow.parquet.ParquetFile:
    return pyarrow.parquet.ParquetFile(io.BytesIO(b"".join(to_parquet(Table(records)))))


def test_a_table_has_typed_columns() -> None:
    schema = written(RECORD).schema_arrow
    assert schema.names == [*COLUMNS, "tickers", *SESSIONS, *DATES]
    types = {name: str(schema.field(name).type) for name in schema.names}
    for name in ("published", "first_seen", "observed", "updated", "gone"):
        assert types.pop(name) == "timestamp[ms, tz=UTC]"
    for name in (
        "feeds",
        "keywords",
        "symbols",
        "settled_feeds",
        "provisional_feeds",
        "authors",
        "enclosures",
        "tickers",
        "images",
    ):
        assert types.pop(name) == "list<element: string>"
    assert types.pop("revision") == "int32"
    assert {types.pop(name) for name in DATES} == {"date32[day]"}
    assert set(types.values()) == {"string"}


def test_a_table_contains_every_value_unchanged() -> None:
    bare = replace(RECORD, text=None, media=None, gone=None, first_seen=None, keywords=(), symbols=())
    rows = written(RECORD, bare).read().to_pylist()
    for row, record in zip(rows, (RECORD, bare), strict=True):
        row_values = {name: row[name] for name in COLUMNS}
        assert row_values == {k: list(v) if isinstance(v, tuple) else v for k, v in as_dict(record).items()}


def test_the_part_of_the_day_is_reported_for_both_times_and_exchanges() -> None:
    late = replace(RECORD, published=NOW + timedelta(hours=2, minutes=15), first_seen=NOW + timedelta(hours=6))
    unseen = replace(RECORD, published=NOW.replace(year=1998), first_seen=None)
    rows = written(RECORD, late, unseen).read().to_pylist()
    assert [[row[name] for name in SESSIONS] for row in rows] == [
        ["morning", "morning", "morning", "morning"],  # at half past nine
        ["noon", "morning", "after close", "afternoon"],  # at a quarter to twelve, and at half past three
        [None, None, None, None],
    ]


def test_the_next_session_and_the_tickers_are_columns() -> None:
    after_close = NOW + timedelta(hours=5, minutes=45)  # 15:15 on the day before China's holidays
    record = replace(RECORD, first_seen=after_close, symbols=("sh600519", "hk00700", "AAPL"))
    (row, unseen) = written(record, replace(record, first_seen=None)).read().to_pylist()
    assert row["tickers"] == ["600519.SH", "00700.HK", "AAPL"]
    assert [row[name].isoformat() for name in DATES] == ["2026-09-30", "2026-09-30", "2026-10-08", "2026-09-30"]
    assert unseen["first_seen_trade_date_shanghai"] is None


def test_at_most_one_row_group_is_in_memory() -> None:
    read = 0

    def records() -> Iterator[Record]:
        nonlocal read
        for read in range(1, 5001):  # noqa: B007 - the loop variable is read below
            yield RECORD

    parts = to_parquet(Table(records()))
    reads = [read for part in parts if part]
    assert reads == [2000, 4000, 5000, 5000], "two full row groups, the last one, the footer"


def test_long_texts_make_short_row_groups() -> None:
    long = replace(RECORD, text="茅" * 1_500_000)
    file = written(*[long] * 7)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 1]


def test_an_empty_table_has_its_columns() -> None:
    table = written().read()
    assert (table.num_rows, table.column_names) == (0, [*COLUMNS, "tickers", *SESSIONS, *DATES])


def test_the_same_articles_give_the_same_bytes() -> None:
    assert b"".join(to_parquet(Table([RECORD] * 3))) == b"".join(to_parquet(Table([RECORD] * 3)))


@pytest.mark.parametrize("missing", ["pyarrow", "exchange_calendars"])
def test_without_the_extra_it_is_said_how_to_have_it(home: Home, missing: str) -> None:
    """In a process that finds no such library."""
    code = f"import sys; sys.modules[{missing!r}] = None; from cli.main import main; main()"
    home.command = lambda *arguments: [sys.executable, "-c", code, *arguments]  # type: ignore[method-assign]
    home.begin()
    outcome = home.run("export", "parquet", "-o", "out.parquet")
    assert_refused(outcome, 2, "pip install 'finarchive[parquet]'", missing)
    assert list(home.folder.iterdir()) == [home.root]
    assert home.run("export", "csv").status == 0


def test_metadata_says_where_a_table_comes_from(home: Home) -> None:
    home.begin()

    def metadata(*arguments: str) -> dict[str, str]:
        done = home.run("export", "parquet", "-q", "-o", "out.parquet", *arguments)
        assert done.status == 0, done.err
        found = pyarrow.parquet.read_schema(home.folder / "out.parquet").metadata
        return {key.decode(): value.decode() for key, value in found.items() if key.startswith(b"finarchive.")}

    plain = metadata("茅台", "--feed", "china", "--as-of", "2026-09-30T09:30+08:00")
    assert plain["finarchive.query"] == "茅台 feed:china"
    assert plain["finarchive.as_of"] == "2026-09-30T01:30:00.000+00:00"
    assert plain["finarchive.cursor"].startswith("1-0-0-0-0-")
    assert plain["finarchive.version"] == version("finarchive")
    assert metadata("--versions") == plain | {"finarchive.query": "", "finarchive.as_of": ""}, "nothing was observed"


def test_the_command_writes_a_table(home: Home) -> None:
    home.begin()
    done = home.run("export", "parquet", "-o", "out.parquet")
    assert (done.status, done.out) == (0, "")
    assert pyarrow.parquet.read_table(home.folder / "out.parquet").num_rows == 0
    piped = subprocess.run(
        home.command("export", "parquet"), cwd=home.folder, env=home.env, capture_output=True, check=True
    )
    assert piped.stdout == (home.folder / "out.parquet").read_bytes()

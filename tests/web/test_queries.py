"""SQL that readers write: it runs in processes that are killed, and other sites cannot start it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasette.app import Datasette
from datasette.database import QueryInterrupted

from archive.model.errors import ArchiveError
from archive.store import Store
from tests.support.search_data import Story, put
from web.database import Index
from web.queries.pool import GRACE_SECONDS, PROCESSES, QueryPool
from web.queries.process import UserQuery

# One step of SQLite's machine, which takes minutes: no time limit interrupts it.
ONE_STEP = "SELECT instr(zeroblob(8000000), zeroblob(4000000) || x'01')"
MANY_STEPS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
LARGE = "SELECT printf('%.*c', 15000000, 'x') FROM texts, (SELECT 1 UNION SELECT 2)"
SORTED = (
    "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100) "
    "SELECT hex(randomblob(4000000)) AS h FROM n ORDER BY h"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index with two articles."""
    found = tmp_path / "index ?.db"
    store = Store.open(found)
    put(store, [Story("a", "题", "文"), Story("b", "目", "章")])
    store.close()
    return found


@pytest.fixture
def index(path: Path) -> Iterator[Index]:
    """The index with a short time limit."""
    datasette = Datasette([], settings={"num_sql_threads": 1, "sql_time_limit_ms": 300})
    opened = Index(datasette, path)
    datasette.add_database(opened, name="index")
    yield opened
    opened.close()


def children() -> list[int]:
    """Processes that run queries for this one."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [
        process
        for process in found
        if _command(process)[1:4] == ["-P", "-m", "web.queries"] and _parent(process) == os.getpid()
    ]


def _command(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8").split("\0")
    except OSError:
        return []


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def test_rows_have_values_by_place_and_by_column(index: Index) -> None:
    results = asyncio.run(index.execute("SELECT docid, :x AS x, 1 AS x FROM texts ORDER BY docid", {"x": "值"}))

    assert [tuple(row) for row in results.rows] == [("a", "值", 1), ("b", "值", 1)]
    assert results.columns == ["docid", "x", "x"]
    first = results.first()
    assert (first["docid"], first["x"], first[2], list(first), len(first)) == ("a", "值", 1, ["a", "值", 1], 3)
    assert dict(first) == {"docid": "a", "x": "值"}
    with pytest.raises(IndexError, match="No item with that key"):
        first["y"]


def test_a_page_of_rows_says_whether_there_are_more(index: Index) -> None:
    numbers = "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT :most) SELECT x FROM n"

    for most, truncated in ((1000, False), (1001, True), (5000, True)):
        results = asyncio.run(index.execute(numbers, {"most": most}, truncate=True))
        assert (len(results.rows), results.truncated) == (1000, truncated)
    assert len(asyncio.run(index.execute(numbers, {"most": 5000})).rows) == 5000


@pytest.mark.parametrize("sql", [ONE_STEP, MANY_STEPS])
def test_a_query_that_does_not_end_is_stopped_and_the_next_one_is_answered(index: Index, sql: str) -> None:
    asyncio.run(index.execute("SELECT 1"))
    began = time.monotonic()

    with pytest.raises(QueryInterrupted):
        asyncio.run(index.execute(sql))

    assert time.monotonic() - began < 0.3 + GRACE_SECONDS + 5
    assert asyncio.run(index.execute("SELECT count(*) FROM texts")).single_value() == 2


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (LARGE, "the answer has more than 8 MiB: select less"),
        (SORTED, "the query takes more than 256 MiB of memory"),
        ("SELECT zeroblob(1 << 30)", "string or blob too big"),
        ("SELECT * FROM elsewhere", "no such table: elsewhere"),
        ("SELECT", "incomplete input"),
        ("DELETE FROM texts", "readonly|read-only|not authorized"),
        ("ATTACH '/tmp/x.db' AS x", "not authorized"),
        ("SELECT load_extension('x')", "not authorized"),
        ("PRAGMA temp_store = 1", "not authorized"),
        ("SELECT :x", "binding"),
    ],
)
def test_a_query_that_cannot_be_answered_is_an_error(path: Path, sql: str, message: str) -> None:
    datasette = Datasette([])
    index = Index(datasette, path)
    datasette.add_database(index, name="index")
    try:
        with pytest.raises(sqlite3.Error, match=message):
            asyncio.run(index.execute(sql))
        assert asyncio.run(index.execute("SELECT 1")).single_value() == 1
    finally:
        index.close()


def test_pages_are_read_while_all_processes_are_busy(index: Index) -> None:
    async def read_beside() -> list[float]:
        slow = [asyncio.ensure_future(index.execute(ONE_STEP)) for _ in range(PROCESSES * 3)]
        durations = []
        for _ in range(20):
            began = time.monotonic()
            assert await index.read(lambda store: store.entries.counts().archived) == 2
            durations.append(time.monotonic() - began)
        index.close()
        assert all(isinstance(each, Exception) for each in await asyncio.gather(*slow, return_exceptions=True))
        return durations

    assert max(asyncio.run(read_beside())) < 1


def test_closing_ends_the_processes_also_those_that_run_a_query(path: Path) -> None:
    pool = QueryPool([path])
    pool.run(UserQuery("SELECT 1", (), 100, None))
    assert len(children()) == 1
    errors: list[BaseException] = []

    def run() -> None:
        try:
            pool.run(UserQuery(ONE_STEP, (), 60_000, None))
        except TimeoutError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    pool.close()
    thread.join(10)

    assert len(errors) == 1
    assert children() == []
    with pytest.raises(TimeoutError):
        pool.run(UserQuery("SELECT 1", (), 100, None))


def test_a_process_that_dies_costs_its_query_only(index: Index) -> None:
    asyncio.run(index.execute("SELECT 1"))
    for child in children():
        os.kill(child, signal.SIGKILL)

    with pytest.raises(QueryInterrupted):
        asyncio.run(index.execute("SELECT 1"))
    assert asyncio.run(index.execute("SELECT 1")).single_value() == 1


def test_an_index_that_replaces_another_is_read(index: Index, path: Path) -> None:
    assert asyncio.run(index.execute("SELECT count(*) FROM texts")).single_value() == 2
    other = path.with_name("other.db")
    store = Store.open(other)
    put(store, [Story("c", "新", "文")])
    store.close()
    other.replace(path)

    assert asyncio.run(index.execute("SELECT docid FROM texts")).single_value() == "c"
    path.unlink()
    with pytest.raises(ArchiveError, match="cannot be read"):
        asyncio.run(index.execute("SELECT 1"))

"""What a query process does: it runs a reader's own SQL, which comes in over a socket. See D240.

A single step of SQLite's machine can take minutes, during which no time limit fires and no thread can be ended; and a
query can create gigabytes. So SQL that a user writes runs in this process, which its parent kills.
"""

from __future__ import annotations

import resource
import signal
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from datasette.utils import escape_fts, sqlite_timelimit
from msgspec import Struct, field

from archive.model.errors import ArchiveError
from web.queries.connection import IndexConnection

# A page of the largest table takes some 10 MB. SQLite sorts in memory here, not in files that could fill the disk.
MEMORY_BYTES = 256 << 20
# CPU time after that of a query, until the kernel kills this process, also without a parent.
_GRACE_SECONDS = 1.0
# Of the values of an answer. A thousand articles with their texts have 6 MB.
MAX_ANSWER_BYTES = 8 << 20
_CELL_BYTES = 64  # what a value takes at least


class UserQuery(Struct, frozen=True):
    """SQL, as Datasette runs it."""

    sql: str
    params: Mapping[str, Any] | Sequence[Any]
    milliseconds: int  # after which SQLite is interrupted
    max_rows: int | None  # None: all
    index: int = 0  # the place of the index among those of the process


class QueryAnswer(Struct):
    """The result of a query, or its error."""

    columns: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    is_truncated: bool = False  # there are more than the maximum number of rows
    error: Exception | None = None


def main(descriptor: int, paths: Sequence[Path]) -> None:
    """Run queries on the indexes at ``paths`` until the other end of the socket is closed."""
    _limit()
    indexes = [IndexConnection(path, _prepare) for path in paths]
    connection: Connection[QueryAnswer, UserQuery] = Connection(descriptor)
    try:
        while True:
            query = connection.recv()
            connection.send(_answer(indexes[query.index], query))
    except (EOFError, ConnectionError):  # the parent has ended
        pass


def _limit() -> None:
    """Limit the memory of this process, and let only its parent end it."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _prepare(connection: sqlite3.Connection) -> None:
    """What Datasette does with its own connections."""
    connection.row_factory = None
    connection.text_factory = lambda value: str(value, "utf-8", "replace")
    connection.create_function("escape_fts", 1, escape_fts)
    connection.execute("PRAGMA temp_store = MEMORY")


def _answer(index: IndexConnection, query: UserQuery) -> QueryAnswer:
    try:
        _, connection = index.open()
        with sqlite_timelimit(connection, query.milliseconds), _clock(query.milliseconds / 1000 + _GRACE_SECONDS):
            return _fetch(connection.execute(query.sql, query.params), query.max_rows)
    except MemoryError:
        message = f"the query takes more than {MEMORY_BYTES >> 20} MiB of memory"
        return QueryAnswer(error=sqlite3.OperationalError(message))
    except (sqlite3.Error, sqlite3.Warning, ArchiveError, ValueError, OverflowError) as error:
        return QueryAnswer(error=error)


@contextmanager
def _clock(cpu_seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)  # SIGPROF ends a process that does not handle it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _fetch(cursor: sqlite3.Cursor, max_rows: int | None) -> QueryAnswer:
    """Return the rows of a cursor.

    :raises OperationalError: they have more bytes than an answer may have
    """
    answer, size = QueryAnswer(tuple(column[0] for column in cursor.description or ())), 0
    for row in cursor:
        if max_rows is not None and len(answer.rows) >= max_rows:
            answer.is_truncated = True
            break
        size += sum(_CELL_BYTES + (len(value) if isinstance(value, str | bytes) else 0) for value in row)
        if size > MAX_ANSWER_BYTES:
            raise sqlite3.OperationalError(f"the answer has more than {MAX_ANSWER_BYTES >> 20} MiB: select less")
        answer.rows.append(row)
    return answer

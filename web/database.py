"""Read-only access to the index, shared by Datasette's pages and the archive's own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted, Results
from datasette.utils import sqlite_timelimit

from archive.model.errors import ArchiveError
from archive.store import Store
from archive.union.store import AnyStore
from web.queries.connection import IndexConnection
from web.queries.pool import PROCESSES, QueryPool
from web.queries.process import UserQuery
from web.queries.union import UnionConnection

T = TypeVar("T")

# Limit for the queries of one of the archive's pages. The slowest page takes a tenth of it with a million articles. A
# query made to be slow must not make others wait, because only a few threads read.
READ_TIMEOUT_MILLISECONDS = 2_000


class Index(Database):  # type: ignore[misc] # Datasette has no types
    """The index at ``path``, opened in each reading thread in the same way as by the other readers.

    Datasette's own way of opening fails for a path that contains ``?``, an index on a read-only disk, and an index of
    an older version. SQL that users write runs in other processes: :mod:`web.queries.process`.

    Private API of Datasette 0.65: the methods ``execute``, ``execute_fn`` and ``attached_databases``, through which
    it reads, ``Datasette.executor``, its threads, ``Datasette._prepare_connection``, which adds its SQL functions,
    and the classes ``QueryInterrupted`` and ``Results``.

    :param queries: the processes for SQL that users write; None: those of this index alone
    :param place: of this index among those of ``queries``
    """

    def __init__(self, datasette: Datasette, path: Path, queries: QueryPool | None = None, place: int = 0) -> None:
        super().__init__(datasette, path=str(path), is_mutable=True)
        self._file = path
        self._thread = threading.local()
        self._queries = queries or QueryPool([path])
        self._place = place
        # Threads that wait for a query's process. More wait for these than there are processes, and get a time-out.
        self._waiting = ThreadPoolExecutor(PROCESSES * 4, "query")

    async def read(self, query: Callable[[Store], T]) -> T:
        """Run ``query`` with the store in a thread of Datasette.

        :raises ArchiveError: the index cannot be read
        :raises TimeoutError: it took longer than READ_TIMEOUT_MILLISECONDS
        """

        def run() -> T:
            store, connection = self._open()
            return _limited(query, store, [connection])

        # A copy of the context: it has the language of the request.
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, copy_context().run, run)

    async def execute(  # noqa: PLR0917 - the signature is Datasette's
        self,
        sql: str,
        params: Any = None,
        truncate: bool = False,
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = True,
    ) -> Results:
        """Run SQL that a user may have written, in a process of its own. The arguments are Datasette's.

        :raises QueryInterrupted: it took too long
        :raises sqlite3.Error: it is not valid, or its answer is too large
        """
        milliseconds = min(self.ds.sql_time_limit_ms, custom_time_limit or self.ds.sql_time_limit_ms)
        # Datasette finds out whether there is a next page with one more row than the page has.
        most = self.ds.max_returned_rows + (self.ds.max_returned_rows == (page_size or self.ds.page_size))
        # MagicParameters of Datasette are a dict that cannot be sent.
        values = dict(params) if isinstance(params, dict) else params or {}
        query = UserQuery(sql, values, milliseconds, most if truncate else None, self._place)
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._waiting, self._queries.run, query)
        except TimeoutError as error:
            raise QueryInterrupted(sqlite3.OperationalError("interrupted"), sql, params) from error
        if answer.error is not None:
            if answer.error.args == ("interrupted",):
                raise QueryInterrupted(answer.error, sql, params)
            raise answer.error
        names = {name: place for place, name in reversed(list(enumerate(answer.columns)))}
        rows = [QueryRow(values, names) for values in answer.rows]
        return Results(rows, answer.is_truncated, [(name, *[None] * 6) for name in answer.columns])

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run a function with a connection in a thread; Datasette reads what describes tables through this method."""
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, lambda: fn(self._open()[1]))

    async def attached_databases(self) -> list[Any]:
        """Return no databases: the index has no attached ones."""
        return []

    def close(self) -> None:
        """Kill the processes of queries."""
        self._queries.close()
        self._waiting.shutdown(wait=False, cancel_futures=True)

    def _open(self) -> tuple[Store, sqlite3.Connection]:
        if not hasattr(self._thread, "index"):
            prepare = self.ds._prepare_connection
            self._thread.index = IndexConnection(self._file, lambda connection: prepare(connection, self.name))
        opened: tuple[Store, sqlite3.Connection] = self._thread.index.open()
        return opened


class UnionReader:
    """Several archives for the pages of the site, as one; those that cannot be read are left out.

    :param indexes: by the name of the archive
    """

    def __init__(self, datasette: Datasette, indexes: Mapping[str, Path]) -> None:
        self._datasette = datasette
        self._indexes = indexes
        self._thread = threading.local()

    async def read(self, query: Callable[[AnyStore], T]) -> T:
        """Run ``query`` with the archives in a thread of Datasette; again without those that fail.

        :raises ArchiveError: no archive can be read
        :raises TimeoutError: it took longer than READ_TIMEOUT_MILLISECONDS
        """
        run = copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._datasette.executor, run, self._run, query)

    def _run(self, query: Callable[[AnyStore], T]) -> T:
        if not hasattr(self._thread, "archives"):
            prepare = self._datasette._prepare_connection
            self._thread.archives = UnionConnection(self._indexes, lambda each: prepare(each, "index"))
        archives: UnionConnection = self._thread.archives
        try:
            return _limited(query, *archives.open())
        except (ArchiveError, sqlite3.DatabaseError):
            if not archives.exclude_failing(partial(_limited, query)):
                raise
            return _limited(query, *archives.open())


def _limited(query: Callable[[Any], T], store: AnyStore, connections: Sequence[sqlite3.Connection]) -> T:
    """Run ``query`` with a store, within the time that all its statements together may take.

    :raises TimeoutError: it took longer
    """
    try:
        with ExitStack() as stack:
            for connection in connections:
                stack.enter_context(sqlite_timelimit(connection, READ_TIMEOUT_MILLISECONDS))
            return query(store)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise TimeoutError from error
        raise


class QueryRow(tuple[Any, ...]):
    """A row, like :class:`sqlite3.Row`: values by place and by column, the first of a name."""

    _places: dict[str, int]

    def __new__(cls, values: Sequence[Any], places: dict[str, int]) -> QueryRow:
        """Create a row of these values; ``places`` has the place of each column's name."""
        row = super().__new__(cls, values)
        row._places = places
        return row

    def __getitem__(self, key: Any) -> Any:
        """Return a value by its place, a slice, or its column."""
        if isinstance(key, str):
            try:
                key = self._places[key]
            except KeyError:
                raise IndexError("No item with that key") from None  # as sqlite3.Row does
        return super().__getitem__(key)

    def keys(self) -> list[str]:
        """The columns, so that ``dict(row)`` works."""
        return list(self._places)

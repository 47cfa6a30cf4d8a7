"""Read-only access to the index, shared by Datasette's pages and the archive's own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from datasette.app import Datasette
from datasette.database import Database
from datasette.utils import sqlite_timelimit

from archive.index.connection import open_index_for_reading
from archive.model.errors import ArchiveError
from archive.store import Store

T = TypeVar("T")

# Limit for the queries of one of the archive's pages. The slowest page takes a tenth of it with a million articles. A
# query made to be slow must not make others wait, because only a few threads read.
READ_TIMEOUT_MILLISECONDS = 2_000
# Limit for a value that a query creates: longer than any archived text, and too short to fill the memory.
_MAX_VALUE_BYTES = 16 << 20

# Queries may read the index, which is opened read-only, but not access other files or see where files are. The
# allowed PRAGMAs describe tables; SQLite's full-text index needs one of them.
_ALLOWED_PRAGMAS = {
    "data_version", "foreign_key_list", "index_info", "index_list", "index_xinfo", "schema_version", "table_info",
    "table_xinfo",
}  # fmt: skip


class Index(Database):  # type: ignore[misc] # Datasette has no types
    """The index at ``path``, opened in each reading thread in the same way as by the other readers.

    Datasette's own way of opening fails for a path that contains ``?``, an index on a read-only disk, and an index of
    an older version. An index that replaces another, as after ``rebuild``, is opened again.

    Private API of Datasette 0.65: the methods ``execute_fn`` and ``attached_databases``, through which it reads,
    ``Datasette.executor``, its threads, and ``Datasette._prepare_connection``, which adds its SQL functions.
    """

    def __init__(self, datasette: Datasette, path: Path) -> None:
        super().__init__(datasette, path=str(path), is_mutable=True)
        self._file = path
        self._thread = threading.local()

    async def read(self, query: Callable[[Store], T]) -> T:
        """Run ``query`` with the store in a thread of Datasette.

        :raises ArchiveError: the index cannot be read
        :raises TimeoutError: it took longer than READ_TIMEOUT_MILLISECONDS
        """

        def run() -> T:
            store, connection = self._open()
            try:
                with sqlite_timelimit(connection, READ_TIMEOUT_MILLISECONDS):
                    return query(store)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TimeoutError from error
                raise

        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, run)

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run a function with a connection in a thread; Datasette reads through this method."""
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, lambda: fn(self._open()[1]))

    async def attached_databases(self) -> list[Any]:
        """Return no databases: the index has no attached ones."""
        return []

    def _open(self) -> tuple[Store, sqlite3.Connection]:
        try:
            status = self._file.stat()
        except OSError as error:
            raise ArchiveError(f"the index {self._file} cannot be read: {error.strerror}") from error
        identity = (status.st_dev, status.st_ino)
        if getattr(self._thread, "identity", None) != identity:
            database = open_index_for_reading(self._file)
            self.ds._prepare_connection(database.conn, self.name)
            database.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
            database.conn.set_authorizer(_authorize)
            self._thread.store = Store(database, self._file)
            self._thread.connection = database.conn
            self._thread.identity = identity
        return self._thread.store, self._thread.connection


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    match action:
        case sqlite3.SQLITE_PRAGMA:
            refused = first not in _ALLOWED_PRAGMAS or (second is not None and first.endswith("_version"))
        case sqlite3.SQLITE_FUNCTION:
            refused = second == "load_extension"
        case _:
            refused = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

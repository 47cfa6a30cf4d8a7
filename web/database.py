"""The index as Datasette reads it, and as our own pages do: by the same connections, which never write."""

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

# Milliseconds that one of our pages may ask the index for. The slowest takes a tenth of it with a million articles; a
# query made to be slow must not keep others waiting, for only a few threads read.
PATIENCE = 2_000
# Bytes of a value that a query may make: longer than any archived text, and no way to fill the memory.
_LONGEST = 16 << 20


# What is asked may read the index, which is opened for reading only, and not look beyond it: other files, or where
# files lie. These PRAGMAs tell of tables; SQLite's index of words asks for one.
_PRAGMAS = {
    "data_version", "foreign_key_list", "index_info", "index_list", "index_xinfo", "schema_version", "table_info",
    "table_xinfo",
}  # fmt: skip


class Index(Database):  # type: ignore[misc] # Datasette has no types
    """The index at ``path``, opened in each thread that reads it as all our readers open it.

    A path with a ``?`` in it, an index on a disk that takes no writes, one of an older program: Datasette's own way
    knows none of them. One that was put in the place of another, as ``rebuild`` does, is opened anew.

    Private API of Datasette 0.65: the methods ``execute_fn`` and ``attached_databases``, through which it reads,
    ``Datasette.executor``, its threads, and ``Datasette._prepare_connection``, which adds its SQL functions.
    """

    def __init__(self, datasette: Datasette, path: Path) -> None:
        super().__init__(datasette, path=str(path), is_mutable=True)
        self._file, self._here = path, threading.local()

    async def read(self, question: Callable[[Store], T]) -> T:
        """Ask the store something, in a thread.

        :raises ArchiveError: the index cannot be read
        :raises TimeoutError: it took too long
        """

        def ask() -> T:
            store, connection = self._opened()
            try:
                with sqlite_timelimit(connection, PATIENCE):
                    return question(store)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TimeoutError from error
                raise

        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, ask)

    async def execute_fn(self, fn: Callable[[sqlite3.Connection], Any]) -> Any:
        """Datasette's way of asking."""
        return await asyncio.get_running_loop().run_in_executor(self.ds.executor, lambda: fn(self._opened()[1]))

    async def attached_databases(self) -> list[Any]:
        """None: the index is all there is."""
        return []

    def _opened(self) -> tuple[Store, sqlite3.Connection]:
        try:
            status = self._file.stat()
        except OSError as error:
            raise ArchiveError(f"the index {self._file} cannot be read: {error.strerror}") from error
        which = (status.st_dev, status.st_ino)
        if getattr(self._here, "which", None) != which:
            database = open_index_for_reading(self._file)
            self.ds._prepare_connection(database.conn, self.name)
            database.conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            database.conn.set_authorizer(_authorized)
            self._here.store, self._here.connection = Store(database, self._file), database.conn
            self._here.which = which
        return self._here.store, self._here.connection


def _authorized(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    match action:
        case sqlite3.SQLITE_PRAGMA:
            refused = first not in _PRAGMAS or (second is not None and first.endswith("_version"))
        case sqlite3.SQLITE_FUNCTION:
            refused = second == "load_extension"
        case _:
            refused = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

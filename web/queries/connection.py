"""Connections to the index for the reader: read-only, limited, and opened again when another index replaces it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from archive.index.connection import open_index_for_reading
from archive.model.errors import ArchiveError
from archive.store import Store

# Limit for a value that a query creates: longer than any archived text, and too short to fill the memory.
_MAX_VALUE_BYTES = 16 << 20

# Queries may read the index, which is opened read-only, but not access other files or see where files are. The
# allowed PRAGMAs describe tables; SQLite's full-text index needs one of them.
_ALLOWED_PRAGMAS = {
    "data_version", "foreign_key_list", "index_info", "index_list", "index_xinfo", "schema_version", "table_info",
    "table_xinfo",
}  # fmt: skip


class IndexConnection:
    """The index at a path, for one thread.

    :param prepare: what else to do with a new connection
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._prepare = prepare
        self._identity: tuple[int, int] | None = None

    def open(self) -> tuple[Store, sqlite3.Connection]:
        """Return the store and its connection; new ones if another index has replaced it, as after ``rebuild``.

        :raises ArchiveError: the index cannot be read
        """
        try:
            status = self._path.stat()
        except OSError as error:
            raise ArchiveError(f"the index {self._path} cannot be read: {error.strerror}") from error
        identity = (status.st_dev, status.st_ino)
        if self._identity != identity:
            database = open_index_for_reading(self._path)
            self._prepare(database.conn)
            restrict(database.conn)
            self._opened = Store(database, self._path), database.conn
            self._identity = identity
        return self._opened


def restrict(connection: sqlite3.Connection) -> None:
    """Limit what statements on a connection may do."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    match action:
        case sqlite3.SQLITE_PRAGMA:
            refused = first not in _ALLOWED_PRAGMAS or (second is not None and first.endswith("_version"))
        case sqlite3.SQLITE_FUNCTION:
            refused = second == "load_extension"
        case _:
            refused = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

"""Base class of the attributes of a Store: the database, reads and transactions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.statements import Row


class IndexPart:
    """An attribute of a :class:`~archive.store.Store`. Its errors are ArchiveErrors that name the index.

    :param path: of the index, for error messages
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._db = database
        self._path = path

    def _rows(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, parameters).fetchall()

    def _each_row(self, query: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Iterator[Row]:
        """Yield the rows of a query, one at a time."""
        with wrap_sqlite_errors(self._path):
            yield from self._db.execute(query, parameters)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit the writes of the block together; nested in the current transaction, if there is one."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            yield

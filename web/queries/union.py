"""Several archives for the pages of one thread: those that can be read, and why the others cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic

from archive.index.database import Database
from archive.model.errors import ArchiveError
from archive.union.store import UnionStore
from web.queries.connection import restrict

# How often an archive that could not be read is tried again: opening takes some milliseconds.
RETRY_SECONDS = 10.0


class UnionConnection:
    """The archives at some indexes, for one thread.

    :param indexes: by the name of the archive
    :param prepare: what else to do with a new connection
    """

    def __init__(self, indexes: Mapping[str, Path], prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._indexes = dict(indexes)
        self._prepare = prepare
        self._identities: dict[str, tuple[int, int] | None] = {}
        self._excluded: dict[str, str] = {}  # archives that failed in a page, and how
        self._retry_at = 0.0
        self._store: UnionStore | None = None
        self._connections: list[sqlite3.Connection] = []

    def open(self) -> tuple[UnionStore, list[sqlite3.Connection]]:
        """Return the archives that can be read, and their connections; new ones if an index has been replaced.

        :raises ArchiveError: none can be read
        """
        identities = {name: _identity(path) for name, path in self._indexes.items()}
        store = self._store
        is_due = store is None or (store.missing and monotonic() >= self._retry_at)
        if is_due:
            self._excluded = {}
        if store is None or is_due or identities != self._identities:
            store = self._reopen()
            self._identities = identities
        return store, self._connections

    def exclude_failing(self, read: Callable[[UnionStore, list[sqlite3.Connection]], object]) -> bool:
        """Leave out for a while the archives of which a read fails.

        :param read: it has failed with all archives together
        :return: whether that helps: some fail and others do not
        """
        failing = {}
        for name in self._readable():
            connections: list[sqlite3.Connection] = []
            try:
                with closing(self._open([name], connections)) as store:
                    read(store, connections)
            except (ArchiveError, sqlite3.DatabaseError) as error:
                failing[name] = str(error)
            except Exception:  # noqa: S110 - the page says that something is not there, or not valid
                pass
        if not failing or len(failing) == len(self._readable()):
            return False
        self._excluded |= failing
        self._reopen()
        return True

    def _reopen(self) -> UnionStore:
        if self._store:
            self._store.close()
            self._store = None
        missing = dict(self._excluded)
        for name in self._indexes:
            try:
                if name not in missing:
                    self._open([name], []).close()
            except ArchiveError as error:
                missing[name] = str(error)
        self._connections = []
        readable = [name for name in self._indexes if name not in missing]
        if not readable:
            raise ArchiveError("; ".join(missing.values()))
        self._store = self._open(readable, self._connections)
        self._store.missing = missing
        self._retry_at = monotonic() + RETRY_SECONDS
        return self._store

    def _readable(self) -> list[str]:
        return [name for name in self._indexes if self._store is None or name not in self._store.missing]

    def _open(self, names: list[str], connections: list[sqlite3.Connection]) -> UnionStore:
        def prepare(database: Database) -> None:
            self._prepare(database.conn)
            restrict(database.conn)
            connections.append(database.conn)

        return UnionStore.open_for_reading({name: self._indexes[name] for name in names}, prepare)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

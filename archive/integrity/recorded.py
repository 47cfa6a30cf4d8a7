"""What an index has recorded, in temporary files: the memory of a check does not grow with the archive."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from archive.files.layout import INNER_FOLDER
from archive.model.errors import DiskFullError, SystemRefusedError


class _TemporaryTable:
    """A table of two columns in a file without a name, which another thread may use.

    :param create: SQL statements that create the table, fill it with a row, and create its index
    :raises DiskFullError: the folder for temporary files has no room; all methods raise it too
    """

    def __init__(self, create: tuple[str, str, str], rows: Iterable[tuple[str, str | int]]) -> None:
        table, row, index = create
        self._db = sqlite3.connect("", check_same_thread=False)
        with _temporary_space():
            self._db.execute(table)
            self._db.executemany(row, rows)
            self._db.execute(index)  # of all rows at once, because it is faster

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()


class RecordedFiles(_TemporaryTable):
    """The recorded sha256 of each file, by path.

    :param files: path and sha256 of each; of a path that comes twice, the last counts
    """

    _CREATE = (
        "CREATE TABLE files (path TEXT, sha256 TEXT)",
        "INSERT INTO files VALUES (?, ?)",
        "CREATE INDEX by_path ON files (path, sha256)",
    )

    def __init__(self, files: Iterable[tuple[str, str]]) -> None:
        super().__init__(self._CREATE, files)

    def __len__(self) -> int:
        return self._count("SELECT count(DISTINCT path) FROM files")

    def number_of_articles(self) -> int:
        """Return the number of files that are neither of earlier versions nor of images."""
        return self._count("SELECT count(DISTINCT path) FROM files WHERE path NOT GLOB ? || '/*'", INNER_FOLDER)

    def _count(self, query: str, *parameters: str) -> int:
        with _temporary_space():
            return int(self._db.execute(query, parameters).fetchone()[0])

    def batches(self, size: int) -> Iterator[dict[str, str]]:
        """Yield the files sorted by path, some at a time."""
        with _temporary_space():
            rows = self._db.execute("SELECT path, sha256, max(rowid) FROM files GROUP BY path ORDER BY path")
            while batch := rows.fetchmany(size):
                yield {path: sha256 for path, sha256, _ in batch}

    def of_paths(self, paths: Collection[str]) -> dict[str, str]:
        """Return the sha256 of those paths that are recorded."""
        query = "SELECT files.path, sha256 FROM json_each(?) JOIN files ON files.path = value ORDER BY files.rowid"
        with _temporary_space():
            return dict(self._db.execute(query, [json.dumps(list(paths))]).fetchall())

    def owners(self, digests: Collection[str]) -> dict[str, str]:
        """Return a path for each sha256 that is recorded for one. Reads all of them."""
        query = "SELECT sha256, path FROM files WHERE sha256 IN (SELECT value FROM json_each(?))"
        with _temporary_space():
            return dict(self._db.execute(query, [json.dumps(list(digests))]).fetchall())


class RecordedEvents(_TemporaryTable):
    """Where events are in files of raw pages.

    :param events: name of the file and offset in bytes of each
    """

    _CREATE = (
        "CREATE TABLE events (file TEXT, offset INTEGER)",
        "INSERT INTO events VALUES (?, ?)",
        "CREATE INDEX by_file ON events (file, offset)",
    )

    def __init__(self, events: Iterable[tuple[str, int]]) -> None:
        super().__init__(self._CREATE, events)

    def offsets(self, file: str) -> set[int]:
        """Return the offsets of the events in a file."""
        with _temporary_space():
            return {offset for (offset,) in self._db.execute("SELECT offset FROM events WHERE file = ?", [file])}

    def files(self) -> list[tuple[str, int]]:
        """Return the name of each file, and the number of its events."""
        with _temporary_space():
            return self._db.execute("SELECT file, count(DISTINCT offset) FROM events GROUP BY file").fetchall()


@contextmanager
def _temporary_space() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        folder = os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108 - where SQLite writes
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise DiskFullError(
                f"no room for temporary files in {folder}: free some space or set TMPDIR, then run this again"
            ) from error
        raise SystemRefusedError(f"temporary files in {folder} cannot be used: {error}") from error

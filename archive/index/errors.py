"""Turn SQLite's errors into errors of the archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive.model.errors import (
    ArchiveError,
    DamagedIndexError,
    DiskFullError,
    LockedError,
    NotWritableError,
    SystemRefusedError,
)


@contextmanager
def wrap_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the index at ``path`` into ArchiveErrors; an error that is a bug stays as it is.

    :raises ArchiveError: it names the file and says what to do
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _archive_error(error, path) or error from error
    except MemoryError as error:  # sqlite3 raises it for SQLITE_NOMEM
        raise SystemRefusedError(f"no memory for the index {path}: free some memory") from error


def _archive_error(error: sqlite3.DatabaseError, path: Path) -> ArchiveError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return LockedError(f"the index {path} is locked by another program: close it there, then run this again")
        case sqlite3.SQLITE_FULL:
            return DiskFullError(f"no room to write the index {path}: free some space, then run this again")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return NotWritableError(f"the index {path} cannot be opened for writing: check its owner and permissions")
        case sqlite3.SQLITE_IOERR:
            return SystemRefusedError(f"the disk refused access to the index {path} ({error}): check the disk")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return DamagedIndexError(f"the index {path} is damaged ({error}): run finarchive rebuild")
    return None

"""Turn SQLite's errors into errors of the archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive.files.disk_space import free_bytes
from archive.model.errors import (
    ArchiveError,
    DamagedIndexError,
    DiskFullError,
    LockedError,
    NotWritableError,
    SystemRefusedError,
)

_FULL_BYTES = 1 << 16  # SQLite enlarges its shared memory by half of this


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
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_IOERR and _is_disk_full(path):
        code = sqlite3.SQLITE_FULL
    match code:
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


def _is_disk_full(path: Path) -> bool:
    """Whether a failed access is for want of room: SQLite does not tell when it cannot enlarge its shared memory."""
    try:
        return free_bytes(path.parent) < _FULL_BYTES
    except OSError:
        return False

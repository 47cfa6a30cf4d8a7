"""Which of SQLite's errors can pass, and which mean damage."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from archive.index.errors import wrap_sqlite_errors
from archive.model.errors import (
    ArchiveError,
    DamagedIndexError,
    DiskFullError,
    LockedError,
    NotWritableError,
    SystemRefusedError,
    TransientError,
)

PASSING = {
    "SQLITE_BUSY": LockedError,
    "SQLITE_BUSY_SNAPSHOT": LockedError,
    "SQLITE_LOCKED": LockedError,
    "SQLITE_PROTOCOL": LockedError,
    "SQLITE_FULL": DiskFullError,
    "SQLITE_READONLY": NotWritableError,
    "SQLITE_READONLY_DIRECTORY": NotWritableError,
    "SQLITE_CANTOPEN": NotWritableError,
    "SQLITE_PERM": NotWritableError,
    "SQLITE_IOERR": SystemRefusedError,
    "SQLITE_IOERR_FSYNC": SystemRefusedError,
    "SQLITE_IOERR_NOMEM": SystemRefusedError,
    "SQLITE_IOERR_SHMSIZE": SystemRefusedError,
}
DAMAGE = {"SQLITE_CORRUPT": DamagedIndexError, "SQLITE_CORRUPT_INDEX": DamagedIndexError}
DAMAGE |= {"SQLITE_NOTADB": DamagedIndexError}


def raised(error: Exception) -> ArchiveError:
    with pytest.raises(ArchiveError, match=r"/news/index\.db") as caught, wrap_sqlite_errors(Path("/news/index.db")):
        raise error
    return caught.value


@pytest.mark.parametrize(("name", "kind"), (PASSING | DAMAGE).items())
def test_an_error_passes_or_means_damage(name: str, kind: type[ArchiveError]) -> None:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, name)
    assert type(raised(error)) is kind
    assert issubclass(kind, TransientError) == (name in PASSING)


def test_a_lack_of_memory_passes() -> None:
    assert type(raised(MemoryError())) is SystemRefusedError


def test_a_bug_is_not_an_error_of_the_archive() -> None:
    error = sqlite3.OperationalError("no such table: x")
    error.sqlite_errorcode = sqlite3.SQLITE_ERROR
    with pytest.raises(sqlite3.OperationalError), wrap_sqlite_errors(Path("/news/index.db")):
        raise error


def test_a_failed_access_on_a_full_disk_asks_for_room() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE

    with (
        pytest.raises(DiskFullError, match=r"no room to write the index .*free some space"),
        wrap_sqlite_errors(Path("/proc/index.db")),  # a file system without free space
    ):
        raise error

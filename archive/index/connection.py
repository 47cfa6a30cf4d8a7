"""Opening the index: a SQLite file that this program, or a newer or older one, has written."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.migrations.registry import migrations
from archive.model.errors import NewerIndexError

# How long a write waits for another program that has the index open for writing, seconds.
PATIENCE = 5.0
# How much of the index is kept in memory, KiB. Every poll asks after the same 100 articles of its list, and each can
# lie on three pages of its own: 16 MB hold those of a dozen feeds. With SQLite's 2 MB a poll of an index of a million
# entries takes twice the time.
CACHE = 16_000
# What SQLite says when it cannot make the file that readers and the writer share, by kind of error.
_NO_SHARED_FILES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def open_index(path: Path) -> Database:
    """Open or make the index at ``path`` for writing, and bring its tables up to date.

    :raises NewerIndexError: a newer program has changed its tables
    :raises ArchiveError: it cannot be opened, or is no index
    """
    with wrap_sqlite_errors(path):
        database = _database(sqlite3.connect(path, timeout=PATIENCE))
        database.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns: in WAL mode NORMAL would leave the last ones to luck.
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA cache_size = -{CACHE}")
        _refuse_newer(database, path)
        migrations.apply(database)
    return database


def open_index_for_reading(path: Path) -> Database:
    """Open the index without ever writing to it; one that is not there yet reads as an empty one.

    One that an older program has written is read as it stands now, in a copy.

    :raises ArchiveError: as :func:`open_index`
    """
    if not path.exists():
        database = _database(sqlite3.connect(":memory:"))
        migrations.apply(database)
        return database
    with wrap_sqlite_errors(path):
        database = _for_reading(path)
        _refuse_newer(database, path)
        return _brought_up_to_date(database) if migrations.pending(database) else database


def open_index_for_following(path: Path) -> Database | None:
    """Open the index to see again and again what another process writes into it, without ever writing.

    :return: None while that cannot be: it is not there, or it is as an older program has left it
    :raises ArchiveError: as :func:`open_index`
    """
    if not path.exists():
        return None
    with wrap_sqlite_errors(path):
        database = _for_reading(path)
        _refuse_newer(database, path)
        if migrations.pending(database):  # a copy that is brought up to date would stay as it is
            database.close()
            return None
    return database


def _for_reading(path: Path) -> Database:
    address = f"{path.absolute().as_uri()}?mode=ro"
    database = _database(sqlite3.connect(address, uri=True, timeout=PATIENCE))
    try:
        database.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        database.close()
        log = path.with_name(f"{path.name}-wal")
        if error.sqlite_errorcode & 0xFF not in _NO_SHARED_FILES or (log.exists() and log.stat().st_size):
            raise
        # The first reader makes the files that readers share with a writer; a full disk has no room for them, and who
        # may not write has no right to. Nobody writes where no log is, and so none are needed. See D37.
        database = _database(sqlite3.connect(f"{address}&immutable=1", uri=True, timeout=PATIENCE))
    return database


def _brought_up_to_date(database: Database) -> Database:
    copy = _database(sqlite3.connect(""))  # a temporary file: an index can be larger than the memory
    database.conn.backup(copy.conn)
    database.close()
    migrations.apply(copy)
    copy.execute("PRAGMA query_only = ON")
    return copy


def _database(connection: sqlite3.Connection) -> Database:
    connection.row_factory = sqlite3.Row
    return Database(connection, recursive_triggers=False, execute_plugins=False)


@cache
def _ours() -> frozenset[str]:
    """The names of all migrations: all are pending in an empty database."""
    with closing(sqlite3.connect(":memory:")) as empty:
        return frozenset(migration.name for migration in migrations.pending(_database(empty)))


def _refuse_newer(database: Database, path: Path) -> None:
    unknown = [applied.name for applied in migrations.applied(database) if applied.name not in _ours()]
    if unknown:
        database.close()
        raise NewerIndexError(
            f"the index {path} was written by a newer finarchive (it has {unknown[-1]}): upgrade finarchive"
        )

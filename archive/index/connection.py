"""Open the index, a SQLite file; an older or a newer version of the program may have written it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path

from archive.files.folders import archive_root
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.migrations.registry import migrations
from archive.model.errors import DamagedIndexError, NewerIndexError, NotWritableError

# How long a write waits for another program that is writing to the index.
BUSY_TIMEOUT_SECONDS = 5.0
# SQLite's page cache, which a long crawl fills. What it lacks is in the system's file cache. With 16 MB, a poll that
# has something new takes 0.2 to 0.9 ms of CPU less, and a crawl as much as with 4: docs/performance.md.
CACHE_KIB = 4_000
# Primary error codes of SQLite when it cannot create the file that readers and the writer share.
_NO_SHARED_FILE_CODES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def open_index(path: Path) -> Database:
    """Open the index at ``path`` for writing, or create it, and apply the migrations that are missing.

    :raises NewerIndexError: a newer version of the program has changed its tables
    :raises ArchiveError: it cannot be opened, or is not an index
    """
    with wrap_sqlite_errors(path):
        database = _database(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS))
        _refuse_link(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns. In WAL mode, NORMAL could lose the last commits in a power failure.
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        _refuse_newer(database, path)
        _upgrade(database, path)
        _check_writable(database)
    return database


def is_in_use(path: Path) -> bool:
    """Return True if a process has the index open, or was killed while it had."""
    return path.with_name(f"{path.name}-wal").exists()


def empty_log(path: Path) -> None:
    """Write what the write-ahead log has into the index itself, so that the index is whole without it.

    :raises ArchiveError: it cannot be written, or is in use
    """
    if not path.exists():
        return
    with wrap_sqlite_errors(path):
        database = _database(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS))
        try:
            _refuse_link(database, path)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            database.close()


def open_index_for_reading(path: Path) -> Database:
    """Open the index without ever writing to it; an index that does not exist reads as an empty one.

    An index of an older version of the program is copied as it is now, and the copy is migrated.

    :raises ArchiveError: as :func:`open_index`
    """
    if not path.exists():
        database = _database(sqlite3.connect(":memory:"))
        with database.atomic():  # a copy of it would wait for the end of an open transaction
            _apply_missing(database)
        return database
    with wrap_sqlite_errors(path):
        database = _for_reading(path)
        _refuse_newer(database, path)
        if not migrations.pending(database):
            return database
        copy = _migrated_copy(database, path)
        copy.execute("PRAGMA query_only = ON")
        return copy


def open_index_copy(path: Path) -> Database:
    """Open a temporary copy of the index as it is now, with all migrations.

    :raises ArchiveError: as :func:`open_index`
    """
    with wrap_sqlite_errors(path):
        database = open_index_for_reading(path)
        return _migrated_copy(database, path)


def current_copy(path: Path, copy: Path) -> Path:
    """Return ``path`` if this version of the program has written the index, or else ``copy``: a migrated copy of it.

    :raises ArchiveError: as :func:`open_index`
    """
    with wrap_sqlite_errors(path):
        database = _for_reading(path)
        try:
            _refuse_newer(database, path)
            if not migrations.pending(database):
                return path
            target = _database(sqlite3.connect(copy))
            database.conn.backup(target.conn)
        finally:
            database.close()
        _upgrade(target, path)
        target.close()
    return copy


def copy_index(path: Path, copy: Path) -> None:
    """Write a copy of the index as it is now, whoever writes to it.

    :param copy: path of a file that does not exist
    :raises ArchiveError: it cannot be read or written
    """
    with wrap_sqlite_errors(path):
        database = _for_reading(path)
        try:
            with closing(sqlite3.connect(copy)) as target:
                database.conn.backup(target)
        finally:
            database.close()


def open_index_for_following(path: Path) -> Database | None:
    """Open the index, without ever writing to it, to follow what another process writes.

    :return: None if there is no index, or an older version of the program has written it
    :raises ArchiveError: as :func:`open_index`
    """
    if not path.exists():
        return None
    with wrap_sqlite_errors(path):
        database = _for_reading(path)
        _refuse_newer(database, path)
        if migrations.pending(database):  # a migrated copy would not show what is written later
            database.close()
            return None
    return database


def _check_writable(database: Database) -> None:
    """Run a statement that writes nothing.

    If the system refuses to open the file for writing, SQLite opens it for reading, and every later write fails.
    """
    database.execute("BEGIN")
    try:
        database.execute("DELETE FROM entries WHERE 0")  # BEGIN IMMEDIATE does not fail in a file opened for reading
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # another program writes: later writes wait for it
            database.close()
            raise
    database.execute("ROLLBACK")


def _refuse_link(database: Database, path: Path) -> None:
    """Refuse an index that is a link or behind one. SQLite says which file it opened, so nothing can change between.

    :raises NotWritableError: it is elsewhere
    """
    root = archive_root(path)
    opened = database.execute("PRAGMA database_list").fetchone()["file"]
    if opened != str(root.resolve() / path.relative_to(root)):
        database.close()
        raise NotWritableError(f"the index {path} is a link to {opened}: put the index itself there")


def attach_for_reading(database: Database, path: Path, schema: str) -> None:
    """Attach another index to an open one, without ever writing to it.

    :param schema: the name for it in statements
    :raises ArchiveError: as :func:`open_index`
    """
    address = _address(path)
    with wrap_sqlite_errors(path):
        database.execute(f"ATTACH ? AS {schema}", [address])
        try:
            database.execute(f"SELECT 1 FROM {schema}.sqlite_master").fetchone()  # noqa: S608 - a name of ours
        except sqlite3.OperationalError as error:
            database.execute(f"DETACH {schema}")
            _ensure_immutable(path, error)
            database.execute(f"ATTACH ? AS {schema}", [f"{address}&immutable=1"])


def _for_reading(path: Path) -> Database:
    address = _address(path)
    database = _database(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_SECONDS))
    try:
        database.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        database.close()
        _ensure_immutable(path, error)
        database = _database(sqlite3.connect(f"{address}&immutable=1", uri=True, timeout=BUSY_TIMEOUT_SECONDS))
    return database


def _address(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _ensure_immutable(path: Path, error: sqlite3.OperationalError) -> None:
    """Raise an error again, unless the index can be read as a file that nobody changes.

    The first reader creates the file that readers share with a writer. This fails on a full disk, or without
    permission to write. If there is no write-ahead log, nobody writes, and the file is not needed. See D37.
    """
    log = path.with_name(f"{path.name}-wal")
    if error.sqlite_errorcode & 0xFF not in _NO_SHARED_FILE_CODES or (log.exists() and log.stat().st_size):
        raise error


def _upgrade(database: Database, path: Path) -> None:
    """Apply the migrations that are missing, all of them or none.

    :param path: of the index, for messages
    :raises DamagedIndexError: one of them fails
    """
    if not migrations.pending(database):
        return
    try:
        with database.atomic():
            _apply_missing(database)
    except (sqlite3.IntegrityError, sqlite3.OperationalError, ValueError, TypeError) as error:
        if not isinstance(error, sqlite3.OperationalError) or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:
            raise DamagedIndexError(
                f"the index {path} cannot be upgraded to this version ({error}) and is unchanged: the version before "
                "reads it, or finarchive rebuild creates it again from the raw pages"
            ) from error
        raise


def _apply_missing(database: Database) -> None:
    """Apply the migrations that an index lacks. A new one gets the newest tables at once, which are the same.

    Going through all migrations takes five times as long. The caller begins the transaction.
    """
    if database.execute("SELECT 1 FROM sqlite_master").fetchone():
        migrations.apply(database)
        return
    script = resources.files("archive.index.migrations").joinpath("newest.sql").read_text(encoding="utf-8")
    for statement in _statements(script):
        database.execute(statement)
    now = str(datetime.now(UTC))
    database.conn.executemany(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
        [(migrations.name, migration.name, now) for migration in migrations.pending(database)],
    )


def _statements(script: str) -> Iterator[str]:
    """Split a script into its statements: ``executescript`` would commit the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _migrated_copy(database: Database, path: Path) -> Database:
    copy = _database(sqlite3.connect(""))  # a temporary file: an index can be larger than memory
    database.conn.backup(copy.conn)
    database.close()
    _upgrade(copy, path)
    return copy


def _database(connection: sqlite3.Connection) -> Database:
    connection.row_factory = sqlite3.Row
    return Database(connection, recursive_triggers=False, execute_plugins=False)


@cache
def _migration_names() -> frozenset[str]:
    """Return the names of all migrations: all are pending in an empty database."""
    with closing(sqlite3.connect(":memory:")) as empty:
        return frozenset(migration.name for migration in migrations.pending(_database(empty)))


def _refuse_newer(database: Database, path: Path) -> None:
    unknown = [applied.name for applied in migrations.applied(database) if applied.name not in _migration_names()]
    if unknown:
        database.close()
        raise NewerIndexError(
            f"the index {path} was written by a newer finarchive (it has {unknown[-1]}): upgrade finarchive"
        )

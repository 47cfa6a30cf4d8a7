"""An index whose commits fail when a test says so, as SQLite reports a disk that refuses a write."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from archive.index.database import Database
from archive.store import Store


class FailingConnection(sqlite3.Connection):
    """A connection to a real database."""

    failures = 0  # the number of commits that fail

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # type: ignore[override]
        """Execute a statement, or fail if it is a commit."""
        if sql == "COMMIT" and self.failures:
            self.failures -= 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return super().execute(sql, *parameters)


def failing_store(path: Path) -> tuple[Store, FailingConnection]:
    """Open the index at ``path``, or create it; return it with its connection."""
    Store.open(path).close()
    connection = sqlite3.connect(path, factory=FailingConnection)
    connection.row_factory = sqlite3.Row
    return Store(Database(connection, recursive_triggers=False, execute_plugins=False), path), connection

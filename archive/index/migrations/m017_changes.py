"""Indexes of changes by time: fetches that found an article changed, changes of facts, entries that left a list."""

from __future__ import annotations

from archive.index.database import Database


def m017_changes(db: Database) -> None:
    """Add the indexes. Queries must repeat the condition of the first, or SQLite does not use it."""
    db.execute(
        """CREATE INDEX observations_changes ON observations(at)
           WHERE again = 1 AND (outcome IN ('revised', 'gone', 'moved') OR returned = 1)"""
    )
    db.execute("CREATE INDEX facts_at ON facts(at)")
    db.execute("CREATE INDEX unlisted_at ON unlisted(at)")

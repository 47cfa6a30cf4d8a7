"""The settings by which the file of each version was written."""

from __future__ import annotations

from archive.index.database import Database


def m015_formats(db: Database) -> None:
    """Add the settings; versions that were written before have none until a rebuild."""
    # JSON: profile, body, feed, author, categories. Null: an earlier version of the program wrote the file.
    db.table("revisions").add_column("written_with", str)
    db.execute("CREATE INDEX revisions_written_with ON revisions(written_with)")

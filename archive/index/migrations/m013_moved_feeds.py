"""Where the addresses of lists redirect permanently."""

from __future__ import annotations

from archive.index.database import Database


def m013_moved_feeds(db: Database) -> None:
    """Add the new address of a list that has moved."""
    db.table("feeds").add_column("moved_to", str)  # null: it has not moved

"""The files of raw pages that were compacted."""

from __future__ import annotations

from archive.index.database import Database


def m018_compacted(db: Database) -> None:
    """Add the table."""
    db.table("compacted_files").create({"file": str, "at": str}, pk="file", not_null={"at"}, strict=True)

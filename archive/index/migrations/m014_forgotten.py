"""Articles that were removed on request; and an index of those that are gone, which metrics count."""

from __future__ import annotations

from archive.index.database import Database


def m014_forgotten(db: Database) -> None:
    """Add the forgotten articles."""
    db.table("forgotten").create(
        {
            "docid": str,
            "at": str,  # of the request
            "reason": str,  # in words
            "versions": str,  # JSON: number, sha256 of the file and time of observation of each version
            "done": str,  # when nothing of it was left; null: the next start completes it
        },
        pk="docid",
        not_null={"at", "reason", "versions"},
        strict=True,
    )
    db.execute("CREATE INDEX entries_gone ON entries(docid) WHERE gone IS NOT NULL")

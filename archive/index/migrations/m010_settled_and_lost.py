"""Settled spans, measured lateness, lost gaps, and entries that left a list."""

from __future__ import annotations

from archive.index.database import Database


def m010_settled_and_lost(db: Database) -> None:
    """Add settled spans, measured lateness, lost gaps, and entries that left a list."""
    db.table("settled").create(  # parts of the spans that a sweep has read; they do not touch
        {"feed": str, "start": str, "end": str}, pk=("feed", "start"), not_null={"end"}, strict=True
    )
    db.table("lateness").create(  # how long after their publication articles entered a list
        {"feed": str, "counts": str, "until": str},  # JSON list of numbers
        pk="feed",
        not_null={"counts", "until"},
        strict=True,
    )
    db.table("unlisted").create(  # entries that left a list while their neighbours stayed
        {
            "id": int,
            "feed": str,  # whose list
            "docid": str,
            "at": str,  # when the list was read
            "newer": str,  # docid of the next newer entry that stayed
            "older": str,  # docid of the next older one
            "back": str,  # when the list showed the entry again
        },
        pk="id",
        not_null={"feed", "docid", "at", "newer", "older"},
        strict=True,
    )
    db.table("unlisted").create_index(["docid"])
    db.execute("CREATE INDEX unlisted_now ON unlisted(feed, docid) WHERE back IS NULL")
    db.table("gaps").add_column("lost", str)  # since when no list shows these articles any more
    db.table("gaps").add_column("evidence", str)  # why they count as lost
    db.table("feeds").add_column("swept", str)  # when the last complete sweep began
    # 1: this feed's own list has shown the entry. Known entries have been shown; of others it is not known.
    db.table("listings").add_column("shown", int, not_null_default=0)
    db.execute("UPDATE listings SET shown = 1 WHERE ground = 1")
    # When the entry left a list, until it is fetched again.
    db.table("entries").add_column("vanished", str)
    db.execute("CREATE INDEX entries_vanished ON entries(vanished) WHERE vanished IS NOT NULL")
    db.table("entries").create_index(["published"])

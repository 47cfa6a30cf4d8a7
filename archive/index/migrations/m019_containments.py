"""Lists that contain other lists."""

from __future__ import annotations

from archive.index.database import Database


def m019_containments(db: Database) -> None:
    """Add what is known of them, the articles that are not confirmed yet, and the misses."""
    db.table("containments").create(
        {
            "feed": str,
            "broad": str,  # the feed that reads the broad list
            "since": str,  # what the feed's list has shown since then was in the broad list
            "entries": int,  # number of these articles
            "verified": str,  # last poll of the feed all of whose articles the broad list has
            "missed": str,  # when a miss last ended a proven containment
        },
        pk=("feed", "broad"),
        not_null={"since", "entries"},
        strict=True,
    )
    db.table("unconfirmed").create(  # shown by the feed's list, not yet by the broad one
        {"feed": str, "broad": str, "docid": str, "at": str, "entered": str},  # at: of the feed's poll
        pk=("broad", "feed", "docid"),
        not_null={"at"},
        strict=True,
    )
    db.table("misses").create(  # they ended a proven containment
        {
            "id": int,
            "feed": str,
            "broad": str,
            "docid": str,
            "at": str,  # when it was found out
            "kind": str,  # absent, late
        },
        pk="id",
        not_null={"feed", "broad", "docid", "at", "kind"},
        strict=True,
    )

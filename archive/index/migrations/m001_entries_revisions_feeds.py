"""The first tables: entries, listings, revisions, feeds, gaps and host back-offs."""

from __future__ import annotations

from archive.index.database import Database


def m001_entries_revisions_feeds(db: Database) -> None:
    """Create the first tables."""
    _create_entries(db)
    _create_listings_and_revisions(db)
    _create_feeds_gaps_and_rests(db)


def _create_entries(db: Database) -> None:
    db.table("entries").create(
        {
            "docid": str,
            "url": str,  # null: the listing's item gave no usable address, and the entry is parked
            "host": str,
            "title": str,
            "published": str,
            "modified": str,
            "entered": str,
            "media": str,
            "image": str,
            "keywords": str,  # JSON list
            "lids": str,  # JSON list
            "first_seen": str,
            "status": str,  # pending, archived, parked
            "attempts": int,
            "due": str,  # when the next attempt may be made
            "tried": str,  # when the last attempt was made
            "failure_kind": str,
            "failure": str,
            "path": str,  # of its file, once archived
        },
        pk="docid",
        not_null={"docid", "first_seen", "status", "attempts"},
        defaults={"attempts": 0},
        strict=True,
    )
    # Partial: pending entries are few among millions, so finding them costs the same as the archive grows.
    db.execute("CREATE INDEX entries_pending ON entries(host, attempts, published DESC) WHERE status = 'pending'")
    db.execute("CREATE INDEX entries_parked ON entries(failure_kind) WHERE status = 'parked'")


def _create_listings_and_revisions(db: Database) -> None:
    db.table("listings").create(  # which feeds an entry belongs to
        {
            "feed": str,
            "docid": str,
            "ground": int,  # 1: a known entry: polls have read everything older, so later polls may stop here
        },
        pk=("feed", "docid"),
        not_null={"ground"},
        strict=True,
    )
    db.table("listings").create_index(["docid"])
    db.table("revisions").create(
        {
            "docid": str,
            "number": int,
            "path": str,
            "sha256": str,
            "title": str,
            "published": str,
            "fetched_at": str,
        },
        pk=("docid", "number"),
        not_null={"path", "sha256", "title", "published", "fetched_at"},
        strict=True,
    )


def _create_feeds_gaps_and_rests(db: Database) -> None:
    db.table("feeds").create(
        {
            "id": str,
            "categories": str,  # JSON list
            "author": str,
            "last_poll": str,
            "last_success": str,
            "newest": str,  # publication time of the newest article listed
            "ground": str,  # the same, of known entries only
            "error_kind": str,
            "error": str,
        },
        pk="id",
        not_null={"categories", "author", "last_poll"},
        strict=True,
    )
    db.table("gaps").create(
        {"id": int, "feed": str, "start": str, "end": str, "noticed": str, "closed": str},
        pk="id",
        not_null={"feed", "start", "end", "noticed"},
        strict=True,
    )
    db.table("rests").create(
        {"host": str, "until": str, "strikes": int, "stated": int, "reason": str},
        pk="host",
        not_null={"until", "strikes", "stated", "reason"},
        strict=True,
    )

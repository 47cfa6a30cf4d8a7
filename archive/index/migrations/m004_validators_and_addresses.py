"""Validators of feeds, and the former addresses of entries."""

from __future__ import annotations

from archive.index.database import Database


def m004_validators_and_addresses(db: Database) -> None:
    """Add the validators of lists (ETag, Last-Modified), and the addresses that entries had before."""
    feeds = db.table("feeds")
    feeds.add_column("etag", str)
    feeds.add_column("last_modified", str)  # as sent
    entries = db.table("entries")
    entries.add_column("foreign_site", int, not_null_default=0)  # 1: the layout of its page is unknown
    entries.add_column("carrier", str)  # the feed whose listing carries the text; null: it is on the page
    db.table("addresses").create(
        {
            "docid": str,
            "until": str,
            "url": str,  # null: the listing's item could not be parsed until then
            "failure": str,  # why it could not
        },
        pk=("docid", "until"),
        strict=True,
    )

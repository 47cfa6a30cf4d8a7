"""Observations, the text and the symbols of each version, manifests, and how far the journal is applied."""

from __future__ import annotations

from archive.index.database import Database


def m003_looks_and_versions(db: Database) -> None:
    """Add fetches, versions with what their pages say, manifests, and how far the journal is applied."""
    _extend_entries_and_listings(db)
    _extend_revisions(db)
    _create_observations(db)
    db.table("journal").create(  # the position up to which each writer's records are applied
        {"writer": str, "file": str, "offset": int}, pk="writer", not_null={"file", "offset"}, strict=True
    )


def _extend_entries_and_listings(db: Database) -> None:
    entries = db.table("entries")
    entries.add_column("content", str)  # HTML of the text, where the listing carries it
    entries.add_column("symbols", str, not_null_default="[]")  # JSON list: stocks that the listing names
    entries.add_column("withdrawn", int, not_null_default=0)  # 1: the listing says that it was deleted
    entries.add_column("revision", int, not_null_default=0)  # number of the newest version
    entries.add_column("changed", str)  # when a listing last changed, if the article was not fetched since
    entries.add_column("recheck", str)  # when it is due for a recheck because of its age
    entries.add_column("idle", int, not_null_default=0)  # fetches in a row that found nothing new
    entries.add_column("gone", str)  # since when the site no longer has it
    db.execute("UPDATE entries SET revision = 1 WHERE status = 'archived'")
    db.execute("CREATE INDEX entries_changed ON entries(host, changed) WHERE changed IS NOT NULL")
    db.execute("CREATE INDEX entries_recheck ON entries(host, recheck) WHERE recheck IS NOT NULL")
    db.table("listings").add_column("seen", str)  # when it was first known to belong there; null: unknown


def _extend_revisions(db: Database) -> None:
    revisions = db.table("revisions")
    for name in ("url", "modified", "updated", "media"):
        revisions.add_column(name, str)
    for name in ("keywords", "symbols", "pictures"):  # JSON lists
        revisions.add_column(name, str, not_null_default="[]")
    for name in ("editor", "original_title", "fingerprint", "story"):
        revisions.add_column(name, str)
    revisions.add_column("sealed", str)  # the day whose manifest has it
    revisions.create_index(["path"])
    db.execute("CREATE INDEX revisions_story ON revisions(story) WHERE story IS NOT NULL")
    db.execute("CREATE INDEX revisions_unsealed ON revisions(fetched_at) WHERE sealed IS NULL")
    db.table("texts").create(  # plain text of each version
        {"docid": str, "number": int, "text": str}, pk=("docid", "number"), not_null={"text"}, strict=True
    )
    db.table("symbols").create(  # stocks that each version names
        {"symbol": str, "docid": str, "number": int}, pk=("symbol", "docid", "number"), strict=True
    )


def _create_observations(db: Database) -> None:
    db.table("observations").create(
        {
            "id": int,
            "docid": str,
            "at": str,
            "outcome": str,  # first, revised, same, gone, failed
            "revision": int,  # the newest version after it; 0: none
            "again": int,  # 1: there was a version before
            "returned": int,  # 1: it had been gone before
            "given_up": int,  # 1: it has no version, and is not tried again
            "kind": str,  # of what is gone or failed
            "evidence": str,  # the same, in words
            "status": int,  # of HTTP
            "digest": str,  # of the body as sent
            "file": str,  # in the folder of raw pages
            "offset": int,
        },
        pk="id",
        not_null={"docid", "at", "outcome", "revision", "again", "returned", "given_up"},
        strict=True,
    )
    db.table("manifests").create({"day": str, "root": str}, pk="day", not_null={"root"}, strict=True)
    db.table("sealed_files").create(  # files of raw pages, and the day whose manifest has them
        {"file": str, "day": str}, pk="file", not_null={"day"}, strict=True
    )
    db.execute("CREATE INDEX revisions_sealed ON revisions(sealed) WHERE sealed IS NOT NULL")
    db.table("observations").create_index(["docid", "at"])
    db.execute("CREATE INDEX observations_again ON observations(at) WHERE again = 1")
    db.execute("CREATE INDEX observations_digest ON observations(digest) WHERE digest IS NOT NULL")

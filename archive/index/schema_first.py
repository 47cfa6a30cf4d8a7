"""The oldest of the index's migrations. Nobody changes them: what is new goes into archive.index.schema."""

from __future__ import annotations

from archive.index.database import Database, Migrations

migrations = Migrations("finarchive")


@migrations()
def m001_entries_revisions_feeds(db: Database) -> None:
    """The first tables."""
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
            "tried": str,  # when the last one was
            "failure_kind": str,
            "failure": str,
            "path": str,  # of its file, once archived
        },
        pk="docid",
        not_null={"docid", "first_seen", "status", "attempts"},
        defaults={"attempts": 0},
        strict=True,
    )
    # Partial: what waits is few among millions, so that finding it costs nothing as the archive grows.
    db.execute("CREATE INDEX entries_pending ON entries(host, attempts, published DESC) WHERE status = 'pending'")
    db.execute("CREATE INDEX entries_parked ON entries(failure_kind) WHERE status = 'parked'")


def _create_listings_and_revisions(db: Database) -> None:
    db.table("listings").create(  # which feeds an entry belongs to
        {
            "feed": str,
            "docid": str,
            "ground": int,  # 1: everything older was listed to a poll too, so that later polls may stop here
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
            "ground": str,  # the same, of known ground only
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


@migrations()
def m002_the_ledger(db: Database) -> None:
    """What is known whole, what listings say anew, and what a daemon needs to go on after a restart."""
    _create_spans_rhythms_and_changes(db)
    _extend_feeds_and_rests(db)
    # Partial: of all the gaps of years, those still open are few, and every poll asks for them.
    db.execute("CREATE INDEX gaps_open ON gaps(feed, start) WHERE closed IS NULL")


def _create_spans_rhythms_and_changes(db: Database) -> None:
    db.table("sources").create(  # which list a feed's id stands for
        {"feed": str, "source": str}, pk="feed", not_null={"source"}, strict=True
    )
    db.table("spans").create(  # stretches of publication time in which a feed's list is known whole; they lie apart
        {"feed": str, "start": str, "end": str}, pk=("feed", "start"), not_null={"end"}, strict=True
    )
    db.table("rhythms").create(
        {
            "feed": str,
            "seconds": str,  # JSON list of 48 numbers
            "arrivals": str,  # the same
            "until": str,
        },
        pk="feed",
        not_null={"seconds", "arrivals"},
        strict=True,
    )
    db.table("changes").create(  # what a listing says of an entry, where that is not what it said before
        {
            "id": int,
            "docid": str,
            "feed": str,  # whose listing
            "seen": str,
            "title": str,
            "modified": str,
            "retitled": int,  # 1: the title is another
        },
        pk="id",
        not_null={"docid", "feed", "seen", "title", "retitled"},
        strict=True,
    )
    db.table("changes").create_index(["docid", "feed"])


def _extend_feeds_and_rests(db: Database) -> None:
    feeds = db.table("feeds")
    feeds.add_column("complete_to", str)  # when a poll last left nothing unread
    feeds.add_column("failing_since", str)
    feeds.add_column("trouble", float, not_null_default=0.0)
    feeds.add_column("floor", str)  # the list ends here
    feeds.add_column("last_pages", int)  # that the last poll read
    feeds.add_column("last_new", int)  # entries that it brought
    feeds.transform(not_null={"last_poll": False})  # a backfill can be the first thing that a feed does
    # When the failures began was not kept until now: not later than this.
    db.execute("UPDATE feeds SET failing_since = last_poll WHERE error IS NOT NULL")
    db.table("rests").add_column("kind", str, not_null_default="blocked")

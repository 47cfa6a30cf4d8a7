"""The index's tables. They exist only through these migrations; to change one, append another.

Times are text, ISO 8601 in UTC with milliseconds, so that they sort and read well in any SQLite browser.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

from archive.fulltext import add_missing_words

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


@migrations()
def m003_looks_and_versions(db: Database) -> None:
    """Every look at an article, every version of it and what its page says, and how far the journal is applied."""
    _extend_entries_and_listings(db)
    _extend_revisions(db)
    _create_observations(db)
    db.table("journal").create(  # up to where the journal's records are applied, for each that writes it
        {"writer": str, "file": str, "offset": int}, pk="writer", not_null={"file", "offset"}, strict=True
    )


def _extend_entries_and_listings(db: Database) -> None:
    entries = db.table("entries")
    entries.add_column("content", str)  # HTML of the text, where the listing carries it
    entries.add_column("symbols", str, not_null_default="[]")  # JSON list: stocks that the listing names
    entries.add_column("withdrawn", int, not_null_default=0)  # 1: the listing says that it was deleted
    entries.add_column("revision", int, not_null_default=0)  # number of the newest version
    entries.add_column("changed", str)  # when a listing last said something else, and nobody has looked since
    entries.add_column("recheck", str)  # when it is to be looked at again for its age
    entries.add_column("idle", int, not_null_default=0)  # looks in a row that found nothing new
    entries.add_column("gone", str)  # since when the site has it no more
    db.execute("UPDATE entries SET revision = 1 WHERE status = 'archived'")
    db.execute("CREATE INDEX entries_changed ON entries(host, changed) WHERE changed IS NOT NULL")
    db.execute("CREATE INDEX entries_recheck ON entries(host, recheck) WHERE recheck IS NOT NULL")
    db.table("listings").add_column("seen", str)  # when it was first known to belong there; null: not kept then


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
            "given_up": int,  # 1: there was no version yet, and it is not tried again
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


@migrations()
def m004_search(db: Database) -> None:
    """The words of every version, and when each was the newest one known."""
    db.table("searchable").create(  # the versions that can be searched, by the number that they have in words
        {
            "id": int,
            "docid": str,
            "number": int,
            "published": str,
            "since": str,  # from when on it is known: observed, and the entry seen
            "until": str,  # when a later version was observed; null: there is none
        },
        pk="id",
        not_null={"docid", "number", "published", "since"},
        strict=True,
    )
    db.table("searchable").create_index(["docid", "number"], unique=True)
    db.table("searchable").create_index(["published", "docid"])
    # Without a copy of the text, which stands in texts. The text comes first: each word of a later column costs two
    # bytes more. Its words come ready (archive/cjk.py), with nothing but ASCII spaces to be told apart by.
    db.execute("CREATE VIRTUAL TABLE words USING fts5(text, title, media, symbols, content='', tokenize='ascii')")
    add_missing_words(db)

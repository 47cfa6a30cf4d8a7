"""The index's tables. They exist only through these migrations; to change one, append another, below.

Times are text, ISO 8601 in UTC with milliseconds, so that they sort and read well in any SQLite browser. The oldest
migrations are in archive.index.schema_first.
"""

from __future__ import annotations

import re
import unicodedata

from archive.index.database import Database
from archive.index.fts import add_missing_words, rewrite_words
from archive.index.schema_first import migrations
from archive.query.tokenizer import ENCLOSED, INVISIBLE_LATER

__all__ = ["BLOCK", "migrations"]

BLOCK = 1024  # numbers of a block of ``days``


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
def m004_validators_and_addresses(db: Database) -> None:
    """What lists are asked with whether they have changed, and the addresses that entries had before."""
    feeds = db.table("feeds")
    feeds.add_column("etag", str)
    feeds.add_column("last_modified", str)  # as sent
    entries = db.table("entries")
    entries.add_column("foreign_site", int, not_null_default=0)  # 1: its page has no layout that is known
    entries.add_column("carrier", str)  # the feed whose listing carries the text; null: it is on the page
    db.table("addresses").create(
        {
            "docid": str,
            "until": str,
            "url": str,  # null: the listing's item could not be read until then
            "failure": str,  # why it could not
        },
        pk=("docid", "until"),
        strict=True,
    )


@migrations()
def m005_images(db: Database) -> None:
    """Pictures of articles: which are wanted, which are kept, and where."""
    db.table("images").create(
        {
            "url": str,
            "host": str,
            "status": str,  # wanted, kept, parked
            "attempts": int,  # failed ones in a row
            "due": str,  # when the next attempt may be made
            "tried": str,  # when the last one was
            "failure_kind": str,
            "failure": str,
            "sha256": str,  # of the bytes; it names the file
            "media_type": str,
            "size": int,  # bytes
            "first_seen": str,  # when a version of an article first had it
            "fetched_at": str,
            "sealed": str,  # the day whose manifest has its file: the same for all addresses of one file
        },
        pk="url",
        not_null={"host", "status", "attempts", "due", "first_seen"},
        defaults={"attempts": 0},
        strict=True,
    )
    # Partial, as those of entries: of the pictures of years few wait, and fewer are not sealed yet.
    db.execute("CREATE INDEX images_wanted ON images(host, attempts, first_seen DESC) WHERE status = 'wanted'")
    db.execute("CREATE INDEX images_parked ON images(failure_kind) WHERE status = 'parked'")
    db.execute("CREATE INDEX images_file ON images(sha256, media_type, size) WHERE status = 'kept'")
    db.execute("CREATE INDEX images_unsealed ON images(fetched_at) WHERE status = 'kept' AND sealed IS NULL")


@migrations()
def m006_search(db: Database) -> None:
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
    # bytes more. Its words come ready (archive/query/tokenizer.py), with nothing but ASCII spaces to be told apart by.
    db.execute("CREATE VIRTUAL TABLE words USING fts5(text, title, media, symbols, content='', tokenize='ascii')")


@migrations()
def m007_alerts(db: Database) -> None:
    """How far each alert is told, to each of its addresses."""
    db.table("alerts").create(
        {
            "name": str,  # as configured
            "address": int,  # which of those configured, from 1: the address itself may be secret
            "query": str,  # as configured; another one begins anew
            "position": int,  # in searchable: up to it everything is told, or is not to be
            "sent": str,  # when the last message was
            "attempts": int,  # failed ones in a row
            "due": str,  # when the next attempt may be made; null: nothing has failed
            "failure": str,  # why the last one failed
        },
        pk=("name", "address"),
        not_null={"query", "position", "attempts"},
        strict=True,
    )


@migrations()
def m008_days(db: Database) -> None:
    """Where in ``searchable`` the versions are that were published on a day."""
    db.table("days").create(
        {
            "day": str,  # in UTC
            "block": int,  # of so many numbers: BLOCK
            "versions": int,  # of that day in that block
            "since": str,  # from when on the first of them is known
        },
        pk=("day", "block"),
        not_null={"versions", "since"},
        strict=True,
    )
    add = """
        INSERT INTO days (day, block, versions, since)
        {} ON CONFLICT (day, block) DO UPDATE SET
            versions = versions + excluded.versions, since = min(since, excluded.since)
    """
    counted = f"SELECT substr(published, 1, 10), id / {BLOCK}, count(*), min(since) FROM searchable GROUP BY 1, 2"  # noqa: S608
    one = f"VALUES (substr(new.published, 1, 10), new.id / {BLOCK}, 1, new.since)"
    db.execute(add.format(f"SELECT * FROM ({counted}) WHERE true"))  # noqa: S608 - of constants
    db.execute(f"CREATE TRIGGER searchable_days AFTER INSERT ON searchable BEGIN {add.format(one)}; END")


@migrations()
def m009_enclosed_numbers(db: Database) -> None:
    """Numbers in circles stand apart from those beside them; more characters that nobody sees count for nothing."""
    joined = re.compile(f"[{ENCLOSED}]")
    parting = re.compile(f"[{INVISIBLE_LATER}]")

    def before(text: str) -> str:
        return joined.sub(lambda found: unicodedata.normalize("NFKC", found[0]), parting.sub(" ", text))

    rewrite_words(db, ENCLOSED + INVISIBLE_LATER, before)
    add_missing_words(db)  # of an index that had no words at all until now

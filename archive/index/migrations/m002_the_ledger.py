"""Spans, rhythms and changes, and what a daemon needs to continue after a restart."""

from __future__ import annotations

from archive.index.database import Database


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

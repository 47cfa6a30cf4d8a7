"""Spans, arrival rates and listing changes, and what a daemon needs to continue after a restart."""

from __future__ import annotations

from archive.index.database import Database


def m002_the_ledger(db: Database) -> None:
    """Add spans, arrival rates and listing changes, and what a daemon needs to continue after a restart."""
    _create_spans_rhythms_and_changes(db)
    _extend_feeds_and_rests(db)
    # Partial: open gaps are few among the gaps of years, and every poll reads them.
    db.execute("CREATE INDEX gaps_open ON gaps(feed, start) WHERE closed IS NULL")


def _create_spans_rhythms_and_changes(db: Database) -> None:
    db.table("sources").create(  # which list a feed reads
        {"feed": str, "source": str}, pk="feed", not_null={"source"}, strict=True
    )
    db.table("spans").create(  # spans of publication time in which a feed's list is complete; they do not touch
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
    db.table("changes").create(  # what a listing says of an entry, if it said something else before
        {
            "id": int,
            "docid": str,
            "feed": str,  # whose listing
            "seen": str,
            "title": str,
            "modified": str,
            "retitled": int,  # 1: the title has changed
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
    feeds.add_column("last_new", int)  # new entries of the last poll
    feeds.transform(not_null={"last_poll": False})  # a backfill can read a feed before its first poll
    # The time of the first failure was not stored until now: it is not later than this.
    db.execute("UPDATE feeds SET failing_since = last_poll WHERE error IS NOT NULL")
    db.table("rests").add_column("kind", str, not_null_default="blocked")

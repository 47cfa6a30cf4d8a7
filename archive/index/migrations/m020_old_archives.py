"""What keeps reports and rechecks as quick in an old archive: entries by feed, counted, and rechecks by time."""

from __future__ import annotations

from archive.index.database import Database

_COUNT = """
    INSERT INTO listing_counts (feed, entries) {}
    ON CONFLICT (feed) DO UPDATE SET entries = entries + excluded.entries
"""


def m020_old_archives(db: Database) -> None:
    """Count the rows of `listings` by feed, kept by triggers; order rechecks by their time, of all hosts together."""
    db.table("listing_counts").create({"feed": str, "entries": int}, pk="feed", not_null={"entries"}, strict=True)
    db.execute(_COUNT.format("SELECT feed, count(*) FROM listings WHERE true GROUP BY feed"))
    added, removed = (_COUNT.format(f"VALUES ({row}.feed, {number})") for row, number in (("new", 1), ("old", -1)))
    db.execute(f"CREATE TRIGGER listings_added AFTER INSERT ON listings BEGIN {added}; END")
    db.execute(f"CREATE TRIGGER listings_removed AFTER DELETE ON listings BEGIN {removed}; END")
    # The condition on the time alone finds what is due: an index that begins with the host is read as a whole.
    db.execute("DROP INDEX IF EXISTS entries_recheck")
    db.execute("CREATE INDEX entries_recheck ON entries(recheck) WHERE recheck IS NOT NULL")

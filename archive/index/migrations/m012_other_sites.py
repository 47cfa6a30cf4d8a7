"""What feeds of other sites state: authors, enclosures, ids, texts, and how exactly their times are known."""

from __future__ import annotations

from archive.index.database import Database
from archive.index.migrations.symbols_m012 import unify_symbols
from archive.index.migrations.titles_m012 import decode_titles


def m012_other_sites(db: Database) -> None:
    """Add the columns for feeds and pages of other sites."""
    entries = db.table("entries")
    entries.add_column("listed_text", str)  # HTML of the text in the feed that may not be the whole article
    entries.add_column("is_excerpt", int, not_null_default=0)  # 1: it never stands for the article
    entries.add_column("guid", str)  # the feed's own id for the item
    entries.add_column("link", str)  # digest of the address, where items share it and the guid identifies the article
    db.execute("CREATE INDEX entries_by_guid ON entries(guid) WHERE guid IS NOT NULL")
    db.execute("CREATE INDEX entries_by_link ON entries(link) WHERE link IS NOT NULL")
    revisions = db.table("revisions")
    revisions.add_column("text_from", str, not_null_default="page")  # "page" or "feed"
    revisions.add_column("text_note", str)  # why the text is the feed's
    revisions.add_column("raw_title", str)  # the title as the list has it, with HTML character references
    # Fetches without a response are of articles whose list has the whole text.
    db.execute(
        """UPDATE revisions SET text_from = 'feed', text_note = 'the list has the whole text'
           WHERE EXISTS (SELECT 1 FROM observations o WHERE o.docid = revisions.docid
               AND o.revision = revisions.number AND o.outcome IN ('first', 'revised') AND o.status IS NULL)"""
    )
    decode_titles(db)
    unify_symbols(db)
    for table in (entries, revisions):
        table.add_column("authors", str, not_null_default="[]")  # JSON list of names
        table.add_column("enclosures", str, not_null_default="[]")  # JSON list of {url, type}
        table.add_column("published_text", str)  # the time of publication as the feed states it
        table.add_column("precision", str, not_null_default="time")  # of `published`: "time" or "day"
        table.add_column("published_note", str)  # why `published` is not the time that is stated

"""The tables of the full-text search."""

from __future__ import annotations

from archive.index.database import Database


def m006_search(db: Database) -> None:
    """Add the words of every version, and when each version was the newest known one."""
    db.table("searchable").create(  # the searchable versions; their id is the rowid in words
        {
            "id": int,
            "docid": str,
            "number": int,
            "published": str,
            "since": str,  # from when on it is known: the version is observed, and a list has named the entry
            "until": str,  # when a later version was observed; null: there is none
        },
        pk="id",
        not_null={"docid", "number", "published", "since"},
        strict=True,
    )
    db.table("searchable").create_index(["docid", "number"], unique=True)
    db.table("searchable").create_index(["published", "docid"])
    # The table holds no copy of the text, which is in ``texts``. The text is the first column, because each word of a
    # later column takes two bytes more. The tokenizer is in Python: FTS5 gets words that ASCII spaces separate.
    db.execute("CREATE VIRTUAL TABLE words USING fts5(text, title, media, symbols, content='', tokenize='ascii')")

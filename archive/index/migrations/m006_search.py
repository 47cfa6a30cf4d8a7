"""The tables of the full-text search."""

from __future__ import annotations

from archive.index.database import Database


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
    # The table holds no copy of the text, which is in ``texts``. The text is the first column: each word of a later
    # column costs two bytes more. The tokenizer is in Python: FTS5 gets words that ASCII spaces separate.
    db.execute("CREATE VIRTUAL TABLE words USING fts5(text, title, media, symbols, content='', tokenize='ascii')")

"""The words of texts with numbers in circles or with invisible characters are written again by a new rule."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from archive.index.database import Database
from archive.index.migrations.words_m009 import ENCLOSED, INVISIBLE_LATER, before, columns

_BATCH = 1000  # versions whose words are in memory at once
_WRITE = "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)"
_FORGET = "INSERT INTO words (words, rowid, text, title, media, symbols) VALUES ('delete', ?, ?, ?, ?, ?)"
_HAVING = """
    SELECT s.id, r.title, r.media, r.symbols, t.text FROM searchable s JOIN revisions r USING (docid, number)
    LEFT JOIN texts t USING (docid, number)
    WHERE t.text GLOB :pattern OR r.title GLOB :pattern OR r.media GLOB :pattern
"""
_MISSING = """
    SELECT r.docid, r.number, r.published, r.fetched_at, r.title, r.media, r.symbols, texts.text
    FROM revisions r LEFT JOIN texts USING (docid, number)
    WHERE NOT EXISTS (SELECT 1 FROM searchable s WHERE s.docid = r.docid AND s.number = r.number)
    ORDER BY r.docid, r.number
"""
_INSERT = """
    INSERT INTO searchable (docid, number, published, since, until)
    VALUES (:docid, :number, :published,
            max(:at, coalesce((SELECT first_seen FROM entries WHERE docid = :docid), '')), NULL)
"""
_SUPERSEDE = """
    UPDATE searchable SET until = min(coalesce(until, :at), :at) WHERE docid = :docid AND number < :number
"""


def m009_enclosed_numbers(db: Database) -> None:
    """Separate enclosed numbers from the words beside them, and ignore more invisible characters."""
    _rewrite_words(db)
    missing = db.execute(_MISSING)  # all versions, in an index that had no words until now
    while batch := list(islice(missing, _BATCH)):
        _add_words(db, batch)


def _rewrite_words(db: Database) -> None:
    for row in db.execute(_HAVING, {"pattern": f"*[{ENCLOSED}{INVISIBLE_LATER}]*"}):
        given = {name: row[name] for name in ("text", "title", "media")}
        old = {name: before(each) if each else each for name, each in given.items()}
        symbols = json.loads(row["symbols"])
        # The table ``words`` holds no text: FTS5 needs the old words to delete them.
        db.execute(_FORGET, [row["id"], *columns(**old, symbols=symbols)])
        db.execute(_WRITE, [row["id"], *columns(**given, symbols=symbols)])


def _add_words(db: Database, rows: list[Any]) -> None:
    written = []
    for row in rows:
        names = {"docid": row["docid"], "number": row["number"], "at": row["fetched_at"]}
        id_ = db.execute(_INSERT, {**names, "published": row["published"]}).lastrowid
        if row["number"] != 1:
            db.execute(_SUPERSEDE, names)
        written.append([id_, *columns(row["text"], row["title"], row["media"], json.loads(row["symbols"]))])
    # All words together, after all versions: FTS5 flushes before each statement that has a trigger.
    db.conn.executemany(_WRITE, written)

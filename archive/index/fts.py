"""The words of every version, for search: written whenever a version is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from archive.index import statements
from archive.index.database import Database
from archive.model.article import Article, Revision
from archive.query.tokenizer import words

_INSERT = """
    INSERT INTO searchable (docid, number, published, since, until)
    VALUES (:docid, :number, :published,
            max(:at, coalesce((SELECT first_seen FROM entries WHERE docid = :docid), '')), NULL)
"""
_SUPERSEDE = """
    UPDATE searchable SET until = min(coalesce(until, :at), :at) WHERE docid = :docid AND number < :number
"""
_BATCH = 1000  # versions whose words are in memory at once
_WRITE = "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)"
_FORGET = "INSERT INTO words (words, rowid, text, title, media, symbols) VALUES ('delete', ?, ?, ?, ?, ?)"
_MISSING = """
    SELECT r.docid, r.number, r.published, r.fetched_at, r.title, r.media, r.symbols, texts.text
    FROM revisions r LEFT JOIN texts USING (docid, number)
    WHERE NOT EXISTS (SELECT 1 FROM searchable s WHERE s.docid = r.docid AND s.number = r.number)
    ORDER BY r.docid, r.number
"""

# A row of ``revisions``, with docid, number, published, fetched_at, title, media and symbols; and its plain text, or
# None when it is not kept.
Version = tuple[dict[str, Any] | statements.Row, str | None]


def add_words(database: Database, versions: Iterable[Version]) -> None:
    """Make versions searchable, and those before them only as of times before they were observed."""
    written = []
    for row, text in versions:
        names = {"docid": row["docid"], "number": row["number"], "at": row["fetched_at"]}
        id_ = database.execute(_INSERT, {**names, "published": row["published"]}).lastrowid
        if row["number"] != 1:
            database.execute(_SUPERSEDE, names)
        written.append([id_, *_columns(text, row["title"], row["media"], json.loads(row["symbols"]))])
    # Together, and last: before each statement that has a trigger FTS5 writes out what it has gathered, and one
    # version's words at a time cost three times as much. See D117.
    database.conn.executemany(_WRITE, written)


def complete_words(database: Database, known: Revision, article: Article) -> None:
    """Add what was not drawn from a version's page when it was made searchable.

    :param known: the version as it was made searchable, without a text
    """
    id_ = database.execute(
        "SELECT id FROM searchable WHERE docid = ? AND number = ?", [known.docid, known.number]
    ).fetchone()["id"]
    # An index of words alone must be told what it is to forget.
    database.execute(_FORGET, [id_, *_columns(None, known.title, known.media, known.symbols)])
    database.execute(_WRITE, [id_, *_columns(article.text, known.title, article.media, article.symbols)])


def add_missing_words(database: Database) -> None:
    """Make every version searchable that is not: of an older index, or taken over from another."""
    missing: Iterator[statements.Row] = database.execute(_MISSING)
    while batch := list(islice(missing, _BATCH)):
        add_words(database, [(row, row["text"]) for row in batch])


def _columns(text: str | None, title: str, media: str | None, symbols: Iterable[str]) -> list[str]:
    return [words(each) if each else "" for each in (text, title, media, "\n".join(symbols))]

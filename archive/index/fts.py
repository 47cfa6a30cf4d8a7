"""The full-text index: the words of every version, written with the version."""

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
    UPDATE searchable SET until = min(coalesce(until, :at), :at)
    WHERE docid = :docid AND number <= :number AND id < :id
"""
_MARK_AS_FACTS = "INSERT INTO searchable_facts (id, docid, revision, step) VALUES (:id, :docid, :number, :step)"
_BATCH = 1000  # versions whose words are in memory at once
_INSERT_WORDS = "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)"
_DELETE_WORDS = "INSERT INTO words (words, rowid, text, title, media, symbols) VALUES ('delete', ?, ?, ?, ?, ?)"
_MISSING = """
    SELECT r.docid, r.number, 0 AS step, r.published, r.fetched_at, r.title, r.media, r.symbols, texts.text
    FROM revisions r LEFT JOIN texts USING (docid, number)
    WHERE NOT EXISTS (SELECT 1 FROM searchable s WHERE s.docid = r.docid AND s.number = r.number)
    UNION ALL
    SELECT f.docid, f.revision, f.step, r.published, f.at, r.title, f.media, f.symbols, texts.text
    FROM facts f JOIN revisions r ON r.docid = f.docid AND r.number = f.revision
    LEFT JOIN texts ON texts.docid = f.docid AND texts.number = f.revision
    WHERE (json_type(f.changed, '$.media') IS NOT NULL OR json_type(f.changed, '$.symbols') IS NOT NULL)
        AND NOT EXISTS (
            SELECT 1 FROM searchable_facts s WHERE s.docid = f.docid AND s.revision = f.revision AND s.step = f.step
        )
    ORDER BY 1, 2, 3
"""

# The values that were made words of, for each row of ``searchable``: those of a version, or of a change of its facts.
_WORDS_OF_ARTICLE = """
    SELECT s.id, r.title, iif(f.step IS NULL, r.media, f.media) AS media,
           iif(f.step IS NULL, r.symbols, f.symbols) AS symbols, texts.text
    FROM searchable s JOIN revisions r ON r.docid = s.docid AND r.number = s.number
    LEFT JOIN searchable_facts m ON m.id = s.id
    LEFT JOIN facts f ON f.docid = m.docid AND f.revision = m.revision AND f.step = m.step
    LEFT JOIN texts ON texts.docid = s.docid AND texts.number = s.number
    WHERE s.docid = ?
"""

# A row of ``revisions``, with docid, number, step, published, fetched_at, title, media and symbols; and its plain
# text, or None if it is not stored. A step from 1 is a change of the version's facts, with its time and the new ones.
Version = tuple[dict[str, Any] | statements.Row, str | None]


def add_words(database: Database, versions: Iterable[Version]) -> None:
    """Make versions searchable. Earlier versions of their articles are found only as of earlier times."""
    written = []
    for row, text in versions:
        names = {"docid": row["docid"], "number": row["number"], "step": row["step"], "at": row["fetched_at"]}
        names["id"] = id_ = database.execute(_INSERT, {**names, "published": row["published"]}).lastrowid
        if row["number"] != 1 or row["step"]:
            database.execute(_SUPERSEDE, names)
        if row["step"]:
            database.execute(_MARK_AS_FACTS, names)
        written.append([id_, *_columns(text, row["title"], row["media"], json.loads(row["symbols"]))])
    # All words together, after all versions: FTS5 flushes its buffer before each statement that has a trigger, and
    # writing the words of one version at a time takes three times as long. See D117.
    database.conn.executemany(_INSERT_WORDS, written)


def complete_words(database: Database, revision: Revision, article: Article) -> None:
    """Add what was not extracted from a version's page when it was made searchable.

    :param revision: the version as it was made searchable, without a text
    """
    id_ = database.execute(
        "SELECT id FROM searchable WHERE docid = ? AND number = ?", [revision.docid, revision.number]
    ).fetchone()["id"]
    # The table holds no text: FTS5 needs the old words to delete them.
    database.execute(_DELETE_WORDS, [id_, *_columns(None, revision.title, revision.media, revision.symbols)])
    database.execute(_INSERT_WORDS, [id_, *_columns(article.text, revision.title, article.media, article.symbols)])


def delete_words(database: Database, docid: str) -> None:
    """Remove the words of all versions of an article. The caller begins the transaction."""
    rows: list[statements.Row] = database.execute(_WORDS_OF_ARTICLE, [docid]).fetchall()
    columns = [_columns(row["text"], row["title"], row["media"], json.loads(row["symbols"])) for row in rows]
    database.conn.executemany(_DELETE_WORDS, [(row["id"], *each) for row, each in zip(rows, columns, strict=True)])


def add_missing_words(database: Database) -> None:
    """Make searchable the versions that are not: those of an older index, or carried over from another."""
    missing: Iterator[statements.Row] = database.execute(_MISSING)
    while batch := list(islice(missing, _BATCH)):
        add_words(database, [(row, row["text"]) for row in batch])


def _columns(text: str | None, title: str, media: str | None, symbols: Iterable[str]) -> list[str]:
    return [words(each) if each else "" for each in (text, title, media, "\n".join(symbols))]

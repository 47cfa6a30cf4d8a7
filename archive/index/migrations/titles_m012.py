"""Titles of Sina's JSON lists become text; what the list has stays beside it. Frozen: do not edit this module."""

from __future__ import annotations

import json
import re
from html import unescape

from archive.index.database import Database
from archive.index.migrations.words_m009 import columns

_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
# Titles of pages are text already, and so are those of other sites' feeds.
_LISTED = """
    SELECT r.docid, r.number, r.title FROM revisions r JOIN entries e ON e.docid = r.docid
    WHERE r.title GLOB '*&*;*' AND e.foreign_site = 0
        AND (r.title = e.title OR r.title IN (SELECT c.title FROM changes c WHERE c.docid = r.docid))
"""
_SEARCHABLE = """
    SELECT s.id, coalesce(f.media, r.media) AS media, coalesce(f.symbols, r.symbols) AS symbols, t.text
    FROM searchable s JOIN revisions r USING (docid, number) LEFT JOIN texts t USING (docid, number)
    LEFT JOIN searchable_facts sf ON sf.id = s.id
    LEFT JOIN facts f ON f.docid = sf.docid AND f.revision = sf.revision AND f.step = sf.step
    WHERE s.docid = ? AND s.number = ?
"""
_FORGET = "INSERT INTO words (words, rowid, text, title, media, symbols) VALUES ('delete', ?, ?, ?, ?, ?)"
_WRITE = "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)"


def decode_titles(db: Database) -> None:
    """Decode the titles of versions, and write their words again."""
    for row in list(db.execute(_LISTED)):
        raw = row["title"]
        title = " ".join(_REFERENCE.sub(lambda match: unescape(match[0]), raw).split())
        if title == raw:
            continue
        db.execute(
            "UPDATE revisions SET title = ?, raw_title = ? WHERE docid = ? AND number = ?",
            [title, raw, row["docid"], row["number"]],
        )
        for each in list(db.execute(_SEARCHABLE, [row["docid"], row["number"]])):
            facts = each["text"], each["media"], json.loads(each["symbols"])
            # The table ``words`` holds no text: FTS5 needs the old words to delete them.
            db.execute(_FORGET, [each["id"], *columns(facts[0], raw, *facts[1:])])
            db.execute(_WRITE, [each["id"], *columns(facts[0], title, *facts[1:])])

"""What pages state, what changed of it without a version, and which other articles addresses show."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from archive.index.database import Database
from archive.index.fts import Version
from archive.index.statements import to_json
from archive.model.article import PageFacts, Revision
from archive.model.fetch import Decision, FactsChange
from archive.model.times import to_text

# Fields whose words are searchable by filters.
_SEARCHABLE = ("media", "symbols")


def record_page(database: Database, decision: Decision) -> None:
    """Write what a page stated, or whose page it was. The caller begins the transaction."""
    docid, at = decision.fetch.pending.entry.docid, to_text(decision.fetch.at)
    if decision.moved_to:
        database.execute("INSERT INTO moves (docid, at, target) VALUES (?, ?, ?)", [docid, at, decision.moved_to])
    if stated := decision.stated:
        database.execute(
            """INSERT OR REPLACE INTO stated
               (docid, listed_title, title, published, updated, media, keywords, symbols)
               VALUES (:docid, :listed_title, :title, :published, :updated, :media, :keywords, :symbols)""",
            {"docid": docid, "listed_title": decision.fetch.pending.entry.title, **_stated_row(stated)},
        )


def add_facts(database: Database, change: FactsChange, revision: Revision, at: datetime) -> Version | None:
    """Write a change of the facts of a version. The caller begins the transaction.

    :return: the version as it is to be searchable from then on; None: its searchable facts did not change
    """
    row = {
        "docid": revision.docid,
        "revision": revision.number,
        "step": change.step,
        "at": to_text(at),
        "changed": json.dumps(
            {name: [_plain(old), _plain(new)] for name, (old, new) in change.changed.items()}, ensure_ascii=False
        ),
        "updated": to_text(change.updated),
        "media": change.media,
        "keywords": to_json(change.keywords, ascii_only=False),
        "symbols": to_json(change.symbols),
    }
    database.execute(
        """INSERT INTO facts (docid, revision, step, at, changed, updated, media, keywords, symbols)
           VALUES (:docid, :revision, :step, :at, :changed, :updated, :media, :keywords, :symbols)""",
        row,
    )
    database.conn.executemany(
        "INSERT OR IGNORE INTO symbols VALUES (?, ?, ?)",
        [(symbol, revision.docid, revision.number) for symbol in change.symbols],
    )
    if not any(name in change.changed for name in _SEARCHABLE):
        return None
    text = database.execute(
        "SELECT text FROM texts WHERE docid = ? AND number = ?", [revision.docid, revision.number]
    ).fetchone()
    version = {
        **row, "number": revision.number, "published": to_text(revision.published), "fetched_at": row["at"],
        "title": revision.title,
    }  # fmt: skip
    return version, text["text"] if text else None


def _stated_row(stated: PageFacts) -> dict[str, Any]:
    return {
        "title": stated.title,
        "published": to_text(stated.published),
        "updated": to_text(stated.updated),
        "media": stated.media,
        "keywords": None if stated.keywords is None else to_json(stated.keywords, ascii_only=False),
        "symbols": None if stated.symbols is None else to_json(stated.symbols),
    }


def _plain(value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value

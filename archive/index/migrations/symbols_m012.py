"""Stocks get one notation in all rows. Frozen: do not edit this module.

It has a copy of archive/model/symbols.py as it was when m012 was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from archive.index.database import Database
from archive.index.migrations.words_m009 import columns

_EXCHANGE_AFTER = re.compile(r"(\d{1,6})\.(SH|SS|SZ|BJ|HK)", re.IGNORECASE | re.ASCII)
# Names of the telegraph's markets that older versions put before symbols.
_MARKET_BEFORE_PREFIX = re.compile(
    r"(?:foreign|commodity|global|futures?|forex)_?(?=[a-z]{1,6}_)", re.IGNORECASE | re.ASCII
)
# Form -> the notation. The first form that fits counts.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(sh|sz|bj|sb)[.:]?(\d{6})", re.IGNORECASE | re.ASCII), lambda match: match[1].lower() + match[2]),
    (re.compile(r"hk[.:]?(\d{1,5})", re.IGNORECASE | re.ASCII), lambda match: f"hk{match[1].zfill(5)}"),
    (re.compile(r"(?:fund|of)_?(\d{6})", re.IGNORECASE | re.ASCII), lambda match: f"of{match[1]}"),
    (re.compile(r"(?:gb|us)_([a-z][a-z0-9.$-]{0,11})", re.IGNORECASE | re.ASCII), lambda match: match[1].upper()),
    (re.compile(r"[a-z]{1,6}_\w{1,24}", re.IGNORECASE | re.ASCII), lambda match: match[0].lower()),
    (re.compile(r"hk[A-Z]{2,12}", re.ASCII), lambda match: match[0]),  # an index of Hong Kong
    (re.compile(r"\.?[a-z][a-z.$-]{0,11}", re.IGNORECASE | re.ASCII), lambda match: match[0].upper()),
)


def _symbol_of(text: str) -> str:
    if match := _EXCHANGE_AFTER.fullmatch(text):
        text = {"SS": "sh"}.get(match[2].upper(), match[2]) + match[1]
    if market := _MARKET_BEFORE_PREFIX.match(text):
        text = text[market.end() :]
    for form, written in _FORMS:
        if match := form.fullmatch(text):
            return written(match)
    return text


_SEARCHABLE = """
    SELECT s.id, s.docid, s.number, r.title, coalesce(f.media, r.media) AS media,
        coalesce(f.symbols, r.symbols) AS symbols, t.text
    FROM searchable s JOIN revisions r USING (docid, number) LEFT JOIN texts t USING (docid, number)
    LEFT JOIN searchable_facts sf ON sf.id = s.id
    LEFT JOIN facts f ON f.docid = sf.docid AND f.revision = sf.revision AND f.step = sf.step
    WHERE coalesce(f.symbols, r.symbols) != '[]'
"""
_FORGET = "INSERT INTO words (words, rowid, text, title, media, symbols) VALUES ('delete', ?, ?, ?, ?, ?)"
_WRITE = "INSERT INTO words (rowid, text, title, media, symbols) VALUES (?, ?, ?, ?, ?)"


def unify_symbols(db: Database) -> None:
    """Write the stocks of entries, versions, facts and statements in one notation, and the words of versions."""
    for row in db.execute(_SEARCHABLE).fetchall():
        old, new = json.loads(row["symbols"]), _unified(row["symbols"])
        if new is not None:
            # The table ``words`` holds no text: FTS5 needs the old words to delete them.
            known = row["text"], row["title"], row["media"]
            db.execute(_FORGET, [row["id"], *columns(*known, old)])
            db.execute(_WRITE, [row["id"], *columns(*known, json.loads(new))])
    for table in ("entries", "revisions", "facts", "stated"):
        rows = db.execute(f"SELECT rowid AS id, symbols FROM {table} WHERE symbols != '[]'").fetchall()  # noqa: S608 - constants
        changed = [(new, row["id"]) for row in rows if (new := _unified(row["symbols"])) is not None]
        db.conn.executemany(f"UPDATE {table} SET symbols = ? WHERE rowid = ?", changed)  # noqa: S608 - constants
    _rewrite_changes(db)
    rows = db.execute("SELECT symbol, docid, number FROM symbols").fetchall()
    for row in rows:
        if (new := _symbol_of(row["symbol"])) != row["symbol"]:
            names = [row["docid"], row["number"]]
            db.execute("DELETE FROM symbols WHERE symbol = ? AND docid = ? AND number = ?", [row["symbol"], *names])
            db.execute("INSERT OR IGNORE INTO symbols VALUES (?, ?, ?)", [new, *names])


def _unified(symbols: str) -> str | None:
    """Return a JSON list of stocks in one notation; None if it has that already."""
    old = json.loads(symbols)
    new = list(dict.fromkeys(map(_symbol_of, filter(None, old))))
    return json.dumps(new) if new != old else None


def _rewrite_changes(db: Database) -> None:
    """Write the stocks before and after each change of facts in one notation."""
    query = "SELECT rowid AS id, changed FROM facts WHERE json_type(changed, '$.symbols') IS NOT NULL"
    for row in db.execute(query).fetchall():
        changed: dict[str, Any] = json.loads(row["changed"])
        changed["symbols"] = [
            list(dict.fromkeys(map(_symbol_of, filter(None, side)))) if isinstance(side, list) else side
            for side in changed["symbols"]
        ]
        written = json.dumps(changed, ensure_ascii=False)
        db.execute("UPDATE facts SET changed = ? WHERE rowid = ?", [written, row["id"]])

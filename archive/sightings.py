"""What listings say, put into the index: entries, the feeds they belong to, and what is said anew of them.

Most of what a poll reads is known. Only what is new or different is written, so that a quiet poll costs the same in a
small archive and in a large one, and nearly nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archive import sql
from archive.changes import Said, change, is_edit
from archive.records import Change, Entry, Failure
from archive.sql import to_text, to_time


@dataclass(frozen=True, slots=True)
class Sighted:
    """What was not known before."""

    new: int  # entries
    broken: int  # items that could not be understood
    changes: tuple[Change, ...]  # of what was known


class Sightings:
    """The entries' side of the index. Whoever calls its methods has begun a transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_entries(
        self, feed: str, at: datetime, entries: Sequence[Entry], failures: Sequence[Failure], hosts: Mapping[str, str]
    ) -> Sighted:
        """Record what a feed's listing says of articles.

        :param failures: of the items that could not be understood: a row for each, parked, unless it is known
        :param hosts: for each entry's docid, the host it is to be fetched from
        """
        known = self._known([*(e.docid for e in entries), *(f.subject for f in failures)])
        rows = [
            sql.entry_row(entry, hosts[entry.docid], at)
            for entry in entries
            if entry.docid not in known or known[entry.docid]["url"] is None
        ]
        self._db.conn.executemany(sql.INSERT_ENTRY, rows)
        new = [row["docid"] for row in rows if row["docid"] not in known]
        broken = {f.subject: f for f in reversed(failures) if f.subject not in known and f.subject not in new}
        self._db.conn.executemany(
            """INSERT INTO entries (docid, first_seen, status, failure_kind, failure)
               VALUES (?, ?, 'parked', ?, ?)""",
            [(f.subject, to_text(at), f.kind, f.reason) for f in broken.values()],
        )
        met = [(entry, known[entry.docid]) for entry in entries if entry.docid in known]
        self._update_addresses(met, hosts)
        return Sighted(len(new), len(broken), self._add_changes(feed, at, met))

    def _known(self, docids: Collection[str]) -> dict[str, sql.Row]:
        found = self._db.execute(
            """SELECT docid, url, status, title, modified FROM json_each(?) AS asked
               CROSS JOIN entries ON docid = asked.value""",
            [json.dumps(list(docids))],
        )
        return {row["docid"]: row for row in found}

    def _update_addresses(self, met: Iterable[tuple[Entry, sql.Row]], hosts: Mapping[str, str]) -> None:
        # A later sight of an entry that still waits may know a better address; all else stays as first seen.
        self._db.conn.executemany(
            "UPDATE entries SET url = ?, host = ? WHERE docid = ?",
            [
                (entry.url, hosts[entry.docid], entry.docid)
                for entry, row in met
                if row["status"] == "pending" and row["url"] not in (None, entry.url)
            ],
        )

    def _add_changes(self, feed: str, at: datetime, met: Sequence[tuple[Entry, sql.Row]]) -> tuple[Change, ...]:
        here, last = self._changed([entry.docid for entry, _ in met], feed)
        changes = []
        for entry, first in met:
            before = here.get(entry.docid, first)
            if first["url"] is None or _says(entry, before):  # nearly all; the rest is for the rules
                continue
            known = _said(last.get(entry.docid, first))
            if found := change(entry, at, _said(before), known):
                changes.append((found, is_edit(found, known)))
        self._db.conn.executemany(
            "INSERT INTO changes (docid, feed, seen, title, modified, retitled) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (c.docid, feed, to_text(c.seen), c.title, to_text(c.modified), int(c.retitled))
                for c, _ in changes
            ],
        )  # fmt: skip
        return tuple(found for found, edit in changes if edit)

    def _changed(self, docids: Collection[str], feed: str) -> tuple[dict[str, sql.Row], dict[str, sql.Row]]:
        """The last change of each entry that has any: by this feed's listing, and by any."""
        rows = self._db.execute(
            """SELECT docid, feed, title, modified FROM changes WHERE id IN (
                   SELECT max(id) FROM changes WHERE docid IN (SELECT value FROM json_each(?)) GROUP BY docid, feed
               ) ORDER BY id""",
            [json.dumps(list(docids))],
        ).fetchall()
        return {row["docid"]: row for row in rows if row["feed"] == feed}, {row["docid"]: row for row in rows}

    def add_listings(
        self, feed: str, belong_to: Mapping[str, Collection[str]], failures: Iterable[Failure], *, ground: bool
    ) -> None:
        """Record which feeds entries belong to.

        :param feed: the one whose list was read
        :param belong_to: docid -> ids of feeds
        :param ground: whether what was read is known ground of that feed
        """
        wanted: list[tuple[Any, str, int]] = [
            (id_, docid, int(ground and id_ == feed)) for docid, ids in belong_to.items() for id_ in ids
        ]
        wanted += [(feed, failure.subject, int(ground)) for failure in failures]
        # The condition keeps what is known from being written again.
        self._db.conn.executemany(
            """INSERT INTO listings (feed, docid, ground) VALUES (?, ?, ?)
               ON CONFLICT DO UPDATE SET ground = excluded.ground WHERE excluded.ground > ground""",
            wanted,
        )


def _says(entry: Entry, row: sql.Row) -> bool:
    return bool(row["title"] == entry.title and row["modified"] == to_text(entry.modified))


def _said(row: sql.Row) -> Said:
    return Said(row["title"] or "", to_time(row["modified"]))

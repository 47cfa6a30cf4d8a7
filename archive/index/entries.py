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

from archive.index import row_mapping, statements
from archive.index.database import Database
from archive.index.listing_changes import ListedFields, change, is_edit
from archive.model.feed import Entry, Failure, ListingChange
from archive.model.times import to_text, to_time

Belonging = tuple[str, str, int]  # a feed's id, a docid, and 1 where later polls of the feed may stop there


@dataclass(frozen=True, slots=True)
class EntryChanges:
    """What was not known before."""

    new: int  # entries
    broken: tuple[Failure, ...]  # items that could not be understood
    changes: tuple[ListingChange, ...]  # of what was known
    news: tuple[Entry, ...]  # all that were new, or are said something else of: the others have left no trace
    moved: tuple[str, ...]  # docids of those whose address is another now


class EntryIndex:
    """The entries' side of the index. Whoever calls its methods has begun a transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_entries(
        self,
        feed: str,
        at: datetime,
        entries: Sequence[Entry],
        failures: Sequence[Failure],
        hosts: Mapping[str, str],
        *,
        moved: Collection[str] | None = None,
    ) -> EntryChanges:
        """Record what a feed's listing says of articles.

        :param failures: of the items that could not be understood: a row for each, parked, unless it is known
        :param hosts: for each entry's docid, the host it is to be fetched from
        :param moved: docids of those whose address becomes the listing's, where that was decided before: it hangs on
            how far each had come then, which the journal does not tell; see D76
        """
        known = self._known([*(e.docid for e in entries), *(f.subject for f in failures)])
        rows = self._add_new(feed, at, entries, known, hosts)
        new = [row["docid"] for row in rows if row["docid"] not in known]
        broken = {f.subject: f for f in failures[::-1] if f.subject not in known and f.subject not in new}
        self._db.conn.executemany(
            """INSERT INTO entries (docid, first_seen, status, failure_kind, failure)
               VALUES (?, ?, 'parked', ?, ?)""",
            [(f.subject, to_text(at), f.kind, f.reason) for f in broken.values()],
        )
        met = [(entry, known[entry.docid]) for entry in entries if entry.docid in known]
        if moved is None:
            moved = [entry.docid for entry, row in met if _moves(entry, row, feed)]
        self._update_addresses([(entry, row) for entry, row in met if entry.docid in moved], hosts, at)
        news = {row["docid"] for row in rows} | set(moved) | self._update_texts(feed, met, at)
        changes = self._add_changes(feed, at, met)
        news.update(change.docid for change, _ in changes)
        edits = tuple(change for change, edit in changes if edit)
        self._db.conn.executemany(
            "UPDATE entries SET changed = ? WHERE docid = ?", [(to_text(at), change.docid) for change in edits]
        )
        told = tuple(entry for entry in entries if entry.docid in news)
        return EntryChanges(len(new), tuple(broken.values()), edits, told, tuple(moved))

    def _add_new(
        self,
        feed: str,
        at: datetime,
        entries: Sequence[Entry],
        known: Mapping[str, statements.Row],
        hosts: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        """Record the entries that are new, or could not be read before; return their rows."""
        rows = [
            row_mapping.entry_row(entry, feed, hosts[entry.docid], at)
            for entry in entries
            if entry.docid not in known or known[entry.docid]["url"] is None
        ]
        self._db.conn.executemany(statements.INSERT_ENTRY, rows)
        readable_now = [(row["docid"], known[row["docid"]]["failure"]) for row in rows if row["docid"] in known]
        self._db.conn.executemany(
            "INSERT OR REPLACE INTO addresses (docid, until, failure) VALUES (?, ?, ?)",
            [(docid, to_text(at), failure) for docid, failure in readable_now],
        )
        return rows

    def _known(self, docids: Collection[str]) -> dict[str, statements.Row]:
        found = self._db.execute(
            """SELECT docid, url, status, title, modified, content, symbols, withdrawn, failure, carrier
               FROM json_each(?) AS asked
               CROSS JOIN entries ON docid = asked.value""",
            [json.dumps(list(docids))],
        )
        return {row["docid"]: row for row in found}

    def _update_addresses(
        self, moved: Sequence[tuple[Entry, statements.Row]], hosts: Mapping[str, str], at: datetime
    ) -> None:
        self._db.conn.executemany(
            "INSERT OR REPLACE INTO addresses (docid, until, url) VALUES (?, ?, ?)",
            [(entry.docid, to_text(at), row["url"]) for entry, row in moved],
        )
        self._db.conn.executemany(
            "UPDATE entries SET url = ?, host = ? WHERE docid = ?",
            [(entry.url, hosts[entry.docid], entry.docid) for entry, _ in moved],
        )

    def _update_texts(self, feed: str, met: Iterable[tuple[Entry, statements.Row]], at: datetime) -> set[str]:
        """What a listing carries itself is as it says now: the text, its stocks, whether it was deleted."""
        updated = []
        for entry, row in met:
            now = (entry.content, json.dumps(entry.symbols), int(entry.withdrawn))
            before = (row["content"], row["symbols"], row["withdrawn"])
            if row["url"] is not None and row["carrier"] == feed and now != before:
                updated.append((*now, to_text(at), to_text(at), entry.docid))
        # One that was given up, since it was deleted when it was first seen, is looked at once more too.
        self._db.conn.executemany(
            """UPDATE entries SET content = ?, symbols = ?, withdrawn = ?, changed = ?,
               due = iif(status = 'parked', ?, due), attempts = iif(status = 'parked', 0, attempts),
               status = iif(status = 'parked', 'pending', status) WHERE docid = ?""",
            updated,
        )
        return {row[-1] for row in updated}

    def _add_changes(
        self, feed: str, at: datetime, met: Sequence[tuple[Entry, statements.Row]]
    ) -> list[tuple[ListingChange, bool]]:
        """Record what listings say anew; return it, and whether it is an edit."""
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
        return changes

    def _changed(
        self, docids: Collection[str], feed: str
    ) -> tuple[dict[str, statements.Row], dict[str, statements.Row]]:
        """The last change of each entry that has any: by this feed's listing, and by any."""
        rows = self._db.execute(
            """SELECT docid, feed, title, modified FROM changes WHERE id IN (
                   SELECT max(id) FROM changes WHERE docid IN (SELECT value FROM json_each(?)) GROUP BY docid, feed
               ) ORDER BY id""",
            [json.dumps(list(docids))],
        ).fetchall()
        return {row["docid"]: row for row in rows if row["feed"] == feed}, {row["docid"]: row for row in rows}

    def add_listings(
        self,
        feed: str,
        at: datetime,
        belong_to: Mapping[str, Collection[str]],
        failures: Iterable[Failure],
        *,
        caught_up: bool,
    ) -> list[Belonging]:
        """Record which feeds entries belong to.

        :param feed: the one whose list was read
        :param belong_to: docid -> ids of feeds
        :param caught_up: whether what was read is known ground of that feed
        :return: what was not known before
        """
        wanted = [(id_, docid, int(caught_up and id_ == feed)) for docid, ids in belong_to.items() for id_ in ids]
        wanted += [(feed, failure.subject, int(caught_up)) for failure in failures]
        rows = self._db.execute(
            """SELECT asked.value ->> 0 AS feed, asked.value ->> 1 AS docid, asked.value ->> 2 AS ground
               FROM json_each(?) AS asked LEFT JOIN listings AS known
               ON known.feed = asked.value ->> 0 AND known.docid = asked.value ->> 1
               WHERE known.ground IS NULL OR known.ground < asked.value ->> 2""",
            [json.dumps(wanted)],
        ).fetchall()
        news = [(row["feed"], row["docid"], int(row["ground"])) for row in rows]
        self.insert_listings(news, at)
        return news

    def insert_listings(self, rows: Iterable[Belonging], at: datetime) -> None:
        """Record that entries belong to feeds."""
        self._db.conn.executemany(
            """INSERT INTO listings (feed, docid, ground, seen) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET ground = max(ground, excluded.ground)""",
            [(*row, to_text(at)) for row in rows],
        )


def _moves(entry: Entry, row: statements.Row, feed: str) -> bool:
    """Whether a later sight of an entry brings a better address; all else stays as first seen.

    Of one that still waits for its page it does, and of an item whose text the listing carries: the page that it
    became. How the text is had, and from which feed, is settled when an entry is first seen: two would take turns.
    See D52 and D74.
    """
    if row["url"] in (None, entry.url):
        return False
    if row["carrier"] is not None:
        return bool(row["carrier"] == feed)
    return bool(row["status"] == "pending" and entry.content is None)


def _says(entry: Entry, row: statements.Row) -> bool:
    return bool(row["title"] == entry.title and row["modified"] == to_text(entry.modified))


def _said(row: statements.Row) -> ListedFields:
    return ListedFields(row["title"] or "", to_time(row["modified"]))

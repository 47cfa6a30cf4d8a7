"""Entries: articles as listings describe them, their feeds, and the queue of articles to fetch.

Most entries that a poll reads are known. Only new and changed ones are written, so that a poll without changes costs
nearly nothing, whatever the size of the archive.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from archive.index import row_mapping, statements
from archive.index.listing_changes import ListedFields, change, is_edit, is_moved
from archive.index.part import IndexPart
from archive.model.feed import Counts, Entry, Failure, ListingChange, PendingEntry
from archive.model.symbols import symbols_of
from archive.model.times import to_text, to_time

Belonging = tuple[str, str, int]  # feed id, docid, and 1 if later polls of the feed may stop at the entry


class EntryChanges(Struct, frozen=True):
    """The changes that a listing brought."""

    new: int  # number of new entries
    broken: tuple[Failure, ...]  # items that could not be parsed
    changes: tuple[ListingChange, ...]  # edits of known entries
    changed_entries: tuple[Entry, ...]  # all that are new or changed in any way; the others were not written
    moved: tuple[str, ...]  # docids of entries with a new address


class EntryIndex(IndexPart):
    """The table of entries. Errors and transactions as in :class:`~archive.store.Store`."""

    # The queue of entries to be fetched for the first time

    def pending_hosts(self, now: datetime, tried_before: datetime) -> dict[str, int]:
        """Count the entries that are due at ``now`` and were not tried since ``tried_before``: host -> number."""
        times = [to_text(now), to_text(tried_before)]
        return {row["host"]: row["n"] for row in self._rows(statements.COUNT_DUE, times)}

    def due(
        self, host: str, limit: int, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> list[PendingEntry]:
        """Return entries to fetch from a host, those with the fewest attempts first, then the newest first.

        :param limit: the maximum number of entries
        :param in_flight: docids to leave out
        """
        rows = self._rows(
            statements.SELECT_DUE, [host, to_text(now), to_text(tried_before), json.dumps(list(in_flight)), limit]
        )
        return [row_mapping.pending(row) for row in rows]

    def newest_due(
        self, host: str, limit: int, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> dict[str, list[str]]:
        """Return the newest entries of each feed that are due at a host and were never tried: feed id -> docids.

        :param limit: the maximum number of entries of a feed
        :param in_flight: docids to leave out
        """
        parameters = [host, to_text(now), to_text(tried_before), json.dumps(list(in_flight)), limit]
        newest: dict[str, list[str]] = {}
        for row in self._rows(statements.SELECT_NEWEST_DUE, parameters):
            newest.setdefault(row["feed"], []).append(row["docid"])
        return newest

    def pending(self, host: str, limit: int, docids: Collection[str]) -> list[PendingEntry]:
        """Return those of ``docids`` that are pending at a host, due or not."""
        rows = self._rows(statements.SELECT_PENDING, [host, json.dumps(list(docids)), limit])
        return [row_mapping.pending(row) for row in rows]

    def next_due(self, after: datetime | None = None) -> datetime | None:
        """Return the earliest time at which a pending entry is due; with ``after``, the earliest later than that."""
        rows = self._rows(
            "SELECT min(due) AS due FROM entries WHERE status = 'pending' AND due > ?", [to_text(after) or ""]
        )
        return to_time(rows[0]["due"])

    def commit_paths(self, paths: Mapping[str, str]) -> None:
        """Record where the files of articles are about to be written. See D16.

        :param paths: docid -> path, relative to the archive's root
        """
        with self._transaction():
            self._db.conn.executemany(
                "UPDATE entries SET path = ? WHERE docid = ?", [(path, docid) for docid, path in paths.items()]
            )

    # Reports

    def counts(self) -> Counts:
        """Count the entries of the whole archive; the cost grows only with the pending and the parked ones."""
        return row_mapping.counts(self._rows(statements.COUNT_ENTRIES)[0])

    def failures(self, status: str) -> list[tuple[str, int]]:
        """Return why entries of a status (``pending``, ``parked``) are not archived, and how many for each reason."""
        return [(row["failure"], row["n"]) for row in self._rows(statements.COUNT_FAILURES, [status])]

    # Writes whose caller begins the transaction

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
        """Write the entries of a feed's listing. The caller begins the transaction.

        :param failures: of the items that could not be parsed: a parked row for each, unless it is known
        :param hosts: docid -> host that the entry is to be fetched from
        :param moved: docids of the entries that take the listing's address, if that was decided before. The decision
            depends on the status that each entry had then, which is not in the journal. See D76.
        """
        stored = self._stored_rows([*(e.docid for e in entries), *(f.subject for f in failures)])
        entries = [e for e in entries if e.docid not in stored or stored[e.docid]["status"] != "forgotten"]
        rows = self._add_new(feed, at, entries, stored, hosts)
        new = [row["docid"] for row in rows if row["docid"] not in stored]
        broken = {f.subject: f for f in failures[::-1] if f.subject not in stored and f.subject not in new}
        self._add_broken(broken.values(), at)
        pairs = [(entry, stored[entry.docid]) for entry in entries if entry.docid in stored]
        if moved is None:
            moved = [entry.docid for entry, row in pairs if is_moved(entry, row, feed)]
        self._update_addresses([(entry, row) for entry, row in pairs if entry.docid in moved], hosts, at)
        changed = {row["docid"] for row in rows} | set(moved)
        changed |= self._update_contents(feed, pairs, at) | self._add_guids(pairs)
        changes = self._add_changes(feed, at, pairs)
        edits = tuple(change for change, edit in changes if edit)
        self._db.conn.executemany(
            "UPDATE entries SET changed = ? WHERE docid = ?", [(to_text(at), change.docid) for change in edits]
        )
        changed |= {change.docid for change, _ in changes}
        changed_entries = tuple(entry for entry in entries if entry.docid in changed)
        return EntryChanges(len(new), tuple(broken.values()), edits, changed_entries, tuple(moved))

    def _add_broken(self, failures: Iterable[Failure], at: datetime) -> None:
        rows = [(failure.subject, to_text(at), failure.kind, failure.reason) for failure in failures]
        self._db.conn.executemany(statements.INSERT_BROKEN_ENTRY, rows)

    def _add_new(
        self,
        feed: str,
        at: datetime,
        entries: Sequence[Entry],
        stored: Mapping[str, statements.Row],
        hosts: Mapping[str, str],
    ) -> list[dict[str, Any]]:
        """Write the entries that are new or could not be parsed before; return their rows."""
        rows = [
            row_mapping.entry_row(entry, feed, hosts[entry.docid], at)
            for entry in entries
            if entry.docid not in stored or stored[entry.docid]["url"] is None
        ]
        self._db.conn.executemany(statements.INSERT_ENTRY, rows)
        readable_now = [(row["docid"], stored[row["docid"]]["failure"]) for row in rows if row["docid"] in stored]
        self._db.conn.executemany(
            "INSERT OR REPLACE INTO addresses (docid, until, failure) VALUES (?, ?, ?)",
            [(docid, to_text(at), failure) for docid, failure in readable_now],
        )
        return rows

    def _stored_rows(self, docids: Collection[str]) -> dict[str, statements.Row]:
        rows = self._rows(
            """SELECT docid, url, status, title, modified, content, listed_text, symbols, withdrawn, failure, carrier,
                      guid
               FROM json_each(?) AS wanted
               CROSS JOIN entries ON docid = wanted.value""",
            [json.dumps(list(docids))],
        )
        return {row["docid"]: row for row in rows}

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

    def _update_contents(self, feed: str, pairs: Iterable[tuple[Entry, statements.Row]], at: datetime) -> set[str]:
        """Update what the listing itself carries: text, stocks, deletion. Return the docids that have changed."""
        updated = []
        for entry, row in pairs:
            now = (entry.content, entry.listed_text, json.dumps(symbols_of(entry.symbols)), int(entry.withdrawn))
            before = (row["content"], row["listed_text"], row["symbols"], row["withdrawn"])
            if row["url"] is not None and row["carrier"] == feed and now != before:
                names = statements.to_json(entry.stock_names, ascii_only=False)
                updated.append((*now, names, to_text(at), to_text(at), entry.docid))
        # A parked entry becomes pending: the site may have deleted it when it was first seen, and restored it since.
        self._db.conn.executemany(
            """UPDATE entries SET content = ?, listed_text = ?, symbols = ?, withdrawn = ?, stock_names = ?,
               changed = ?, due = iif(status = 'parked', ?, due), attempts = iif(status = 'parked', 0, attempts),
               status = iif(status = 'parked', 'pending', status) WHERE docid = ?""",
            updated,
        )
        return {row[-1] for row in updated}

    def _add_guids(self, pairs: Iterable[tuple[Entry, statements.Row]]) -> set[str]:
        """Write the guids of entries that had none, for example those that another feed listed first."""
        new = [entry for entry, row in pairs if entry.guid and row["guid"] is None and row["url"]]
        added = [(entry.guid, entry.docid) for entry in new]
        self._db.conn.executemany("UPDATE entries SET guid = ? WHERE docid = ?", added)
        return {docid for _, docid in added}

    def _add_changes(
        self, feed: str, at: datetime, pairs: Sequence[tuple[Entry, statements.Row]]
    ) -> list[tuple[ListingChange, bool]]:
        """Write how titles and mtimes in listings have changed; return each change, and whether it is an edit."""
        last_of_feed, last_of_all = self._last_changes([entry.docid for entry, _ in pairs], feed)
        changes = []
        for entry, first in pairs:
            before = last_of_feed.get(entry.docid, first)
            if first["url"] is None or _is_same(entry, before):  # nearly all; listing_changes decides over the others
                continue
            last = _listed_fields(last_of_all.get(entry.docid, first))
            if changed := change(entry, at, _listed_fields(before), last):
                changes.append((changed, is_edit(changed, last)))
        self._db.conn.executemany(
            "INSERT INTO changes (docid, feed, seen, title, modified, retitled) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (c.docid, feed, to_text(c.seen), c.title, to_text(c.modified), int(c.retitled))
                for c, _ in changes
            ],
        )  # fmt: skip
        return changes

    def _last_changes(
        self, docids: Collection[str], feed: str
    ) -> tuple[dict[str, statements.Row], dict[str, statements.Row]]:
        """Return the last change of each entry that has any: in this feed's listing, and in any listing."""
        rows = self._rows(
            """SELECT docid, feed, title, modified FROM changes WHERE id IN (
                   SELECT max(id) FROM changes WHERE docid IN (SELECT value FROM json_each(?)) GROUP BY docid, feed
               ) ORDER BY id""",
            [json.dumps(list(docids))],
        )
        return {row["docid"]: row for row in rows if row["feed"] == feed}, {row["docid"]: row for row in rows}

    def add_listings(
        self,
        feed: str,
        at: datetime,
        belong_to: Mapping[str, Collection[str]],
        failures: Iterable[Failure],
        known: Collection[str],
    ) -> tuple[list[Belonging], set[str]]:
        """Write which feeds entries belong to. The caller begins the transaction.

        :param feed: the feed whose list was read
        :param belong_to: docid -> ids of feeds
        :param known: docids of the entries that become known entries of ``feed``
        :return: what was not known before, and the docids of the entries that the list shows for the first time
        """
        pairs = [(id_, docid) for docid, ids in belong_to.items() for id_ in ids]
        pairs += [(feed, failure.subject) for failure in failures]
        wanted = [(id_, docid, int(id_ == feed and docid in known), int(id_ == feed)) for id_, docid in pairs]
        rows = self._rows(
            """SELECT wanted.value ->> 0 AS feed, wanted.value ->> 1 AS docid, wanted.value ->> 2 AS ground,
                      wanted.value ->> 3 > coalesce(stored.shown, 0) AS is_first
               FROM json_each(?) AS wanted LEFT JOIN listings AS stored
               ON stored.feed = wanted.value ->> 0 AND stored.docid = wanted.value ->> 1
               WHERE stored.ground IS NULL OR stored.ground < wanted.value ->> 2
                   OR stored.shown < wanted.value ->> 3""",
            [json.dumps(wanted)],
        )
        new = [(row["feed"], row["docid"], int(row["ground"])) for row in rows]
        self.insert_listings(feed, new, at)
        return new, {row["docid"] for row in rows if row["is_first"]}

    def insert_listings(self, shown_by: str | None, rows: Iterable[Belonging], at: datetime) -> None:
        """Write that entries belong to feeds. The caller begins the transaction.

        :param shown_by: the feed whose list has shown them; None: only known entries are known to have been shown
        """
        self._db.conn.executemany(
            """INSERT INTO listings (feed, docid, ground, seen, shown) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET ground = max(ground, excluded.ground), shown = max(shown, excluded.shown)""",
            [(*row, to_text(at), int(row[0] == shown_by or row[2])) for row in rows],
        )


def _is_same(entry: Entry, row: statements.Row) -> bool:
    return bool(row["title"] == entry.title and row["modified"] == to_text(entry.modified))


def _listed_fields(row: statements.Row) -> ListedFields:
    return ListedFields(row["title"] or "", to_time(row["modified"]))

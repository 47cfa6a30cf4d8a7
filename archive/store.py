"""The index of an archive: all of the SQL is here. Speaks in records; another database could stand in its place."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from statistics import median_low
from typing import Any, Self

from sqlite_utils import Database

from archive import sql
from archive.index import open_index, open_index_for_reading
from archive.records import Counts, Failure, FeedHistory, Filing, Gap, Pending, Poll, Rest, Revision
from archive.sql import to_text, to_time

LAST_READ = 50  # entries: a page of a list


class Store:
    """The index, opened.

    Every public method either does all of what it says or nothing, and raises an
    :class:`~archive.errors.ArchiveError` for what is wrong with the database.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._db, self._path = database, path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the index at ``path`` for writing; see :func:`archive.index.open_index`."""
        return cls(open_index(path), path)

    @classmethod
    def open_for_reading(cls, path: Path) -> Self:
        """Open the index without ever writing to it; an archive not yet begun reads as an empty one."""
        return cls(open_index_for_reading(path), path)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # Polls

    def known(self, feed: str, docids: Collection[str]) -> set[str]:
        """Those of ``docids`` that are known ground of a feed: listed to a poll of it that left nothing unread."""
        rows = self._rows(
            "SELECT docid FROM listings WHERE feed = ? AND ground = 1 AND docid IN (SELECT value FROM json_each(?))",
            [feed, json.dumps(list(docids))],
        )
        return {row["docid"] for row in rows}

    def commit_poll(
        self, poll: Poll, filing: Filing, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> tuple[int, int]:
        """Record what a poll saw, all in one transaction: entries, what they belong to, the gap it left.

        :param filing: of the polled feed, kept for entries that outlive its configuration
        :param feeds: for each entry's docid, the ids of the feeds that it belongs to
        :param hosts: for each entry's docid, the host it is to be fetched from
        :return: how many of the entries, and of the items that could not be understood, were not known before
        """
        with sql.told(self._path), self._db.atomic():
            before = self._count_entries()
            history = next(iter(self._rows("SELECT ground FROM feeds WHERE id = ?", [poll.feed])), None)
            gap = self._gap(poll, to_time(history["ground"]) if history else None)
            rows = [sql.entry_row(entry, hosts[entry.docid], poll.at) for entry in poll.entries]
            self._db.conn.executemany(sql.INSERT_ENTRY, rows)
            self._db.conn.executemany(sql.UPDATE_ADDRESS, rows)
            new = self._count_entries() - before
            self._db.conn.executemany(
                """INSERT INTO entries (docid, first_seen, status, failure_kind, failure)
                   VALUES (?, ?, 'parked', ?, ?) ON CONFLICT DO NOTHING""",
                [(f.subject, to_text(poll.at), f.kind, f.reason) for f in poll.failures],
            )
            self._add_listings(poll, feeds)
            self._record_feed(poll, filing)
            if gap:
                self._db.execute(
                    'INSERT INTO gaps (feed, start, "end", noticed) VALUES (?, ?, ?, ?)',
                    [gap.feed, to_text(gap.start), to_text(gap.end), to_text(poll.at)],
                )
            return new, self._count_entries() - before - new

    def _count_entries(self) -> int:
        # max(rowid), not count(*): the same answer, as rows are never deleted, at a cost that does not grow
        return int(self._rows("SELECT coalesce(max(rowid), 0) AS n FROM entries")[0]["n"])

    @staticmethod
    def _gap(poll: Poll, known_to: datetime | None) -> Gap | None:
        """What a poll that did not reach back to known ground may have missed."""
        # Judged by the middle of what it read last, not by its oldest: one old article pinned there proves nothing.
        last = [entry.published for entry in poll.entries[-LAST_READ:] if entry.published]
        if not poll.ground or known_to is None or not last:
            return None
        if median_low(last) <= known_to:
            return None
        return Gap(poll.feed, known_to, min(time for time in last if time > known_to))

    def _add_listings(self, poll: Poll, feeds: Mapping[str, Collection[str]]) -> None:
        # A poll that broke off proves nothing of what is older: the next one must read on through it. One that
        # came to its page limit is ground, for its gap is on record.
        ground = int(poll.ground)
        self._db.conn.executemany(
            """INSERT INTO listings (feed, docid, ground) VALUES (?, ?, ?)
               ON CONFLICT DO UPDATE SET ground = max(ground, excluded.ground)""",
            [
                (feed, docid, ground if feed == poll.feed else 0)
                for docid, belongs_to in feeds.items()
                for feed in belongs_to
            ]
            + [(poll.feed, failure.subject, ground) for failure in poll.failures],
        )

    def _record_feed(self, poll: Poll, filing: Filing) -> None:
        at, error = to_text(poll.at), poll.error
        newest = max((entry.published for entry in poll.entries if entry.published), default=None)
        self._db.execute(
            sql.UPSERT_FEED,
            {
                "id": poll.feed,
                "categories": json.dumps(filing.categories, ensure_ascii=False),
                "author": filing.author,
                "at": at,
                "success": None if error else at,
                "newest": to_text(newest),
                "ground": to_text(newest) if poll.ground else None,
                "kind": error.kind if error else None,
                "error": error.reason if error else None,
            },
        )

    # Fetching

    def pending_hosts(self, now: datetime, tried_before: datetime) -> dict[str, int]:
        """Hosts that entries due at ``now`` and not tried since ``tried_before`` wait for, and how many."""
        rows = self._rows(
            """SELECT host, count(*) AS n FROM entries
               WHERE status = 'pending' AND due <= ? AND (tried IS NULL OR tried < ?) GROUP BY host""",
            [to_text(now), to_text(tried_before)],
        )
        return {row["host"]: row["n"] for row in rows}

    def due(
        self, host: str, most: int, now: datetime, tried_before: datetime, in_hand: Collection[str]
    ) -> list[Pending]:
        """At most so many entries to fetch from a host: the least tried first, of those the newest.

        :param in_hand: docids to leave out
        """
        rows = self._rows(
            sql.SELECT_DUE, [host, to_text(now), to_text(tried_before), json.dumps(list(in_hand)), most]
        )
        return [sql.pending(row) for row in rows]

    def commit_paths(self, paths: Mapping[str, str]) -> None:
        """Record where the files of articles are about to be written.

        :param paths: docid -> path, relative to the archive's root
        """
        with sql.told(self._path), self._db.atomic():
            self._db.conn.executemany(
                "UPDATE entries SET path = ? WHERE docid = ?", [(path, docid) for docid, path in paths.items()]
            )

    def commit_revisions(self, revisions: Iterable[Revision]) -> None:
        """Record articles whose files are on the disk."""
        rows = [
            (r.docid, r.number, r.path, r.sha256, r.title, to_text(r.published), to_text(r.fetched_at))
            for r in revisions
        ]
        with sql.told(self._path), self._db.atomic():
            self._db.conn.executemany("INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.conn.executemany(
                """UPDATE entries SET status = 'archived', path = ?, tried = ?, failure_kind = NULL, failure = NULL
                   WHERE docid = ?""",
                [(path, fetched_at, docid) for docid, _, path, _, _, _, fetched_at in rows],
            )

    def commit_failure(self, failure: Failure, tried: datetime, due: datetime | None) -> None:
        """Record that an attempt failed.

        :param due: when to try again; None to park the entry
        """
        with sql.told(self._path), self._db.atomic():
            self._db.execute(
                """UPDATE entries SET attempts = attempts + 1, tried = ?, due = ?, status = ?, failure_kind = ?,
                   failure = ? WHERE docid = ? AND status = 'pending'""",
                [
                    to_text(tried), to_text(due), "pending" if due else "parked", failure.kind, failure.reason,
                    failure.subject,
                ],
            )  # fmt: skip

    def release(self, now: datetime, *, parked: bool) -> int:
        """Make what waits due now, and with ``parked`` what was given up too; return how many entries that were."""
        with sql.told(self._path), self._db.atomic():
            released = self._db.execute(
                "UPDATE entries SET due = ?, tried = NULL WHERE status = 'pending' AND due > ?", [to_text(now)] * 2
            ).rowcount
            if parked:
                released += self._db.execute(
                    """UPDATE entries SET status = 'pending', attempts = 0, due = ?, tried = NULL
                       WHERE status = 'parked' AND url IS NOT NULL""",
                    [to_text(now)],
                ).rowcount
            return released

    # Hosts

    def rests(self) -> list[Rest]:
        """The hosts that asked for rest and have not answered since."""
        return [sql.rest(row) for row in self._rows("SELECT * FROM rests")]

    def commit_rest(self, rest: Rest) -> None:
        """Remember that a host wants rest."""
        with sql.told(self._path), self._db.atomic():
            self._db.execute(
                "INSERT OR REPLACE INTO rests (host, until, strikes, stated, reason) VALUES (?, ?, ?, ?, ?)",
                [rest.host, to_text(rest.until), rest.strikes, int(rest.stated), rest.reason],
            )

    def end_rest(self, host: str) -> None:
        """Forget a host's rest: it has answered."""
        with sql.told(self._path), self._db.atomic():
            self._db.execute("DELETE FROM rests WHERE host = ?", [host])

    # Reports

    def pending(self) -> int:
        """How many entries wait; at a cost that does not grow with the archive, as that of :meth:`counts` does."""
        return int(self._rows("SELECT count(*) AS n FROM entries WHERE status = 'pending'")[0]["n"])

    def counts(self) -> Counts:
        """Of the whole archive."""
        return _counts(self._rows("SELECT status, count(*) AS n FROM entries GROUP BY status"))

    def feed_counts(self) -> dict[str, Counts]:
        """Of each feed; an entry counts in every feed it belongs to."""
        rows = self._rows(
            """SELECT feed, status, count(*) AS n FROM listings JOIN entries USING (docid)
               GROUP BY feed, status"""
        )
        return {feed: _counts([r for r in rows if r["feed"] == feed]) for feed in {r["feed"] for r in rows}}

    def feed_histories(self) -> dict[str, FeedHistory]:
        """How each feed that was ever polled has done."""
        return {row["id"]: sql.feed_history(row) for row in self._rows("SELECT * FROM feeds")}

    def failures(self, status: str) -> list[tuple[str, int]]:
        """Why entries of a status (``pending``, ``parked``) are not archived, and how many for each reason."""
        rows = self._rows(
            """SELECT failure, count(*) AS n FROM entries WHERE status = ? AND failure IS NOT NULL
               GROUP BY failure ORDER BY n DESC, failure""",
            [status],
        )
        return [(row["failure"], row["n"]) for row in rows]

    def next_due(self) -> datetime | None:
        """When the next entry that waits may be tried."""
        return to_time(self._rows("SELECT min(due) AS due FROM entries WHERE status = 'pending'")[0]["due"])

    def gaps(self) -> list[Gap]:
        """The stretches that are still open."""
        rows = self._rows('SELECT feed, start, "end" FROM gaps WHERE closed IS NULL ORDER BY feed, start')
        return [Gap(r["feed"], datetime.fromisoformat(r["start"]), datetime.fromisoformat(r["end"])) for r in rows]

    def damage(self) -> str | None:
        """What SQLite's own quick check finds wrong with the index; None when nothing."""
        found = str(self._rows("PRAGMA quick_check(1)")[0][0])
        return None if found == "ok" else found

    def find(self, ident: str) -> dict[str, Any] | None:
        """All that is known of an entry, by its docid or its file's path, with its feeds; None when unknown."""
        rows = self._rows(
            """SELECT entries.*,
                      (SELECT json_group_array(feed) FROM listings WHERE listings.docid = entries.docid) AS feeds
               FROM entries WHERE docid = ? OR docid = (SELECT docid FROM revisions WHERE path = ?)""",
            [ident, ident],
        )
        return dict(rows[0]) if rows else None

    def revisions(self, docid: str) -> list[Revision]:
        """An article's versions, the first first."""
        rows = self._rows("SELECT * FROM revisions WHERE docid = ? ORDER BY number", [docid])
        times = ("published", "fetched_at")
        return [Revision(**(dict(row) | {name: to_time(row[name]) for name in times})) for row in rows]

    def _rows(self, query: str, parameters: Iterable[Any] = ()) -> list[sql.Row]:
        with sql.told(self._path):
            return self._db.execute(query, list(parameters)).fetchall()


def _counts(rows: Iterable[sql.Row]) -> Counts:
    of = {row["status"]: row["n"] for row in rows}
    return Counts(sum(of.values()), of.get("archived", 0), of.get("pending", 0), of.get("parked", 0))

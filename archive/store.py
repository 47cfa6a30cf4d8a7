"""The index of an archive, the one way to it. Speaks in records; another database could stand in its place."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from sqlite_utils import Database

from archive import sql
from archive.index import open_index, open_index_for_reading
from archive.ledger import Ledger
from archive.records import (
    Counts,
    Failure,
    FeedHistory,
    Filing,
    Gap,
    Pending,
    Poll,
    Rest,
    Revision,
    Rhythm,
    Seen,
    Span,
    Stretch,
)
from archive.sightings import Sightings
from archive.sql import to_text, to_time


class Store:
    """The index, opened.

    Every public method either does all of what it says or nothing, and raises an
    :class:`~archive.errors.ArchiveError` for what is wrong with the database.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._db, self._path = database, path
        self._sightings, self._ledger = Sightings(database), Ledger(database)

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

    def settle(self, feed: str, source: str) -> bool:
        """Take note which list a feed's id stands for; what is known of another that it stood for is forgotten.

        That is: known ground, spans, open gaps, the rhythm, and how its polls have done. Entries stay.

        :param source: the list, in words that change when it does: "roll https://... lid=1686"
        :return: whether it stood for another before
        """
        with sql.told(self._path), self._db.atomic():
            return self._ledger.settle(feed, source)

    def commit_poll(
        self,
        poll: Poll,
        filing: Filing,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        trouble: float = 1.0,
    ) -> Seen:
        """Record what a poll saw, all in one transaction: entries, what they belong to, the gap it left.

        :param filing: of the polled feed, kept for entries that outlive its configuration
        :param feeds: for each entry's docid, the ids of the feeds that it belongs to
        :param hosts: for each entry's docid, the host it is to be fetched from
        :param trouble: the weight of the poll's error, added to that of the failed polls before it
        :return: what was not known before
        """
        with sql.told(self._path), self._db.atomic():
            found = self._sightings.add_entries(poll.feed, poll.at, poll.entries, poll.failures, hosts)
            # A poll that broke off proves nothing of what is older: the next one must read on through it. One that
            # came to its page limit is ground, for its gap is on record.
            self._sightings.add_listings(poll.feed, feeds, poll.failures, ground=poll.ground)
            gap = self._ledger.record_poll(poll, filing, trouble, found.new)
            return Seen(found.new, found.broken, found.changes, gap)

    def commit_stretch(
        self, stretch: Stretch, filing: Filing, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> Seen:
        """Record what a page of a walk through the past held, and how far the walk has come, in one transaction.

        What it held is no known ground: between it and the newest articles there may be what nobody has read. The
        other arguments and what is returned are as those of :meth:`commit_poll`.
        """
        with sql.told(self._path), self._db.atomic():
            found = self._sightings.add_entries(stretch.feed, stretch.at, stretch.entries, stretch.failures, hosts)
            self._sightings.add_listings(stretch.feed, feeds, stretch.failures, ground=False)
            self._ledger.record_stretch(stretch, filing)
            return Seen(found.new, found.broken, found.changes)

    # The ledger

    def spans(self, feed: str | None = None) -> dict[str, list[Span]]:
        """The stretches in which feeds are known whole, the earliest first; of one feed, or of all that have any."""
        with sql.told(self._path):
            return self._ledger.spans(feed)

    def gaps(self) -> list[Gap]:
        """The stretches that are still open, by feed and time; of a gap that is filled in part, what is left."""
        with sql.told(self._path):
            return self._ledger.gaps()

    def rhythms(self) -> dict[str, Rhythm]:
        """What was learned of each feed's rhythm."""
        with sql.told(self._path):
            return self._ledger.rhythms()

    def commit_rhythm(self, feed: str, rhythm: Rhythm) -> None:
        """Keep what was learned of a feed's rhythm."""
        with sql.told(self._path), self._db.atomic():
            self._ledger.record_rhythm(feed, rhythm)

    def feed_histories(self) -> dict[str, FeedHistory]:
        """How each feed whose list was ever read has done."""
        with sql.told(self._path):
            return self._ledger.histories()

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

    def come_to_date(self, now: datetime, longest: timedelta) -> None:
        """Let nothing that waits be tried later than now, or due later than the longest delay from now.

        Such times are of a clock that was ahead.
        """
        times = {"now": to_text(now), "latest": to_text(now + longest)}
        with sql.told(self._path), self._db.atomic():
            self._db.execute(sql.BRING_TO_DATE, times)

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
                "INSERT OR REPLACE INTO rests (host, until, strikes, stated, reason, kind) VALUES (?, ?, ?, ?, ?, ?)",
                [rest.host, to_text(rest.until), rest.strikes, int(rest.stated), rest.reason, rest.kind],
            )

    def end_rest(self, host: str) -> None:
        """Forget a host's rest: it has answered."""
        with sql.told(self._path), self._db.atomic():
            self._db.execute("DELETE FROM rests WHERE host = ?", [host])

    # Reports

    def counts(self) -> Counts:
        """Of the whole archive; at a cost that grows only with what waits and what was given up."""
        return sql.counts(self._rows(sql.COUNT_ENTRIES)[0])

    def feed_counts(self) -> dict[str, Counts]:
        """Of each feed; an entry counts in every feed it belongs to."""
        return {row["feed"]: sql.counts(row) for row in self._rows(sql.COUNT_LISTINGS)}

    def failures(self, status: str) -> list[tuple[str, int]]:
        """Why entries of a status (``pending``, ``parked``) are not archived, and how many for each reason."""
        rows = self._rows(
            """SELECT failure, count(*) AS n FROM entries WHERE status = ? AND failure IS NOT NULL
               GROUP BY failure ORDER BY n DESC, failure""",
            [status],
        )
        return [(row["failure"], row["n"]) for row in rows]

    def next_due(self, after: datetime | None = None) -> datetime | None:
        """When the next entry that waits may be tried; with ``after``, the next later than that."""
        rows = self._rows(
            "SELECT min(due) AS due FROM entries WHERE status = 'pending' AND due > ?", [to_text(after) or ""]
        )
        return to_time(rows[0]["due"])

    def damage(self) -> str | None:
        """What SQLite's own quick check finds wrong with the index; None when nothing."""
        found = str(self._rows("PRAGMA quick_check(1)")[0][0])
        return None if found == "ok" else found

    def find(self, ident: str) -> dict[str, Any] | None:
        """All that is known of an entry, by its docid or its file's path, with its feeds; None when unknown."""
        rows = self._rows(sql.SELECT_FOUND, [ident, ident])
        return dict(rows[0]) if rows else None

    def revisions(self, docid: str) -> list[Revision]:
        """An article's versions, the first first."""
        rows = self._rows("SELECT * FROM revisions WHERE docid = ? ORDER BY number", [docid])
        times = ("published", "fetched_at")
        return [Revision(**(dict(row) | {name: to_time(row[name]) for name in times})) for row in rows]

    def _rows(self, query: str, parameters: Iterable[Any] = ()) -> list[sql.Row]:
        with sql.told(self._path):
            return self._db.execute(query, list(parameters)).fetchall()

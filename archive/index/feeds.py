"""State of each feed: its source, the results of polls and backfills, arrival rates, and snapshots of all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index import row_mapping, statements
from archive.index.coverage import CoverageIndex
from archive.index.database import Database
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.spans import known_until
from archive.journal.event_documents import LEDGER_TABLES, EventKind, dump_ledger, dump_settled
from archive.model.feed import ArrivalRate, BackfillPage, Counts, FeedHistory, Filing, Gap, Poll
from archive.model.times import to_text, to_time


class FeedIndex(IndexPart):
    """The tables of feeds, sources and arrival rates, of which the journal has snapshots.

    Errors and transactions as in :class:`~archive.store.Store`.
    """

    def __init__(self, database: Database, path: Path, coverage: CoverageIndex, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._coverage = coverage
        self._log = log

    # Feeds

    def register_source(self, feed: str, source: str, at: datetime) -> bool:
        """Record which list a feed reads; if it read another list before, delete what is known of that list.

        Deleted are known entries, spans, open gaps, the arrival rate, and the results of polls. Entries stay.

        :param source: identifies the list; a string that changes when the list does: "roll https://... lid=1686"
        :param at: now
        :return: whether the feed read another list before
        """
        with self._log.transaction():
            if not self.replace_source(feed, source):
                return False
            self._log.note(EventKind.SETTLED, at, dump_settled(feed, source))
            return True

    def replace_source(self, feed: str, source: str) -> bool:
        """Do what :meth:`register_source` does, without the journal. The caller begins the transaction."""
        row = self._db.execute("SELECT source FROM sources WHERE feed = ?", [feed]).fetchone()
        if row and row["source"] == source:
            return False
        self._db.execute("INSERT OR REPLACE INTO sources (feed, source) VALUES (?, ?)", [feed, source])
        if row:
            self._delete_list_state(feed)
        return row is not None

    def _delete_list_state(self, feed: str) -> None:
        self._db.execute("UPDATE listings SET ground = 0, shown = 0 WHERE feed = ? AND shown = 1", [feed])
        self._db.execute(
            """UPDATE feeds SET last_poll = NULL, last_success = NULL, newest = NULL, ground = NULL,
               complete_to = NULL, floor = NULL, swept = NULL, error_kind = NULL, error = NULL, failing_since = NULL,
               trouble = 0.0, last_pages = NULL, last_new = NULL, etag = NULL, last_modified = NULL,
               moved_to = NULL
               WHERE id = ?""",
            [feed],
        )
        self._db.execute("DELETE FROM rhythms WHERE feed = ?", [feed])
        self._coverage.delete_feed(feed)
        for table in ("containments", "unconfirmed"):  # misses stay on record
            self._db.execute(f"DELETE FROM {table} WHERE feed = ? OR broad = ?", [feed, feed])  # noqa: S608

    def histories(self) -> dict[str, FeedHistory]:
        """Return the poll history of each feed whose list was ever read, by the feed's id."""
        return {row["id"]: row_mapping.feed_history(row) for row in self._rows("SELECT * FROM feeds")}

    def counts(self) -> dict[str, Counts]:
        """Count the entries of each feed, by its id; an entry counts in every feed that it belongs to."""
        return {row["feed"]: row_mapping.counts(row) for row in self._rows(statements.COUNT_LISTINGS)}

    # Polls and backfills

    def record_poll(
        self, poll: Poll, filing: Filing, trouble: float, new: int, first_shown: Sequence[datetime]
    ) -> Gap | None:
        """Record a poll, and the gap that it left. The caller begins the transaction.

        :param trouble: the weight of its error
        :param new: the number of its new entries
        :param first_shown: publication times of the entries that the list showed for the first time
        """
        row = self._db.execute("SELECT ground, complete_to FROM feeds WHERE id = ?", [poll.feed]).fetchone()
        known_before, complete_to = (to_time(row["ground"]), to_time(row["complete_to"])) if row else (None, None)
        gap = self._coverage.record_poll(poll, known_before, complete_to, first_shown) if poll.archives else None
        if poll.caught_up and complete_to and not gap:
            complete_to = max(complete_to, poll.at)  # unchanged if the clock has jumped back
        elif poll.caught_up:
            complete_to = poll.at
        is_first = row is None or row["complete_to"] is None
        self._record_feed(poll, filing, complete_to, trouble, new, is_walk=is_first and poll.caught_up)
        return gap

    def record_peek(self, peek: Poll, first_shown: Sequence[datetime]) -> None:
        """Record how late the articles of a first page are. The caller begins the transaction.

        :param first_shown: as for :meth:`record_poll`
        """
        row = self._db.execute("SELECT complete_to FROM feeds WHERE id = ?", [peek.feed]).fetchone()
        if peek.archives:
            self._coverage.learn_lateness(peek, to_time(row["complete_to"]) if row else None, first_shown)

    def record_backfill_page(self, page: BackfillPage, filing: Filing, first_shown: Sequence[datetime]) -> None:
        """Record a page of a backfill. The caller begins the transaction.

        :param first_shown: as for :meth:`record_poll`
        """
        newest = max((entry.published for entry in page.entries if entry.published), default=None)
        self._db.execute(
            statements.UPSERT_BACKFILLED_FEED,
            {
                "id": page.feed,
                "categories": json.dumps(filing.categories, ensure_ascii=False),
                "author": filing.author,
                "newest": to_text(newest),
                "floor": to_text(page.oldest_available),
                "swept": to_text(page.at) if page.is_sweep and page.walked else None,
            },
        )
        self._coverage.record_backfill_page(page, first_shown)

    def _record_feed(
        self,
        poll: Poll,
        filing: Filing,
        complete_to: datetime | None,
        trouble: float,
        new: int,
        *,
        is_walk: bool,
    ) -> None:
        at, error = to_text(poll.at), poll.error
        newest = max((entry.published for entry in poll.entries if entry.published), default=None)
        self._db.execute(
            statements.UPSERT_POLLED_FEED,
            {
                "id": poll.feed,
                "categories": json.dumps(filing.categories, ensure_ascii=False),
                "author": filing.author,
                "at": at,
                "success": None if error else at,
                "newest": to_text(newest),
                "ground": to_text(known_until(poll)) if poll.caught_up else None,
                "complete_to": to_text(complete_to),
                "swept": at if is_walk else None,  # a feed's first poll is its first sweep
                "kind": error.kind if error else None,
                "error": error.reason if error else None,
                "trouble": trouble if error else 0.0,
                "pages": poll.pages,
                "new": new,
                # A poll that broke off, or found the list unchanged, keeps the validators of the last whole read.
                "is_read": int(poll.caught_up and not poll.unchanged),
                "etag": poll.validators.etag if poll.validators and poll.caught_up else None,
                "last_modified": poll.validators.modified if poll.validators and poll.caught_up else None,
                "moved_to": poll.moved_to,
            },
        )

    # Arrival rates

    def arrival_rates(self) -> dict[str, ArrivalRate]:
        """Return the learned arrival rate of each feed, by its id."""
        return {row["feed"]: row_mapping.arrival_rate(row) for row in self._rows("SELECT * FROM rhythms")}

    def commit_arrival_rate(self, feed: str, arrival_rate: ArrivalRate) -> None:
        """Record a feed's arrival rate."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO rhythms (feed, seconds, arrivals, until) VALUES (?, ?, ?, ?)",
                [
                    feed,
                    json.dumps(arrival_rate.seconds),
                    json.dumps(arrival_rate.arrivals),
                    to_text(arrival_rate.until),
                ],
            )

    # Snapshots

    def log_snapshot(self, now: datetime) -> None:
        """Write a snapshot of the state of all lists to the journal."""
        with self._log.transaction():
            self._log.note(EventKind.LEDGER, now, dump_ledger(self.snapshot()))

    def snapshot(self) -> dict[str, list[list[Any]]]:
        """Return the tables with the state of all lists: table -> its column names, then its rows."""
        return {table: self._dump_table(table) for table in LEDGER_TABLES}

    def _dump_table(self, table: str) -> list[list[Any]]:
        cursor = self._db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - one of ours
        return [[column[0] for column in cursor.description], *map(list, cursor.fetchall())]

    def adopt_snapshot(self, snapshot: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Replace the state of all lists by that of another index of this archive."""
        with self._transaction():
            self.restore(snapshot)

    def restore(self, snapshot: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Replace the tables with those of a snapshot. The caller begins the transaction.

        What the tables cannot have is left out: columns of a newer program, and rows that are damaged. The next polls
        find out what they lack.
        """
        for table in LEDGER_TABLES:
            columns, *rows = snapshot.get(table) or [()]  # an older program does not write each table
            self._db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - one of ours
            known = self._db.table(table).columns_dict.keys() & set(columns)
            documents = (dict(zip(columns, row, strict=True)) for row in rows)
            if known:
                self._db.table(table).insert_all(
                    ({name: row[name] for name in known} for row in documents), ignore=True
                )

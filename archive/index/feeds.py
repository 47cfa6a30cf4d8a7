"""State of each feed's list: polls, complete spans, gaps, arrival rates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index import row_mapping, statements
from archive.index.database import Database
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.spans import gap_left, gap_without_times, known_until, merged, span_read, uncovered, without
from archive.journal.event_documents import LEDGER_TABLES, EventKind, dump_ledger, dump_settled
from archive.model.feed import ArrivalRate, BackfillPage, Counts, FeedHistory, Filing, Gap, Poll, Span
from archive.model.times import to_text, to_time


class FeedIndex(IndexPart):
    """The tables of feeds, spans, gaps and arrival rates, of which the journal has snapshots.

    Errors and transactions as in :class:`~archive.store.Store`.
    """

    def __init__(self, database: Database, path: Path, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._log = log

    # Feeds

    def register_source(self, feed: str, source: str, at: datetime) -> bool:
        """Record which list a feed reads; if it read another list before, delete what is known of that list.

        Deleted are known entries, spans, open gaps, the arrival rate, and the results of polls. Entries stay.

        :param source: identifies the list; a string that changes when the list does: "roll https://... lid=1686"
        :param at: now
        :return: whether the feed read another list before
        """
        with self._transaction():
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
        self._db.execute("UPDATE listings SET ground = 0 WHERE feed = ? AND ground = 1", [feed])
        self._db.execute(
            """UPDATE feeds SET last_poll = NULL, last_success = NULL, newest = NULL, ground = NULL,
               complete_to = NULL, floor = NULL, error_kind = NULL, error = NULL, failing_since = NULL,
               trouble = 0.0, last_pages = NULL, last_new = NULL, etag = NULL, last_modified = NULL
               WHERE id = ?""",
            [feed],
        )
        self._db.execute("DELETE FROM spans WHERE feed = ?", [feed])
        self._db.execute("DELETE FROM gaps WHERE feed = ? AND closed IS NULL", [feed])  # nothing could close them
        self._db.execute("DELETE FROM rhythms WHERE feed = ?", [feed])

    def histories(self) -> dict[str, FeedHistory]:
        """Return the poll history of each feed whose list was ever read, by the feed's id."""
        return {row["id"]: row_mapping.feed_history(row) for row in self._rows("SELECT * FROM feeds")}

    def counts(self) -> dict[str, Counts]:
        """Count the entries of each feed, by its id; an entry counts in every feed that it belongs to."""
        return {row["feed"]: row_mapping.counts(row) for row in self._rows(statements.COUNT_LISTINGS)}

    # Polls and backfills

    def record_poll(self, poll: Poll, filing: Filing, trouble: float, new: int) -> Gap | None:
        """Record what a poll has covered, and the gap that it left. The caller begins the transaction.

        :param trouble: the weight of its error
        :param new: the number of its new entries
        """
        row = self._db.execute("SELECT ground, complete_to FROM feeds WHERE id = ?", [poll.feed]).fetchone()
        known_before, complete_to = (to_time(row["ground"]), to_time(row["complete_to"])) if row else (None, None)
        gap = gap_left(poll, known_before) or gap_without_times(poll, complete_to)
        if gap:
            self._open_gap(gap, poll.at)
        if span := span_read(poll, complete_to, gap):
            # Even if the clock was set, a poll reads only new articles, and nothing in an open gap.
            pieces = [span]
            for open_gap in self._open_gaps_in(poll.feed, span):
                pieces = without(pieces, open_gap)
            for piece in pieces:
                self._add_span(poll.feed, piece)
        if poll.caught_up and complete_to and not gap:
            complete_to = max(complete_to, poll.at)  # unchanged if the clock has jumped back
        elif poll.caught_up:
            complete_to = poll.at
        self._record_feed(poll, filing, complete_to, trouble, new)
        return gap

    def record_backfill_page(self, page: BackfillPage, filing: Filing) -> None:
        """Record the span that a backfill has read; close filled gaps. The caller begins the transaction."""
        newest = max((entry.published for entry in page.entries if entry.published), default=None)
        self._db.execute(
            statements.UPSERT_BACKFILLED_FEED,
            {
                "id": page.feed,
                "categories": json.dumps(filing.categories, ensure_ascii=False),
                "author": filing.author,
                "newest": to_text(newest),
                "floor": to_text(page.oldest_available),
            },
        )
        if page.covered:
            self._add_span(page.feed, page.covered)
            self._close_gaps(page.feed, page.at)

    def _record_feed(
        self, poll: Poll, filing: Filing, complete_to: datetime | None, trouble: float, new: int
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
                "kind": error.kind if error else None,
                "error": error.reason if error else None,
                "trouble": trouble if error else 0.0,
                "pages": poll.pages,
                "new": new,
                # A poll that broke off, or found the list unchanged, keeps the validators of the last whole read.
                "is_read": int(poll.caught_up and not poll.unchanged),
                "etag": poll.validators.etag if poll.validators and poll.caught_up else None,
                "last_modified": poll.validators.modified if poll.validators and poll.caught_up else None,
            },
        )

    # Spans

    def spans(self, feed: str | None = None) -> dict[str, list[Span]]:
        """Return the spans in which feeds are complete, the earliest first: feed id -> spans.

        :param feed: of this feed only; None for all feeds that have any
        """
        result: dict[str, list[Span]] = {}
        query = 'SELECT feed, start, "end" FROM spans WHERE feed = coalesce(?, feed) ORDER BY feed, start'
        for row in self._rows(query, [feed]):
            result.setdefault(row["feed"], []).append(row_mapping.span(row))
        return result

    def _add_span(self, feed: str, span: Span) -> None:
        touched = self._db.execute(
            'SELECT start, "end" FROM spans WHERE feed = ? AND start <= ? AND "end" >= ?',
            [feed, to_text(span.end), to_text(span.start)],
        ).fetchall()
        [whole] = merged([span, *map(row_mapping.span, touched)])
        self._db.conn.executemany(
            "DELETE FROM spans WHERE feed = ? AND start = ?",
            [(feed, row["start"]) for row in touched if row["start"] != to_text(whole.start)],
        )
        self._db.execute(
            statements.UPSERT_SPAN,
            [feed, to_text(whole.start), to_text(whole.end)],
        )

    # Gaps

    def gaps(self) -> list[Gap]:
        """Return the open gaps, by feed and time; of a partly filled gap, what is left."""
        rows = self._rows('SELECT feed, start, "end" FROM gaps WHERE closed IS NULL ORDER BY feed, start')
        spans = self.spans() if rows else {}
        return [
            Gap(row["feed"], left.start, left.end)
            for row in rows
            for left in uncovered(row_mapping.span(row), spans.get(row["feed"], []))
        ]

    def _open_gap(self, gap: Gap, noticed: datetime) -> None:
        start = to_text(gap.start)
        self._db.execute(
            'INSERT INTO gaps (feed, start, "end", noticed) VALUES (?, ?, ?, ?)',
            [gap.feed, start, to_text(gap.end), to_text(noticed)],
        )
        # The last span was complete up to its end when it was read, but articles that came in late were not seen.
        self._db.execute("DELETE FROM spans WHERE feed = ? AND start >= ?", [gap.feed, start])
        self._db.execute('UPDATE spans SET "end" = ? WHERE feed = ? AND "end" > ?', [start, gap.feed, start])

    def _open_gaps_in(self, feed: str, span: Span) -> list[Span]:
        rows = self._db.execute(
            'SELECT start, "end" FROM gaps WHERE feed = ? AND closed IS NULL AND start < ? AND "end" > ?',
            [feed, to_text(span.end), to_text(span.start)],
        )
        return [row_mapping.span(row) for row in rows]

    def _close_gaps(self, feed: str, at: datetime) -> None:
        rows = self._db.execute(
            'SELECT id, start, "end" FROM gaps WHERE feed = ? AND closed IS NULL', [feed]
        ).fetchall()
        spans = self.spans(feed).get(feed, []) if rows else []
        filled = [row["id"] for row in rows if not uncovered(row_mapping.span(row), spans)]
        self._db.conn.executemany("UPDATE gaps SET closed = ? WHERE id = ?", [(to_text(at), gap) for gap in filled])

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
        with self._transaction():
            self._log.note(EventKind.LEDGER, now, dump_ledger(self.snapshot()))

    def snapshot(self) -> dict[str, list[list[Any]]]:
        """Return the tables with the state of all lists: table -> its column names, then its rows."""
        return {table: self._dump_table(table) for table in LEDGER_TABLES}

    def _dump_table(self, table: str) -> list[list[Any]]:
        cursor = self._db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - one of ours
        return [[column[0] for column in cursor.description], *map(list, cursor.fetchall())]

    def restore(self, snapshot: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Replace the tables with those of a snapshot. The caller begins the transaction."""
        for table in LEDGER_TABLES:
            columns, *rows = snapshot[table]
            self._db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - one of ours
            self._db.table(table).insert_all(dict(zip(columns, row, strict=True)) for row in rows)

"""How far each feed is known: its polls, the stretches it is known whole in, the gaps, its rhythm; hosts at rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from archive.index import row_mapping, statements
from archive.index.database import Database
from archive.index.spans import gap_left, gap_untold, holes, known_to, merged, span_read, without
from archive.journal.event_documents import LEDGER_TABLES
from archive.model.feed import ArrivalRate, BackfillPage, FeedHistory, Filing, Gap, HostBackoff, Poll, Span
from archive.model.times import to_text, to_time


class FeedIndex:
    """The feeds' side of the index. Whoever calls a method that records something has begun a transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # Feeds

    def settle(self, feed: str, source: str) -> bool:
        """Take note which list a feed reads; forget what is known of another that it read before.

        :return: whether it read another before
        """
        found = self._db.execute("SELECT source FROM sources WHERE feed = ?", [feed]).fetchone()
        if found and found["source"] == source:
            return False
        self._db.execute("INSERT OR REPLACE INTO sources (feed, source) VALUES (?, ?)", [feed, source])
        if found:
            self._forget(feed)
        return found is not None

    def _forget(self, feed: str) -> None:
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
        """How each feed whose list was ever read has done."""
        return {row["id"]: row_mapping.feed_history(row) for row in self._db.execute("SELECT * FROM feeds")}

    # Reading

    def record_poll(self, poll: Poll, filing: Filing, trouble: float, new: int) -> Gap | None:
        """Record how far a poll came, and the gap it left.

        :param trouble: the weight of its error
        :param new: entries that it brought
        """
        found = self._db.execute("SELECT ground, complete_to FROM feeds WHERE id = ?", [poll.feed]).fetchone()
        caught_up, complete_to = (to_time(found["ground"]), to_time(found["complete_to"])) if found else (None, None)
        gap = gap_left(poll, caught_up) or gap_untold(poll, complete_to)
        if gap:
            self._open_gap(gap, poll.at)
        if span := span_read(poll, complete_to, gap):
            # Whatever the clock says, a poll reads what is new and nothing of what a gap has hidden.
            pieces = [span]
            for hidden in self._open_gaps_in(poll.feed, span):
                pieces = without(pieces, hidden)
            for piece in pieces:
                self._add_span(poll.feed, piece)
        if poll.caught_up and complete_to and not gap:
            complete_to = max(complete_to, poll.at)  # a clock that jumps back takes nothing back
        elif poll.caught_up:
            complete_to = poll.at
        self._record_feed(poll, filing, complete_to, trouble, new)
        return gap

    def record_backfill_page(self, stretch: BackfillPage, filing: Filing) -> None:
        """Record how far a walk through the past has come, and close the gaps that it has filled."""
        newest = max((entry.published for entry in stretch.entries if entry.published), default=None)
        self._db.execute(
            statements.UPSERT_BACKFILLED_FEED,
            {
                "id": stretch.feed,
                "categories": json.dumps(filing.categories, ensure_ascii=False),
                "author": filing.author,
                "newest": to_text(newest),
                "floor": to_text(stretch.oldest_available),
            },
        )
        if stretch.covered:
            self._add_span(stretch.feed, stretch.covered)
            self._close_gaps(stretch.feed, stretch.at)

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
                "ground": to_text(known_to(poll)) if poll.caught_up else None,
                "complete_to": to_text(complete_to),
                "kind": error.kind if error else None,
                "error": error.reason if error else None,
                "trouble": trouble if error else 0.0,
                "pages": poll.pages,
                "new": new,
                # One that broke off, or found nothing changed, leaves those that vouch for what was read before.
                "is_read": int(poll.caught_up and not poll.unchanged),
                "etag": poll.validators.etag if poll.validators and poll.caught_up else None,
                "last_modified": poll.validators.modified if poll.validators and poll.caught_up else None,
            },
        )

    # Spans

    def spans(self, feed: str | None = None) -> dict[str, list[Span]]:
        """The stretches in which feeds are known whole, the earliest first; of one feed, or of all."""
        result: dict[str, list[Span]] = {}
        query = 'SELECT feed, start, "end" FROM spans WHERE feed = coalesce(?, feed) ORDER BY feed, start'
        for row in self._db.execute(query, [feed]):
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
        """What is still open of the gaps, by feed and time."""
        rows = self._db.execute(
            'SELECT feed, start, "end" FROM gaps WHERE closed IS NULL ORDER BY feed, start'
        ).fetchall()
        spans = self.spans() if rows else {}
        return [
            Gap(row["feed"], hole.start, hole.end)
            for row in rows
            for hole in holes(row_mapping.span(row), spans.get(row["feed"], []))
        ]

    def _open_gap(self, gap: Gap, noticed: datetime) -> None:
        start = to_text(gap.start)
        self._db.execute(
            'INSERT INTO gaps (feed, start, "end", noticed) VALUES (?, ?, ?, ?)',
            [gap.feed, start, to_text(gap.end), to_text(noticed)],
        )
        # Up to its own end the last span was whole when it was read, but what came in late since was not seen.
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
        known = self.spans(feed).get(feed, []) if rows else []
        filled = [row["id"] for row in rows if not holes(row_mapping.span(row), known)]
        self._db.conn.executemany("UPDATE gaps SET closed = ? WHERE id = ?", [(to_text(at), gap) for gap in filled])

    # Rhythms

    def arrival_rates(self) -> dict[str, ArrivalRate]:
        """What was learned of each feed's rhythm."""
        return {row["feed"]: row_mapping.arrival_rate(row) for row in self._db.execute("SELECT * FROM rhythms")}

    def record_arrival_rate(self, feed: str, arrival_rate: ArrivalRate) -> None:
        """Keep what was learned of a feed's rhythm."""
        self._db.execute(
            "INSERT OR REPLACE INTO rhythms (feed, seconds, arrivals, until) VALUES (?, ?, ?, ?)",
            [feed, json.dumps(arrival_rate.seconds), json.dumps(arrival_rate.arrivals), to_text(arrival_rate.until)],
        )

    # Hosts

    def backoffs(self) -> list[HostBackoff]:
        """The hosts that asked for rest and have not answered since."""
        return [row_mapping.backoff(row) for row in self._db.execute("SELECT * FROM rests")]

    def record_backoff(self, backoff: HostBackoff) -> None:
        """Remember that a host wants rest."""
        self._db.execute(
            "INSERT OR REPLACE INTO rests (host, until, strikes, stated, reason, kind) VALUES (?, ?, ?, ?, ?, ?)",
            [
                backoff.host,
                to_text(backoff.until),
                backoff.failures,
                int(backoff.from_retry_after),
                backoff.reason,
                backoff.kind,
            ],
        )

    def end_backoff(self, host: str) -> None:
        """Forget a host's rest."""
        self._db.execute("DELETE FROM rests WHERE host = ?", [host])

    # Snapshots

    def snapshot(self) -> dict[str, list[list[Any]]]:
        """All that is known of how far lists were read: by table, its columns' names and then its rows."""
        return {table: self._whole(table) for table in LEDGER_TABLES}

    def _whole(self, table: str) -> list[list[Any]]:
        found = self._db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - one of ours
        return [[column[0] for column in found.description], *map(list, found.fetchall())]

    def restore(self, snapshot: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Put a snapshot in the place of what is known."""
        for table in LEDGER_TABLES:
            columns, *rows = snapshot[table]
            self._db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - one of ours
            self._db.table(table).insert_all(dict(zip(columns, row, strict=True)) for row in rows)

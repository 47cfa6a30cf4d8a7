"""What is known of each feed's list: spans that were read, their settled parts, gaps, and lateness."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from archive.index import lateness as rules
from archive.index import row_mapping
from archive.index.part import IndexPart
from archive.index.spans import (
    common,
    gap_left,
    gap_start,
    gap_without_times,
    known_parts,
    merged,
    span_read,
    span_walked,
    uncovered,
    without,
)
from archive.model.feed import BackfillPage, Gap, Lateness, Poll, Span
from archive.model.times import to_text, to_time


class CoverageIndex(IndexPart):
    """The tables of spans, settled spans, gaps and lateness. The journal has snapshots of them.

    A span is what polls and backfills have read: everything that the list showed is known. Its settled part has also
    been walked over after its articles had entered the list, as late as was ever measured. Errors and transactions as
    in :class:`~archive.store.Store`.
    """

    # Spans

    def spans(self, feed: str | None = None) -> dict[str, list[Span]]:
        """Return the spans that were read, the earliest first: feed id -> spans.

        :param feed: of this feed only; None for all feeds that have any
        """
        return self._spans("spans", feed)

    def settled(self, feed: str | None = None) -> dict[str, list[Span]]:
        """Return the settled parts of the spans, the earliest first: feed id -> spans.

        :param feed: of this feed only; None for all feeds that have any
        """
        spans = self.spans(feed)
        return {each: common(parts, spans.get(each, ())) for each, parts in self._spans("settled", feed).items()}

    def known(self) -> dict[str, tuple[list[Span], list[Span]]]:
        """Return the settled and the provisional time of each feed, without gaps: feed id -> two lists of spans."""
        gaps, settled = [*self.gaps(), *self.lost_gaps()], self.settled()
        return {
            feed: known_parts(spans, settled.get(feed, ()), [gap for gap in gaps if gap.feed == feed])
            for feed, spans in self.spans().items()
        }

    def _spans(self, table: str, feed: str | None) -> dict[str, list[Span]]:
        result: dict[str, list[Span]] = {}
        query = f'SELECT feed, start, "end" FROM {table} WHERE feed = coalesce(?, feed) ORDER BY feed, start'  # noqa: S608 - a constant
        for row in self._rows(query, [feed]):
            result.setdefault(row["feed"], []).append(row_mapping.span(row))
        return result

    def _add_span(self, table: str, feed: str, span: Span) -> None:
        # As the table has it, in milliseconds: it is compared with others there, and then here.
        start, end = to_text(span.start), to_text(span.end)
        span = Span(to_time(start) or span.start, to_time(end) or span.end)
        touched = self._db.execute(
            f'SELECT start, "end" FROM {table} WHERE feed = ? AND start <= ? AND "end" >= ?',  # noqa: S608 - a constant
            [feed, end, start],
        ).fetchall()
        [whole] = merged([span, *map(row_mapping.span, touched)])
        self._db.conn.executemany(
            f"DELETE FROM {table} WHERE feed = ? AND start = ?",  # noqa: S608 - a constant
            [(feed, row["start"]) for row in touched if row["start"] != to_text(whole.start)],
        )
        self._db.execute(
            f'INSERT INTO {table} (feed, start, "end") VALUES (?, ?, ?) '  # noqa: S608 - a constant
            'ON CONFLICT DO UPDATE SET "end" = excluded."end"',
            [feed, to_text(whole.start), to_text(whole.end)],
        )

    def _cut(self, table: str, feed: str, start: datetime) -> None:
        """End all spans at ``start``."""
        text = to_text(start)
        self._db.execute(f"DELETE FROM {table} WHERE feed = ? AND start >= ?", [feed, text])  # noqa: S608 - a constant
        self._db.execute(f'UPDATE {table} SET "end" = ? WHERE feed = ? AND "end" > ?', [text, feed, text])  # noqa: S608

    def _settle(self, feed: str, span: Span, at: datetime) -> None:
        """Settle the part of a span whose articles had all entered the list when it was walked over."""
        end = at - rules.bound(self._lateness(feed))
        # A lateness that was measured since an earlier walk takes back what that walk settled too early.
        self._cut("settled", feed, max(end, span.start))
        if span.start <= min(span.end, end):
            self._add_span("settled", feed, Span(span.start, min(span.end, end)))

    # Polls and backfills. The caller begins the transaction.

    def record_poll(
        self, poll: Poll, known_until: datetime | None, complete_to: datetime | None, first_shown: Sequence[datetime]
    ) -> Gap | None:
        """Record what a poll has read; return the gap that it left.

        :param known_until: publication time of the newest known entry before the poll
        :param complete_to: when a poll last left nothing unread
        :param first_shown: publication times of the entries that the list showed for the first time
        """
        spans = self.spans(poll.feed).get(poll.feed, [])
        if poll.caught_up:
            self.learn_lateness(poll, complete_to, first_shown)
        bound = rules.bound(self._lateness(poll.feed))
        start = gap_start(complete_to, bound, spans)
        gap = gap_left(poll, known_until, start) or gap_without_times(poll, complete_to)
        if gap:
            self._open_gap(gap, poll.at)
        if span := span_read(poll, complete_to, gap):
            # Even if the clock was set, a poll reads only new articles, and nothing in an open gap.
            pieces = [span]
            for open_gap in self._open_gaps_in(poll.feed, span):
                pieces = without(pieces, open_gap)
            for piece in pieces:
                self._add_span("spans", poll.feed, piece)
        if walked := span_walked(poll, complete_to):
            self._add_span("spans", poll.feed, walked)
            self._settle(poll.feed, walked, poll.at)
        return gap

    def record_backfill_page(self, page: BackfillPage, first_shown: Sequence[datetime]) -> None:
        """Record the span that a backfill has read; close the gaps that it has filled.

        :param first_shown: publication times of the entries that the list showed for the first time
        """
        spans = self.spans(page.feed).get(page.feed, [])
        self._learn(page.feed, rules.backfill_samples(first_shown, page.at, spans), page.at)
        if page.covered:
            self._add_span("spans", page.feed, page.covered)
            self._close_gaps(page.feed, page.at)
        if page.walked:
            self._settle(page.feed, page.walked, page.at)
        if page.oldest_available:
            self._lose_gaps(page.feed, page.oldest_available, page.at)

    def delete_feed(self, feed: str) -> None:
        """Delete what is known of a feed's list, which it no longer reads."""
        for table in ("spans", "settled", "lateness"):
            self._db.execute(f"DELETE FROM {table} WHERE feed = ?", [feed])  # noqa: S608 - a constant
        # Nothing could close them.
        self._db.execute("DELETE FROM gaps WHERE feed = ? AND closed IS NULL AND lost IS NULL", [feed])

    # Gaps

    def gaps(self) -> list[Gap]:
        """Return the open gaps, by feed and time; of a partly filled gap, what is left."""
        return self._gaps("lost IS NULL")

    def lost_gaps(self) -> list[Gap]:
        """Return the gaps that no list shows any more, by feed and time; of a partly filled gap, what is left."""
        return self._gaps("lost IS NOT NULL")

    def lose_gap(self, gap: Gap, at: datetime, evidence: str) -> None:
        """Record that the articles of an open gap cannot be read any more.

        :param gap: of :meth:`gaps`
        :param evidence: how that was found out, for people
        """
        with self._transaction():
            self._db.execute(
                """UPDATE gaps SET lost = ?, evidence = ?
                   WHERE feed = ? AND closed IS NULL AND lost IS NULL AND start <= ? AND "end" >= ?""",
                [to_text(at), evidence, gap.feed, to_text(gap.start), to_text(gap.end)],
            )

    def _gaps(self, condition: str) -> list[Gap]:
        rows = self._rows(
            f"SELECT * FROM gaps WHERE closed IS NULL AND {condition} ORDER BY feed, start"  # noqa: S608 - a constant
        )
        spans = self.spans() if rows else {}
        return [
            Gap(row["feed"], left.start, left.end, to_time(row["lost"]), row["evidence"])
            for row in rows
            for left in uncovered(row_mapping.span(row), spans.get(row["feed"], []))
        ]

    def _open_gap(self, gap: Gap, noticed: datetime) -> None:
        self._db.execute(
            'INSERT INTO gaps (feed, start, "end", noticed) VALUES (?, ?, ?, ?)',
            [gap.feed, to_text(gap.start), to_text(gap.end), to_text(noticed)],
        )
        # The last span was complete up to its end when it was read, but articles that came in late were not seen.
        for table in ("spans", "settled"):
            self._cut(table, gap.feed, gap.start)

    def _open_gaps_in(self, feed: str, span: Span) -> list[Span]:
        rows = self._db.execute(
            'SELECT start, "end" FROM gaps WHERE feed = ? AND closed IS NULL AND start < ? AND "end" > ?',
            [feed, to_text(span.end), to_text(span.start)],
        )
        return [row_mapping.span(row) for row in rows]

    def _close_gaps(self, feed: str, at: datetime) -> None:
        filled = [number for number, left in self._unfilled(feed) if not left]
        self._db.conn.executemany("UPDATE gaps SET closed = ? WHERE id = ?", [(to_text(at), gap) for gap in filled])

    def _lose_gaps(self, feed: str, oldest_available: datetime, at: datetime) -> None:
        """Count gaps as lost whose remainder is older than all that the list has."""
        evidence = f"the list ends at {oldest_available.isoformat()}: it no longer has older articles"
        lost = [number for number, left in self._unfilled(feed) if left and left[-1].end <= oldest_available]
        self._db.conn.executemany(
            "UPDATE gaps SET lost = ?, evidence = ? WHERE id = ? AND lost IS NULL",
            [(to_text(at), evidence, gap) for gap in lost],
        )

    def _unfilled(self, feed: str) -> list[tuple[int, list[Span]]]:
        """Return the ids of the gaps that are not closed, and the parts that are not read."""
        rows = self._db.execute(
            'SELECT id, start, "end" FROM gaps WHERE feed = ? AND closed IS NULL', [feed]
        ).fetchall()
        spans = self.spans(feed).get(feed, []) if rows else []
        return [(row["id"], uncovered(row_mapping.span(row), spans)) for row in rows]

    # Lateness

    def lateness(self) -> dict[str, Lateness]:
        """Return how late articles enter each feed's list, by the feed's id."""
        return {row["feed"]: row_mapping.lateness(row) for row in self._rows("SELECT * FROM lateness")}

    def learn_lateness(self, poll: Poll, complete_to: datetime | None, first_shown: Sequence[datetime]) -> None:
        """Learn from the articles that a poll, or a list's first page, is the first to show.

        The parameters are those of :meth:`record_poll`.
        """
        spans = self.spans(poll.feed).get(poll.feed, [])
        self._learn(poll.feed, rules.poll_samples(first_shown, poll.at, complete_to, spans), poll.at)

    def _lateness(self, feed: str) -> Lateness:
        row = self._db.execute("SELECT * FROM lateness WHERE feed = ?", [feed]).fetchone()
        return row_mapping.lateness(row) if row else rules.NO_LATENESS

    def _learn(self, feed: str, samples: Iterable[timedelta], at: datetime) -> None:
        if not (samples := list(samples)):
            return
        learned = rules.learn(self._lateness(feed), samples, at)
        self._db.execute(
            "INSERT OR REPLACE INTO lateness (feed, counts, until) VALUES (?, ?, ?)",
            [feed, json.dumps([round(count, 4) for count in learned.counts]), to_text(learned.until)],
        )

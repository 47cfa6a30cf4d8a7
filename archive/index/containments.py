"""Which lists contain other lists, as their polls prove it, and the misses that ended such proofs.

A feed's own poll is the only proof: the articles that its list shows for the first time must be in the broad list
when that is polled next. Those that are not there yet wait in the table ``unconfirmed``.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from archive.index.containment_proof import (
    HISTORY,
    HISTORY_MARGIN,
    TOLERANCE,
    is_later,
    is_proven,
    reads_back_to,
)
from archive.index.database import Database
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.statements import Row
from archive.journal.event_documents import EventKind
from archive.journal.misses import dump_missed
from archive.model.feed import Containment, Miss, MissKind, Poll
from archive.model.times import to_text, to_time

# Articles that both lists may have shown: those of the feed, with 1 if the broad list has shown them too.
_HISTORY_SQL = """
    SELECT e.published, coalesce(b.shown, 0) AS shown
    FROM entries AS e CROSS JOIN listings AS f ON f.docid = e.docid AND f.feed = :feed AND f.shown = 1
    LEFT JOIN listings AS b ON b.docid = e.docid AND b.feed = :broad
    WHERE e.published >= :begin AND e.published <= :end ORDER BY e.published
"""
# Articles of feeds that the broad list had not shown yet, with 1 if it has now.
_UNCONFIRMED_SQL = """
    SELECT u.feed, u.docid, u.at, u.entered, e.published, coalesce(b.shown, 0) AS shown
    FROM unconfirmed AS u LEFT JOIN entries AS e ON e.docid = u.docid
    LEFT JOIN listings AS b ON b.docid = u.docid AND b.feed = u.broad
    WHERE u.broad = ? ORDER BY u.at, u.docid
"""


class ContainmentIndex(IndexPart):
    """The tables of containments, unconfirmed articles and misses. Errors and transactions as in
    :class:`~archive.store.Store`.
    """

    def __init__(self, database: Database, path: Path, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._log = log

    def all(self) -> list[Containment]:
        """Return what is known of each pair of lists that was ever compared, by feed and broad list."""
        return [_containment(row) for row in self._rows("SELECT * FROM containments ORDER BY feed, broad")]

    def last_misses(self) -> dict[str, tuple[Miss, datetime]]:
        """Return the last miss of each feed, and when it was found out: feed id -> both."""
        rows = self._rows("SELECT * FROM misses WHERE id IN (SELECT max(id) FROM misses GROUP BY feed)")
        return {row["feed"]: (_miss(row), datetime.fromisoformat(row["at"])) for row in rows}

    # The caller begins the transaction.

    def record_poll(self, poll: Poll, first_shown: Collection[str], broad_lists: Iterable[str]) -> list[Miss]:
        """Compare a poll with those of broad lists, or of the lists that may be contained in it.

        :param first_shown: docids of the entries that the list showed for the first time
        :param broad_lists: ids of the feeds whose lists may contain this one
        :return: misses that ended a proven containment
        """
        if not poll.caught_up:
            return []
        misses = self._check_contained(poll)
        for broad in broad_lists:
            misses += self._compare(poll, broad, first_shown)
        return [miss for miss in misses if self._record(miss, poll.at)]

    def end(self, miss: Miss, at: datetime) -> None:
        """Record a miss: the proof starts again."""
        self._db.execute(
            "INSERT INTO misses (feed, broad, docid, at, kind) VALUES (?, ?, ?, ?, ?)",
            [miss.feed, miss.broad, miss.docid, to_text(at), miss.kind],
        )
        self._restart(miss, at, missed=at)

    # A poll of a feed

    def _compare(self, poll: Poll, broad: str, first_shown: Collection[str]) -> list[Miss]:
        """Compare a feed's poll with what a broad list has shown."""
        complete_to = self._complete_to(broad)
        if complete_to is None:  # it was never read, and has nothing to compare with
            return []
        if not self._db.execute(
            "SELECT 1 FROM containments WHERE feed = ? AND broad = ?", [poll.feed, broad]
        ).fetchone():
            self._begin(poll, broad, complete_to)
            return []
        entered = {entry.docid: entry.entered for entry in poll.entries if entry.docid in first_shown}
        stated = self._shown(broad, list(entered))
        late = [docid for docid in stated if is_later(stated[docid], entered[docid])]
        self._count(poll.feed, broad, len(stated))
        self._db.conn.executemany(
            "INSERT OR IGNORE INTO unconfirmed (feed, broad, docid, at, entered) VALUES (?, ?, ?, ?, ?)",
            [
                (poll.feed, broad, docid, to_text(poll.at), to_text(time))
                for docid, time in entered.items()
                if docid not in stated
            ],
        )
        self._verify(poll.feed, broad)
        return [Miss(poll.feed, broad, docid, MissKind.LATE) for docid in late[:1]]

    def _begin(self, poll: Poll, broad: str, complete_to: datetime) -> None:
        """Begin with what the index has of both lists: articles after the newest that the broad list lacks."""
        spans = self._rows(
            'SELECT start FROM spans WHERE feed = ? AND "end" >= ? ORDER BY start DESC LIMIT 1',
            [broad, to_text(complete_to)],
        )
        record_begin = to_time(spans[0]["start"]) if spans else None
        begin = max(record_begin or complete_to, complete_to - HISTORY)
        rows = self._rows(
            _HISTORY_SQL,
            {
                "feed": poll.feed,
                "broad": broad,
                "begin": to_text(begin),
                "end": to_text(complete_to - HISTORY_MARGIN),
            },
        )
        last_absent = max((place for place, row in enumerate(rows) if not row["shown"]), default=-1)
        contained = rows[last_absent + 1 :]
        since = to_time(contained[0]["published"]) if contained else None
        self._db.execute(
            "INSERT INTO containments (feed, broad, since, entries, verified) VALUES (?, ?, ?, ?, ?)",
            [poll.feed, broad, to_text(since or poll.at), len(contained), to_text(poll.at)],
        )

    def _shown(self, broad: str, docids: Sequence[str]) -> dict[str, datetime | None]:
        """Return when entries entered the lists, as first stated, of those that a broad list has shown: by docid."""
        rows = self._rows(
            """SELECT e.docid, e.entered FROM json_each(?) AS wanted CROSS JOIN entries AS e ON e.docid = wanted.value
               CROSS JOIN listings AS b ON b.docid = e.docid AND b.feed = ? AND b.shown = 1""",
            [json.dumps(docids), broad],
        )
        return {row["docid"]: to_time(row["entered"]) for row in rows}

    # A poll of a broad list

    def _check_contained(self, poll: Poll) -> list[Miss]:
        """Check the unconfirmed articles of other feeds against a poll of a broad list."""
        rows = self._rows(_UNCONFIRMED_SQL, [poll.feed])
        if not rows:
            return []
        bottom = reads_back_to(poll, self._newest(poll.feed))
        entered = {entry.docid: entry.entered for entry in poll.entries}
        misses: dict[str, Miss] = {}  # the first of each feed
        for row in rows:
            kind = _miss_of(row, poll, entered, bottom)
            if kind:
                misses.setdefault(row["feed"], Miss(row["feed"], poll.feed, row["docid"], kind))
        done = [row for row in rows if row["shown"] or (_is_due(row, poll) and bottom is not None)]
        self._db.conn.executemany(
            "DELETE FROM unconfirmed WHERE broad = ? AND feed = ? AND docid = ?",
            [(poll.feed, row["feed"], row["docid"]) for row in done],
        )
        for feed in sorted({row["feed"] for row in done}):
            self._count(feed, poll.feed, sum(row["shown"] for row in done if row["feed"] == feed))
            self._verify(feed, poll.feed)
        return list(misses.values())

    # Both

    def _record(self, miss: Miss, at: datetime) -> bool:
        """End a containment; return whether it was proven. Of one that was not, no miss is kept."""
        [row] = self._rows("SELECT * FROM containments WHERE feed = ? AND broad = ?", [miss.feed, miss.broad])
        if not is_proven(_containment(row), at):
            self._restart(miss, at, missed=None)
            return False
        self._log.note(EventKind.MISSED, at, dump_missed(miss))
        self.end(miss, at)
        return True

    def _restart(self, miss: Miss, at: datetime, missed: datetime | None) -> None:
        self._db.execute(
            """INSERT INTO containments (feed, broad, since, entries, missed) VALUES (?, ?, ?, 0, ?)
               ON CONFLICT DO UPDATE SET since = excluded.since, entries = 0, verified = NULL,
                   missed = coalesce(excluded.missed, missed)""",
            [miss.feed, miss.broad, to_text(at), to_text(missed)],
        )
        self._db.execute("DELETE FROM unconfirmed WHERE feed = ? AND broad = ?", [miss.feed, miss.broad])

    def _count(self, feed: str, broad: str, number: int) -> None:
        self._db.execute(
            "UPDATE containments SET entries = entries + ? WHERE feed = ? AND broad = ?", [number, feed, broad]
        )

    def _verify(self, feed: str, broad: str) -> None:
        """Record that a feed's last poll proves the containment, if no article waits for the broad list."""
        self._db.execute(
            """UPDATE containments SET verified = (SELECT complete_to FROM feeds WHERE id = :feed)
               WHERE feed = :feed AND broad = :broad
                   AND NOT EXISTS (SELECT 1 FROM unconfirmed WHERE feed = :feed AND broad = :broad)""",
            {"feed": feed, "broad": broad},
        )

    def _complete_to(self, feed: str) -> datetime | None:
        rows = self._rows("SELECT complete_to FROM feeds WHERE id = ?", [feed])
        return to_time(rows[0]["complete_to"]) if rows else None

    def _newest(self, feed: str) -> datetime | None:
        rows = self._rows("SELECT newest FROM feeds WHERE id = ?", [feed])
        return to_time(rows[0]["newest"]) if rows else None


def _is_due(row: Row, poll: Poll) -> bool:
    """Return whether a poll of the broad list began late enough to show an article of another list."""
    return poll.at - datetime.fromisoformat(row["at"]) >= TOLERANCE


def _miss_of(
    row: Row, poll: Poll, entered: Mapping[str, datetime | None], bottom: datetime | None
) -> MissKind | None:
    """Return how a broad list failed to contain an unconfirmed article; None: it did not, or that is not known."""
    if row["shown"]:
        return MissKind.LATE if is_later(entered.get(row["docid"]), to_time(row["entered"])) else None
    published = to_time(row["published"])
    if bottom is None or published is None or not _is_due(row, poll):
        return None
    return MissKind.ABSENT if published >= bottom else None


def _containment(row: Row) -> Containment:
    """Map a row of ``containments``."""
    return Containment(
        row["feed"],
        row["broad"],
        datetime.fromisoformat(row["since"]),
        row["entries"],
        to_time(row["verified"]),
        to_time(row["missed"]),
    )


def _miss(row: Row) -> Miss:
    """Map a row of ``misses``."""
    return Miss(row["feed"], row["broad"], row["docid"], MissKind(row["kind"]))

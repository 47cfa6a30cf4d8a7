"""The index of an archive, the one way to it. Speaks in records; another database could stand in its place."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from archive.index import row_mapping, statements
from archive.index.alerts import AlertIndex
from archive.index.articles import ArticleIndex
from archive.index.connection import open_index, open_index_for_following, open_index_for_reading
from archive.index.database import Database
from archive.index.entries import EntryChanges, EntryIndex
from archive.index.errors import wrap_sqlite_errors
from archive.index.feeds import FeedIndex
from archive.index.images import ImageIndex
from archive.index.log import OTHERS, ChangeLog
from archive.index.manifests import ManifestIndex
from archive.index.replay import replay
from archive.journal.event_documents import EventKind, dump_brought_to_date, dump_ledger, dump_released, dump_settled
from archive.journal.journal import Event, Journal
from archive.model.feed import (
    ArrivalRate,
    BackfillPage,
    Counts,
    FeedHistory,
    Filing,
    Gap,
    HostBackoff,
    ListingResult,
    PendingEntry,
    Poll,
    Span,
)
from archive.model.fetch import JournalPosition
from archive.model.times import to_text, to_time
from archive.search.changefeed import Changefeed
from archive.search.history import History
from archive.search.search import Search
from archive.search.stats import Stats


class Store:
    """The index, opened.

    ``versions`` has what is known of articles, ``past`` what was known, ``search`` finds them by their words,
    ``overview`` counts them, ``arrivals`` has them as they came, ``manifests`` what manifests vouch for, ``images``
    pictures, ``alerts`` how far they are told. Every public method, there too, does all of what it says or nothing,
    and raises an ArchiveError for what is wrong.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._db, self._path = database, path
        self._entry_index, self._ledger = EntryIndex(database), FeedIndex(database)
        self._journal = ChangeLog(database)
        self.articles = ArticleIndex(database, path, self._journal)
        self.past, self.manifests = History(database, path), ManifestIndex(database, path)
        self.images = ImageIndex(database, path, self._journal)
        self.alerts = AlertIndex(database, path)
        self.search, self.arrivals = Search(database, path, self.past), Changefeed(database, path, self.past)
        self.overview = Stats(database, path, self.search)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or make the index at ``path`` for writing; see :func:`archive.index.connection.open_index`."""
        return cls(open_index(path), path)

    @classmethod
    def open_for_reading(cls, path: Path) -> Self:
        """Open the index without ever writing to it; an archive not yet begun reads as an empty one."""
        return cls(open_index_for_reading(path), path)

    @classmethod
    def open_for_following(cls, path: Path) -> Self | None:
        """Open the index to see it grow; None while it cannot be; see :mod:`archive.index.connection`."""
        database = open_index_for_following(path)
        return cls(database, path) if database else None

    def keep_journal(self, journal: Journal) -> None:
        """Write what is recorded from now on into a journal too, before it counts."""
        self._journal.open(journal)

    @contextmanager
    def in_one_go(self) -> Iterator[None]:
        """Record much at once, for an index that can be made again: nothing is sure until all is done."""
        with wrap_sqlite_errors(self._path):
            self._db.execute("PRAGMA synchronous = OFF")
            with self._db.atomic():
                yield

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

    def settle(self, feed: str, source: str, at: datetime) -> bool:
        """Take note which list a feed's id stands for; what is known of another that it stood for is forgotten.

        That is: known ground, spans, open gaps, the rhythm, and how its polls have done. Entries stay.

        :param at: now
        :param source: the list, in words that change when it does: "roll https://... lid=1686"
        :return: whether it stood for another before
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            if not self._ledger.settle(feed, source):
                return False
            self._journal.note(EventKind.SETTLED, at, dump_settled(feed, source))
            return True

    def commit_poll(
        self,
        poll: Poll,
        filing: Filing,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        trouble: float = 1.0,
    ) -> ListingResult:
        """Record what a poll saw, all in one transaction: entries, what they belong to, the gap it left.

        :param filing: of the polled feed, kept for entries that outlive its configuration
        :param feeds: for each entry's docid, the ids of the feeds that it belongs to
        :param hosts: for each entry's docid, the host it is to be fetched from
        :param trouble: the weight of the poll's error, added to that of the failed polls before it
        :return: what was not known before
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            # A poll that broke off proves nothing of what is older: the next one must read on through it. One that
            # came to its page limit is ground, for its gap is on record.
            found = self._add_entries(poll, feeds, hosts, caught_up=poll.caught_up)
            gap = self._ledger.record_poll(poll, filing, trouble, found.new)
            return ListingResult(found.new, len(found.broken), found.changes, gap)

    def commit_backfill_page(
        self, stretch: BackfillPage, filing: Filing, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> ListingResult:
        """Record what a page of a walk through the past held, and how far the walk has come, in one transaction.

        What it held is no known ground: between it and the newest articles there may be what nobody has read. The
        other arguments and what is returned are as those of :meth:`commit_poll`.
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            found = self._add_entries(stretch, feeds, hosts, caught_up=False)
            self._ledger.record_backfill_page(stretch, filing)
            return ListingResult(found.new, len(found.broken), found.changes)

    def _add_entries(
        self,
        read: Poll | BackfillPage,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        *,
        caught_up: bool,
    ) -> EntryChanges:
        found = self._entry_index.add_entries(read.feed, read.at, read.entries, read.failures, hosts)
        listings = self._entry_index.add_listings(read.feed, read.at, feeds, read.failures, caught_up=caught_up)
        if found.news or found.broken or listings:
            self._journal.log_entries(read, found, hosts, listings)
        return found

    # The ledger

    def spans(self, feed: str | None = None) -> dict[str, list[Span]]:
        """The stretches in which feeds are known whole, the earliest first; of one feed, or of all that have any."""
        with wrap_sqlite_errors(self._path):
            return self._ledger.spans(feed)

    def gaps(self) -> list[Gap]:
        """The stretches that are still open, by feed and time; of a gap that is filled in part, what is left."""
        with wrap_sqlite_errors(self._path):
            return self._ledger.gaps()

    def arrival_rates(self) -> dict[str, ArrivalRate]:
        """What was learned of each feed's rhythm."""
        with wrap_sqlite_errors(self._path):
            return self._ledger.arrival_rates()

    def commit_arrival_rate(self, feed: str, arrival_rate: ArrivalRate) -> None:
        """Keep what was learned of a feed's rhythm."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._ledger.record_arrival_rate(feed, arrival_rate)

    def feed_histories(self) -> dict[str, FeedHistory]:
        """How each feed whose list was ever read has done."""
        with wrap_sqlite_errors(self._path):
            return self._ledger.histories()

    # Fetching

    def pending_hosts(self, now: datetime, tried_before: datetime) -> dict[str, int]:
        """Hosts that entries due at ``now`` and not tried since ``tried_before`` wait for, and how many."""
        rows = self._rows(statements.COUNT_DUE, [to_text(now), to_text(tried_before)])
        return {row["host"]: row["n"] for row in rows}

    def due(
        self, host: str, most: int, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> list[PendingEntry]:
        """At most so many entries to fetch from a host: the least tried first, of those the newest.

        :param in_flight: docids to leave out
        """
        rows = self._rows(
            statements.SELECT_DUE, [host, to_text(now), to_text(tried_before), json.dumps(list(in_flight)), most]
        )
        return [row_mapping.pending(row) for row in rows]

    def commit_paths(self, paths: Mapping[str, str]) -> None:
        """Record where the files of articles are about to be written. See D16.

        :param paths: docid -> path, relative to the archive's root
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._db.conn.executemany(
                "UPDATE entries SET path = ? WHERE docid = ?", [(path, docid) for docid, path in paths.items()]
            )

    def clamp_future_times(self, now: datetime, longest: timedelta) -> None:
        """Let nothing that waits be tried later than now, or due later than the longest delay from now.

        Such times are of a clock that was ahead. See D41.
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            if statements.clamp_future_times(self._db, now, now + longest):
                self._journal.note(EventKind.BROUGHT_TO_DATE, now, dump_brought_to_date(now, now + longest))

    def release(self, now: datetime, *, parked: bool) -> int:
        """Make what waits due now, and with ``parked`` what was given up too.

        :return: how many entries and pictures that were
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            released = statements.release(self._db, now, parked=parked)
            if released:
                self._journal.note(EventKind.RELEASED, now, dump_released(parked=parked))
            return released

    # Journal

    def journal_positions(self) -> dict[str, JournalPosition]:
        """Up to where the journal's records are applied: those of looks, and those of everything else."""
        with wrap_sqlite_errors(self._path):
            return self._journal.positions()

    def note_ledger(self, now: datetime) -> None:
        """Write into the journal how far the lists were read."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._journal.note(EventKind.LEDGER, now, dump_ledger(self._ledger.snapshot()))

    def apply(self, events: Iterable[Event]) -> None:
        """Do again what the journal says was done, except looks, in one transaction.

        :raises JournalError: it says what this program does not know
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            for event in events:
                replay(event, self._db, self._entry_index, self._ledger)
                self._journal.mark(OTHERS, event.place)

    # Hosts

    def backoffs(self) -> list[HostBackoff]:
        """The hosts that asked for rest and have not answered since."""
        with wrap_sqlite_errors(self._path):
            return self._ledger.backoffs()

    def commit_backoff(self, backoff: HostBackoff) -> None:
        """Remember that a host wants rest."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._ledger.record_backoff(backoff)

    def end_backoff(self, host: str) -> None:
        """Forget a host's rest: it has answered."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._ledger.end_backoff(host)

    # Reports

    def counts(self) -> Counts:
        """Of the whole archive; at a cost that grows only with what waits and what was given up."""
        return row_mapping.counts(self._rows(statements.COUNT_ENTRIES)[0])

    def feed_counts(self) -> dict[str, Counts]:
        """Of each feed; an entry counts in every feed it belongs to."""
        return {row["feed"]: row_mapping.counts(row) for row in self._rows(statements.COUNT_LISTINGS)}

    def failures(self, status: str) -> list[tuple[str, int]]:
        """Why entries of a status (``pending``, ``parked``) are not archived, and how many for each reason."""
        rows = self._rows(statements.COUNT_FAILURES, [status])
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

    def _rows(self, query: str, parameters: Iterable[Any] = ()) -> list[statements.Row]:
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, list(parameters)).fetchall()

"""Write each change of the index to the journal, before the change is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from archive.index.database import Database
from archive.index.entries import Belonging, EntryChanges
from archive.index.part import IndexPart
from archive.journal.event_documents import (
    EventKind,
    SightedDocument,
    decode,
    dump_sighted,
    encode,
)
from archive.model.feed import BackfillPage, Poll
from archive.model.fetch import JournalPosition

if TYPE_CHECKING:  # the journal imports warcio, which readers of the index do not need
    from archive.journal.journal import Event, Journal

# The writers of the journal. A thread writes fetches, and they are committed later than what was written in between.
# So each writer has a position of its own, up to which its records are applied. See D42.
FETCHES = "looks"
OTHERS = "others"


class ChangeLog(IndexPart):
    """Writes the changes of a transaction to the journal, to be replayed; does nothing without a journal.

    A record is on the disk before its transaction is committed. A record whose transaction was lost in a crash is
    applied when the archive is opened again; one whose transaction failed, before the next transaction.

    :param apply: applies records of the journal and commits them, as after a crash
    """

    def __init__(self, database: Database, path: Path, apply: Callable[[Iterable[Event]], None]) -> None:
        super().__init__(database, path)
        self._apply = apply
        self._journal: Journal | None = None
        self._uncommitted: list[Event] = []  # records of the current transaction, or of one that failed
        self._held: dict[JournalPosition, None] = {}  # fetches that are not applied yet, in order

    def open(self, journal: Journal) -> None:
        """Write every change from now on to a journal, before it is committed."""
        self._journal = journal

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the writes of the block together; nested in the current transaction, if there is one.

        If the commit fails after the block has written records to the journal, they are applied before the next
        transaction. So each record is applied once, and in the order of the journal. See D167.
        """
        self.catch_up()
        with self._transaction():
            if self._journal:  # a lock of another program is met here, before anything is in the journal
                self._db.execute("DELETE FROM journal WHERE 0")
            yield
        self._uncommitted.clear()

    @property
    def is_behind(self) -> bool:
        """True if the journal has records whose transaction failed: they are applied by :meth:`catch_up`."""
        return bool(self._uncommitted)

    def catch_up(self) -> None:
        """Apply the records whose transaction failed."""
        if self._uncommitted:
            applied = self.applied()
            self._apply(_as_read(event) for event in self._uncommitted if not applied.has(event))
            self._uncommitted.clear()

    def positions(self) -> dict[str, JournalPosition]:
        """Return the position up to which each writer's records are applied: writer (FETCHES, OTHERS) -> position."""
        rows = self._rows("SELECT * FROM journal")
        return {row["writer"]: JournalPosition(row["file"], row["offset"]) for row in rows}

    def applied(self) -> AppliedRecords:
        """Return which records of the journal are applied."""
        return AppliedRecords(self)

    def fetches_after(self, position: JournalPosition | None) -> frozenset[JournalPosition]:
        """Return the positions of the applied fetches after a position; None: of all."""
        file, offset = (position.file, position.offset) if position else ("", -1)
        rows = self._rows(
            'SELECT file, "offset" FROM observations WHERE file > :file OR (file = :file AND "offset" > :offset)',
            {"file": file, "offset": offset},
        )
        return frozenset(JournalPosition(row["file"], row["offset"]) for row in rows)

    def note(self, kind: str, at: datetime, document: Mapping[str, Any]) -> None:
        """Write a change to the journal. The caller begins the :meth:`transaction`."""
        if self._journal:
            from archive.journal.journal import Event  # noqa: PLC0415 - as above

            position = self._journal.append(kind, at, document)
            self._uncommitted.append(Event(position, kind, at, document=dict(document)))
            self.mark(OTHERS, position)

    def record(self, kind: str, at: datetime, document: Mapping[str, Any]) -> None:
        """Write an event that changes nothing else in the index.

        :raises ArchiveError: it cannot be written
        """
        with self.transaction():
            self.note(kind, at, document)

    def log_entries(
        self,
        read: Poll | BackfillPage,
        changes: EntryChanges,
        hosts: Mapping[str, str],
        listings: Sequence[Belonging],
    ) -> None:
        """Write the changes that a list brought to the journal. The caller begins the :meth:`transaction`."""
        hosts_of_changed = {entry.docid: hosts[entry.docid] for entry in changes.changed_entries}
        document = SightedDocument(
            read.feed,
            changes.changed_entries,
            changes.broken,
            hosts_of_changed,
            listings,
            changes.moved,
            tells_shown=True,
        )
        self.note(EventKind.SIGHTED, read.at, dump_sighted(document))

    def mark(self, writer: str, position: JournalPosition | None) -> None:
        """Record the position up to which a writer's records are applied. The caller begins the transaction."""
        if position:
            self._db.execute(
                'INSERT OR REPLACE INTO journal (writer, file, "offset") VALUES (?, ?, ?)',
                [writer, position.file, position.offset],
            )

    def copy_marks(self, applied: AppliedRecords) -> None:
        """Record the positions of an index that has applied the same records. The caller begins the transaction."""
        if applied.later_fetches:
            self._db.execute("DELETE FROM journal WHERE writer = ?", [FETCHES])
            self.mark(FETCHES, applied.positions.get(FETCHES))

    # Fetches that are applied later than those after them

    def held(self) -> list[JournalPosition]:
        """Return the positions of the held fetches."""
        return list(self._held)

    def hold(self, position: JournalPosition) -> None:
        """Hold a fetch: it is in the journal and cannot be applied yet, but those after it can. See D168."""
        self._held[position] = None

    def release(self, positions: Iterable[JournalPosition | None]) -> None:
        """Fetches were applied: they are held no more."""
        for position in positions:
            if position:
                self._held.pop(position, None)

    def mark_fetches(self, positions: Sequence[JournalPosition | None]) -> None:
        """Record that fetches are applied. The caller begins the transaction.

        While another fetch is held, the position up to which all fetches are applied stays before it.
        """
        if not self._held.keys() - set(positions):
            self.mark(FETCHES, max((each for each in positions if each), default=None, key=order))


class AppliedRecords:
    """Which records of the journal an index has applied: those up to the position of their writer, and some fetches.

    :param log: of the index
    """

    def __init__(self, log: ChangeLog) -> None:
        self._log = log
        self.positions = log.positions()

    @cached_property
    def later_fetches(self) -> frozenset[JournalPosition]:
        """Positions of the fetches that are applied although one before them was not yet."""
        return self._log.fetches_after(self.positions.get(FETCHES))

    def has(self, event: Event) -> bool:
        """Return True if an event of the journal is applied."""
        end = self.positions.get(FETCHES if event.fetch else OTHERS)
        if end is not None and order(event.position) <= order(end):
            return True
        return event.fetch is not None and event.position in self.later_fetches


def _as_read(event: Event) -> Event:
    """Return an event as it is read from the journal."""
    return replace(event, document=decode(event.kind, encode(event.kind, event.document or {})))


def order(position: JournalPosition) -> tuple[str, int]:
    """Return a sort key: positions in the order in which they were written."""
    return position.file, position.offset

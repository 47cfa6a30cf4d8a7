"""Write each change of the index to the journal, before the change is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index.database import Database
from archive.index.entries import Belonging, EntryChanges
from archive.index.part import IndexPart
from archive.journal.event_documents import (
    EventKind,
    SightedDocument,
    dump_sighted,
)
from archive.journal.journal import Journal
from archive.model.feed import BackfillPage, Poll
from archive.model.fetch import JournalPosition

# The writers of the journal. A thread writes fetches, and they are committed later than what was written in between.
# So each writer has a position of its own, up to which its records are applied. See D42.
FETCHES = "looks"
OTHERS = "others"


class ChangeLog(IndexPart):
    """Writes the changes of a transaction to the journal, to be replayed; does nothing without a journal.

    A record is on the disk before its transaction is committed. A record whose transaction was lost in a crash is
    applied when the archive is opened again.
    """

    def __init__(self, database: Database, path: Path) -> None:
        super().__init__(database, path)
        self._journal: Journal | None = None

    def open(self, journal: Journal) -> None:
        """Write every change from now on to a journal, before it is committed."""
        self._journal = journal

    def positions(self) -> dict[str, JournalPosition]:
        """Return the position up to which each writer's records are applied: writer (FETCHES, OTHERS) -> position."""
        rows = self._rows("SELECT * FROM journal")
        return {row["writer"]: JournalPosition(row["file"], row["offset"]) for row in rows}

    def note(self, kind: str, at: datetime, document: Mapping[str, Any]) -> None:
        """Write a change of the current transaction to the journal. The caller begins the transaction."""
        if self._journal:
            self.mark(OTHERS, self._journal.append(kind, at, dict(document)))

    def record(self, kind: str, at: datetime, document: Mapping[str, Any]) -> None:
        """Write an event that changes nothing else in the index.

        :raises ArchiveError: it cannot be written
        """
        with self._transaction():
            self.note(kind, at, document)

    def log_entries(
        self,
        read: Poll | BackfillPage,
        changes: EntryChanges,
        hosts: Mapping[str, str],
        listings: Sequence[Belonging],
    ) -> None:
        """Write the changes that a list brought to the journal. The caller begins the transaction."""
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


def order(position: JournalPosition) -> tuple[str, int]:
    """Return a sort key: positions in the order in which they were written."""
    return position.file, position.offset

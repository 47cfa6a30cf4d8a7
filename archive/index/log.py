"""Between the index and the journal: what the index records goes into the journal first, and comes back from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from archive.index.database import Database
from archive.index.entries import Belonging, EntryChanges
from archive.journal.event_documents import (
    EventKind,
    SightedDocument,
    dump_sighted,
)
from archive.journal.journal import Journal
from archive.model.feed import BackfillPage, Poll
from archive.model.fetch import JournalPosition

# Who writes the journal: looks are written by a thread, and committed later than what was written in between. Each
# has a position of its own, up to which its records are applied. See D42.
FETCHES, OTHERS = "looks", "others"


class ChangeLog:
    """Takes notes of what a transaction does, so that it can be done again. Without a journal it takes none.

    A note is on the disk before its transaction is committed; what a crash leaves between the two is applied when the
    archive is opened again.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._journal: Journal | None = None

    def open(self, journal: Journal) -> None:
        """Take notes from now on."""
        self._journal = journal

    def note(self, kind: str, at: datetime, document: Mapping[str, Any]) -> None:
        """Note what the transaction under way does."""
        if self._journal:
            self.mark(OTHERS, self._journal.append(kind, at, dict(document)))

    def log_entries(
        self, read: Poll | BackfillPage, found: EntryChanges, hosts: Mapping[str, str], listings: Sequence[Belonging]
    ) -> None:
        """Note what a list said that was new."""
        hosts_of_new = {entry.docid: hosts[entry.docid] for entry in found.news}
        entry_changes = SightedDocument(read.feed, found.news, found.broken, hosts_of_new, listings, found.moved)
        self.note(EventKind.SIGHTED, read.at, dump_sighted(entry_changes))

    def mark(self, writer: str, place: JournalPosition | None) -> None:
        """Note up to where a writer's records are applied."""
        if place:
            self._db.execute(
                'INSERT OR REPLACE INTO journal (writer, file, "offset") VALUES (?, ?, ?)',
                [writer, place.file, place.offset],
            )

    def positions(self) -> dict[str, JournalPosition]:
        """Up to where each writer's records are applied."""
        return {
            row["writer"]: JournalPosition(row["file"], row["offset"])
            for row in self._db.execute("SELECT * FROM journal")
        }


def order(place: JournalPosition) -> tuple[str, int]:
    """What places sort by: the order in which they were written."""
    return place.file, place.offset

"""Between the index and the journal: what the index records goes into the journal first, and comes back from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from archive import gallery, sql
from archive.codec import dump, load
from archive.database import Database
from archive.errors import ArchiveError
from archive.journal import Event, Journal
from archive.ledger import Ledger
from archive.looks import Place
from archive.pictures import KeptPicture, MissedPicture
from archive.records import Entry, Failure, Poll, Stretch
from archive.sightings import Belonging, Sighted, Sightings

# Who writes the journal: looks are written by a thread, and committed later than what was written in between. Each
# has a position of its own, up to which its records are applied.
LOOKS, OTHERS = "looks", "others"


class Notebook:
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

    def note_sightings(
        self, read: Poll | Stretch, found: Sighted, hosts: Mapping[str, str], listings: Sequence[Belonging]
    ) -> None:
        """Note what a list said that was new."""
        document = {
            "feed": read.feed,
            "entries": [dump(entry) for entry in found.news],
            "failures": [dump(failure) for failure in found.broken],
            "hosts": {entry.docid: hosts[entry.docid] for entry in found.news},
            "moved": list(found.moved),
            "listings": [list(row) for row in listings],
        }
        self.note("sighted", read.at, document)

    def mark(self, writer: str, place: Place | None) -> None:
        """Note up to where a writer's records are applied."""
        if place:
            self._db.execute(
                'INSERT OR REPLACE INTO journal (writer, file, "offset") VALUES (?, ?, ?)',
                [writer, place.file, place.offset],
            )

    def positions(self) -> dict[str, Place]:
        """Up to where each writer's records are applied."""
        return {row["writer"]: Place(row["file"], row["offset"]) for row in self._db.execute("SELECT * FROM journal")}


def order(place: Place) -> tuple[str, int]:
    """What places sort by: the order in which they were written."""
    return place.file, place.offset


def replay(event: Event, database: Database, sightings: Sightings, ledger: Ledger) -> None:
    """Do again what an event of the journal says was done; the transaction has begun.

    :raises ArchiveError: it is of a kind that this program does not know
    """
    document = event.document or {}
    match event.kind:
        case "sighted":
            entries = [load(Entry, each) for each in document["entries"]]
            failures = [load(Failure, each) for each in document["failures"]]
            moved = document.get("moved")  # journals of before there was such a word say nothing of it
            sightings.add_entries(document["feed"], event.at, entries, failures, document["hosts"], moved=moved)
            sightings.insert_listings(
                [(feed, docid, ground) for feed, docid, ground in document["listings"]], event.at
            )
        case "settled":
            ledger.settle(document["feed"], document["source"])
        case "released":
            sql.release(database, event.at, parked=document["parked"])
        case "brought-to-date":
            sql.bring_to_date(database, document)
        case "images":
            gallery.record(
                database,
                [load(KeptPicture, each) for each in document["kept"]],
                [load(MissedPicture, each) for each in document["missed"]],
            )
        case "ledger":
            ledger.restore(document)
        case _:
            raise ArchiveError(
                f"the journal has a record of a kind unknown to this finarchive: {event.kind!r}: upgrade"
            )

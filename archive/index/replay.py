"""Apply a journal event to the index."""

from __future__ import annotations

from archive.index import images, statements
from archive.index.database import Database
from archive.index.entries import EntryIndex
from archive.index.feeds import FeedIndex
from archive.journal.documents import load
from archive.journal.journal import Event
from archive.model.errors import ArchiveError
from archive.model.feed import Entry, Failure
from archive.model.image import FailedImage, StoredImage


def replay(event: Event, database: Database, sightings: EntryIndex, ledger: FeedIndex) -> None:
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
            statements.release(database, event.at, parked=document["parked"])
        case "brought-to-date":
            statements.bring_to_date(database, document)
        case "images":
            images.record(
                database,
                [load(StoredImage, each) for each in document["kept"]],
                [load(FailedImage, each) for each in document["missed"]],
            )
        case "ledger":
            ledger.restore(document)
        case _:
            raise ArchiveError(
                f"the journal has a record of a kind unknown to this finarchive: {event.kind!r}: upgrade"
            )

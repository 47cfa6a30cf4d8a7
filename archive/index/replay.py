"""Apply a journal event to the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archive.index import images, queues
from archive.index.containments import ContainmentIndex
from archive.index.database import Database
from archive.index.entries import EntryIndex
from archive.index.feeds import FeedIndex
from archive.index.unlisted import UnlistedIndex
from archive.journal.event_documents import (
    EventKind,
    keeps_delays,
    load_brought_to_date,
    load_images,
    load_ledger,
    load_released,
    load_settled,
    load_sighted,
    load_unlisted,
)
from archive.journal.misses import load_missed
from archive.model.errors import ArchiveError

if TYPE_CHECKING:  # the journal imports warcio, which readers of the index do not need
    from archive.journal.journal import Event


_OF_LISTS = frozenset({EventKind.SIGHTED, EventKind.UNLISTED, EventKind.MISSED, EventKind.SETTLED, EventKind.LEDGER})


def replay(
    event: Event,
    database: Database,
    entries: EntryIndex,
    feeds: FeedIndex,
    *,
    unlisted: UnlistedIndex,
    containments: ContainmentIndex,
) -> None:
    """Apply an event of the journal. The caller begins the transaction.

    :raises ArchiveError: this program does not know the event's kind
    """
    document = event.document
    if event.kind in _OF_LISTS:
        _replay_lists(event, entries, feeds, unlisted, containments)
        return
    match event.kind:
        case EventKind.RELEASED:
            queues.release(database, event.at, parked=load_released(document))
        case EventKind.BROUGHT_TO_DATE:
            now, latest = load_brought_to_date(document)
            queues.clamp_future_times(database, now, latest, keeps_delays=keeps_delays(document))
        case EventKind.IMAGES:
            images.record(database, *load_images(document))
        case EventKind.FORGOTTEN | EventKind.FORGETTING_DONE:
            from archive.index import forgotten  # noqa: PLC0415 - it imports the query language

            forgotten.replay(database, event)
        case EventKind.REWRITTEN | EventKind.REMOVED | EventKind.FORMATTED:
            pass  # the index has no record of it: verify reads it from the journal
        case _:
            raise ArchiveError(
                f"the journal has a record of a kind unknown to this finarchive: {event.kind!r}: upgrade"
            )


def _replay_lists(
    event: Event, entries: EntryIndex, feeds: FeedIndex, unlisted: UnlistedIndex, containments: ContainmentIndex
) -> None:
    document = event.document
    match event.kind:
        case EventKind.SIGHTED:
            sighted = load_sighted(document)
            entries.add_entries(
                sighted.feed, event.at, sighted.entries, sighted.failures, sighted.hosts, moved=sighted.moved
            )
            shown_by = sighted.feed if sighted.tells_shown else None
            entries.insert_listings(shown_by, sighted.listings, event.at)
        case EventKind.UNLISTED:
            feed, gone, back = load_unlisted(document)
            unlisted.record(feed, gone, back, event.at)
        case EventKind.MISSED:
            containments.end(load_missed(document), event.at)
        case EventKind.SETTLED:
            feeds.replace_source(*load_settled(document))
        case EventKind.LEDGER:
            feeds.restore(load_ledger(document))

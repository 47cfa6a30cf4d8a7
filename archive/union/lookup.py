"""Which of several archives has what. Imports little: commands that read one archive start as fast as without it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.store import Store
    from archive.union.store import AnyStore


def feed_readers(store: AnyStore) -> dict[str, Store]:
    """Return the store of the archive that polled each feed last, by the id of the feed."""
    last: dict[str, tuple[datetime, Store]] = {}
    for each in store.stores:
        for feed, history in each.feeds.histories().items():
            if history.last_poll and (feed not in last or history.last_poll > last[feed][0]):
                last[feed] = history.last_poll, each
    return {feed: reader for feed, (_, reader) in last.items()}


def archives_beside(store: AnyStore, own: Store, docid: str, time: datetime) -> list[str]:
    """Return the names of the archives that knew an article at a time, beside the one that it is shown from."""
    return [each.prefix[:-1] for each in store.stores if each is not own and each.history.as_of(docid, time)]

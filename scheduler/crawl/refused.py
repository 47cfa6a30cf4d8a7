"""Fetches whose files could not be written: they are in the journal, and are written again later."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from archive.archive import Archive
from archive.model.errors import TransientError
from archive.model.feed import PendingEntry
from archive.model.fetch import Fetch, JournalPosition
from pipeline.writer import WriteItem

logger = logging.getLogger("finarchive")

# Tried again together. Each that still cannot be written costs the writer an attempt of its own.
RETRIED_TOGETHER = 8


class RefusedFetches:
    """Held fetches by docid: the journal has them, and their responses are not kept in memory. See D168."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._positions: dict[str, JournalPosition] = {}  # in the order of the attempts to write them
        self._hosts: dict[str, str] = {}
        for position in archive.store.log.held():  # those of the recovery
            if fetch := archive.read_fetch(position):
                self._add(fetch.pending, position)

    def __contains__(self, docid: str) -> bool:
        return docid in self._positions

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def hosts(self) -> Counter[str]:
        """Return the number of articles: host -> number."""
        return Counter(self._hosts.values())

    def add(self, item: WriteItem) -> bool:
        """Keep a fetch for later; return False if the journal does not have it."""
        if item.position:
            self._add(item.fetch.pending, item.position)
        return item.position is not None

    def _add(self, pending: PendingEntry, position: JournalPosition) -> None:
        self._positions[pending.entry.docid] = position
        self._hosts[pending.entry.docid] = pending.host

    def take(self) -> Iterator[WriteItem]:
        """Yield some fetches to write again, and forget them."""
        for docid, position in list(islice(self._positions.items(), RETRIED_TOGETHER)):
            if fetch := self._read(position):
                del self._positions[docid], self._hosts[docid]
                yield WriteItem(fetch, 0, is_journaled=True, position=position)

    def _read(self, position: JournalPosition) -> Fetch | None:
        try:
            return self._archive.read_fetch(position)
        except TransientError as error:
            logger.warning("journal-refuses reason=%r", str(error))
            return None

"""The results of polls and backfills, written in one transaction each; and the known entries of each feed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from archive.index.database import Database
from archive.index.entries import EntryChanges, EntryIndex
from archive.index.feeds import FeedIndex
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.model.feed import BackfillPage, Filing, ListingResult, Poll


class ListingIndex(IndexPart):
    """Writes the results of polls and backfills. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(self, database: Database, path: Path, entries: EntryIndex, feeds: FeedIndex, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._entries = entries
        self._feeds = feeds
        self._log = log

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """Return those of ``docids`` that are known entries of a feed: a poll that caught up has listed them."""
        rows = self._rows(
            "SELECT docid FROM listings WHERE feed = ? AND ground = 1 AND docid IN (SELECT value FROM json_each(?))",
            [feed, json.dumps(list(docids))],
        )
        return {row["docid"] for row in rows}

    def commit_poll(
        self,
        poll: Poll,
        filing: Filing,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        trouble: float = 1.0,
    ) -> ListingResult:
        """Write the result of a poll: its entries, the feeds that they belong to, and the gap that it left.

        :param filing: the polled feed's, stored for entries that outlive its configuration
        :param feeds: docid -> ids of the feeds that the entry belongs to
        :param hosts: docid -> host that the entry is to be fetched from
        :param trouble: the weight of the poll's error, added to that of the failed polls before it
        :return: what was not known before
        """
        with self._transaction():
            # A poll that stopped early did not reach the older entries: the next one must read past its entries. One
            # that reached its page limit has caught up, because its gap is recorded.
            changes = self._add_entries(poll, feeds, hosts, caught_up=poll.caught_up)
            gap = self._feeds.record_poll(poll, filing, trouble, changes.new)
            return ListingResult(changes.new, len(changes.broken), changes.changes, gap)

    def commit_backfill_page(
        self, page: BackfillPage, filing: Filing, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> ListingResult:
        """Write the entries of a page of a backfill, and the span that it has read.

        The entries do not become known entries: between them and the newest articles there may be others that were
        not read. The other parameters and the result are those of :meth:`commit_poll`.
        """
        with self._transaction():
            changes = self._add_entries(page, feeds, hosts, caught_up=False)
            self._feeds.record_backfill_page(page, filing)
            return ListingResult(changes.new, len(changes.broken), changes.changes)

    def _add_entries(
        self,
        read: Poll | BackfillPage,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        *,
        caught_up: bool,
    ) -> EntryChanges:
        changes = self._entries.add_entries(read.feed, read.at, read.entries, read.failures, hosts)
        listings = self._entries.add_listings(read.feed, read.at, feeds, read.failures, caught_up=caught_up)
        if changes.changed_entries or changes.broken or listings:
            self._log.log_entries(read, changes, hosts, listings)
        return changes

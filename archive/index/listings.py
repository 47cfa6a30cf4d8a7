"""The results of polls and backfills, written in one transaction each; and the known entries of each feed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from archive.index.database import Database
from archive.index.entries import EntryChanges, EntryIndex
from archive.index.feeds import FeedIndex
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.unlisted import UnlistedIndex
from archive.journal.event_documents import EventKind, dump_unlisted
from archive.model.feed import BackfillPage, Entry, Filing, ListingResult, Poll, Unlisting
from archive.model.identity import Identities, IdentityQuery


class ListingIndex(IndexPart):
    """Writes the results of polls and backfills. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(self, database: Database, path: Path, entries: EntryIndex, feeds: FeedIndex, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._entries = entries
        self._feeds = feeds
        self._unlisted = UnlistedIndex(database, path)
        self._log = log

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """Return those of ``docids`` that are known entries of a feed: a poll that caught up has listed them."""
        rows = self._rows(
            "SELECT docid FROM listings WHERE feed = ? AND ground = 1 AND docid IN (SELECT value FROM json_each(?))",
            [feed, json.dumps(list(docids))],
        )
        return {row["docid"] for row in rows}

    def identities(self, feed: str, query: IdentityQuery) -> Identities:
        """Return what is known of the items of a feed."""
        by_guid = self._rows(
            """SELECT guid, e.docid, e.url FROM json_each(?) AS wanted CROSS JOIN entries e ON e.guid = wanted.value
               JOIN listings l ON l.docid = e.docid AND l.feed = ? ORDER BY e.first_seen DESC""",
            [json.dumps(query.guids), feed],
        )
        by_link = self._rows(
            """SELECT DISTINCT link FROM json_each(?) AS wanted CROSS JOIN entries e ON e.link = wanted.value
               JOIN listings l ON l.docid = e.docid AND l.feed = ?""",
            [json.dumps(query.links), feed],
        )
        known = self._rows(
            "SELECT docid FROM entries WHERE docid IN (SELECT value FROM json_each(?))", [json.dumps(query.docids)]
        )
        return Identities(
            {row["guid"]: (row["docid"], row["url"]) for row in by_guid},  # of several, the one that was seen first
            frozenset(row["link"] for row in by_link),
            frozenset(row["docid"] for row in known),
        )

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
        with self._log.transaction():
            # A poll that stopped early did not reach the older entries: the next one must read past its entries. One
            # that reached its page limit has caught up, because its gap is recorded.
            known = {entry.docid for entry in poll.proven_entries} | {each.subject for each in poll.failures}
            changes, shown = self._add_entries(poll, feeds, hosts, known if poll.caught_up else ())
            unlisted = self._record_unlisted(poll, poll.proven_entries) if poll.pages else ()
            gap = self._feeds.record_poll(poll, filing, trouble, changes.new, shown)
            return ListingResult(changes.new, len(changes.broken), changes.changes, gap, unlisted)

    def commit_backfill_page(
        self, page: BackfillPage, filing: Filing, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> ListingResult:
        """Write the entries of a page of a backfill, and the span that it has read.

        The entries do not become known entries: between them and the newest articles there may be others that were
        not read. The other parameters and the result are those of :meth:`commit_poll`.
        """
        with self._log.transaction():
            changes, shown = self._add_entries(page, feeds, hosts, ())
            unlisted = self._record_unlisted(page, page.entries)
            self._feeds.record_backfill_page(page, filing, shown)
            return ListingResult(changes.new, len(changes.broken), changes.changes, unlisted=unlisted)

    def _add_entries(
        self,
        read: Poll | BackfillPage,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        known: Collection[str],
    ) -> tuple[EntryChanges, list[datetime]]:
        """Write entries; return the changes, and the publication times of those that the list shows first.

        :param known: docids of the entries that become known entries
        """
        changes = self._entries.add_entries(read.feed, read.at, read.entries, read.failures, hosts)
        listings, first_shown = self._entries.add_listings(read.feed, read.at, feeds, read.failures, known)
        if changes.changed_entries or changes.broken or listings:
            self._log.log_entries(read, changes, hosts, listings)
        return changes, [entry.published for entry in read.entries if entry.docid in first_shown and entry.published]

    def _record_unlisted(self, read: Poll | BackfillPage, listed: Sequence[Entry]) -> tuple[Unlisting, ...]:
        unlisted, back = self._unlisted.find(read.feed, listed)
        if unlisted or back:
            self._log.note(EventKind.UNLISTED, read.at, dump_unlisted(read.feed, unlisted, back))
            self._unlisted.record(read.feed, unlisted, back, read.at)
        return tuple(unlisted)

"""The results of polls and backfills, written in one transaction each; and the known entries of each feed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from archive.index.containments import ContainmentIndex
from archive.index.database import Database
from archive.index.entries import Belonging, EntryChanges, EntryIndex
from archive.index.feeds import FeedIndex
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.unlisted import UnlistedIndex
from archive.journal.event_documents import EventKind, dump_unlisted
from archive.model.feed import BackfillPage, Entry, Filing, ListingResult, Poll, Unlisting
from archive.model.identity import Identities, IdentityQuery

NOTHING_NEW = ListingResult(0, 0)


class ListingIndex(IndexPart):
    """Writes the results of polls and backfills. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(
        self,
        database: Database,
        path: Path,
        entries: EntryIndex,
        feeds: FeedIndex,
        log: ChangeLog,
        *,
        containments: ContainmentIndex,
    ) -> None:
        super().__init__(database, path)
        self._entries = entries
        self._feeds = feeds
        self._containments = containments
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
        # With CROSS JOIN, because without statistics SQLite would read all entries of the feed for each item.
        by_guid = self._rows(
            """SELECT guid, e.docid, e.url FROM json_each(?) AS wanted CROSS JOIN entries e ON e.guid = wanted.value
               CROSS JOIN listings l ON l.docid = e.docid AND l.feed = ? ORDER BY e.first_seen DESC""",
            [json.dumps(query.guids), feed],
        )
        by_link = self._rows(
            """SELECT DISTINCT link FROM json_each(?) AS wanted CROSS JOIN entries e ON e.link = wanted.value
               CROSS JOIN listings l ON l.docid = e.docid AND l.feed = ?""",
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
        *,
        broad_lists: Collection[str] = (),
        pages: ListingResult = NOTHING_NEW,
    ) -> ListingResult:
        """Write the result of a poll: its entries, the feeds that they belong to, and the gap that it left.

        :param filing: the polled feed's, stored for entries that outlive its configuration
        :param feeds: docid -> ids of the feeds that the entry belongs to
        :param hosts: docid -> host that the entry is to be fetched from
        :param trouble: the weight of the poll's error, added to that of the failed polls before it
        :param broad_lists: ids of the feeds whose lists may contain this one
        :param pages: what :meth:`commit_poll_page` returned for pages of this poll, added up
        :return: what was not known before
        """
        with self._log.transaction():
            # A poll that stopped early did not reach the older entries: the next one must read past its entries. One
            # that reached its page limit has caught up, because its gap is recorded.
            known = {entry.docid for entry in poll.proven_entries} | {each.subject for each in poll.failures}
            changes, listings, shown = self._add_entries(poll, feeds, hosts, known if poll.caught_up else ())
            unlisted = self._record_unlisted(poll, poll.proven_entries) if poll.pages and poll.archives else ()
            new, first_shown = changes.new + pages.new, shown.union(pages.first_shown)
            times = _times(poll.entries, first_shown)
            gap = self._feeds.record_poll(poll, filing, trouble, new, times)
            misses = self._containments.record_poll(poll, first_shown, broad_lists)
            known_now = sum(feed == poll.feed and is_known for feed, _, is_known in listings)
            return ListingResult(
                new, len(changes.broken), changes.changes, gap, unlisted, known_now=known_now, misses=tuple(misses)
            )

    def commit_peek(
        self, peek: Poll, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> ListingResult:
        """Write the entries of a list's first page, read between two polls.

        They do not become known entries, and no span is known by them: the next poll reads the list as if nothing had
        been read. The other parameters are those of :meth:`commit_poll`.

        :param peek: its `caught_up` is False
        """
        with self._log.transaction():
            changes, _, shown = self._add_entries(peek, feeds, hosts, ())
            self._feeds.record_peek(peek, _times(peek.entries, shown))
            return ListingResult(changes.new, len(changes.broken), changes.changes)

    def commit_poll_page(
        self, page: Poll, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> ListingResult:
        """Write the entries of a page of a poll that goes on, so that their articles need not wait for its end.

        They do not become known entries, and nothing is recorded of the feed, before :meth:`commit_poll`.

        :param page: the poll, with only the entries of the page
        """
        with self._log.transaction():
            changes, _, shown = self._add_entries(page, feeds, hosts, ())
            return ListingResult(changes.new, 0, changes.changes, first_shown=tuple(shown))

    def commit_backfill_page(
        self, page: BackfillPage, filing: Filing, feeds: Mapping[str, Collection[str]], hosts: Mapping[str, str]
    ) -> ListingResult:
        """Write the entries of a page of a backfill, and the span that it has read.

        The entries do not become known entries: between them and the newest articles there may be others that were
        not read. The other parameters and the result are those of :meth:`commit_poll`.
        """
        with self._log.transaction():
            changes, _, shown = self._add_entries(page, feeds, hosts, ())
            unlisted = self._record_unlisted(page, page.entries)
            self._feeds.record_backfill_page(page, filing, _times(page.entries, shown))
            return ListingResult(changes.new, len(changes.broken), changes.changes, unlisted=unlisted)

    def _add_entries(
        self,
        read: Poll | BackfillPage,
        feeds: Mapping[str, Collection[str]],
        hosts: Mapping[str, str],
        known: Collection[str],
    ) -> tuple[EntryChanges, list[Belonging], set[str]]:
        """Write entries.

        :param known: docids of the entries that become known entries
        :return: the changes, what feeds gained, and the docids of entries that the list shows for the first time
        """
        entries, failures = read.entries, read.failures
        if isinstance(read, Poll) and not read.archives:
            entries = tuple(entry for entry in entries if set(feeds[entry.docid]) - {read.feed})
            failures = ()
        changes = self._entries.add_entries(read.feed, read.at, entries, failures, hosts)
        listings, first_shown = self._entries.add_listings(read.feed, read.at, feeds, failures, known)
        if changes.changed_entries or changes.broken or listings:
            self._log.log_entries(read, changes, hosts, listings)
        return changes, listings, first_shown

    def _record_unlisted(self, read: Poll | BackfillPage, listed: Sequence[Entry]) -> tuple[Unlisting, ...]:
        unlisted, back = self._unlisted.find(read.feed, listed)
        if unlisted or back:
            self._log.note(EventKind.UNLISTED, read.at, dump_unlisted(read.feed, unlisted, back))
            self._unlisted.record(read.feed, unlisted, back, read.at)
        return tuple(unlisted)


def _times(entries: Sequence[Entry], docids: Collection[str]) -> list[datetime]:
    """Return the publication times of some entries."""
    return [entry.published for entry in entries if entry.docid in docids and entry.published]

"""Queue of articles: lease to the spider, file under a feed, write to disk, retry."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from archive.model.feed import Entry, Failure, FailureKind, PendingEntry
from archive.model.fetch import Decision, Fetch, Outcome, RawResponse
from crawler.parsing.articles import parse_articles
from pipeline.writer import BATCH_SIZE, DISK_RETRY_SECONDS, WriteItem, Writer, WriterCallbacks
from scheduler.crawl.backoffs import host_backoffs, store_backoff
from scheduler.crawl.context import CrawlContext
from scheduler.crawl.fetch_log import log_fetch, log_refused
from scheduler.crawl.first_fetches import FirstFetches
from scheduler.crawl.journal_order import JournalOrder
from scheduler.crawl.refused import RefusedFetches

logger = logging.getLogger("finarchive")

# Articles with their text in the listing that are leased to the writer at a time.
MAX_CARRIED = 4 * BATCH_SIZE


class ArticleQueue:
    """Queue of articles; leases none before :meth:`open`.

    :param on_images: called with the images of a new version to archive: address -> host
    :param on_clock_back: called when times were recorded that are in the future
    """

    def __init__(
        self, context: CrawlContext, on_images: Callable[[Mapping[str, str]], None], on_clock_back: Callable[[], None]
    ) -> None:
        self._context = context
        self._store = context.store
        self._on_images = on_images
        self._on_clock_back = on_clock_back
        self._is_open = False
        self._remaining = math.inf  # articles that may still be archived
        self._hosts: set[str] = set()  # hosts that may have due articles
        self._next_due: datetime | None = None  # of articles that are not due yet
        self._first: set[str] = set()  # docids of entries to fetch before all others, due or not
        self._only_first = False
        self._in_flight: dict[str, PendingEntry] = {}
        self._with_writer: set[str] = set()  # docids of those in flight that the writer has
        self._first_fetches = FirstFetches(context)
        self._refused = RefusedFetches(context.archive)
        self._retry_refused_at = timedelta(0)  # on Clock.elapsed (D140)
        self._writer = Writer(
            context.archive,
            lambda fetches: parse_articles(context.parsers, fetches, context.settings.network.max_body),
            WriterCallbacks(self._written, context.crash, context.refill, self._keep_refused),
            retry_forever=context.policy.retry_forever,
        )
        self.journal_order = JournalOrder(lambda: self._writer.journal_is_ahead)
        self.backoffs = host_backoffs(context)

    def open(self, limit: int | None = None, *, only_first: bool = False) -> None:
        """Start fetching articles.

        :param limit: maximum number to archive; None: all
        :param only_first: only those of :meth:`fetch_first`
        """
        self._is_open = True
        self._only_first = only_first
        self._remaining = math.inf if limit is None else limit
        self.check_due()

    def fetch_first(self, docid: str, host: str) -> None:
        """Fetch a pending entry once before all others of its host."""
        self._first.add(docid)
        self.add_hosts({host})
        self._context.refill(host)

    def check_due(self) -> None:
        """Find the hosts with due articles, and notify the spider."""
        self._context.attempt(self._check_due)

    def _check_due(self) -> None:
        if self._is_open and self._context.fetcher:
            now = self._context.now()
            tried_before = self._context.policy.tried_before or now
            due = self._store.entries.pending_hosts, self._store.articles.recheck_hosts
            self._hosts = {host for hosts in due for host in hosts(now, tried_before)}
            self._next_due = self._store.entries.next_due(now)
            self._file_carried()
            self._context.fetcher.refill()

    def tick(self) -> None:
        """Notify the spider of articles that became due; called every second."""
        self._retry_refused()
        self.journal_order.apply_postponed()
        if self._next_due and self._next_due <= self._context.now():
            self.check_due()
        elif self._is_open and self._context.fetcher:
            self._context.fetcher.refill()  # resumes work that was suspended after a failed write

    def waiting(self, began: datetime) -> dict[str, int]:
        """Return the number of due articles not tried since ``began``: host -> number."""
        now = self._context.now()
        waiting = Counter(self._store.entries.pending_hosts(now, began))
        budget = self._recheck_budget(now) + self._rechecking()
        for host, number in self._store.articles.recheck_hosts(now, began).items():
            rechecks = min(number, max(budget if host else self._carried_budget(), 0))
            waiting[host] += rechecks
            budget -= rechecks if host else 0
        return dict(waiting - self._refused.hosts())  # which keeps numbers above 0 only

    @property
    def busy(self) -> bool:
        """True if any article is being fetched or written."""
        return bool(self._in_flight)

    @property
    def disk_refuses(self) -> bool:
        """True if the last attempt to write failed."""
        return self._writer.stuck

    # ArticleTasks

    def add_hosts(self, hosts: Collection[str]) -> None:
        """Add hosts that may have due articles now; "" means articles whose text is in the listing."""
        self._hosts.update(hosts)
        self._first_fetches.listed(hosts)
        if "" in hosts:
            self._file_carried()

    def hosts(self) -> Iterable[str]:
        """Return the hosts that may have due articles; none before :meth:`open`."""
        return self._hosts - {""} if self._is_open else ()

    def lease(self, host: str, limit: int) -> list[Entry]:
        """Lease up to ``limit`` due articles of a host: first fetches before rechecks."""
        return [pending.entry for pending in self._lease(host, limit)]

    def _lease(self, host: str, limit: int) -> list[PendingEntry]:
        leased: list[PendingEntry] = []
        self._context.attempt(lambda: leased.extend(self._lease_due(host, limit)))
        return leased

    def _lease_due(self, host: str, limit: int) -> list[PendingEntry]:
        limit = int(min(limit, self._remaining - len(self._in_flight)))
        if limit <= 0 or self._writer.full() or self._context.suspended():
            return []
        in_flight = [docid for docid, pending in self._in_flight.items() if pending.host == host]
        now = self._context.now()
        tried_before = self._context.policy.tried_before or now
        taken = [*in_flight, *self._refused]
        leased = self._store.entries.pending(host, limit, self._first.difference(taken)) if self._first else []
        if not self._only_first:
            taken += [pending.entry.docid for pending in leased]
            leased += self._first_fetches.due(host, limit - len(leased), now, tried_before, taken)
        budget = self._recheck_budget(now) if host else self._carried_budget()
        if (more := min(limit - len(leased), budget)) > 0:  # after first fetches
            leased += self._store.articles.due_rechecks(host, more, now, tried_before, taken)
        for pending in leased:
            self._in_flight[pending.entry.docid] = pending
            self._context.work_started()
        if not leased and not in_flight:
            self._hosts.discard(host)
            self._next_due = self._store.entries.next_due(now)  # the clock may have been set since the last query
        return leased

    def _carried_budget(self) -> int:
        """Number of articles with their text in the listing that may be rechecked now. They need no request."""
        return 0 if self._remaining != math.inf or self._only_first else MAX_CARRIED

    def _recheck_budget(self, now: datetime) -> int:
        """Number of articles that may be rechecked now, within the hourly budget."""
        if self._remaining != math.inf or self._only_first:  # a limit counts first versions only
            return 0
        done = self._store.articles.rechecks_since(now - timedelta(hours=1))
        return self._context.settings.schedule.rechecks - done - self._rechecking()

    def _rechecking(self) -> int:
        return sum(pending.revision > 0 and pending.host != "" for pending in self._in_flight.values())

    def release(self, entry: Entry) -> None:
        """Take back a leased article that was not requested."""
        if self._in_flight.pop(entry.docid, None):
            self._context.work_finished()
        self._context.notify_changed()

    def record_response(self, entry: Entry, response: RawResponse, milliseconds: int) -> None:
        """Pass the response for an article to the writer, which parses it."""
        self._put(entry, milliseconds, response=response)

    def record_failure(self, entry: Entry, failure: Failure) -> None:
        """Pass a failed request for an article to the writer."""
        self._put(entry, 0, failure=failure)

    def _put(
        self, entry: Entry, milliseconds: int, *, response: RawResponse | None = None, failure: Failure | None = None
    ) -> None:
        # A response may arrive after the spider was closed.
        if entry.docid not in self._in_flight or entry.docid in self._with_writer:
            return
        pending = self._in_flight[entry.docid]
        feed, filing = self._context.filing_of(pending)
        fetch = Fetch(self._context.now(), pending, feed, filing, self._context.rules, response, failure)
        self._with_writer.add(entry.docid)
        self._writer.put(WriteItem(fetch, milliseconds))

    def _file_carried(self) -> None:
        """Send articles whose text is in the listing to the writer: they need no request."""
        if not self._is_open:
            return
        for pending in self._lease("", MAX_CARRIED):
            self._put(pending.entry, 0)

    def backoff_wait(self, host: str) -> float | None:
        """Return the seconds to wait for a host; None, and skip the host, if that is longer than the policy waits."""
        seconds = self.backoff_remaining(host).total_seconds()
        if seconds <= self._context.policy.max_backoff_wait:
            return seconds
        self._hosts.discard(host)
        self._context.notify_changed()
        return None

    def backoff_remaining(self, host: str) -> timedelta:
        """Return the remaining back-off of a host."""
        return self.backoffs.remaining(host)

    def release_unfetched(self) -> None:
        """Release the articles that the closed spider did not fetch."""
        for docid in self._in_flight.keys() - self._with_writer:
            del self._in_flight[docid]
            self._context.work_finished()

    async def drain(self) -> None:
        """Write the fetched articles to disk."""
        await self._writer.drain()

    def clock_moved(self) -> None:
        """Adjust stored times after the clock was set."""
        for backoff in self.backoffs.all_current():
            store_backoff(self._context, backoff)

    def _written(self, batch: Sequence[WriteItem]) -> None:
        for item in batch:
            if decision := item.decision:
                pending = self._in_flight.pop(decision.fetch.pending.entry.docid)
                self._first.discard(pending.entry.docid)
                self._with_writer.discard(pending.entry.docid)
                self._remaining -= decision.outcome is Outcome.FIRST
                self._context.work_finished()
                self._report(decision, pending, item.milliseconds)
                if decision.pictures:
                    self._on_images(decision.pictures)
        # These fetches ended while the clock was ahead, and it was set back before they were committed.
        if any(item.fetch.at > self._context.now() for item in batch):
            self._on_clock_back()
        self.journal_order.apply_postponed()
        self._file_carried()
        self._context.notify_changed()

    def _report(self, decision: Decision, pending: PendingEntry, milliseconds: int) -> None:
        log_fetch(decision, pending, milliseconds)
        for observer in list(self._context.observers):
            if decision.outcome is Outcome.FIRST and decision.revision:
                observer.archived(pending.entry, decision.revision)
            elif pending.revision and decision.outcome is not Outcome.FAILED:
                observer.rechecked(decision)
            else:
                kind = decision.kind or FailureKind.UNREADABLE
                observer.failed(Failure(pending.entry.docid, kind, decision.evidence))
        if decision.due:
            self._next_due = min(decision.due, self._next_due or decision.due)

    def _keep_refused(self, item: WriteItem, reason: str) -> None:
        """Keep a fetch whose file cannot be written; without a journal, record a failure that is retried."""
        docid = item.fetch.pending.entry.docid
        failure = Failure(docid, FailureKind.TEMPORARY, reason)
        self._with_writer.discard(docid)
        if not self._refused.add(item):
            self.record_failure(item.fetch.pending.entry, failure)
            return
        del self._in_flight[docid]
        self._context.work_finished()
        self._retry_refused_at = self._context.elapsed() + timedelta(seconds=DISK_RETRY_SECONDS)
        log_refused(item.fetch, reason)
        for observer in list(self._context.observers):
            observer.failed(failure)

    def _retry_refused(self) -> None:
        """Pass fetches whose files could not be written to the writer again."""
        if self._context.elapsed() < self._retry_refused_at or self._writer.full():
            return
        for item in self._refused.take():
            docid = item.fetch.pending.entry.docid
            self._in_flight[docid] = item.fetch.pending
            self._with_writer.add(docid)
            self._context.work_started()
            self._writer.put(item)

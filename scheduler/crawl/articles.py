"""Queue of articles: lease to the spider, file under a feed, write to disk, retry."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from archive.model.feed import Entry, Failure, FailureKind, Filing, HostBackoff, PendingEntry
from archive.model.fetch import Decision, Fetch, Outcome, RawResponse
from crawler.http.backoff import HostBackoffs
from pipeline.retry import MAX_RETRY_DELAY
from pipeline.writer import BATCH_SIZE, TRANSIENT_ERRORS, WriteItem, Writer, WriterCallbacks
from scheduler.crawl.context import CrawlContext

logger = logging.getLogger("finarchive")

MAX_CARRIED = 4 * BATCH_SIZE  # articles with their text in the listing that are leased to the writer at a time


class ArticleQueue:
    """Queue of articles. Leases none before :meth:`open`.

    :param on_images: called with the images of a new version to archive: address -> host
    """

    def __init__(self, context: CrawlContext, on_images: Callable[[Mapping[str, str]], None]) -> None:
        self._context = context
        self._store = context.store
        self._on_images = on_images
        self._is_open = False
        self._remaining = math.inf  # articles that may still be archived
        self._hosts: set[str] = set()  # hosts that may have due articles
        self._next_due: datetime | None = None  # of articles that are not due yet
        self._in_flight: dict[str, PendingEntry] = {}
        self._with_writer: set[str] = set()  # docids of those in flight that the writer has
        self._writer = Writer(
            context.archive,
            lambda: context.settings.network.max_body,
            WriterCallbacks(self._written, context.crash, self._has_room, self._refused),
            retry_forever=context.policy.retry_forever,
        )
        self.backoffs = HostBackoffs(
            context.settings.network.rest,
            context.now,
            self._store.backoffs.all(),
            self._record_backoff,
            self._end_backoff,
        )

    def open(self, limit: int | None = None) -> None:
        """Start fetching articles.

        :param limit: maximum number to archive; None: all
        """
        self._is_open = True
        self._remaining = math.inf if limit is None else limit
        self.clamp_future_times()

    def check_due(self) -> None:
        """Find the hosts with due articles, and notify the spider."""
        if self._is_open and self._context.fetcher:
            now = self._context.now()
            tried_before = self._context.policy.tried_before or now
            again = self._store.articles.recheck_hosts(now, tried_before)
            self._hosts = {*self._store.entries.pending_hosts(now, tried_before), *again}
            self._next_due = self._store.entries.next_due(now)
            self._file_carried()
            self._context.fetcher.refill()

    def tick(self) -> None:
        """Called from time to time: fetch what became due."""
        if self._next_due and self._next_due <= self._context.now():
            self.check_due()
        elif self._is_open and self._context.fetcher:
            self._context.fetcher.refill()  # for work that was suspended because the disk refused

    def waiting(self, began: datetime) -> dict[str, int]:
        """Return the number of due articles not tried since ``began``: host -> number."""
        now = self._context.now()
        waiting = Counter(self._store.entries.pending_hosts(now, began))
        budget = self._recheck_budget(now) + self._rechecking()
        for host, number in self._store.articles.recheck_hosts(now, began).items():
            again = min(number, max(budget if host else self._carried_budget(), 0))
            waiting[host] += again
            budget -= again if host else 0
        return {host: number for host, number in waiting.items() if number}

    @property
    def busy(self) -> bool:
        """True if any article is being fetched or written."""
        return bool(self._in_flight)

    @property
    def disk_refuses(self) -> bool:
        """True if the last attempt to write failed."""
        return self._writer.stuck

    # ArticleTasks

    def expect(self, hosts: Collection[str]) -> None:
        """Take note of hosts that may have due articles now; "" stands for text in the listing."""
        self._hosts.update(hosts)
        if "" in hosts:
            self._file_carried()

    def hosts(self) -> Iterable[str]:
        """See ArticleTasks."""
        return self._hosts - {""} if self._is_open else ()

    def lease(self, host: str, most: int) -> list[Entry]:
        """See ArticleTasks."""
        return [pending.entry for pending in self._lease(host, most)]

    def _lease(self, host: str, most: int) -> list[PendingEntry]:
        most = int(min(most, self._remaining - len(self._in_flight)))
        if most <= 0 or self._writer.full() or self._context.suspended():
            return []
        leased = [docid for docid, pending in self._in_flight.items() if pending.host == host]
        now = self._context.now()
        tried_before = self._context.policy.tried_before or now
        taken = self._store.entries.due(host, most, now, tried_before, leased)
        # Rechecks come after first fetches, within their budget.
        if (more := min(most - len(taken), self._recheck_budget(now) if host else self._carried_budget())) > 0:
            taken += self._store.articles.due_rechecks(host, more, now, tried_before, leased)
        for pending in taken:
            self._in_flight[pending.entry.docid] = pending
            self._context.work_started()
        if not taken and not leased:
            self._hosts.discard(host)
            self._next_due = self._store.entries.next_due(now)  # the clock may have been set since the last query
        return taken

    def _carried_budget(self) -> int:
        """Number of articles with their text in the listing that may be rechecked now: they cost no request."""
        return 0 if self._remaining != math.inf else MAX_CARRIED

    def _recheck_budget(self, now: datetime) -> int:
        """Number of articles that may be rechecked now, within the budget of an hour."""
        if self._remaining != math.inf:  # a limit counts first versions only
            return 0
        done = self._store.articles.rechecks_since(now - timedelta(hours=1))
        return self._context.settings.schedule.rechecks - done - self._rechecking()

    def _rechecking(self) -> int:
        return sum(pending.revision > 0 and pending.host != "" for pending in self._in_flight.values())

    def release(self, entry: Entry) -> None:
        """See ArticleTasks."""
        if self._in_flight.pop(entry.docid, None):
            self._context.work_finished()
        self._context.notify_changed()

    def record_response(self, entry: Entry, response: RawResponse, milliseconds: int) -> None:
        """See ArticleTasks. The writer parses the response."""
        self._put(entry, milliseconds, response=response)

    def record_failure(self, entry: Entry, failure: Failure) -> None:
        """See ArticleTasks."""
        self._put(entry, 0, failure=failure)

    def _put(
        self, entry: Entry, milliseconds: int, *, response: RawResponse | None = None, failure: Failure | None = None
    ) -> None:
        # A response may arrive after the spider was closed.
        if entry.docid not in self._in_flight or entry.docid in self._with_writer:
            return
        pending = self._in_flight[entry.docid]
        feed, filing = self._filing(pending)
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
        """See ArticleTasks."""
        seconds = self.resting(host).total_seconds()
        if seconds <= self._context.policy.max_backoff_wait:
            return seconds
        self._hosts.discard(host)
        self._context.notify_changed()
        return None

    def resting(self, host: str) -> timedelta:
        """Return the remaining back-off of a host."""
        backoff = self.backoffs.current(host)
        return max(backoff.until - self._context.now(), timedelta(0)) if backoff else timedelta(0)

    def release_unfetched(self) -> None:
        """The spider is closed: release the articles that it did not fetch."""
        for docid in self._in_flight.keys() - self._with_writer:
            del self._in_flight[docid]
            self._context.work_finished()

    async def drain(self) -> None:
        """Write the fetched articles to disk."""
        await self._writer.drain()

    def clock_moved(self, by: timedelta) -> None:
        """The clock was set forward by ``by``, or back if negative."""
        self.backoffs.clock_moved(by)
        self.clamp_future_times()

    def clamp_future_times(self) -> None:
        """Clamp times in the future: repairs rows written while the clock was ahead."""
        try:
            self._store.queues.clamp_future_times(self._context.now(), MAX_RETRY_DELAY)
        except TRANSIENT_ERRORS as refusal:
            self._context.suspend_or_raise(refusal)
        self.check_due()

    def _filing(self, pending: PendingEntry) -> tuple[str, Filing]:
        """Return the feed that an entry is filed under: the first configured one with it, else a former one."""
        for feed in self._context.feeds:
            if feed.id in pending.feeds or feed.lid in pending.entry.lids:
                return feed.id, Filing(feed.categories, feed.author_name)
        return self._context.former_filing(pending.feeds)

    def _written(self, batch: Sequence[WriteItem]) -> None:
        for item in batch:
            if decision := item.decision:
                pending = self._in_flight.pop(decision.fetch.pending.entry.docid)
                self._with_writer.discard(pending.entry.docid)
                self._remaining -= decision.outcome is Outcome.FIRST
                self._context.work_finished()
                self._report(decision, pending, item.milliseconds)
                if decision.pictures:
                    self._on_images(decision.pictures)
        self._file_carried()
        self._context.notify_changed()

    def _report(self, decision: Decision, pending: PendingEntry, milliseconds: int) -> None:
        log(decision, pending, milliseconds)
        for listener in list(self._context.listeners):
            if decision.outcome is Outcome.FIRST and decision.revision:
                listener.archived(pending.entry, decision.revision)
            elif pending.revision and decision.outcome is not Outcome.FAILED:
                listener.rechecked(decision)
            else:
                kind = decision.kind or FailureKind.UNREADABLE
                listener.failed(Failure(pending.entry.docid, kind, decision.evidence))
        if decision.due:
            self._next_due = min(decision.due, self._next_due or decision.due)

    def _refused(self, item: WriteItem, reason: str) -> None:
        """The file of an article cannot be written: record a failure that is retried."""
        entry = item.fetch.pending.entry
        self._with_writer.discard(entry.docid)
        self.record_failure(entry, Failure(entry.docid, FailureKind.TEMPORARY, reason))

    def _has_room(self) -> None:
        if self._context.fetcher:
            self._context.fetcher.refill()

    def _record_backoff(self, backoff: HostBackoff) -> None:
        try:
            self._store.backoffs.commit(backoff)
        except TRANSIENT_ERRORS as refusal:
            self._context.suspend_or_raise(refusal)
        seconds = (backoff.until - self._context.now()).total_seconds()
        logger.warning("resting host=%s seconds=%d reason=%r", backoff.host, round(seconds), backoff.reason)

    def _end_backoff(self, host: str) -> None:
        logger.info("answers-again host=%s", host)
        try:
            self._store.backoffs.end(host)
        except TRANSIENT_ERRORS as refusal:
            self._context.suspend_or_raise(refusal)


def log(decision: Decision, pending: PendingEntry, milliseconds: int) -> None:
    """Log the one line of a fetch."""
    docid, revision = pending.entry.docid, decision.revision
    if revision:
        what = "archived" if decision.outcome is Outcome.FIRST else "revised"
        logger.info(
            "%s feed=%s docid=%s revision=%d ms=%d", what, decision.fetch.feed, docid, revision.number, milliseconds
        )
    elif decision.outcome is Outcome.SAME:
        logger.info("same feed=%s docid=%s ms=%d", decision.fetch.feed, docid, milliseconds)
    elif pending.revision and decision.outcome is Outcome.GONE:
        logger.warning("gone feed=%s docid=%s reason=%r", decision.fetch.feed, docid, decision.evidence)
    else:
        what = "failed" if decision.due else "parked" if not pending.revision else "given-up"
        logger.warning(
            "%s feed=%s docid=%s attempt=%d reason=%r",
            what, decision.fetch.feed, docid, pending.attempts + 1, decision.evidence,
        )  # fmt: skip

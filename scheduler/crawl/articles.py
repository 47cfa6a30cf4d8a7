"""Articles: handed to the spider, filed, brought to the disk, tried again."""

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

MAX_CARRIED = 4 * BATCH_SIZE  # articles that come with their listing and are handed to the writer at once


class ArticleQueue:
    """The articles side of a :class:`~crawler.interfaces.WorkQueue`. Gives none out until :meth:`open`.

    :param on_pictures: told of pictures of articles that are to be kept: their hosts, by their addresses
    """

    def __init__(self, run: CrawlContext, on_pictures: Callable[[Mapping[str, str]], None]) -> None:
        self._run, self._store, self._on_pictures = run, run.store, on_pictures
        self._open, self._left = False, math.inf  # whether articles may be fetched, and how many more
        self._hosts: set[str] = set()  # that articles may be waiting for
        self._next_due: datetime | None = None  # of those that are not due yet
        self._in_flight: dict[str, PendingEntry] = {}
        self._with_writer: set[str] = set()  # docids of those in hand that are on their way to the disk
        self._writer = Writer(
            run.archive,
            lambda: run.settings.network.max_body,
            WriterCallbacks(self._written, run.crash, self._has_room, self._refused),
            retry_forever=run.policy.retry_forever,
        )
        self.backoffs = HostBackoffs(
            run.settings.network.rest,
            run.now,
            self._store.backoffs.all(),
            self._remember_backoff,
            self._forget_backoff,
        )

    def open(self, limit: int | None = None) -> None:
        """Let articles be fetched from now on.

        :param limit: the most to archive; None for all
        """
        self._open, self._left = True, math.inf if limit is None else limit
        self.clamp_future_times()

    def check_due(self) -> None:
        """Look again which hosts articles wait for, and have them fetched."""
        if self._open and self._run.fetching:
            now = self._run.now()
            tried_before = self._run.policy.tried_before or now
            again = self._store.articles.recheck_hosts(now, tried_before)
            self._hosts = {*self._store.entries.pending_hosts(now, tried_before), *again}
            self._next_due = self._store.entries.next_due(now)
            self._file_carried()
            self._run.fetching.refill()

    def tick(self) -> None:
        """Time has passed: something may have become due."""
        if self._next_due and self._next_due <= self._run.now():
            self.check_due()
        elif self._open and self._run.fetching:
            self._run.fetching.refill()  # for what was put off by a disk that refused

    def waiting(self, began: datetime) -> dict[str, int]:
        """Hosts that articles are due from which were not tried since ``began``, and how many."""
        now = self._run.now()
        waiting = Counter(self._store.entries.pending_hosts(now, began))
        granted = self._granted(now) + self._rechecking()
        for host, number in self._store.articles.recheck_hosts(now, began).items():
            again = min(number, max(granted if host else self._granted_here(), 0))
            waiting[host] += again
            granted -= again if host else 0
        return {host: number for host, number in waiting.items() if number}

    @property
    def busy(self) -> bool:
        """Whether any article is with the spider or on its way to the disk."""
        return bool(self._in_flight)

    @property
    def disk_refuses(self) -> bool:
        """Whether the disk did not take what was tried last."""
        return self._writer.stuck

    # Work

    def expect(self, hosts: Collection[str]) -> None:
        """Articles of these hosts may have come to be waiting."""
        self._hosts.update(hosts)
        if "" in hosts:
            self._file_carried()

    def hosts(self) -> Iterable[str]:
        """See Work."""
        return self._hosts - {""} if self._open else ()

    def lease(self, host: str, limit: int) -> list[Entry]:
        """See Work."""
        return [pending.entry for pending in self._take(host, limit)]

    def _take(self, host: str, most: int) -> list[PendingEntry]:
        most = int(min(most, self._left - len(self._in_flight)))
        if most <= 0 or self._writer.full() or self._run.suspended():
            return []
        ours = [docid for docid, pending in self._in_flight.items() if pending.host == host]
        now = self._run.now()
        tried_before = self._run.policy.tried_before or now
        taken = self._store.entries.due(host, most, now, tried_before, ours)
        # Looking again comes after looking for the first time, and costs no more than was granted.
        if (more := min(most - len(taken), self._granted(now) if host else self._granted_here())) > 0:
            taken += self._store.articles.due_rechecks(host, more, now, tried_before, ours)
        for pending in taken:
            self._in_flight[pending.entry.docid] = pending
            self._run.began()
        if not taken and not ours:
            self._hosts.discard(host)
            self._next_due = self._store.entries.next_due(now)  # the clock may have been set since it was asked
        return taken

    def _granted_here(self) -> int:
        """How many articles more whose text is here already may be looked at again: it costs no request."""
        return 0 if self._left != math.inf else MAX_CARRIED

    def _granted(self, now: datetime) -> int:
        """How many articles more may be asked for again, within the budget of an hour."""
        if self._left != math.inf:  # so many articles were asked for, and no other
            return 0
        done = self._store.articles.rechecks_since(now - timedelta(hours=1))
        return self._run.settings.schedule.rechecks - done - self._rechecking()

    def _rechecking(self) -> int:
        return sum(pending.revision > 0 and pending.host != "" for pending in self._in_flight.values())

    def release(self, entry: Entry) -> None:
        """See Work."""
        if self._in_flight.pop(entry.docid, None):
            self._run.ended()
        self._run.tell_change()

    def record_response(self, entry: Entry, response: RawResponse, milliseconds: int) -> None:
        """See Work. What the answer says, the writer finds out."""
        self._put(entry, milliseconds, response=response)

    def record_failure(self, entry: Entry, failure: Failure) -> None:
        """See Work."""
        self._put(entry, 0, failure=failure)

    def _put(
        self, entry: Entry, milliseconds: int, *, response: RawResponse | None = None, failure: Failure | None = None
    ) -> None:
        if entry.docid not in self._in_flight or entry.docid in self._with_writer:  # it came when all was over
            return
        pending = self._in_flight[entry.docid]
        feed, filing = self._filing(pending)
        fetch = Fetch(self._run.now(), pending, feed, filing, self._run.rules, response, failure)
        self._with_writer.add(entry.docid)
        self._writer.put(WriteItem(fetch, milliseconds))

    def _file_carried(self) -> None:
        """Have those articles written whose text their listing carries: nothing is to be asked for them."""
        if not self._open:
            return
        for pending in self._take("", MAX_CARRIED):
            self._put(pending.entry, 0)

    def backoff_wait(self, host: str) -> float | None:
        """See Work."""
        seconds = self.resting(host).total_seconds()
        if seconds <= self._run.policy.patience:
            return seconds
        self._hosts.discard(host)
        self._run.tell_change()
        return None

    def resting(self, host: str) -> timedelta:
        """How long a host is still to be left alone."""
        backoff = self.backoffs.current(host)
        return max(backoff.until - self._run.now(), timedelta(0)) if backoff else timedelta(0)

    def release_unfetched(self) -> None:
        """The spider is closed: what it had not fetched is no longer in hand."""
        for docid in self._in_flight.keys() - self._with_writer:
            del self._in_flight[docid]
            self._run.ended()

    async def drain(self) -> None:
        """Bring what has been fetched to the disk."""
        await self._writer.drain()

    def clock_moved(self, by: timedelta) -> None:
        """The clock was set forward by so much, or back."""
        self.backoffs.clock_moved(by)
        self.clamp_future_times()

    def clamp_future_times(self) -> None:
        """Take nothing for tried in the future, or due later than it can be: some clock was wrong."""
        try:
            self._store.queues.clamp_future_times(self._run.now(), MAX_RETRY_DELAY)
        except TRANSIENT_ERRORS as refusal:
            self._run.suspend_or_raise(refusal)
        self.check_due()

    def _filing(self, pending: PendingEntry) -> tuple[str, Filing]:
        """The feed that an entry is filed under: the first configured one it belongs to, else one of the past."""
        for feed in self._run.feeds:
            if feed.id in pending.feeds or feed.lid in pending.entry.lids:
                return feed.id, Filing(feed.categories, feed.author_name)
        return self._run.past_filing(pending.feeds)

    def _written(self, batch: Sequence[WriteItem]) -> None:
        for item in batch:
            if decision := item.decision:
                pending = self._in_flight.pop(decision.fetch.pending.entry.docid)
                self._with_writer.discard(pending.entry.docid)
                self._left -= decision.outcome is Outcome.FIRST
                self._run.ended()
                self._tell(decision, pending, item.milliseconds)
                if decision.pictures:
                    self._on_pictures(decision.pictures)
        self._file_carried()
        self._run.tell_change()

    def _tell(self, decision: Decision, pending: PendingEntry, milliseconds: int) -> None:
        log(decision, pending, milliseconds)
        for listener in list(self._run.listeners):
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
        """A file cannot be written: that article is tried again."""
        entry = item.fetch.pending.entry
        self._with_writer.discard(entry.docid)
        self.record_failure(entry, Failure(entry.docid, FailureKind.TEMPORARY, reason))

    def _has_room(self) -> None:
        if self._run.fetching:
            self._run.fetching.refill()

    def _remember_backoff(self, backoff: HostBackoff) -> None:
        try:
            self._store.backoffs.commit(backoff)
        except TRANSIENT_ERRORS as refusal:
            self._run.suspend_or_raise(refusal)
        seconds = (backoff.until - self._run.now()).total_seconds()
        logger.warning("resting host=%s seconds=%d reason=%r", backoff.host, round(seconds), backoff.reason)

    def _forget_backoff(self, host: str) -> None:
        logger.info("answers-again host=%s", host)
        try:
            self._store.backoffs.end(host)
        except TRANSIENT_ERRORS as refusal:
            self._run.suspend_or_raise(refusal)


def log(decision: Decision, pending: PendingEntry, milliseconds: int) -> None:
    """The one line of a look."""
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

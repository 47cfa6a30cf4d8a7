"""Articles: handed to the spider, filed, brought to the disk, tried again."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from archive.post import render
from archive.records import Article, Entry, Failure, Filing, Kind, Pending, Rest, Revision
from crawler.rest import Rests
from scheduler.plan import LONGEST_DELAY, retry_delay
from scheduler.run import Run
from scheduler.writer import PASSES, Unwritten, Writer

logger = logging.getLogger("finarchive")


class Articles:
    """The articles side of a :class:`~crawler.work.Work`. Gives none out until :meth:`open`."""

    def __init__(self, run: Run) -> None:
        self._run, self._store = run, run.store
        self._open, self._left = False, math.inf  # whether articles may be fetched, and how many more
        self._hosts: set[str] = set()  # that articles may be waiting for
        self._next_due: datetime | None = None  # of those that are not due yet
        self._in_hand: dict[str, Pending] = {}
        self._with_writer: set[str] = set()  # docids of those in hand that are on their way to the disk
        self._writer = Writer(
            run.archive, self._written, run.crash, self._has_room, self._refused, steadfast=run.manner.steadfast
        )
        self.rests = Rests(
            run.settings.network.rest, run.now, self._store.rests(), self._remember_rest, self._forget_rest
        )

    def open(self, limit: int | None = None) -> None:
        """Let articles be fetched from now on.

        :param limit: the most to archive; None for all
        """
        self._open, self._left = True, math.inf if limit is None else limit
        self.come_to_date()

    def look(self) -> None:
        """Look again which hosts articles wait for, and have them fetched."""
        if self._open and self._run.fetching:
            now = self._run.now()
            self._hosts = set(self._store.pending_hosts(now, self._run.manner.tried_before or now))
            self._next_due = self._store.next_due(now)
            self._run.fetching.refill()

    def tick(self) -> None:
        """Time has passed: something may have become due."""
        if self._next_due and self._next_due <= self._run.now():
            self.look()
        elif self._open and self._run.fetching:
            self._run.fetching.refill()  # for what was put off by a disk that refused

    def waiting(self, began: datetime) -> dict[str, int]:
        """Hosts that articles are due from which were not tried since ``began``, and how many."""
        return self._store.pending_hosts(self._run.now(), began)

    @property
    def busy(self) -> bool:
        """Whether any article is with the spider or on its way to the disk."""
        return bool(self._in_hand)

    @property
    def disk_refuses(self) -> bool:
        """Whether the disk did not take what was tried last."""
        return self._writer.stuck

    # Work

    def expect(self, hosts: Collection[str]) -> None:
        """Articles of these hosts may have come to be waiting."""
        self._hosts.update(hosts)

    def hosts(self) -> Iterable[str]:
        """See Work."""
        return self._hosts if self._open else ()

    def take(self, host: str, most: int) -> list[Entry]:
        """See Work."""
        most = int(min(most, self._left - len(self._in_hand)))
        if most <= 0 or self._writer.full() or self._run.suspended():
            return []
        ours = [docid for docid, pending in self._in_hand.items() if pending.host == host]
        now = self._run.now()
        taken = self._store.due(host, most, now, self._run.manner.tried_before or now, ours)
        for pending in taken:
            self._in_hand[pending.entry.docid] = pending
            self._run.began()
        if not taken and not ours:
            self._hosts.discard(host)
            self._next_due = self._store.next_due(now)  # the clock may have been set since it was asked
        return [pending.entry for pending in taken]

    def give_back(self, entry: Entry) -> None:
        """See Work."""
        if self._in_hand.pop(entry.docid, None):
            self._run.ended()
        self._run.tell_change()

    def archived(self, entry: Entry, article: Article, milliseconds: int) -> None:
        """See Work. The file is written, and then the row, by the writer."""
        if entry.docid not in self._in_hand:  # it came when all was over
            return
        feed, filing = self._filing(self._in_hand[entry.docid])
        post = render(article, filing.categories, filing.author, self._run.settings.archive.profile)
        if path := self._in_hand[entry.docid].path:
            post = replace(post, path=PurePosixPath(path))
        self._with_writer.add(entry.docid)
        self._writer.put(Unwritten(entry, article, post, feed, milliseconds))

    def failed(self, entry: Entry, failure: Failure) -> None:
        """See Work."""
        if entry.docid not in self._in_hand:  # it came when all was over
            return
        pending, now = self._in_hand.pop(entry.docid), self._run.now()
        self._run.ended()
        delay = retry_delay(failure.kind, pending.attempts + 1, now - pending.first_seen)
        due = None if delay is None else now + max(delay, self._run.manner.least_retry)
        try:
            self._store.commit_failure(failure, now, due)
        except PASSES as refusal:
            self._run.excuse(refusal)
            return
        if due:
            self._next_due = min(due, self._next_due or due)
        logger.warning(
            "%s feed=%s docid=%s attempt=%d reason=%r",
            "failed" if due else "parked",
            self._filing(pending)[0], entry.docid, pending.attempts + 1, failure.reason,
        )  # fmt: skip
        for listener in list(self._run.listeners):
            listener.failed(failure)
        self._run.tell_change()

    def patience(self, host: str) -> float | None:
        """See Work."""
        seconds = self.resting(host).total_seconds()
        if seconds <= self._run.manner.patience:
            return seconds
        self._hosts.discard(host)
        self._run.tell_change()
        return None

    def resting(self, host: str) -> timedelta:
        """How long a host is still to be left alone."""
        rest = self.rests.current(host)
        return max(rest.until - self._run.now(), timedelta(0)) if rest else timedelta(0)

    def let_go(self) -> None:
        """The spider is closed: what it had not fetched is no longer in hand."""
        for docid in self._in_hand.keys() - self._with_writer:
            del self._in_hand[docid]
            self._run.ended()

    async def drain(self) -> None:
        """Bring what has been fetched to the disk."""
        await self._writer.drain()

    def clock_moved(self, by: timedelta) -> None:
        """The clock was set forward by so much, or back."""
        self.rests.clock_moved(by)
        self.come_to_date()

    def come_to_date(self) -> None:
        """Take nothing for tried in the future, or due later than it can be: some clock was wrong."""
        try:
            self._store.come_to_date(self._run.now(), LONGEST_DELAY)
        except PASSES as refusal:
            self._run.excuse(refusal)
        self.look()

    def _filing(self, pending: Pending) -> tuple[str, Filing]:
        """The feed that an entry is filed under: the first configured one it belongs to, else one of the past."""
        for feed in self._run.feeds:
            if feed.id in pending.feeds or feed.lid in pending.entry.lids:
                return feed.id, Filing(feed.categories, feed.author_name)
        return self._run.past_filing(pending.feeds)

    def _written(self, batch: Sequence[tuple[Unwritten, Revision]]) -> None:
        self._left -= len(batch)
        for unwritten, revision in batch:
            del self._in_hand[revision.docid]
            self._with_writer.discard(revision.docid)
            self._run.ended()
            logger.info(
                "archived feed=%s docid=%s revision=%d ms=%d",
                unwritten.feed, revision.docid, revision.number, unwritten.milliseconds,
            )  # fmt: skip
            for listener in list(self._run.listeners):
                listener.archived(unwritten.entry, revision)
        self._run.tell_change()

    def _refused(self, unwritten: Unwritten, reason: str) -> None:
        docid = unwritten.entry.docid
        self._with_writer.discard(docid)
        self.failed(unwritten.entry, Failure(docid, Kind.TEMPORARY, reason))

    def _has_room(self) -> None:
        if self._run.fetching:
            self._run.fetching.refill()

    def _remember_rest(self, rest: Rest) -> None:
        try:
            self._store.commit_rest(rest)
        except PASSES as refusal:
            self._run.excuse(refusal)
        seconds = (rest.until - self._run.now()).total_seconds()
        logger.warning("resting host=%s seconds=%d reason=%r", rest.host, round(seconds), rest.reason)

    def _forget_rest(self, host: str) -> None:
        logger.info("answers-again host=%s", host)
        try:
            self._store.end_rest(host)
        except PASSES as refusal:
            self._run.excuse(refusal)

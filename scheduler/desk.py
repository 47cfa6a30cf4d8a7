"""Where a crawl's work comes from and its outcomes go: between the spider and the archive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath

from archive.archive import Archive
from archive.post import render
from archive.records import Article, Entry, Failure, Filing, Pending, Poll, Post
from config.model import Feed, Settings
from crawler import urls
from crawler.rest import Rests
from scheduler.plan import retry_delay

logger = logging.getLogger("finarchive")

# Files synced and rows committed together: beyond this the gain is small and what a crash repeats grows.
BATCH = 64
MOST_UNWRITTEN = 4 * BATCH  # a few megabytes; a disk slower than the network must not fill the memory
# Seconds that one crawl waits for a host that wants rest. Longer is for the next run, or for the daemon.
PATIENCE = 15.0


@dataclass(slots=True)
class FeedTally:
    """What a crawl saw of one feed."""

    id: str
    pages: int = 0
    listed: int = 0
    new: int = 0
    error: str | None = None
    polled: bool = False


@dataclass(slots=True)
class Tally:
    """What a crawl has done so far."""

    feeds: dict[str, FeedTally] = field(default_factory=dict)
    archived: int = 0
    failed: int = 0
    waiting: int = 0  # articles that are due and that this crawl has not fetched
    resting: set[str] = field(default_factory=set)  # hosts that this crawl gave up on, for they want rest


class Desk:
    """A crawl's :class:`~crawler.work.Work`, done with an archive.

    Polls come first, all of them: so an article is filed by all that is known of where it belongs, whichever list
    happened to answer first.

    :param feeds: those that this crawl polls
    :param limit: the most articles to archive; None for all that wait
    :param on_change: called after everything that changes the tally
    """

    def __init__(
        self,
        archive: Archive,
        settings: Settings,
        feeds: Sequence[Feed],
        now: Callable[[], datetime],
        *,
        limit: int | None = None,
        on_change: Callable[[Tally], None] = lambda tally: None,
    ) -> None:
        self.tally = Tally({feed.id: FeedTally(feed.id) for feed in feeds})
        self._archive, self._store, self._now, self._limit = archive, archive.store, now, limit
        self._began, self._on_change = now(), on_change
        self._configured = [feed for feed in settings.feeds if feed.enabled]
        self._profile = settings.archive.profile
        self._past_filings = {h.feed: h.filing for h in self._store.feed_histories().values()}
        self._hosts: dict[str, int] | None = None  # None until the polls have ended
        self._in_hand: dict[str, Pending] = {}
        self._unwritten: asyncio.Queue[tuple[Article, Post, str, int]] = asyncio.Queue()
        self._writer: asyncio.Task[None] | None = None
        self._on_crash: Callable[[BaseException], None] = lambda error: None
        self._on_room: Callable[[], None] = lambda: None
        self._was_full = False
        self.rests = Rests(
            settings.network.rest, now, self._store.rests(), self._store.commit_rest, self._store.end_rest
        )

    # Polls

    def known(self, feed: str, docids: Collection[str]) -> set[str]:
        """See Work."""
        return self._store.known(feed, docids)

    def polled(self, poll: Poll) -> None:
        """See Work."""
        feed = next(feed for feed in self._configured if feed.id == poll.feed)
        belongs = {entry.docid: self._feeds_of(poll.feed, entry) for entry in poll.entries}
        hosts = {entry.docid: urls.host(entry.url) for entry in poll.entries}
        filing = Filing(feed.categories, feed.author_name)
        new, broken = self._store.commit_poll(poll, filing, belongs, hosts)
        self._past_filings[feed.id] = filing
        error = poll.error.reason if poll.error else None
        self.tally.feeds[feed.id] = FeedTally(feed.id, poll.pages, len(poll.entries), new, error, polled=True)
        self.tally.failed += broken
        for failure in poll.failures if broken else ():
            logger.warning("unreadable feed=%s docid=%s reason=%r", feed.id, failure.subject, failure.reason)
        if error:
            logger.warning("poll-failed feed=%s pages=%d reason=%r", feed.id, poll.pages, error)
        else:
            logger.info("polled feed=%s pages=%d listed=%d new=%d", feed.id, poll.pages, len(poll.entries), new)
        self._open_when_all_are_polled()
        self._on_change(self.tally)

    def _open_when_all_are_polled(self) -> None:
        if all(tally.polled for tally in self.tally.feeds.values()):
            self._hosts = self._store.pending_hosts(self._now(), self._began)
            self.tally.waiting = sum(self._hosts.values())

    def _feeds_of(self, listed_by: str, entry: Entry) -> list[str]:
        return [feed.id for feed in self._configured if feed.id == listed_by or feed.lid in entry.lids]

    # Articles

    def hosts(self) -> Iterable[str]:
        """See Work."""
        return self._hosts or ()

    def take(self, host: str, most: int) -> list[Entry]:
        """See Work."""
        if self._limit is not None:
            most = min(most, self._limit - self.tally.archived - len(self._in_hand))
        if most <= 0 or self.full():
            return []
        ours = [docid for docid, pending in self._in_hand.items() if pending.host == host]
        taken = self._store.due(host, most, self._now(), self._began, ours)
        self._in_hand.update((pending.entry.docid, pending) for pending in taken)
        if self._hosts and not taken and not ours:
            self._hosts.pop(host, None)
        return [pending.entry for pending in taken]

    def full(self) -> bool:
        """See Work."""
        self._was_full = self._was_full or self._unwritten.qsize() > MOST_UNWRITTEN
        return self._was_full  # until the writer says that there is room again

    def give_back(self, entry: Entry) -> None:
        """See Work."""
        del self._in_hand[entry.docid]

    def archived(self, entry: Entry, article: Article, milliseconds: int) -> None:
        """See Work. The file is written, and then the row, by the writer."""
        feed, filing = self._filing(self._in_hand[entry.docid])
        post = render(article, filing.categories, filing.author, self._profile)
        if path := self._in_hand[entry.docid].path:
            post = replace(post, path=PurePosixPath(path))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_on())
        self._unwritten.put_nowait((article, post, feed, milliseconds))

    def failed(self, entry: Entry, failure: Failure) -> None:
        """See Work."""
        pending, now = self._in_hand[entry.docid], self._now()
        delay = retry_delay(failure.kind, pending.attempts + 1)
        self._store.commit_failure(failure, now, None if delay is None else now + delay)
        del self._in_hand[entry.docid]
        self.tally.failed += 1
        self.tally.waiting -= 1
        outcome = "parked" if delay is None else "failed"
        logger.warning(
            "%s feed=%s docid=%s attempt=%d reason=%r",
            outcome, self._filing(pending)[0], entry.docid, pending.attempts + 1, failure.reason,
        )  # fmt: skip
        self._on_change(self.tally)

    def patience(self, host: str) -> float | None:
        """See Work."""
        rest = self.rests.current(host)
        seconds = (rest.until - self._now()).total_seconds() if rest else 0.0
        if seconds <= PATIENCE:
            return max(seconds, 0.0)
        if self._hosts and self._hosts.pop(host, None):
            self.tally.resting.add(host)
            logger.warning("resting host=%s reason=%r", host, f"wants rest for {seconds:.0f} s")
        return None

    def _filing(self, pending: Pending) -> tuple[str, Filing]:
        """The feed that an entry is filed under: the first configured one it belongs to, else one of the past."""
        for feed in self._configured:
            if feed.id in pending.feeds or feed.lid in pending.entry.lids:
                return feed.id, Filing(feed.categories, feed.author_name)
        past = next(feed for feed in pending.feeds if feed in self._past_filings)
        return past, self._past_filings[past]

    # The writer

    def start(self, on_crash: Callable[[BaseException], None], on_room: Callable[[], None]) -> None:
        """See Work."""
        self._on_crash, self._on_room = on_crash, on_room
        self._open_when_all_are_polled()  # where there is none to poll

    async def stop(self) -> None:
        """See Work."""
        writer = self._writer
        if writer is None:
            return
        waiting = asyncio.create_task(self._unwritten.join())
        await asyncio.wait({waiting, writer}, return_when=asyncio.FIRST_COMPLETED)
        for task in (waiting, writer):
            task.cancel()
        await asyncio.gather(waiting, writer, return_exceptions=True)
        self._writer = None

    async def _write_on(self) -> None:
        try:
            while True:
                batch = [await self._unwritten.get()]
                while len(batch) < BATCH and not self._unwritten.empty():
                    batch.append(self._unwritten.get_nowait())
                await self._write(batch)
                for _ in batch:
                    self._unwritten.task_done()
                if self._was_full and self._unwritten.qsize() <= MOST_UNWRITTEN:
                    self._was_full = False
                    self._on_room()
        except Exception as error:
            self._on_crash(error)

    async def _write(self, batch: list[tuple[Article, Post, str, int]]) -> None:
        # Where a file is to be is committed first, so that a run after a crash writes it there and nowhere else,
        # however the feeds are configured by then. Then the files; then the rows, each a promise that its file is
        # there.
        self._store.commit_paths({article.docid: str(post.path) for article, post, _, _ in batch})
        revisions = await asyncio.to_thread(self._archive.write, [(article, post) for article, post, _, _ in batch])
        self._store.commit_revisions(revisions)
        for revision, (_, _, feed, milliseconds) in zip(revisions, batch, strict=True):
            del self._in_hand[revision.docid]
            logger.info(
                "archived feed=%s docid=%s revision=%d ms=%d", feed, revision.docid, revision.number, milliseconds
            )
        self.tally.archived += len(batch)
        self.tally.waiting -= len(batch)
        self._on_change(self.tally)

"""State that the queues of one process share, in a one-off crawl or in the daemon."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from archive.archive import Archive
from archive.model.article import Revision
from archive.model.errors import DiskFullError, TransientError
from archive.model.feed import Entry, Failure, Filing, PendingEntry, Poll
from archive.model.fetch import ArchiveRules, Decision
from config.model import Feed, Settings
from crawler import urls
from crawler.interfaces import Fetcher
from crawler.parsing.pool import ParserPool
from pipeline.writer import DISK_RETRY_SECONDS
from scheduler.clock import Clock
from scheduler.free_space import FreeSpace
from scheduler.policy.listening import NOT_LISTENING, ListeningPlan, is_off_list

logger = logging.getLogger("finarchive")

# A one-off crawl waits at most this long for a host that is backed off; the next run tries it again. See D5.
MAX_BACKOFF_WAIT_SECONDS = 15.0


class RunPolicy(Struct, frozen=True):
    """Differences between a one-off crawl and the daemon."""

    tried_before: datetime | None  # skip articles tried since then; None: fetch everything that is due
    max_backoff_wait: float  # seconds to wait for a host that is backed off; more: skip the host
    min_retry_delay: timedelta  # before an article that failed is tried again
    retry_forever: bool  # when the system refuses a read or write, wait instead of ending


def one_off_policy(began: datetime) -> RunPolicy:
    """Policy of a one-off crawl: each article is tried once, and hosts with a long back-off are skipped."""
    return RunPolicy(began, MAX_BACKOFF_WAIT_SECONDS, timedelta(0), retry_forever=False)


# A minute before the first retry: the daemon has no next run that could do it at once.
DAEMON_POLICY = RunPolicy(None, math.inf, timedelta(minutes=1), retry_forever=True)


class CrawlObserver:
    """Receives the results of a crawl. Methods that a subclass does not override do nothing."""

    def archived(self, entry: Entry, revision: Revision) -> None:
        """An article was archived."""

    def rechecked(self, decision: Decision) -> None:
        """An archived article was fetched again; a new version, if any, is on disk."""

    def failed(self, failure: Failure) -> None:
        """An attempt to fetch an article failed."""

    def listed(self, feed: str) -> None:
        """Entries of a page of a poll that goes on were recorded."""

    def polled(self, poll: Poll) -> None:
        """A feed was polled."""

    def changed(self) -> None:
        """The state of the queues changed."""


class CrawlContext:
    """Archive, clock, settings, parser processes and spider of a process, and its work in progress."""

    def __init__(
        self, archive: Archive, settings: Settings, clock: Clock, policy: RunPolicy, parsers: ParserPool
    ) -> None:
        self.archive = archive
        self.store = archive.store
        self.settings = settings
        self.now = clock.now  # for what is stored: it may be set at any moment
        self.elapsed = clock.elapsed  # for deadlines in memory (D140)
        self.policy = policy
        self.parsers = parsers
        self.fetcher: Fetcher | None = None  # the open spider
        self._last_fetcher: Fetcher | None = None  # the last open spider: its engine still runs
        self.observers: list[CrawlObserver] = []
        self.free_space = FreeSpace(archive.root, lambda: self.settings.archive.min_free)
        self._filings = {h.feed: h.filing for h in self.store.feeds.histories().values()}
        self.listening: ListeningPlan = NOT_LISTENING  # in the daemon: which feeds are heard through broad lists
        self.peeks = 0  # requests for the first pages of broad lists
        self.in_progress = 0  # polls, backfills and fetches in progress
        self._suspended_until = -math.inf  # time of the event loop
        self._last_outcome = -math.inf  # time of the event loop

    @property
    def feeds(self) -> list[Feed]:
        """Enabled feeds. An article in several is filed under the first."""
        return [feed for feed in self.settings.feeds if feed.enabled]

    @property
    def polled(self) -> list[Feed]:
        """Feeds that are polled in this run: enabled ones, and broad lists that are off, to hear others."""
        return [*self.feeds, *self.listening.off_lists]

    @property
    def rules(self) -> ArchiveRules:
        """Current rules for parsing and writing articles."""
        archive, schedule = self.settings.archive, self.settings.schedule
        return ArchiveRules(
            profile=archive.profile,
            clean=archive.body != "faithful",
            recheck=schedule.recheck,
            min_retry_delay=self.policy.min_retry_delay,
            images=bool(archive.images),
            markdown=archive.body == "markdown",
            local_images=archive.images == "local",
        )

    def filing(self, feed: Feed) -> Filing:
        """Return categories and author of a feed's articles; kept for when the feed is no longer configured."""
        filing = self._filings[feed.id] = Filing(feed.categories, feed.author_name)
        return filing

    def set_filing(self, feed: str, filing: Filing) -> None:
        """Set the filing of a feed that is not configured."""
        self._filings[feed] = filing

    def filing_of(self, pending: PendingEntry) -> tuple[str, Filing]:
        """Return the feed that an entry is filed under: the first configured one, else a former one."""
        for feed in self.feeds:
            if feed.id in pending.feeds or feed.lid in pending.entry.lids:
                return feed.id, Filing(feed.categories, feed.author_name)
        known = [feed for feed in pending.feeds if feed in self._filings]
        former = min(known, key=is_off_list, default=None)  # under a list that is off only if there is no other
        if former is None:  # the index was lost before the journal had the state of the feeds
            name = pending.feeds[0]
            return name, Filing((name,), name)
        return former, self._filings[former]

    def feeds_and_hosts(self, feed: Feed, entries: Sequence[Entry]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Return the feeds of entries that a feed's list shows and the hosts of their pages, each by docid."""
        feeds = [*self.feeds, feed] if is_off_list(feed.id) else self.feeds
        feeds_of = {
            entry.docid: [each.id for each in feeds if each.id == feed.id or each.lid in entry.lids] or [feed.id]
            for entry in entries
        }
        return feeds_of, {entry.docid: page_host(entry) for entry in entries}

    def open(self, fetcher: Fetcher) -> None:
        """Set the open spider."""
        self.fetcher = fetcher
        self._last_fetcher = fetcher

    def suspend_or_raise(self, error: TransientError) -> None:
        """Suspend new work after a failed read or commit, if the policy retries.

        :raises TransientError: ``error``, otherwise
        """
        if not self.policy.retry_forever:
            raise error
        if not self.refused():
            logger.error("index-refuses reason=%r", f"{error}; going on in {DISK_RETRY_SECONDS:.0f} s")
        self._suspended_until = asyncio.get_running_loop().time() + DISK_RETRY_SECONDS

    def attempt(self, action: Callable[[], object]) -> bool:
        """Read or write the index; return False, and suspend new work, if the system refuses that.

        :raises TransientError: it was refused, and the policy does not retry
        """
        try:
            action()
        except TransientError as error:
            self.suspend_or_raise(error)
            return False
        return True

    def refused(self) -> bool:
        """Return True for some seconds after a failed commit."""
        return asyncio.get_running_loop().time() < self._suspended_until

    def suspended(self) -> bool:
        """Return True while no new work should start: after a failed commit, or while little of the disk is free."""
        return self.refused() or self.free_space.is_low

    def check_free_space(self) -> None:
        """Measure the free space of the disk, and pause or resume new work.

        :raises DiskFullError: too little is free, and the policy does not wait
        """
        has_changed = self.free_space.check()
        if self.free_space.is_low and not self.policy.retry_forever:
            raise DiskFullError(self.free_space.reason)
        if has_changed and self.free_space.is_low:
            logger.error("paused reason=%r", self.free_space.reason)
        elif has_changed:
            logger.warning("resumed free=%d", self.free_space.bytes or 0)

    def crash(self, error: BaseException) -> None:
        """Stop the engine: fetching must not continue when results cannot be recorded."""
        if self._last_fetcher is None:
            raise error
        self._last_fetcher.crash(error)

    def work_started(self) -> None:
        """Count a poll, backfill or fetch that begins."""
        if not self.in_progress:
            self.note_outcome()
        self.in_progress += 1

    def work_finished(self) -> None:
        """Count a poll, backfill or fetch that ended."""
        self.in_progress -= 1
        self.note_outcome()

    def note_outcome(self) -> None:
        """Record the time of a result, for :meth:`seconds_since_outcome`."""
        self._last_outcome = asyncio.get_running_loop().time()

    def seconds_since_outcome(self) -> float:
        """Return the seconds since the last result of any work."""
        return asyncio.get_running_loop().time() - self._last_outcome

    def refill(self, host: str | None = None) -> None:
        """Have the spider, if there is one, lease work of one host, or of all."""
        if self.fetcher:
            self.fetcher.refill(host)

    def notify_changed(self) -> None:
        """Notify the observers that something changed."""
        for observer in list(self.observers):
            observer.changed()


def page_host(entry: Entry) -> str:
    """Return the host of an entry's page; "" if the listing has its text."""
    return urls.host(entry.url) if entry.content is None else ""

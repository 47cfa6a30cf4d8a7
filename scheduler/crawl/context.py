"""What one run of the program, a one-off errand or the daemon, shares among its parts."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from archive.archive import Archive
from archive.model.article import Revision
from archive.model.errors import ArchiveError
from archive.model.feed import Entry, Failure, Filing, Poll
from archive.model.fetch import ArchiveRules, Decision
from config.model import Feed, Settings
from crawler.interfaces import Fetcher
from pipeline.writer import DISK_RETRY_SECONDS, TRANSIENT_ERRORS

logger = logging.getLogger("finarchive")

# Seconds that a one-off run waits for a host that wants rest. Longer is for the next run, or for the daemon. See D5.
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """What a one-off errand and the daemon do differently."""

    tried_before: datetime | None  # articles tried since then are left for the next run; None: whatever is due is due
    patience: float  # seconds that a resting host is waited for
    min_retry_delay: timedelta  # before an article is tried again
    retry_forever: bool  # wait until a full disk has room again, instead of ending


def one_off_policy(began: datetime) -> RunPolicy:
    """The manner of a run that ends: each article is tried once, and a ban is left to the next run."""
    return RunPolicy(began, PATIENCE, timedelta(0), retry_forever=False)


# The daemon's. A minute, because it has no next run for which the first retry could be due at once.
DAEMON_POLICY = RunPolicy(None, math.inf, timedelta(minutes=1), retry_forever=True)


class CrawlObserver(Protocol):
    """Who wants to know what is done."""

    def archived(self, entry: Entry, revision: Revision) -> None:
        """An article is on the disk."""

    def rechecked(self, decision: Decision) -> None:
        """An article that was on the disk already was looked at again; what is new of it is there too."""

    def failed(self, failure: Failure) -> None:
        """An article could not be had."""

    def polled(self, poll: Poll) -> None:
        """A feed was polled."""

    def changed(self) -> None:
        """Something has changed that a listener may be waiting for."""


class CrawlContext:
    """The archive, the clock, the settings and the spider of a run.

    :param now: the clock, aware
    """

    def __init__(self, archive: Archive, settings: Settings, now: Callable[[], datetime], policy: RunPolicy) -> None:
        self.archive, self.store, self.settings, self.now, self.policy = archive, archive.store, settings, now, policy
        self.fetching: Fetcher | None = None  # the spider that is open
        self._last_fetching: Fetcher | None = None  # the same, or the one that was: its engine runs
        self.listeners: list[CrawlObserver] = []
        self._past_filings = {h.feed: h.filing for h in self.store.feeds.histories().values()}
        self.under_way = 0  # polls, walks and articles that something is still to come of
        self._resumes = self._last_outcome = -math.inf  # on the loop's clock

    @property
    def feeds(self) -> list[Feed]:
        """The feeds that are on, in the order articles are filed by."""
        return [feed for feed in self.settings.feeds if feed.enabled]

    @property
    def rules(self) -> ArchiveRules:
        """How articles are understood and written now."""
        archive, schedule = self.settings.archive, self.settings.schedule
        clean = archive.body == "clean"
        return ArchiveRules(archive.profile, clean, schedule.recheck, self.policy.min_retry_delay, archive.images)

    def filing(self, feed: Feed) -> Filing:
        """Under what a configured feed files its articles; remembered, for when it is configured no more."""
        filing = self._past_filings[feed.id] = Filing(feed.categories, feed.author_name)
        return filing

    def past_filing(self, feeds: tuple[str, ...]) -> tuple[str, Filing]:
        """The first of these feeds, which are configured no more, and under what it filed its articles."""
        past = next(feed for feed in feeds if feed in self._past_filings)
        return past, self._past_filings[past]

    def open(self, fetching: Fetcher) -> None:
        """A spider is open."""
        self.fetching = self._last_fetching = fetching

    def suspend_or_raise(self, error: ArchiveError) -> None:
        """Go on although the index did not take a commit: in a while it may.

        :raises ArchiveError: the error, where it does not pass by itself or nobody waits for it to
        """
        if not self.policy.retry_forever or not isinstance(error, TRANSIENT_ERRORS):
            raise error
        if not self.suspended():
            logger.error("index-refuses reason=%r", f"{error}; going on in {DISK_RETRY_SECONDS:.0f} s")
        self._resumes = asyncio.get_running_loop().time() + DISK_RETRY_SECONDS

    def suspended(self) -> bool:
        """Whether nothing new should be begun, because the index took no commit a moment ago."""
        return asyncio.get_running_loop().time() < self._resumes

    def crash(self, error: BaseException) -> None:
        """Stop: what cannot be recorded must not go on being fetched."""
        if self._last_fetching is None:
            raise error
        self._last_fetching.crash(error)

    def began(self) -> None:
        """One thing more is under way."""
        if not self.under_way:
            self.outcome()
        self.under_way += 1

    def ended(self) -> None:
        """One thing less is."""
        self.under_way -= 1
        self.outcome()

    def outcome(self) -> None:
        """Something came of what is under way."""
        self._last_outcome = asyncio.get_running_loop().time()

    def quiet_for(self) -> float:
        """Seconds since the last outcome."""
        return asyncio.get_running_loop().time() - self._last_outcome

    def tell_change(self) -> None:
        """Tell the listeners."""
        for listener in list(self.listeners):
            listener.changed()

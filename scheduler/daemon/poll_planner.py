"""When each feed is polled next, and which feeds are heard through a broad list meanwhile."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from archive.model.feed import FailureKind, FeedHistory, Poll
from config.cron import next_time
from config.model import Feed
from crawler import urls
from scheduler.clock import Clock
from scheduler.crawl.context import CrawlObserver
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.policy.intervals import next_poll, pace
from scheduler.policy.listening import OFF_INTERVAL, listening_plan

logger = logging.getLogger("finarchive")

# Between two plans while no poll ends: then a broad list can only stop answering, which shows after minutes.
UPDATE_INTERVAL = timedelta(seconds=30)
_MIN_SLEEP_SECONDS = 0.05  # with a clock that runs faster than the system's
_SECOND = timedelta(seconds=1)


class PollPlanner(CrawlObserver):
    """Plans polls, and reads the first pages of broad lists between them.

    :param on_change: called when feeds are due at other times than was planned
    """

    def __init__(self, work_queue: ArchiveWorkQueue, clock: Clock, on_change: Callable[[], None]) -> None:
        self._work_queue = work_queue
        self._context = work_queue.context
        self._clock = clock
        self._on_change = on_change
        self._polled_at: dict[str, datetime] = {}  # the last poll, even if it could not be recorded
        self._read_at: dict[str, timedelta] = {}  # by broad list: its last poll or peek, on Clock.elapsed (D140)
        self._updated_at: timedelta | None = None

    def feeds(self) -> dict[str, Feed]:
        """Return the feeds that are polled, by id."""
        return {feed.id: feed for feed in self._context.polled}

    def clock_moved(self) -> None:
        """Forget times of polls that the clock no longer gives correctly."""
        self._polled_at.clear()

    def next_poll(self, feed_id: str) -> datetime:
        """Return when a feed is due."""
        feed, now = self.feeds()[feed_id], self._clock.now()
        history = self._histories().get(feed_id)
        polls = [history.last_poll if history else None, self._polled_at.get(feed_id)]
        last = max((poll for poll in polls if poll), default=None)
        due = next_poll(
            self._work_queue.feeds.arrival_rate(feed_id),
            pace(feed, self._context.settings.schedule),
            now,
            last_poll=last,
            last_success=history.last_success if history else None,
            trouble=history.trouble if history else 0.0,
            spread=random.random(),  # noqa: S311 - it spreads polls, it protects no secret
            cron_next=next_time(feed.cron, now) if feed.cron else None,
            has_ended=history is not None and history.kind is FailureKind.ENDED,
            verify=self._context.listening.verify.get(feed_id) if feed.enabled else OFF_INTERVAL,
        )
        return max(due, now + self._work_queue.articles.backoff_remaining(urls.host(feed.endpoint)))

    # Listening

    async def listen(self) -> None:
        """Read the first page of each broad list when that is due. Never returns."""
        while True:
            if self._updated_at is None or self._clock.elapsed() - self._updated_at >= UPDATE_INTERVAL:
                self.update()
            self._peek_due()
            await asyncio.sleep(max(self._clock.seconds(_SECOND), _MIN_SLEEP_SECONDS))

    def update(self) -> None:
        """Plan again which feeds are heard through which broad list."""
        is_first, self._updated_at = self._updated_at is None, self._clock.elapsed()
        before = self._context.listening
        if not self._context.attempt(self._plan):
            return
        now = self._context.listening
        for feed, broad in now.heard.items():
            if before.heard.get(feed) != broad:
                logger.info("heard feed=%s through=%s", feed, broad)
        for feed in sorted(before.heard.keys() - now.heard.keys()):
            logger.info("heard-no-more feed=%s through=%s", feed, before.heard[feed])
        has_changed = before.heard.keys() != now.heard.keys() or before.off_lists != now.off_lists
        if has_changed and not is_first:
            self._on_change()

    def _plan(self) -> None:
        store, settings = self._context.store, self._context.settings
        containments = store.containments.all() if settings.schedule.listen else []
        histories = store.feeds.histories() if containments else {}
        rates = {feed: self._work_queue.feeds.arrival_rate(feed) for feed in histories}
        self._context.listening = listening_plan(settings, histories, rates, containments, self._clock.now())

    def _peek_due(self) -> None:
        feeds, now = self.feeds(), self._clock.elapsed()
        for broad, every in self._context.listening.peeks.items():
            feed, last = feeds.get(broad), self._read_at.get(broad)
            if feed is None or (last is not None and now - last < every):
                continue
            if self._work_queue.articles.backoff_remaining(urls.host(feed.endpoint)) > timedelta(0):
                continue
            self._read_at[broad] = now
            self._work_queue.feeds.peeks.peek(feed)

    def _histories(self) -> dict[str, FeedHistory]:
        histories: dict[str, FeedHistory] = {}
        self._context.attempt(lambda: histories.update(self._context.store.feeds.histories()))
        return histories

    # CrawlObserver

    def polled(self, poll: Poll) -> None:
        """Record the time of the poll, and plan again: it may have proved a containment, or ended one."""
        self._polled_at[poll.feed] = poll.at
        self._read_at[poll.feed] = self._clock.elapsed()
        self.update()

"""Peeks: the first page of a broad list, read between two of its polls."""

from __future__ import annotations

import logging

from msgspec.structs import replace

from archive.model.errors import TransientError
from archive.model.feed import Poll
from config.model import Feed
from scheduler.crawl.context import CrawlContext
from scheduler.crawl.fetch_log import log_changes
from scheduler.policy.listening import is_off_list

logger = logging.getLogger("finarchive")


class PeekQueue:
    """Requests peeks from the spider, and records what they find. They prove nothing: polls do."""

    def __init__(self, context: CrawlContext) -> None:
        self._context = context
        self._running: dict[str, Feed] = {}

    def peek(self, feed: Feed) -> None:
        """Read the first page of a feed's list, unless that is in progress or new work is suspended."""
        fetcher = self._context.fetcher
        if fetcher is None or feed.id in self._running or self._context.suspended():
            return
        self._running[feed.id] = feed
        self._context.peeks += 1
        fetcher.peek(feed)

    def drop(self) -> None:
        """Forget those in progress: their spider has closed."""
        self._running.clear()

    def record(self, peek: Poll) -> bool:
        """Record a peek that has ended; return whether that succeeded."""
        feed = self._running.pop(peek.feed, None)
        self._context.note_outcome()
        if peek.error:
            logger.warning("peek-failed feed=%s reason=%r", peek.feed, peek.error.reason)
        if feed is None or peek.error or not peek.entries:
            return False
        feeds, hosts = self._context.feeds_and_hosts(feed, peek.entries)
        try:
            peek = replace(peek, archives=not is_off_list(feed.id))
            result = self._context.store.listings.commit_peek(peek, feeds, hosts)
        except TransientError as error:  # the next peek reads the page again
            self._context.suspend_or_raise(error)
            return False
        log_changes(feed.id, result)
        if result.new:
            logger.info("peeked feed=%s new=%d", feed.id, result.new)
        return True

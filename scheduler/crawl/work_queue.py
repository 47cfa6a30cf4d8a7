"""A :class:`~crawler.interfaces.WorkQueue` backed by an archive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from archive.archive import Archive
from config.model import Settings
from crawler.interfaces import Fetcher
from scheduler.crawl.articles import ArticleQueue
from scheduler.crawl.context import CrawlContext, RunPolicy
from scheduler.crawl.feeds import FeedQueue
from scheduler.crawl.images import ImageQueue


class ArchiveWorkQueue:
    """Gives work from the archive to the spider, and writes the results to the archive."""

    def __init__(self, archive: Archive, settings: Settings, now: Callable[[], datetime], policy: RunPolicy) -> None:
        self.run = CrawlContext(archive, settings, now, policy)
        self.images = ImageQueue(self.run)
        self.articles = ArticleQueue(self.run, self.images.expect)
        self.feeds = FeedQueue(self.run, self.articles.expect)

    def open(self, limit: int | None = None) -> None:
        """Start fetching articles and their images.

        :param limit: maximum number of articles to archive, and only their images; None: everything that is due
        """
        self.images.open(all_due=limit is None)
        self.articles.open(limit)

    def check_due(self) -> None:
        """Check the archive for due work."""
        self.articles.check_due()
        self.images.check_due()

    @property
    def busy(self) -> bool:
        """True if anything is being fetched or written."""
        return self.articles.busy or self.images.busy

    def tick(self) -> None:
        """Called from time to time: fetch what became due."""
        self.articles.tick()
        self.images.tick()

    def reconfigure(self, settings: Settings) -> None:
        """Apply new settings."""
        self.run.settings = settings
        self.articles.backoffs.first_delay = settings.network.rest

    def spider_opened(self, fetcher: Fetcher) -> None:
        """See WorkQueue."""
        self.run.open(fetcher)
        self.feeds.resend()
        self.check_due()

    def spider_closed(self) -> None:
        """See WorkQueue."""
        self.run.fetcher = None
        self.articles.release_unfetched()
        self.images.release_unfetched()

    async def drain(self) -> None:
        """See WorkQueue."""
        await self.articles.drain()
        await self.images.drain()

"""The desk: a :class:`~crawler.interfaces.WorkQueue`, done with an archive."""

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
    """Between the spider and the archive: what is to be done, and what came of it."""

    def __init__(self, archive: Archive, settings: Settings, now: Callable[[], datetime], policy: RunPolicy) -> None:
        self.run = CrawlContext(archive, settings, now, policy)
        self.images = ImageQueue(self.run)
        self.articles = ArticleQueue(self.run, self.images.expect)
        self.feeds = FeedQueue(self.run, self.articles.expect)

    def open(self, limit: int | None = None) -> None:
        """Let articles be fetched from now on, and their pictures.

        :param limit: the most articles to archive, and then no pictures but theirs; None for all
        """
        self.images.open(all_due=limit is None)
        self.articles.open(limit)

    def check_due(self) -> None:
        """Look again what is due."""
        self.articles.check_due()
        self.images.check_due()

    @property
    def busy(self) -> bool:
        """Whether anything is with the spider or on its way to the disk."""
        return self.articles.busy or self.images.busy

    def tick(self) -> None:
        """Time has passed: something may have become due."""
        self.articles.tick()
        self.images.tick()

    def reconfigure(self, settings: Settings) -> None:
        """Go on under other settings."""
        self.run.settings = settings
        self.articles.backoffs.first_delay = settings.network.backoff

    def spider_opened(self, fetcher: Fetcher) -> None:
        """See Work."""
        self.run.open(fetcher)
        self.feeds.resend()
        self.check_due()

    def spider_closed(self) -> None:
        """See Work."""
        self.run.fetching = None
        self.articles.release_unfetched()
        self.images.release_unfetched()

    async def drain(self) -> None:
        """See Work."""
        await self.articles.drain()
        await self.images.drain()

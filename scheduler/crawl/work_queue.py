"""A :class:`~crawler.interfaces.WorkQueue` backed by an archive."""

from __future__ import annotations

from archive.archive import Archive
from config.model import Settings
from crawler.interfaces import Fetcher
from crawler.parsing.pool import ParserPool
from scheduler.clock import Clock
from scheduler.crawl.articles import ArticleQueue
from scheduler.crawl.context import CrawlContext, RunPolicy
from scheduler.crawl.feeds import FeedQueue
from scheduler.crawl.images import ImageQueue


class ArchiveWorkQueue:
    """Leases work from the archive to the spider, and writes the results to the archive."""

    def __init__(
        self, archive: Archive, settings: Settings, clock: Clock, policy: RunPolicy, parsers: ParserPool
    ) -> None:
        self.context = CrawlContext(archive, settings, clock, policy, parsers)
        self.images = ImageQueue(self.context, self._clamp_future_times)
        self.articles = ArticleQueue(self.context, self.images.add_images)
        self.feeds = FeedQueue(self.context, self.articles.add_hosts)

    def open(self, limit: int | None = None) -> None:
        """Start fetching articles and their images.

        :param limit: maximum number of articles to archive, and only their images; None: everything that is due
        """
        self.images.open(all_due=limit is None)
        self.articles.open(limit)

    def open_first(self) -> None:
        """Start fetching only articles of :meth:`ArticleQueue.fetch_first`, and their images."""
        self.images.open(all_due=False)
        self.articles.open(only_first=True)

    def check_due(self) -> None:
        """Check the archive for due work."""
        self.articles.check_due()
        self.images.check_due()

    @property
    def busy(self) -> bool:
        """True if anything is being fetched or written."""
        return self.articles.busy or self.images.busy

    def clock_moved(self) -> None:
        """Adjust what is stored after the clock was set; deadlines in memory do not depend on it."""
        self.articles.clock_moved()
        self.images.check_due()

    def tick(self) -> None:
        """Notify the spider of work that became due; called every second."""
        self.context.check_free_space()
        self.articles.tick()
        self.images.tick()

    def reconfigure(self, settings: Settings) -> None:
        """Apply new settings."""
        self.context.settings = settings
        self.articles.backoffs.first_delay = settings.network.rest

    def _clamp_future_times(self) -> None:
        self.articles.future_times.clamp()

    def spider_opened(self, fetcher: Fetcher) -> None:
        """Use this spider from now on; send it the unfinished and the due work."""
        self.context.open(fetcher)
        self.feeds.resend()
        self.check_due()

    def spider_closed(self) -> None:
        """Take back all leased work that the spider has not fetched."""
        self.context.fetcher = None
        self.articles.release_unfetched()
        self.images.release_unfetched()

    async def drain(self) -> None:
        """Write everything that was fetched to disk."""
        await self.articles.drain()
        await self.images.drain()

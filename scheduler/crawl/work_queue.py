"""A :class:`~crawler.interfaces.WorkQueue` backed by an archive."""

from __future__ import annotations

import asyncio

from archive.archive import Archive
from archive.model.errors import ArchiveError
from config.model import Settings
from crawler.interfaces import Fetcher
from crawler.parsing.pool import ParserPool
from pipeline.retry import MAX_RETRY_DELAY
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
        self.articles = ArticleQueue(self.context, self.images.add_images, self._clamp_future_times)
        self.feeds = FeedQueue(self.context, self.articles.add_hosts)

    def open(self, limit: int | None = None) -> None:
        """Start fetching articles and their images.

        :param limit: maximum number of articles to archive, and only their images; None: everything that is due
        """
        self._clamp_future_times()
        self.images.open(all_due=limit is None)
        self.articles.open(limit)

    def open_first(self) -> None:
        """Start fetching only articles of :meth:`ArticleQueue.fetch_first`, and their images."""
        self._clamp_future_times()
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
        self._clamp_future_times()

    def tick(self) -> None:
        """Notify the spider of work that became due; called every second."""
        self.context.check_free_space()
        self.articles.tick()
        self.images.tick()

    async def release(self, *, parked: bool) -> int:
        """Make every waiting article and image due now; with ``parked``, also queue the parked ones again.

        :return: the number of articles and images that were changed
        :raises ArchiveError: the index cannot be written
        """
        result = asyncio.get_running_loop().create_future()
        self.articles.journal_order.apply(lambda: self._release(result, parked=parked))
        released: int = await result
        self.check_due()
        return released

    def _release(self, result: asyncio.Future[int], *, parked: bool) -> None:
        if result.cancelled():
            return
        try:
            result.set_result(self.context.store.queues.release(self.context.now(), parked=parked))
        except ArchiveError as error:
            result.set_exception(error)

    def reconfigure(self, settings: Settings) -> None:
        """Apply new settings."""
        self.context.settings = settings
        self.articles.backoffs.first_delay = settings.network.rest

    def _clamp_future_times(self) -> None:
        """Clamp times in the future: repairs rows written while the clock was ahead. See D41."""
        self.articles.journal_order.apply(self._clamp_in_index)

    def _clamp_in_index(self) -> None:
        queues = self.context.store.queues
        self.context.attempt(lambda: queues.clamp_future_times(self.context.now(), MAX_RETRY_DELAY))
        self.check_due()

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

"""Scrapy's engine, for as long as there is something to do: one spider at a time, on one loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings as ScrapySettings

from config.model import Settings
from crawler.http.backoff import HostBackoffs
from crawler.http.settings import scrapy_settings
from crawler.interfaces import WorkQueue
from crawler.spider import FeedSpider

logger = logging.getLogger("finarchive")

# Seconds that what is in flight may take to end after a first Ctrl-C or SIGTERM, and then what is on its way to the
# disk to get there: ten in all; systemd waits for 90.
GRACE, LAST_WRITES = 8.0, 2.0
LOOK = 0.05  # seconds between two looks whether what is in flight has ended


class Engine:
    """Runs a spider while ``main`` runs. Scrapy's reactor runs once in a process, so an engine does too.

    SIGINT and SIGTERM cancel ``main`` and let what is in flight come to its end; a second one does not.

    :param main: what the spider is for; the engine stops when it returns
    """

    def __init__(
        self,
        config: Settings,
        work: WorkQueue,
        backoffs: HostBackoffs,
        now: Callable[[], datetime],
        main: Callable[[], Awaitable[None]],
    ) -> None:
        self.interrupted: signal.Signals | None = None
        self._work, self._backoffs, self._now, self._main = work, backoffs, now, main
        self._crash: BaseException | None = None
        self._sent_before = 0  # by the spiders of the past
        self._asked: dict[str, float] = {}  # see FeedSpider
        self._process = AsyncCrawlerProcess(scrapy_settings(config.network))
        self._config = config
        self._crawler: Crawler | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping: asyncio.Task[None] | None = None

    @property
    def requests(self) -> int:
        """How many were sent, robots.txt and redirects included."""
        return self._sent_before + self._sent()

    def _sent(self) -> int:
        if self._crawler is None or self._spider() is None:  # it has not opened yet
            return 0
        return int(self._crawler.stats.get_value("downloader/request_count", 0))

    def run(self) -> None:
        """Run to the end.

        :raises Exception: what ``work`` or ``main`` raised, or a bug; what was recorded until then is safe
        """
        from twisted.internet import reactor  # noqa: PLC0415 - it is there once the process has chosen it

        self._reactor: Any = reactor
        self._reactor.callWhenRunning(self._begin)
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._process.start(stop_after_crawl=False, install_signal_handlers=False)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._crash:
            raise self._crash

    async def renew(self, config: Settings) -> None:
        """Go on with another spider, under other settings. What is in flight comes to its end first."""
        if spider := self._spider():
            spider.closing = True  # what is queued is asked for again by the next one
        if self._crawler is not None:
            await self._crawler.stop_async()
            self._sent_before += self._sent()
        self._config = config
        if self._stopping is None:
            self._open()

    def _spider(self) -> FeedSpider | None:
        spider = self._crawler.spider if self._crawler else None
        return spider if isinstance(spider, FeedSpider) else None

    def _begin(self) -> None:
        self._open()
        self._tasks.append(asyncio.get_event_loop().create_task(self._run_main()))

    def _open(self) -> None:
        # Above those of the process, which are those of its first spider.
        self._crawler = Crawler(FeedSpider, ScrapySettings(scrapy_settings(self._config.network), "cmdline"))
        opened = self._process.crawl(
            self._crawler,
            config=self._config,
            work=self._work,
            backoffs=self._backoffs,
            now=self._now,
            on_crash=self._crashed,
            asked=self._asked,
        )
        opened.add_done_callback(self._closed)

    def _closed(self, crawl: asyncio.Task[None]) -> None:
        if not crawl.cancelled() and (error := crawl.exception()):
            self._crashed(error)

    async def _run_main(self) -> None:
        try:
            await self._main()
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self._crashed(error)
        self._stop()

    def _crashed(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error
        self._stop()

    def _interrupt(self, number: int, _: object) -> None:
        again, self.interrupted = self.interrupted is not None, signal.Signals(number)
        self._reactor.callFromThread(self._halt if again else self._stop)

    def _stop(self) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_event_loop().create_task(self._shut_down())

    async def _shut_down(self) -> None:
        try:
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            if spider := self._spider():
                spider.closing = True
                for _ in range(round(GRACE / LOOK)):
                    if not spider.transferring:
                        break
                    await asyncio.sleep(LOOK)
            try:
                await asyncio.wait_for(self._work.drain(), LAST_WRITES)
            except TimeoutError:  # a disk that takes nothing; what it did not take is fetched again
                logger.warning("not-written reason=%r", "the disk took too long; what is left is fetched again")
            await asyncio.wait(self._tasks, timeout=LAST_WRITES)
            if self._crawler:
                # What is queued and not sent would be waited for, one delay after another.
                await asyncio.wait({asyncio.ensure_future(self._crawler.stop_async())}, timeout=LOOK)
        except Exception as error:
            self._crash = self._crash or error
        finally:
            self._halt()

    def _halt(self) -> None:
        # Private API of Scrapy 2.19: that this is the very set it waits for. Else it waits for what was queued.
        self._process.crawlers.clear()
        if self._reactor.running:
            self._reactor.stop()

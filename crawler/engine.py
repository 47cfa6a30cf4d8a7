"""One run of Scrapy's engine, to its end or until the user wants no more of it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from scrapy import signals
from scrapy.crawler import AsyncCrawlerProcess

from config.model import Feed, Settings
from crawler.rest import Rests
from crawler.settings import scrapy_settings
from crawler.spider import FeedSpider
from crawler.work import Work

logger = logging.getLogger("finarchive")

# How long what is in flight may take to end after a first Ctrl-C or SIGTERM, seconds; systemd waits for 90.
GRACE = 10.0
STARTING = 0.05  # seconds between two looks whether the engine has started, to be stopped


class Engine:
    """Runs the spider over ``feeds``. Scrapy's reactor runs once in a process, so an engine does too.

    SIGINT and SIGTERM let what is in flight come to its end; a second one does not.
    """

    def __init__(
        self, config: Settings, feeds: Sequence[Feed], work: Work, rests: Rests, now: Callable[[], datetime]
    ) -> None:
        self.interrupted = False
        self._crash: BaseException | None = None
        self._work = work
        work.start(self._crashed, self._refill)
        self._process = AsyncCrawlerProcess(scrapy_settings(config.network))
        self._crawler = self._process.create_crawler(FeedSpider)
        self._arguments = {
            "feeds": feeds,
            "config": config,
            "work": work,
            "rests": rests,
            "now": now,
            "on_crash": self._crashed,
        }

    @property
    def requests(self) -> int:
        """How many were sent, robots.txt and redirects included."""
        stats = self._crawler.stats
        return int(stats.get_value("downloader/request_count", 0)) if stats else 0

    def run(self) -> None:
        """Run to the end.

        :raises Exception: what ``work`` raised, or a bug; what was recorded until then is safe
        """
        from twisted.internet import reactor  # noqa: PLC0415 - it is there once the process has chosen it

        self._reactor: Any = reactor
        self._process.crawl(self._crawler, **self._arguments)
        self._crawler.signals.connect(self._work.stop, signals.spider_closed)
        before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._process.start(stop_after_crawl=True, install_signal_handlers=False)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._crash:
            raise self._crash

    def _crashed(self, error: BaseException) -> None:
        if self._crash is None:
            self._crash = error
            self._stop()

    def _refill(self) -> None:
        spider = self._crawler.spider
        if isinstance(spider, FeedSpider):
            spider.refill()

    def _interrupt(self, *_: object) -> None:
        again, self.interrupted = self.interrupted, True
        self._reactor.callFromThread(self._halt if again else self._stop)

    def _stop(self) -> None:
        asyncio.get_event_loop().call_later(GRACE, self._halt)
        self._stop_when_running()

    def _stop_when_running(self) -> None:
        loop, engine = asyncio.get_event_loop(), self._crawler.engine
        if engine is not None and engine.running:
            self._stopping = loop.create_task(self._process.stop())
        else:  # Scrapy would take note of a stop while it starts, and do nothing
            loop.call_later(STARTING, self._stop_when_running)

    def _halt(self) -> None:
        if self._reactor.running:
            self._reactor.stop()

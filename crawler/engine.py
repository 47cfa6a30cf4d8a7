"""Runs Scrapy while there is work: one spider at a time, on one event loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, cast

from scrapy import Spider
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import Settings as ScrapySettings

from config.model import Settings
from crawler.http.backoff import HostBackoffs
from crawler.http.downloader import SENT
from crawler.http.remote import remote_settings
from crawler.http.settings import scrapy_settings
from crawler.http.transfer import RemoteDownloader, TransferOwner, TransferState
from crawler.interfaces import WorkQueue
from crawler.parsing.pool import ParserPool
from crawler.spider import FeedSpider

logger = logging.getLogger("finarchive")

# After a first Ctrl-C or SIGTERM, requests in flight have this long to end, and then the last writes have this long
# to reach the disk: ten seconds together; systemd waits for 90.
TRANSFER_TIMEOUT_SECONDS = 8.0
WRITE_TIMEOUT_SECONDS = 2.0
CHECK_INTERVAL_SECONDS = 0.05  # between two checks whether requests in flight have ended


class SpiderRunner:
    """Runs a spider while ``main`` runs. Scrapy's reactor runs once in a process, so a runner does too.

    SIGINT and SIGTERM cancel ``main`` and let requests in flight finish; a second signal does not wait for them.
    Subclasses name the spider.

    :param main: the work; the runner stops when it returns
    """

    def __init__(self, main: Callable[[], Awaitable[None]]) -> None:
        self.interrupted: signal.Signals | None = None
        self._main = main
        self._crash: BaseException | None = None
        self._sent_before = 0  # requests of earlier spiders
        self._process = AsyncCrawlerProcess(self._scrapy_settings())
        self._crawler: Crawler | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping: asyncio.Task[None] | None = None

    def _scrapy_settings(self) -> dict[str, Any]:
        """Return the present settings of Scrapy."""
        raise NotImplementedError

    def _spider_class(self) -> tuple[type[Spider], dict[str, Any]]:
        """Return the spider's class and its arguments. Its instances are :class:`TransferOwner`."""
        raise NotImplementedError

    async def _drain(self) -> None:
        """Finish what is in progress once all requests have ended."""

    @property
    def requests(self) -> int:
        """Number of requests sent, robots.txt and redirects included."""
        return self._sent_before + self._sent()

    def _sent(self) -> int:
        if self._crawler is None or self._transfer() is None:  # it has not opened yet
            return 0
        return int(self._crawler.stats.get_value(SENT, 0))

    def run(self) -> None:
        """Run until ``main`` returns or a signal arrives.

        :raises Exception: an error that ``work`` or ``main`` raised, or a bug; results recorded until then are safe
        """
        from twisted.internet import reactor  # noqa: PLC0415 - it exists once the process has chosen it

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

    async def _close(self) -> None:
        """Close the spider, after its requests in flight have ended."""
        if transfer := self._transfer():
            transfer.close()  # the next spider requests again what is queued
        if self._crawler is not None:
            await self._crawler.stop_async()
            self._sent_before += self._sent()

    def _transfer(self) -> TransferState | None:
        """Return the state of the open spider's transfers; None if none has opened."""
        spider = self._crawler.spider if self._crawler else None
        return cast(TransferOwner, spider).transfer if spider else None

    def _begin(self) -> None:
        self._open()
        self._tasks.append(asyncio.get_event_loop().create_task(self._run_main()))

    def _open(self) -> None:
        # With a priority above the settings of the process, which are those of its first spider.
        spider_class, arguments = self._spider_class()
        self._crawler = Crawler(spider_class, ScrapySettings(self._scrapy_settings(), "cmdline"))
        self._process.crawl(self._crawler, **arguments).add_done_callback(self._closed)

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
        is_repeated = self.interrupted is not None
        self.interrupted = signal.Signals(number)
        self._reactor.callFromThread(self._halt if is_repeated else self._stop)

    def _stop(self) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_event_loop().create_task(self._shut_down())

    async def _shut_down(self) -> None:
        try:
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            if transfer := self._transfer():
                transfer.close()
                for _ in range(round(TRANSFER_TIMEOUT_SECONDS / CHECK_INTERVAL_SECONDS)):
                    if not transfer.in_flight:
                        break
                    await asyncio.sleep(CHECK_INTERVAL_SECONDS)
            try:
                await asyncio.wait_for(self._drain(), WRITE_TIMEOUT_SECONDS)
            except TimeoutError:  # the disk does not accept writes, or a page is parsed for long
                logger.warning("not-written reason=%r", "it took too long; the next start reads or fetches it again")
            await asyncio.wait(self._tasks, timeout=WRITE_TIMEOUT_SECONDS)
            if self._crawler:
                # Without a timeout this would wait for queued requests, one delay after another.
                stopped = asyncio.ensure_future(self._crawler.stop_async())
                await asyncio.wait({stopped}, timeout=CHECK_INTERVAL_SECONDS)
        except Exception as error:
            self._crash = self._crash or error
        finally:
            self._halt()

    def _halt(self) -> None:
        # Private API of Scrapy 2.19: the process waits for this very set. Otherwise it waits for queued requests.
        self._process.crawlers.clear()
        if self._reactor.running:
            self._reactor.stop()


class Engine(SpiderRunner):
    """Runs the spider that polls feeds and fetches articles.

    :param work: source of the spider's work and sink of its results
    :param backoffs: back-off state of all hosts
    :param now: the clock, aware
    :param main: the work; the engine stops when it returns
    :param parsers: parse the lists
    :param remote: sends the requests; None: this process does
    """

    def __init__(
        self,
        config: Settings,
        work: WorkQueue,
        backoffs: HostBackoffs,
        now: Callable[[], datetime],
        main: Callable[[], Awaitable[None]],
        *,
        parsers: ParserPool,
        remote: RemoteDownloader | None = None,
    ) -> None:
        self._config = config
        self._work = work
        self._backoffs = backoffs
        self._parsers = parsers
        self._now = now
        self._remote = remote
        self._last_requests: dict[str, float] = {}  # see TransferState
        super().__init__(main)

    async def renew(self, config: Settings) -> None:
        """Replace the spider by one with other settings, after its requests in flight have ended."""
        await self._close()
        self._config = config
        if self._stopping is None:
            self._open()

    def _scrapy_settings(self) -> dict[str, Any]:
        network = self._config.network
        return remote_settings(network, self._config.cluster.requests) if self._remote else scrapy_settings(network)

    def _spider_class(self) -> tuple[type[Spider], dict[str, Any]]:
        per_host = self._config.cluster.per_host if self._remote else 2 * self._config.network.concurrency
        return FeedSpider, {
            "config": self._config,
            "work": self._work,
            "parsers": self._parsers,
            "now": self._now,
            "on_crash": self._crashed,
            "transfer": TransferState(self._backoffs, self._last_requests, remote=self._remote),
            "max_per_host": per_host,
        }

    async def _drain(self) -> None:
        await self._work.drain()

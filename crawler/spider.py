"""The spider: reads lists on request, and fetches waiting articles and images until it is closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from typing import Any, Self, cast

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response

from archive.model.feed import Entry, Failure, FailureKind
from config.model import Feed, Settings
from crawler import urls
from crawler.feeds import FeedFetcher
from crawler.http import failures
from crawler.http.backoff import HostBackedOffError
from crawler.http.dispatcher import Dispatcher, OnError, OnResponse
from crawler.http.downloader import DirectDownloader
from crawler.http.failures import ClosingError
from crawler.http.middleware import DOCID, RAW_RESPONSE
from crawler.http.transfer import TransferState
from crawler.images import ImageFetcher
from crawler.interfaces import WorkQueue
from crawler.paging.backfill import Backfill
from crawler.parsing.pool import ParserPool

logger = logging.getLogger("finarchive")


class FeedSpider(Spider):
    """Polls feeds and fetches articles; a :class:`~crawler.interfaces.Fetcher`.

    :param work: source of work and sink of results
    :param now: the clock, aware
    :param on_crash: called with an error that ends the crawl: one that ``work`` raised, or a bug
    :param parsers: parse the lists
    :param transfer: state of its requests
    :param max_per_host: maximum number of articles handed to Scrapy for one host
    """

    name = "finarchive"
    _dispatcher: Dispatcher

    def __init__(
        self,
        *,
        config: Settings,
        work: WorkQueue,
        now: Callable[[], datetime],
        on_crash: Callable[[BaseException], None],
        parsers: ParserPool,
        transfer: TransferState,
        max_per_host: int,
    ) -> None:
        super().__init__()
        self.transfer = transfer
        self._work = work
        self._on_crash = on_crash
        self._max_per_host = max_per_host
        self._feeds = FeedFetcher(
            work.feeds, now, self._send, self.crash, max_pages=config.schedule.pages, parsers=parsers
        )
        self._images = ImageFetcher(
            work.images,
            self._send,
            self.crash,
            should_release=self._should_release,
            refill=self.refill,
            max_per_host=max_per_host // 2,
        )
        self._queued: Counter[str] = Counter()  # articles handed to Scrapy, by host
        self._timers: dict[str, asyncio.TimerHandle] = {}  # backed-off hosts, to be tried again afterwards
        self._charged: dict[str, BaseException | None] = {}  # by host: the last error counted against an article

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Create a spider. Scrapy calls this."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        limit = crawler.settings.getint("CONCURRENT_REQUESTS")
        spider._dispatcher = Dispatcher(spider._download, limit, spider.refill)
        crawler.signals.connect(spider.on_idle, signals.spider_idle)
        crawler.signals.connect(spider.on_closed, signals.spider_closed)
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """Yield no requests: the work queue schedules them once the spider is open."""
        try:
            self._work.spider_opened(self)
        except Exception as error:  # Scrapy would log it and wait for ever
            self.crash(error)
        return
        yield  # makes this an asynchronous generator, as Scrapy requires

    def on_idle(self) -> None:
        """Stay open: Scrapy does not know of the requests in progress.

        :raises DontCloseSpider: always: the engine closes the spider
        """
        raise DontCloseSpider

    async def on_closed(self) -> None:
        """Wait for the requests in progress, cancel timers, and return leased work."""
        await self._dispatcher.close()
        for timer in self._timers.values():
            timer.cancel()
        self._work.spider_closed()

    def poll(self, feed: Feed) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        self._feeds.poll(feed)

    def peek(self, feed: Feed) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        self._feeds.peek(feed)

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        self._feeds.backfill(feed, backfill)

    def refill(self, host: str | None = None) -> None:
        """Hand Scrapy as many articles as keep its slots busy, and few more: of one host, or of all."""
        try:
            hosts = [host] if host else [*self._work.articles.hosts(), *self._work.images.hosts()]
            for each in dict.fromkeys(hosts):
                self._refill_host(each)
        except Exception as error:
            self.crash(error)

    def _refill_host(self, host: str) -> None:
        room = self._max_per_host - self._queued[host]
        # Half of the places at a time: one query of the index for many articles.
        if self.transfer.is_closing or room < self._max_per_host // 2 or self._is_backed_off(host):
            return
        for entry in self._work.articles.lease(host, room):
            try:
                request = Request(entry.url, meta={RAW_RESPONSE: None, DOCID: entry.docid})
            except ValueError as error:  # Scrapy does not accept the address
                reason = f"the address {entry.url[:100]!r} cannot be requested: {error}"
                self._work.articles.record_failure(entry, Failure(entry.docid, FailureKind.UNREADABLE, reason))
            else:
                self._queued[host] += 1
                self._send(
                    request,
                    partial(self.read_article, entry, host, time.monotonic()),
                    partial(self.fail_article, entry, host),
                )
        if not self._queued[host]:
            self._images.refill(host)

    def _is_backed_off(self, host: str) -> bool:
        """Return whether a host is backed off; set a timer for its end if that is worth waiting for."""
        if host in self._timers:
            return True
        if not self.transfer.backoffs.current(host):
            return False
        if (seconds := self._work.articles.backoff_wait(host)) is not None:
            self._timers[host] = asyncio.get_running_loop().call_later(seconds, self._after_backoff, host)
        return True

    def _after_backoff(self, host: str) -> None:
        del self._timers[host]
        self.refill(host)

    def read_article(self, entry: Entry, host: str, began: float, response: Response) -> None:
        """Pass on the response to a request for an article."""
        try:
            self._queued[host] -= 1
            milliseconds = round((time.monotonic() - began) * 1000)
            self._work.articles.record_response(entry, response.meta[RAW_RESPONSE], milliseconds)
        except Exception as error:
            self.crash(error)
        self.refill(host)

    def fail_article(self, entry: Entry, host: str, request: Request, error: Exception) -> None:
        """Record that an article's page could not be fetched."""
        try:
            self._queued[host] -= 1
            if self._should_release(host, error):
                self._work.articles.release(entry)
            else:
                failure = failures.of_exception(error, entry.docid, urls.host(request.url))
                self._work.articles.record_failure(entry, failure)
        except Exception as crash:
            self.crash(crash)
        self.refill(host)

    def _should_release(self, host: str, error: BaseException | None) -> bool:
        """Return whether a failed request to a host must not count as an attempt of the article or image."""
        if isinstance(error, HostBackedOffError) and self.transfer.backoffs.current(host):
            return True  # if only the host of a redirect is backed off, this host may be tried
        return isinstance(error, ClosingError) or self._is_charged(host, error)

    def _is_charged(self, host: str, error: BaseException | None) -> bool:
        """Return whether this exception was already counted against another article (a shared robots.txt failure)."""
        is_repeated = self._charged.get(host) is error
        self._charged[host] = error
        return is_repeated and error is not None and failures.unreachable_weight(error) > 0

    def _send(self, request: Request, on_response: OnResponse, on_error: OnError) -> None:
        if not self.transfer.is_closing:  # else the work queue requests it again from the next spider
            self._dispatcher.send(request, on_response, on_error)

    async def _download(self, request: Request) -> Response | Request:
        engine: Any = self.crawler.engine  # None before it is open
        return await cast(DirectDownloader, engine.downloader).download(request)

    def crash(self, error: BaseException) -> None:
        """See :class:`~crawler.interfaces.Fetcher`. Recorded results are safe."""
        self.transfer.is_closing = True
        self._on_crash(error)

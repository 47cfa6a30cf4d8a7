"""The spider: reads lists on request, and fetches waiting articles and images until it is closed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure as TwistedFailure

from archive.model.feed import Entry, Failure, FailureKind
from config.model import Feed, Settings
from crawler import urls
from crawler.feeds import FeedFetcher
from crawler.http import failures
from crawler.http.backoff import HostBackedOffError, HostBackoffs
from crawler.http.failures import ClosingError
from crawler.http.middleware import RAW_RESPONSE
from crawler.http.transfer import TransferState
from crawler.images import ImageFetcher
from crawler.interfaces import WorkQueue
from crawler.paging.backfill import Backfill
from crawler.parsing.pool import ParserPool

logger = logging.getLogger("finarchive")


class FeedSpider(Spider):
    """Polls feeds and fetches articles; a :class:`~crawler.interfaces.Fetcher`.

    :param work: source of work and sink of results
    :param backoffs: back-off state of all hosts
    :param now: the clock, aware
    :param on_crash: called with an error that ends the crawl: one that ``work`` raised, or a bug
    :param parsers: parse the lists
    :param last_requests: time of the last request to each host, see :class:`~crawler.http.transfer.TransferState`
    """

    name = "finarchive"

    def __init__(
        self,
        *,
        config: Settings,
        work: WorkQueue,
        backoffs: HostBackoffs,
        now: Callable[[], datetime],
        on_crash: Callable[[BaseException], None],
        parsers: ParserPool,
        last_requests: dict[str, float],
    ) -> None:
        super().__init__()
        self.transfer = TransferState(backoffs, last_requests)
        self._work = work
        self._on_crash = on_crash
        self._max_per_host = 2 * config.network.concurrency
        self._feeds = FeedFetcher(
            work.feeds, now, self._send, self.crash, max_pages=config.schedule.pages, parsers=parsers
        )
        self._images = ImageFetcher(
            work.images,
            self._send,
            self.crash,
            should_release=self._should_release,
            refill=self.refill,
            max_per_host=config.network.concurrency,
        )
        self._queued: Counter[str] = Counter()  # articles handed to Scrapy, by host
        self._timers: dict[str, asyncio.TimerHandle] = {}  # backed-off hosts, to be tried again afterwards
        self._charged: dict[str, BaseException | None] = {}  # by host: the last error counted against an article

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Create a spider. Scrapy calls this."""
        spider = super().from_crawler(crawler, *args, **kwargs)
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
        """Lease more work when nothing is in flight.

        :raises DontCloseSpider: always: the engine closes the spider
        """
        self.refill()
        raise DontCloseSpider

    def on_closed(self) -> None:
        """Cancel timers and return leased work."""
        for timer in self._timers.values():
            timer.cancel()
        self._work.spider_closed()

    def poll(self, feed: Feed) -> None:
        """See :class:`~crawler.interfaces.Fetcher`."""
        self._feeds.poll(feed)

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
                request = self._article_request(entry, host)
            except ValueError as error:  # Scrapy does not accept the address
                reason = f"the address {entry.url[:100]!r} cannot be requested: {error}"
                self._work.articles.record_failure(entry, Failure(entry.docid, FailureKind.UNREADABLE, reason))
            else:
                self._queued[host] += 1
                self._send(request)
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

    def _article_request(self, entry: Entry, host: str) -> Request:
        return Request(
            entry.url,
            callback=self.read_article,
            errback=self.fail_article,
            cb_kwargs={"entry": entry, "host": host, "began": time.monotonic()},
            meta={RAW_RESPONSE: None},
        )

    def read_article(self, response: Response, entry: Entry, host: str, began: float) -> None:
        """Pass on the response to a request for an article."""
        try:
            self._queued[host] -= 1
            milliseconds = round((time.monotonic() - began) * 1000)
            self._work.articles.record_response(entry, response.meta[RAW_RESPONSE], milliseconds)
        except Exception as error:
            self.crash(error)
        self.refill(host)

    def fail_article(self, failure: TwistedFailure) -> None:
        """Record that an article's page could not be fetched."""
        request: Request = failure.request  # type: ignore[attr-defined]
        entry, host = request.cb_kwargs["entry"], request.cb_kwargs["host"]
        try:
            self._queued[host] -= 1
            if self._should_release(host, failure.value):
                self._work.articles.release(entry)
            else:
                self._work.articles.record_failure(
                    entry, failures.of_exception(failure.value, entry.docid, urls.host(request.url))
                )
        except Exception as error:
            self.crash(error)
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

    def _send(self, request: Request) -> None:
        if not self.transfer.is_closing:  # else the work queue requests it again from the next spider
            self._engine.crawl(request)

    @property
    def _engine(self) -> Any:
        # Internal API of Scrapy 2.19: the engine's method `crawl`.
        return self.crawler.engine

    def crash(self, error: BaseException) -> None:
        """See :class:`~crawler.interfaces.Fetcher`. Recorded results are safe."""
        self.transfer.is_closing = True
        self._on_crash(error)

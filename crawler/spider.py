"""The spider: reads lists when it is asked to, and fetches the articles that wait, until it is closed."""

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
from crawler.http.middleware import ANSWER
from crawler.images import ImageFetcher
from crawler.interfaces import WorkQueue
from crawler.paging.backfill import Backfill

logger = logging.getLogger("finarchive")


class FeedSpider(Spider):
    """Polls feeds and fetches articles; a :class:`~crawler.interfaces.Fetcher`.

    :param work: where work comes from and outcomes go
    :param backoffs: which hosts want rest
    :param now: the clock, aware
    :param on_crash: called once with an error that ends the crawl: one that ``work`` raised, or a bug
    :param asked: when each host is asked last, on the monotonic clock, by this spider and those before it
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
        asked: dict[str, float],
    ) -> None:
        super().__init__()
        self.backoffs, self.asked = backoffs, asked
        self.closing = False  # nothing more may be sent
        self.transferring = 0  # requests on the wire
        self._config, self._work, self._now, self._on_crash = config, work, now, on_crash
        self._lists = FeedFetcher(work.feeds, now, self._send, self.crash, config.schedule.pages)
        self._pictures = ImageFetcher(
            work.images,
            self._send,
            self.crash,
            should_release=self._should_release,
            refill=self.refill,
            most=config.network.concurrency,
        )
        self._on_the_wire: Counter[str] = Counter()  # articles handed to Scrapy, by host
        self._waiting: dict[str, asyncio.TimerHandle] = {}  # hosts to be asked again after their rest
        self._charged: dict[str, BaseException | None] = {}  # by host: the last miss that an article was charged with

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's way to make a spider."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.on_idle, signals.spider_idle)
        crawler.signals.connect(spider.on_closed, signals.spider_closed)
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """Nothing by itself: what is to be read is asked for once the spider is open."""
        try:
            self._work.spider_opened(self)
        except Exception as error:  # Scrapy would log it and wait for ever
            self.crash(error)
        return
        yield  # an asynchronous generator, as Scrapy has it

    def on_idle(self) -> None:
        """Nothing is on its way.

        :raises DontCloseSpider: always: the engine closes the spider, not its idleness
        """
        self.refill()
        raise DontCloseSpider

    def on_closed(self) -> None:
        """Nothing more will come."""
        for timer in self._waiting.values():
            timer.cancel()
        self._work.spider_closed()

    def poll(self, feed: Feed) -> None:
        """See Fetching."""
        self._lists.poll(feed)

    def backfill(self, feed: Feed, backfill: Backfill) -> None:
        """See Fetching."""
        self._lists.backfill(feed, backfill)

    def refill(self, host: str | None = None) -> None:
        """Hand Scrapy as many articles as keep its slots busy, and not many more: of one host, or of all."""
        try:
            hosts = [host] if host else [*self._work.articles.hosts(), *self._work.images.hosts()]
            for each in dict.fromkeys(hosts):
                self._refill_host(each)
        except Exception as error:
            self.crash(error)

    def _refill_host(self, host: str) -> None:
        most = 2 * self._config.network.concurrency
        room = most - self._on_the_wire[host]
        # Half at a time: one question to the index for many articles.
        if self.closing or room < most // 2 or host in self._waiting or self._back_off(host):
            return
        for entry in self._work.articles.lease(host, room):
            try:
                request = self._article_request(entry, host)
            except ValueError as error:  # Scrapy will not have the address
                reason = f"the address {entry.url[:100]!r} cannot be asked for: {error}"
                self._work.articles.record_failure(entry, Failure(entry.docid, FailureKind.UNREADABLE, reason))
            else:
                self._on_the_wire[host] += 1
                self._send(request)
        if not self._on_the_wire[host]:
            self._pictures.refill(host)

    def _back_off(self, host: str) -> bool:
        """Whether a host must not be asked now; it is called again when its rest is worth waiting for."""
        if not self.backoffs.current(host):
            return False
        if (seconds := self._work.articles.backoff_wait(host)) is not None:
            self._waiting[host] = asyncio.get_running_loop().call_later(seconds, self._wake, host)
        return True

    def _wake(self, host: str) -> None:
        del self._waiting[host]
        self.refill(host)

    def _article_request(self, entry: Entry, host: str) -> Request:
        return Request(
            entry.url,
            callback=self.read_article,
            errback=self.fail_article,
            cb_kwargs={"entry": entry, "host": host, "began": time.monotonic()},
            meta={ANSWER: None},
        )

    def read_article(self, response: Response, entry: Entry, host: str, began: float) -> None:
        """An answer has come to the request for an article: pass it on."""
        try:
            self._on_the_wire[host] -= 1
            milliseconds = round((time.monotonic() - began) * 1000)
            self._work.articles.record_response(entry, response.meta[ANSWER], milliseconds)
        except Exception as error:
            self.crash(error)
        self.refill(host)

    def fail_article(self, failure: TwistedFailure) -> None:
        """An article's page could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]
        entry, host = request.cb_kwargs["entry"], request.cb_kwargs["host"]
        try:
            self._on_the_wire[host] -= 1
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
        """Whether it says nothing of what was asked for that a request to a host failed with this."""
        if isinstance(error, HostBackedOffError) and self.backoffs.current(host):
            return True  # not so when it is a redirect's host that rests: this one may be asked
        return isinstance(error, ClosingError) or self._is_charged(host, error)

    def _is_charged(self, host: str, error: BaseException | None) -> bool:
        """Whether another article was charged with this very miss: many may have waited for one robots.txt."""
        again, self._charged[host] = self._charged.get(host) is error, error
        return again and error is not None and failures.is_out_of_reach(error) > 0

    def _send(self, request: Request) -> None:
        if not self.closing:  # else whoever wanted it asks again once another spider is open
            self._engine.crawl(request)

    @property
    def _engine(self) -> Any:
        # Internal API of Scrapy 2.19: the engine's method `crawl`.
        return self.crawler.engine

    def crash(self, error: BaseException) -> None:
        """See Fetching. What was recorded is safe."""
        self.closing = True
        self._on_crash(error)

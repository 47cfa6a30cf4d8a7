"""The spider: reads the lists of feeds, then fetches the articles that wait, until none does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, DontCloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure as TwistedFailure

from archive.records import Article, Entry, Failure, Kind, Listing, Page
from config.model import Feed, Settings
from crawler import failures, urls
from crawler.errors import ExtractionError, ListingError
from crawler.extract import extract, is_whole
from crawler.listings.registry import READERS
from crawler.reading import Next, Reading, read_page
from crawler.rest import HostRestsError, Rests
from crawler.work import Work

logger = logging.getLogger("finarchive")

POLL_PRIORITY = 10  # above articles: a poll never waits behind a backlog


class FeedSpider(Spider):
    """Polls feeds and fetches articles.

    :param feeds: the feeds to poll
    :param work: where work comes from and outcomes go
    :param rests: which hosts want rest
    :param now: the clock, aware
    :param on_crash: called once with an error that ends the crawl: one that ``work`` raised, or a bug
    """

    name = "finarchive"

    def __init__(
        self,
        *,
        feeds: Sequence[Feed],
        config: Settings,
        work: Work,
        rests: Rests,
        now: Callable[[], datetime],
        on_crash: Callable[[BaseException], None],
    ) -> None:
        super().__init__()
        self.rests = rests
        self._feeds, self._config, self._work, self._now, self._on_crash = feeds, config, work, now, on_crash
        self._on_the_wire: Counter[str] = Counter()  # articles handed to Scrapy, by host
        self._waiting: dict[str, asyncio.TimerHandle] = {}  # hosts to be asked again after their rest

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's way to make a spider."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.on_idle, signals.spider_idle)
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """The first page of every feed's list."""
        for feed in self._feeds:
            if feed.kind in READERS:
                yield self._list_request(feed, Reading(feed.id, self._now()))
            else:
                reason = f"this version cannot read lists of kind {feed.kind} yet"
                self._end_poll(Reading(feed.id, self._now()), Failure(feed.id, Kind.REFUSED, reason))

    def on_idle(self) -> None:
        """Nothing is on its way: go on with what waits, or let Scrapy close the spider.

        :raises DontCloseSpider: there is more to do, now or after some host's rest
        """
        try:
            self.refill()
        except Exception as error:
            self._crash(error)
        if self._on_the_wire.total() or self._waiting or self._work.full():
            raise DontCloseSpider

    # Lists

    def _list_request(self, feed: Feed, reading: Reading) -> Request:
        return Request(
            READERS[feed.kind].page_url(feed, reading.pages + 1),
            callback=self.read_list,
            errback=self.fail_list,
            cb_kwargs={"feed": feed, "reading": reading},
            priority=POLL_PRIORITY,
        )

    def read_list(self, response: Response, feed: Feed, reading: Reading) -> Request | None:
        """A page of a list has come: read on, or end the poll."""
        try:
            listing = self._understand(response, feed, first=not reading.pages)
            if isinstance(listing, Failure):
                self._end_poll(reading, listing)
                return None
            known = self._work.known(feed.id, [entry.docid for entry in listing.entries])
            reading, what = read_page(reading, listing, known, self._config.schedule.pages)
            if what is Next.READ_ON or (what is Next.HOLE and reading.holes == 1):
                return self._list_request(feed, reading)
            self._end_poll(reading, ground=what is not Next.HOLE)
        except Exception as error:
            self._crash(error)
        return None

    def _understand(self, response: Response, feed: Feed, *, first: bool) -> Listing | Failure:
        if failure := failures.of_status(response.status, feed.id, _header(response, "Location")):
            return failure
        try:
            listing = READERS[feed.kind].read(response.body, _header(response, "Content-Type"), feed)
            if first and not listing.entries and not listing.failures:
                raise ListingError("the list is empty")
        except ListingError as error:
            return failures.of_exception(error, feed.id, urls.host(response.url))
        except Exception as error:  # a bug, in code that only reads: other lists must not suffer from it
            logger.exception("bug feed=%s url=%s", feed.id, response.url)
            return Failure(feed.id, Kind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")
        return listing

    def fail_list(self, failure: TwistedFailure) -> None:
        """A page of a list could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]
        reading, feed = request.cb_kwargs["reading"], request.cb_kwargs["feed"]
        self._end_poll(reading, failures.of_exception(failure.value, feed.id, urls.host(request.url)))

    def _end_poll(self, reading: Reading, error: Failure | None = None, *, ground: bool = False) -> None:
        try:
            self._work.polled(reading.poll(ground=ground, error=error))
            self.refill()
        except Exception as crash:
            self._crash(crash)

    # Articles

    def refill(self, host: str | None = None) -> None:
        """Hand Scrapy as many articles as keep its slots busy, and not many more: of one host, or of all."""
        for each in [host] if host else list(self._work.hosts()):
            self._refill_host(each)

    def _refill_host(self, host: str) -> None:
        most = 2 * self._config.network.concurrency
        room = most - self._on_the_wire[host]
        # Half at a time: one question to the index for many articles.
        if room < most // 2 or host in self._waiting or self._let_rest(host):
            return
        for entry in self._work.take(host, room):
            try:
                request = self._article_request(entry, host)
            except ValueError as error:  # Scrapy will not have the address
                reason = f"the address {entry.url[:100]!r} cannot be asked for: {error}"
                self._work.failed(entry, Failure(entry.docid, Kind.UNREADABLE, reason))
            else:
                self._on_the_wire[host] += 1
                self._engine.crawl(request)

    def _let_rest(self, host: str) -> bool:
        """Whether a host must not be asked now; it is called again when its rest is worth waiting for."""
        if not self.rests.current(host):
            return False
        if (seconds := self._work.patience(host)) is not None:
            self._waiting[host] = asyncio.get_running_loop().call_later(seconds, self._wake, host)
        return True

    def _wake(self, host: str) -> None:
        del self._waiting[host]
        try:
            self.refill(host)
        except Exception as error:
            self._crash(error)

    def _article_request(self, entry: Entry, host: str) -> Request:
        return Request(
            entry.url,
            callback=self.read_article,
            errback=self.fail_article,
            cb_kwargs={"entry": entry, "host": host, "began": time.monotonic()},
        )

    def read_article(self, response: Response, entry: Entry, host: str, began: float) -> None:
        """An article's page has come: understand it and pass it on."""
        try:
            self._on_the_wire[host] -= 1
            read = self._read(response, entry)
            if isinstance(read, Article):
                self._work.archived(entry, read, round((time.monotonic() - began) * 1000))
            else:
                self._work.failed(entry, read)
            self.refill(host)
        except Exception as error:
            self._crash(error)

    def _read(self, response: Response, entry: Entry) -> Article | Failure:
        if failure := failures.of_status(response.status, entry.docid, _header(response, "Location")):
            return failure
        page = Page(response.url, response.body, _header(response, "Content-Type"), self._now())
        if "partial" in response.flags and not is_whole(page):
            return Failure(entry.docid, Kind.TEMPORARY, "the page ends in the middle")
        try:
            return extract(page, entry, clean=self._config.archive.body == "clean")
        except ExtractionError as error:
            return failures.of_exception(error, entry.docid, urls.host(response.url))
        except Exception as error:  # a bug, in code that only reads: other articles must not suffer from it
            logger.exception("bug docid=%s url=%s", entry.docid, response.url)
            return Failure(entry.docid, Kind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")

    def fail_article(self, failure: TwistedFailure) -> None:
        """An article's page could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]
        entry, host = request.cb_kwargs["entry"], request.cb_kwargs["host"]
        try:
            self._on_the_wire[host] -= 1
            if isinstance(failure.value, HostRestsError) and self.rests.current(host):
                self._work.give_back(entry)  # not so when it is a redirect's host that rests: this one may be asked
            else:
                self._work.failed(entry, failures.of_exception(failure.value, entry.docid, urls.host(request.url)))
            self.refill(host)
        except Exception as error:
            self._crash(error)

    # The end

    @property
    def _engine(self) -> Any:
        return self.crawler.engine

    def _crash(self, error: BaseException) -> None:
        """Stop: what cannot be recorded must not go on being fetched. What was recorded is safe."""
        self._on_crash(error)
        raise CloseSpider("crashed") from error


def _header(response: Response, name: str) -> str:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else ""

"""The last step before the network, and the first after it: the rules that hold for every single request."""

from __future__ import annotations

import asyncio
import math
import time
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest, ResponseDataLossError
from scrapy.http import Headers, Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

from archive.looks import Answer
from crawler import guard, urls
from crawler.failures import ClosingError, RefusedError, is_out_of_reach, of_exception
from crawler.rest import REFUSALS

# In the meta of a request whose answer is wanted as it was sent; afterwards it holds it.
ANSWER = "finarchive_answer"
ROBOTS = "dont_obey_robotstxt"  # Scrapy's mark on its own requests for robots.txt
LARGEST_ROBOTS = 512 * 1024  # bytes; RFC 9309 asks for 500 KiB, and megabytes of rules take seconds to parse
ROBOTS_AGE = 24 * 3600  # seconds; RFC 9309: not to be used for longer than a day
_ZLIB_CODINGS = (b"gzip", b"x-gzip", b"deflate")
_CHUNK = 1024 * 1024  # bytes unpacked at a time: a bomb must not fill the memory

if TYPE_CHECKING:
    from crawler.spider import FeedSpider


class PoliteHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, which asks no host that wants rest and notices when one does.

    It stands below Scrapy's queues: what was queued before a host asked for rest is not sent either.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        # Scrapy 2.19 counts a request as on the wire a moment after it took it from the queue: without a delay it
        # sends a whole burst, whatever CONCURRENT_REQUESTS_PER_DOMAIN says.
        most = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._delay = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(most))

    async def download_request(self, request: Request) -> Response:
        """Fetch.

        :raises ClosingError: the spider closes
        :raises HostRestsError: the host is left alone
        :raises RefusedError: the address is private, and a proxy would be asked for it
        """
        host = urls.host(request.url)
        if "proxy" in request.meta and guard.names_private(host) and not self._allows_private():
            raise RefusedError(f"{host} is a private address, and network.allow_private is false")
        spider = cast("FeedSpider", self._crawler.spider)
        rests = spider.rests
        async with self._turns[host]:
            await self._pause(host, spider.asked)
            if spider.closing:
                raise ClosingError("the spider closes")
            rests.check(host)
            response = await self._download(request, host, spider)
        robots = request.meta.get(ROBOTS)
        # Many hosts answer 403 to robots.txt where they have none: that is no refusal of anything else.
        if response.status in REFUSALS and not (robots and response.status == 403):
            retry_after = response.headers.get("Retry-After")
            rests.refused(host, response.status, retry_after.decode("latin-1") if retry_after else None)
        elif response.status < 500 and not robots:
            rests.answered(host)
        return response

    async def _pause(self, host: str, asked: dict[str, float]) -> None:
        """Wait for the delay to pass. Scrapy does too, but knows nothing of the spider before this one."""
        now = time.monotonic()
        asked[host] = max(now, asked.get(host, -math.inf) + self._delay)
        if asked[host] > now:
            await asyncio.sleep(asked[host] - now)

    async def _download(self, request: Request, host: str, spider: FeedSpider) -> Response:
        spider.transferring += 1
        try:
            return await super().download_request(request)
        except Exception as error:
            spider.rests.missed(host, is_out_of_reach(error), of_exception(error, host, host).reason)
            raise
        finally:
            spider.transferring -= 1

    def _allows_private(self) -> bool:
        return bool(self._crawler.settings.getbool(guard.ALLOW_PRIVATE))


class StrictRobots(RobotsTxtMiddleware):
    """Scrapy's robots.txt middleware, but for hosts whose robots.txt could not be had.

    Scrapy then takes everything as allowed, for the life of the process. Here the request fails as its robots.txt
    did, and the next one asks again. Nor does it keep to the rules for more than two of the requests that wait for
    them together; here all do.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._unknown: dict[str, Exception] = {}
        self._asked: dict[str, float] = {}  # when, on the monotonic clock

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """The rules of a request's host.

        :raises Exception: what kept its robots.txt from being fetched
        """
        netloc = urlparse_cached(request).netloc
        if time.monotonic() - self._asked.setdefault(netloc, time.monotonic()) > ROBOTS_AGE:
            self._parsers.pop(netloc, None)
            self._asked[netloc] = time.monotonic()
        rules = await super().robot_parser(request)
        if rules is None and isinstance(known := self._parsers.get(netloc), RobotParser):
            rules = known  # of those that wait for it together, Scrapy gives it to the first alone
        if rules is None and (error := self._unknown.get(netloc)):
            if self._parsers.get(netloc, error) is None:  # else it is being asked for again already
                del self._parsers[netloc]
            raise error
        return rules

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._unknown.pop(netloc, None)
        if not isinstance(exc, IgnoreRequest):  # of one that redirects for ever RFC 9309 expects nothing
            self._unknown[netloc] = exc
        super()._robots_error(exc, netloc)


class EachRequest:
    """Downloader middleware: what holds for every request and answer, redirects and robots.txt included."""

    def process_request(self, request: Request) -> None:
        """Before the queue of its host."""
        # A redirect to another host counts there; the downloader keeps the first one's queue in the meta.
        request.meta.pop("download_slot", None)
        if request.meta.get(ROBOTS):
            request.meta["download_maxsize"] = LARGEST_ROBOTS

    def process_response(self, request: Request, response: Response) -> Response:
        """Before the content coding is undone: Scrapy takes one that is cut off for whole.

        The answer to a request for an article is kept as it was sent: see :data:`ANSWER`.

        :raises ResponseDataLossError: it is cut off
        """
        if ANSWER in request.meta:
            request.meta[ANSWER] = _answer(request, response)
        if response.headers.get("Content-Encoding") in _ZLIB_CODINGS and not ends(response.body):
            raise ResponseDataLossError
        return response


def _answer(request: Request, response: Response) -> Answer:
    return Answer(
        url=response.url,
        status=response.status,
        headers=_pairs(response.headers),
        body=response.body,
        request_headers=_pairs(request.headers),
        stated_length="partial" not in response.flags,
    )


def _pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values
    )


def ends(body: bytes) -> bool:
    """Whether a gzip or deflate stream comes to its end; one that cannot be read does not.

    No body at all is whole: redirects and errors may name a coding and have none.
    """
    if not body:
        return True
    for wbits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a gzip or zlib header; bare, as some servers send it
        stream, left = zlib.decompressobj(wbits), body
        try:
            while left and not stream.eof:
                stream.decompress(left, _CHUNK)
                left = stream.unconsumed_tail
        except zlib.error:
            continue
        return stream.eof
    return False

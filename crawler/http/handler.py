"""The last step before the network, and the first after it: the rules that hold for every single request."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawler import urls
from crawler.http import ssrf
from crawler.http.backoff import REFUSALS
from crawler.http.failures import ClosingError, RefusedError, is_out_of_reach, of_exception

if TYPE_CHECKING:
    from crawler.spider import FeedSpider
from crawler.http.robots import ROBOTS


class PoliteHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, which asks no host that wants rest and notices when one does.

    It stands below Scrapy's queues: what was queued before a host asked for rest is not sent either. See D6.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawler = crawler
        # Scrapy 2.19 counts a request as on the wire a moment after it took it from the queue: without a delay it
        # sends a whole burst, whatever CONCURRENT_REQUESTS_PER_DOMAIN says. See D27.
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
        if "proxy" in request.meta and ssrf.names_private(host) and not self._allows_private():
            raise RefusedError(f"{host} is a private address, and network.allow_private is false")
        spider = cast("FeedSpider", self._crawler.spider)
        backoffs = spider.backoffs
        async with self._turns[host]:
            await self._pause(host, spider.asked)
            if spider.closing:
                raise ClosingError("the spider closes")
            backoffs.check(host)
            response = await self._download(request, host, spider)
        robots = request.meta.get(ROBOTS)
        # Many hosts answer 403 to robots.txt where they have none: that is no refusal of anything else.
        if response.status in REFUSALS and not (robots and response.status == 403):
            retry_after = response.headers.get("Retry-After")
            backoffs.record_refusal(host, response.status, retry_after.decode("latin-1") if retry_after else None)
        elif response.status < 500 and not robots:
            backoffs.record_answer(host)
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
            spider.backoffs.record_unreachable(host, is_out_of_reach(error), of_exception(error, host, host).reason)
            raise
        finally:
            spider.transferring -= 1

    def _allows_private(self) -> bool:
        return bool(self._crawler.settings.getbool(ssrf.ALLOW_PRIVATE))

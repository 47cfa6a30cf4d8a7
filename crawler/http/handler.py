"""HTTP download handler: rules that hold for every single request."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from typing import cast

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from archive.model.hosts import names_private
from crawler import urls
from crawler.http import ssrf
from crawler.http.backoff import REFUSALS, UNAVAILABLE
from crawler.http.failures import ClosingError, RefusedError, RobotsUnavailableError, of_exception, unreachable_weight
from crawler.http.robots import ROBOTS
from crawler.http.transfer import TransferOwner, TransferState

_SERVER_ERROR = 500  # a status from here on says that the server failed


class PoliteHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, extended by back-off: it sends nothing to backed-off hosts and detects refusals.

    It runs below Scrapy's queues, so requests that were queued before a host refused are not sent either. See D6.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._crawler = crawler
        concurrency = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")
        self._delay = crawler.settings.getfloat("DOWNLOAD_DELAY")
        self._local_names = ssrf.LocalNames()
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(concurrency))
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def download_request(self, request: Request) -> Response:
        """Send a request and return its response.

        :raises ClosingError: the spider is closing
        :raises HostBackedOffError: the host is backed off
        :raises RefusedError: the address has credentials; or it is private, as far as that can be known, and the
            request would go through a proxy
        """
        host = urls.host(request.url)
        if urls.has_credentials(request.url):
            raise RefusedError(f"an address of {host} with a user or a password is not requested")
        if request.meta.get("proxy") and not self._allows_private():
            await self._check_proxied(host)
        transfer = cast(TransferOwner, self._crawler.spider).transfer
        async with self._slots[host]:
            await self._pause(host, transfer)
            if transfer.is_closing:
                raise ClosingError("the spider is closing")
            transfer.backoffs.check(host)
            response = await self._download(request, host, transfer)
        retry_after, date = _header(response, "Retry-After"), _header(response, "Date")
        if response.status == UNAVAILABLE:
            transfer.backoffs.record_unavailable(host, retry_after, date)
        robots = request.meta.get(ROBOTS)
        if robots and response.status >= _SERVER_ERROR:  # RFC 9309, 2.3.1.4: nothing is allowed for now
            error = RobotsUnavailableError(
                f"robots.txt of {host} answers {response.status}: nothing is allowed for now"
            )
            transfer.backoffs.record_unreachable(host, unreachable_weight(error), str(error))
            raise error
        # Many hosts answer 403 to robots.txt where they have none. This is not a refusal of other requests.
        if response.status in REFUSALS and not (robots and response.status == 403):
            transfer.backoffs.record_refusal(host, response.status, retry_after, date)
        elif response.status < 500 and not robots:
            transfer.backoffs.record_answer(host)
        return response

    async def _pause(self, host: str, transfer: TransferState) -> None:
        """Wait until the delay has passed since the last request to a host, which an earlier spider may have sent."""
        last_requests = transfer.last_requests
        async with self._turns[host]:  # the next one counts from when this one is sent, not from when it was due
            while not transfer.is_closing:
                seconds = last_requests.get(host, -math.inf) + self._delay - time.monotonic()
                if seconds <= 0:
                    break
                await asyncio.sleep(seconds)
            last_requests[host] = time.monotonic()

    async def _download(self, request: Request, host: str, transfer: TransferState) -> Response:
        transfer.in_flight += 1
        try:
            return await super().download_request(request)
        except Exception as error:
            reason = of_exception(error, host, host).reason
            transfer.backoffs.record_unreachable(host, unreachable_weight(error), reason)
            raise
        finally:
            transfer.in_flight -= 1

    async def _check_proxied(self, host: str) -> None:
        """Raise RefusedError if a host that a proxy will resolve is private."""
        if names_private(host):
            raise RefusedError(f"{host} is a private name or address, and network.allow_private is false")
        if address := await self._local_names.private_address(host):
            raise RefusedError(f"{host} has the private address {address}, and network.allow_private is false")

    def _allows_private(self) -> bool:
        return bool(self._crawler.settings.getbool(ssrf.ALLOW_PRIVATE))


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None

"""The last step before the network, and the first after it: the rules that hold for every single request."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.http import Response

from crawler import guard, urls
from crawler.failures import RefusedError
from crawler.rest import REFUSALS

if TYPE_CHECKING:
    from crawler.spider import FeedSpider


class PoliteHandler(HTTP11DownloadHandler):
    """Scrapy's HTTP handler, which asks no host that wants rest and notices when one does.

    It stands below Scrapy's queues: what was queued before a host asked for rest is not sent either.
    """

    async def download_request(self, request: Request) -> Response:
        """Fetch.

        :raises HostRestsError: the host wants rest
        :raises RefusedError: the address is private, and a proxy would be asked for it
        """
        host = urls.host(request.url)
        if "proxy" in request.meta and guard.names_private(host) and not self._allows_private():
            raise RefusedError(f"{host} is a private address, and network.allow_private is false")
        rests = cast("FeedSpider", self._crawler.spider).rests
        rests.check(host)
        response = await super().download_request(request)
        # Many hosts answer 403 to robots.txt where they have none: that is no refusal of anything else.
        if response.status in REFUSALS and not request.meta.get("dont_obey_robotstxt"):
            retry_after = response.headers.get("Retry-After")
            rests.refused(host, response.status, retry_after.decode("latin-1") if retry_after else None)
        elif response.status < 500:
            rests.answered(host)
        return response

    def _allows_private(self) -> bool:
        return bool(self._crawler.settings.getbool(guard.ALLOW_PRIVATE))


class SlotByHost:
    """Downloader middleware: a redirect to another host counts there, not where it began."""

    def process_request(self, request: Request) -> None:
        """Let the downloader find the slot anew; it keeps the first one in the request's meta."""
        request.meta.pop("download_slot", None)

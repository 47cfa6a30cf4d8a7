"""HTTP download handler of a process whose requests are sent from other machines."""

from __future__ import annotations

from typing import Any, cast

from scrapy import Request
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.http import Response

from config.model import NetworkSettings
from crawler import urls
from crawler.http.failures import ClosingError, RefusedError
from crawler.http.settings import scrapy_settings
from crawler.http.transfer import RemoteDownloader, TransferOwner

# Middlewares that belong to the process that sends a request: its proxy, and the size of what it receives.
_OF_THE_SENDER = (
    "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware",
    "crawler.http.middleware.RobotsSizeLimit",
)


class RemoteHandler(BaseDownloadHandler):
    """Hands requests to a :class:`~crawler.http.transfer.RemoteDownloader`.

    What comes before, such as robots.txt, redirects and headers, is as without it: each single request, those for
    robots.txt and for the target of a redirect included, takes its place in the queue of its host.
    """

    async def download_request(self, request: Request) -> Response:
        """Have a request sent, and return its response.

        :raises ClosingError: the spider is closing
        :raises RefusedError: the address has credentials
        :raises HostBackedOffError: the host is backed off
        """
        host = urls.host(request.url)
        if urls.has_credentials(request.url):
            raise RefusedError(f"an address of {host} with a user or a password is not requested")
        transfer = cast(TransferOwner, self.crawler.spider).transfer
        if transfer.is_closing:
            raise ClosingError("the spider is closing")
        transfer.backoffs.check(host)
        return await cast(RemoteDownloader, transfer.remote).download(request)


def remote_settings(network: NetworkSettings, requests: int) -> dict[str, Any]:
    """Return the settings for a Scrapy crawler whose requests are sent from other machines.

    :param requests: the maximum number of requests that wait for their responses
    """
    settings = scrapy_settings(network)
    middlewares = {
        name: place for name, place in settings["DOWNLOADER_MIDDLEWARES_BASE"].items() if name not in _OF_THE_SENDER
    }
    handler = "crawler.http.remote.RemoteHandler"
    return settings | {
        "DOWNLOADER_MIDDLEWARES_BASE": middlewares,
        "DOWNLOAD_HANDLERS": settings["DOWNLOAD_HANDLERS"] | {"http": handler, "https": handler},
        "DOWNLOAD_DELAY": 0,  # whoever sends the requests waits
        "CONCURRENT_REQUESTS": requests,
        "CONCURRENT_REQUESTS_PER_DOMAIN": requests,
    }

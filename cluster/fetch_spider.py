"""The spider of a fetcher: sends single requests, and does nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response

from config.model import NetworkSettings
from crawler.http.settings import scrapy_settings
from crawler.http.transfer import TransferState


class FetchSpider(Spider):
    """Sends requests as they are, within the limits of ``[network]``.

    :param transfer: state of its requests
    """

    name = "finarchive-fetcher"

    def __init__(self, *, transfer: TransferState) -> None:
        super().__init__()
        self.transfer = transfer

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Create a spider. Scrapy calls this."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.on_idle, signals.spider_idle)
        return spider

    async def start(self) -> AsyncIterator[Request]:
        """Yield no requests: the jobs have them."""
        return
        yield  # makes this an asynchronous generator, as Scrapy requires

    def on_idle(self) -> None:
        """Stay open.

        :raises DontCloseSpider: always: the runner closes the spider
        """
        raise DontCloseSpider

    async def fetch(self, request: Request) -> Response:
        """Send a request and return its response, a redirect included.

        :raises Exception: there is no response
        """
        engine: Any = self.crawler.engine  # Scrapy 2.19: None before it is open
        response: Response = await engine.download_async(request)
        return response


def fetch_settings(network: NetworkSettings, hosts: int) -> dict[str, Any]:
    """Return the settings for the Scrapy crawler of a fetcher.

    Headers, robots.txt and redirects are the keeper's; addresses, proxy, time and size are checked here.

    :param hosts: the maximum number of hosts at a time
    """
    return scrapy_settings(network) | {
        "DOWNLOADER_MIDDLEWARES_BASE": {
            "crawler.http.middleware.RobotsSizeLimit": 620,
            "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware": 750,
        },
        "DOWNLOAD_DELAY": 0,  # it is kept in PostgreSQL, for all fetchers
        "CONCURRENT_REQUESTS": hosts,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
    }

"""Scrapy's downloader, without its queues."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import Any, cast

from scrapy import Request
from scrapy.core.downloader import Downloader
from scrapy.core.downloader.middleware import DownloaderMiddlewareManager
from scrapy.crawler import Crawler
from scrapy.http import Response

SENT = "downloader/request_count"  # Scrapy's statistic of the requests that were sent


class DirectMiddlewares(DownloaderMiddlewareManager):
    """Scrapy's downloader middlewares, called without the checks of what they return.

    The checks cost more than the middlewares themselves (D305).
    """

    # Private API of Scrapy 2.19: both methods, and ``methods``.
    async def _process_request(
        self, request: Request, download_func: Callable[[Request], Coroutine[Any, Any, Response]]
    ) -> Response | Request:
        for method in self.methods["process_request"]:
            result = cast(Any, method)(request=request)
            if isawaitable(result):
                result = await result
            if result is not None:
                return cast("Response | Request", result)
        return await download_func(request)

    async def _process_response(self, response: Response | Request, request: Request) -> Response | Request:
        for method in self.methods["process_response"]:
            if isinstance(response, Request):  # of a redirect
                break
            response = cast(Any, method)(request=request, response=response)
        return response


class DirectDownloader(Downloader):
    """Hands each request to its handler at once: the handler waits for the delay and for a place at the host.

    Scrapy's downloader does both as well, and its queues, signals and Deferreds cost a fifth of a crawl (D305).
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.middleware = DirectMiddlewares.from_crawler(crawler)

    async def download(self, request: Request) -> Response | Request:
        """Send a request; return its response, or the request for the target of a redirect.

        :raises Exception: there is none
        """
        self.active.add(request)
        try:
            return await self.middleware.download_async(self._enqueue_request, request)
        finally:
            self.active.remove(request)

    # Private API of Scrapy 2.19: the step behind the middlewares.
    async def _enqueue_request(self, request: Request) -> Response:
        self.crawler.stats.inc_value(SENT)
        return await self.handlers.download_request_async(request)

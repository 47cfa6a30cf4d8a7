"""Fetches images for the spider: after the articles of their host, and few at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from scrapy import Request
from scrapy.http import Response

from archive.model.feed import Failure, FailureKind
from crawler import urls
from crawler.http import failures
from crawler.http.dispatcher import OnError, OnResponse
from crawler.http.middleware import RAW_RESPONSE
from crawler.interfaces import ImageTasks

PRIORITY = -5  # after articles, which have 0
# Requests for images in Scrapy's queues, over all hosts: far fewer than it has room for, so that no poll has to wait
# (D67).
MAX_REQUESTS = 16


class ImageFetcher:
    """Image requests of one spider.

    :param send: sends a request, and calls one of two functions with its outcome
    :param crash: stops the spider
    :param should_release: whether a request to a host that failed with this error is no fault of the image
    :param refill: leases more work of a host; None for all hosts
    :param max_per_host: requests in Scrapy's queues for one host
    """

    def __init__(
        self,
        work: ImageTasks,
        send: Callable[[Request, OnResponse, OnError], None],
        crash: Callable[[BaseException], None],
        *,
        should_release: Callable[[str, BaseException | None], bool],
        refill: Callable[[str | None], None],
        max_per_host: int,
    ) -> None:
        self._work = work
        self._send = send
        self._crash = crash
        self._should_release = should_release
        self._refill = refill
        self._max_per_host = max_per_host
        self._queued: Counter[str] = Counter()  # requests handed to Scrapy, by host

    def refill(self, host: str) -> None:
        """Hand Scrapy as many images of a host as there is room for."""
        room = min(self._max_per_host - self._queued[host], MAX_REQUESTS - self._queued.total())
        for url in self._work.lease(host, room) if room > 0 else ():
            try:
                headers = {"Accept": "image/*,*/*;q=0.5"}
                request = Request(url, headers=headers, meta={RAW_RESPONSE: None}, priority=PRIORITY)
            except ValueError as error:  # Scrapy does not accept the address
                reason = f"the address {url[:100]!r} cannot be requested: {error}"
                self._work.record_failure(url, Failure(url, FailureKind.UNREADABLE, reason))
            else:
                self._queued[host] += 1
                began = time.monotonic()
                self._send(request, partial(self._on_response, url, host, began), partial(self._on_error, url, host))

    def _on_response(self, url: str, host: str, began: float, response: Response) -> None:
        try:
            milliseconds = round((time.monotonic() - began) * 1000)
            self._work.record_response(url, response.meta[RAW_RESPONSE], milliseconds)
        except Exception as error:
            self._crash(error)
        self._leave(host)

    def _on_error(self, url: str, host: str, request: Request, error: Exception) -> None:
        try:
            if self._should_release(host, error):
                self._work.release(url)
            else:
                self._work.record_failure(url, failures.of_exception(error, url, urls.host(request.url)))
        except Exception as crash:
            self._crash(crash)
        self._leave(host)

    def _leave(self, host: str) -> None:
        was_full = self._queued.total() >= MAX_REQUESTS  # then other hosts may be waiting
        self._queued[host] -= 1
        self._refill(None if was_full else host)

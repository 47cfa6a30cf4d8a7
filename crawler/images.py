"""Fetches pictures for the spider: after the articles of their host, and a few at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure as TwistedFailure

from archive.model.feed import Failure, FailureKind
from crawler import urls
from crawler.http import failures
from crawler.http.middleware import ANSWER
from crawler.interfaces import ImageTasks

PRIORITY = -5  # behind articles, which have 0
# In Scrapy's hands at once, of all hosts: far fewer than it has room for, so that no poll waits for want of it (D67).
MOST = 16


class ImageFetcher:
    """The pictures of one spider.

    :param send: hands a request to Scrapy
    :param crash: stops the spider
    :param should_release: whether it is not the picture's fault that a request to a host failed with this
    :param refill: has more fetched: from a host, or from all
    :param most: from one host at once
    """

    def __init__(
        self,
        work: ImageTasks,
        send: Callable[[Request], None],
        crash: Callable[[BaseException], None],
        *,
        should_release: Callable[[str, BaseException | None], bool],
        refill: Callable[[str | None], None],
        most: int,
    ) -> None:
        self._work, self._send, self._crash, self._should_release = work, send, crash, should_release
        self._refill, self._most = refill, most
        self._on_the_wire: Counter[str] = Counter()  # by host

    def refill(self, host: str) -> None:
        """Hand Scrapy pictures of a host, as many as there is room for."""
        room = min(self._most - self._on_the_wire[host], MOST - self._on_the_wire.total())
        for url in self._work.lease(host, room) if room > 0 else ():
            try:
                request = self._request(url, host)
            except ValueError as error:  # Scrapy will not have the address
                reason = f"the address {url[:100]!r} cannot be asked for: {error}"
                self._work.record_failure(url, Failure(url, FailureKind.UNREADABLE, reason))
            else:
                self._on_the_wire[host] += 1
                self._send(request)

    def _request(self, url: str, host: str) -> Request:
        return Request(
            url,
            headers={"Accept": "image/*,*/*;q=0.5"},
            callback=self._read,
            errback=self._fail,
            cb_kwargs={"url": url, "host": host, "began": time.monotonic()},
            meta={ANSWER: None},
            priority=PRIORITY,
        )

    def _read(self, response: Response, url: str, host: str, began: float) -> None:
        try:
            self._work.record_response(url, response.meta[ANSWER], round((time.monotonic() - began) * 1000))
        except Exception as error:
            self._crash(error)
        self._leave(host)

    def _fail(self, failure: TwistedFailure) -> None:
        request: Request = failure.request  # type: ignore[attr-defined]
        url, host = request.cb_kwargs["url"], request.cb_kwargs["host"]
        try:
            if self._should_release(host, failure.value):
                self._work.release(url)
            else:
                self._work.record_failure(url, failures.of_exception(failure.value, url, urls.host(request.url)))
        except Exception as error:
            self._crash(error)
        self._leave(host)

    def _leave(self, host: str) -> None:
        was_full = self._on_the_wire.total() >= MOST  # then other hosts may be waiting for room
        self._on_the_wire[host] -= 1
        self._refill(None if was_full else host)

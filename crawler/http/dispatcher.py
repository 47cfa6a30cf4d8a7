"""The order in which a spider's requests are sent, and how many at a time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from itertools import count

from msgspec import Struct
from scrapy import Request
from scrapy.http import Response

# Returns the response, or the request for the target of a redirect.
Download = Callable[[Request], Awaitable[Response | Request]]
OnResponse = Callable[[Response], Awaitable[None] | None]
# Its first argument is the request that failed: after a redirect, not the one that was sent first.
OnError = Callable[[Request, Exception], None]


class _Exchange(Struct, order=True):
    """A request, and what is called with its outcome."""

    place: tuple[int, int]  # no other has the same, so that nothing else is compared
    request: Request
    on_response: OnResponse
    on_error: OnError


class Dispatcher:
    """Sends the requests of one spider; those of a higher priority first, others in the order of :meth:`send`.

    It does what Scrapy's scheduler and scraper do for requests with callbacks, for a spider that yields no items.
    Redirects are followed. See D305.

    :param download: sends a request
    :param limit: maximum number of requests at a time, those included that wait for the delay of their host
    :param on_idle: called when the last request has ended
    """

    def __init__(self, download: Download, limit: int, on_idle: Callable[[], None]) -> None:
        self._download = download
        self._limit = limit
        self._on_idle = on_idle
        self._numbers = count()
        self._waiting: list[_Exchange] = []
        self._running: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def send(self, request: Request, on_response: OnResponse, on_error: OnError) -> None:
        """Send a request as soon as there is room, unless the dispatcher is closed.

        :param on_response: called with the response; must raise nothing
        :param on_error: called with the request that failed, and why; must raise nothing
        """
        if not self._is_closed:
            place = (-request.priority, next(self._numbers))
            heapq.heappush(self._waiting, _Exchange(place, request, on_response, on_error))
            self._start_waiting()

    async def close(self) -> None:
        """Drop the requests that wait, and wait for the others."""
        self._is_closed = True
        self._waiting.clear()
        if self._running:
            await asyncio.wait(self._running)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self._limit:
            task = asyncio.get_running_loop().create_task(self._run(heapq.heappop(self._waiting)))
            self._running.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_waiting()
        if not self._running and not self._is_closed:
            self._on_idle()

    async def _run(self, exchange: _Exchange) -> None:
        request = exchange.request
        try:
            while isinstance(outcome := await self._download(request), Request):
                request = outcome
        except Exception as error:
            exchange.on_error(request, error)
            return
        outcome.request = request  # its meta tells the redirects
        if (result := exchange.on_response(outcome)) is not None:
            await result

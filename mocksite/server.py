"""The mock site on a socket: an asyncio HTTP/1.1 server on 127.0.0.1, in its own thread."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from time import monotonic
from typing import Self, cast
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from mocksite.faults import Fault, FaultLine, FaultName, apply_fault
from mocksite.images import is_refused
from mocksite.site import SiteState, Story
from mocksite.wire import Delivery, MockRequest, MockResponse, complete, gzipped, read_request

_JSON, _SCRIPT = "application/json; charset=utf-8", "application/javascript; charset=utf-8"
_HTML, _XML = "text/html; charset=utf-8", "application/xml; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"

_MAX_HEAD_BYTES = 65_536  # the connection is closed on a longer request head
_MIN_GZIP_BYTES = 1_024  # a smaller body is not worth compressing

# Requests in the log, about half a kilobyte each: enough for a benchmark.
_MAX_LOG_ENTRIES = 100_000


class RequestLogEntry(Struct):
    """One request as the server saw it. Times are those of time.monotonic()."""

    began: float  # when its head was read
    ended: float  # when its response was passed to the kernel or cut off; inf until then
    method: str
    path: str  # with the query, without the host, even if the request line has a full URL
    host: str
    status: int  # 0 when none was sent
    headers: dict[str, str]  # by lower-case name

    @property
    def at(self) -> float:
        return self.began


class MockSite:
    """A running mock site: `with MockSite(make_stories(20, newest=...)) as site: fetch(site.endpoint)`."""

    def __init__(
        self,
        stories: Iterable[Story],
        now: Callable[[], int] | None = None,
        *,
        port: int = 0,
        gzip: bool = True,
    ) -> None:
        stories = list(stories)
        # Unix seconds, for tests to set. The time of the site unless `now` is given.
        self.clock = max((story.intime for story in stories), default=0)
        self.gzip = gzip
        self.site = SiteState(stories, "", now or (lambda: self.clock))
        self.url = ""  # "http://127.0.0.1:PORT" once started
        # Called in the server's thread for each request, before its response is sent.
        self.on_hit: Callable[[RequestLogEntry], None] = lambda hit: None
        # By address without the query: what is sent, head and all, whatever the site has there.
        self.deliveries: dict[str, Callable[[], Delivery]] = {}
        self._port = port
        self._faults = FaultLine()
        self._hits: deque[RequestLogEntry] = deque(maxlen=_MAX_LOG_ENTRIES)
        self._connections: set[_Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", self._port), backlog=1024)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.site.base_url = self.url
        started = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, started)), name="mocksite", daemon=True
        )
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    @property
    def endpoint(self) -> str:
        """The address of the roll API."""
        return f"{self.url}/api/roll/get"

    @property
    def hits(self) -> list[RequestLogEntry]:
        """A copy of the request log, in the order of arrival."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return self._copied_hits()
        # Copied in the server's thread: a response whose end the client has seen has ended in the log too.
        copied: Future[list[RequestLogEntry]] = Future()
        self._loop.call_soon_threadsafe(lambda: copied.set_result(self._copied_hits()))
        return copied.result()

    def clear_hits(self) -> None:
        self._hits.clear()

    def fault(
        self,
        name: FaultName,
        *,
        match: str,
        times: int | None = None,
        skip: int = 0,
        status: int | None = None,
        retry_after: int | str | None = None,
        to: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Apply a fault to matching requests from now on. The arguments are those of `Fault`."""
        self._faults.add(Fault(name, match, times, skip, status, retry_after, to, seconds))

    def clear_faults(self) -> None:
        """Remove all faults. Deliveries that have begun continue."""
        self._faults.clear()

    def _copied_hits(self) -> list[RequestLogEntry]:
        return [replace(hit) for hit in self._hits.copy()]

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        server = await self._loop.create_server(lambda: _Connection(self), sock=listener)
        started.set()
        await self._stop.wait()
        server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # lets the aborted connections run their callbacks

    def respond(self, request: MockRequest) -> MockResponse:
        """The response to `request`, without faults and not compressed yet."""
        site, path = self.site, request.path
        host_path = f"http://{request.host}{path}"
        for key in (request.address, host_path, request.target, path) if site.pages else ():
            if key in site.pages:
                return MockResponse(200, _kind(site.pages[key]), site.pages[key])
        if path == "/api/roll/get":
            query = request.target.partition("?")[2]
            body = site.roll(dict(parse_qsl(query, keep_blank_values=True)))
            return MockResponse(200, _SCRIPT if body.startswith(b"try{") else _JSON, body)
        if path in ("/robots.txt", "/rss.xml"):
            return (
                MockResponse(200, _XML, site.rss()) if path == "/rss.xml" else MockResponse(200, _TEXT, site.robots())
            )
        if path.endswith((".png", ".jpg")):
            refused = is_refused(path, request.headers.get("referer", ""), site.base_url)
            return (
                MockResponse(403, _HTML, b"<h1>403</h1>")
                if refused
                else MockResponse(200, "image/png", site.image(path))
            )
        page = site.article(path)
        if page is None:
            return MockResponse(404, _HTML, "<html><body><h1>404</h1>页面没有找到</body></html>".encode())
        return MockResponse(200, _HTML, page)


class _Connection(asyncio.Protocol):
    """One client's connection. A plain response is written at once, a fault is delivered by a task."""

    def __init__(self, mocksite: MockSite) -> None:
        self._mocksite = mocksite
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._mocksite._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._mocksite._connections.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._answer_buffered()

    def _answer_buffered(self) -> None:
        while self._task is None and not self._transport.is_closing():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _MAX_HEAD_BYTES:
                    self._transport.close()
                return
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self._respond(read_request(head))

    def _respond(self, request: MockRequest | None) -> None:
        began = monotonic()
        if request is None or request.method not in ("GET", "HEAD"):
            # A body may follow, which is not read: the connection cannot be used again.
            refusal = MockResponse(400 if request is None else 405, "text/plain", b"")
            self._transport.write(complete(refusal, keep_alive=False))
            self._transport.close()
            return
        mocksite = self._mocksite
        response = mocksite.respond(request)
        if mocksite.site.has_etags:
            response = _tagged(response, request)
        hit = RequestLogEntry(
            began, math.inf, request.method, request.target, request.host, response.status, request.headers
        )
        mocksite._hits.append(hit)
        mocksite.on_hit(hit)
        fault = mocksite._faults.pick(request.target)
        deliver = mocksite.deliveries.get(f"http://{request.host}{request.path}")
        if fault is not None or deliver is not None:
            delivery = deliver() if deliver else apply_fault(cast(Fault, fault), response, request)
            hit.status = delivery.status
            self._task = asyncio.get_running_loop().create_task(self._deliver(delivery, request, hit))
            return
        accepts = request.headers.get("accept-encoding", "")
        if mocksite.gzip and len(response.body) > _MIN_GZIP_BYTES and "gzip" in accepts:
            response = gzipped(response)
        with_body = request.method == "GET"
        self._transport.write(complete(response, keep_alive=request.keep_alive, with_body=with_body))
        hit.ended = monotonic()
        if not request.keep_alive:
            self._transport.close()

    async def _deliver(self, delivery: Delivery, request: MockRequest, hit: RequestLogEntry) -> None:
        try:
            # Without a buffer: the ends below need everything written to be with the kernel.
            self._transport.set_write_buffer_limits(high=0)
            for step in delivery.steps:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    self._transport.write(step)
                    await self._writable.wait()
        finally:
            hit.ended = monotonic()
        if delivery.end == "reset":
            # A linger time of zero makes close() send RST instead of FIN.
            peer = cast(socket.socket, self._transport.get_extra_info("socket"))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif delivery.end == "close" or not request.keep_alive:
            self._transport.close()
        self._task = None
        self._answer_buffered()


def _tagged(response: MockResponse, request: MockRequest) -> MockResponse:
    """The response with an ETag; 304 when the request names the same one."""
    tag = f'"{zlib.crc32(response.body):08x}"'
    if request.headers.get("if-none-match") == tag:
        return MockResponse(304, response.content_type, b"", (("ETag", tag),))
    return replace(response, headers=(*response.headers, ("ETag", tag)))


def _kind(body: bytes) -> str:
    """The Content-Type of a page given as bytes. HTML has no charset parameter: it may be in any charset."""
    opening = body.lstrip()[:5]
    kinds = {b"{": _JSON, b"[": _JSON, b"try{": _SCRIPT, b"<?xml": _XML}
    return next((kind for start, kind in kinds.items() if opening.startswith(start)), "text/html")

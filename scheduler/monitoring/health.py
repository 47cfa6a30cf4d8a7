"""Health over HTTP: ``/healthz`` for monitoring, ``/metrics`` for Prometheus.

It runs in the daemon's event loop, so a response proves that the loop runs. No client may block that loop, so all is
bounded: the length and the time of a request, one request for each connection, and the number of connections.
"""

# mypy: allow-untyped-calls
# Most of Twisted's HTTP has no types.

from __future__ import annotations

import asyncio
import errno
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.http_headers import Headers

from scheduler.errors import HealthError, PortInUseError
from scheduler.monitoring.metrics import CONTENT_TYPE

logger = logging.getLogger("finarchive")

LOOPBACK = "127.0.0.1"  # where nobody outside of this machine can connect
# From the opening of a connection to its end. A response takes milliseconds; the remainder is for slow clients.
CONNECTION_TIMEOUT_SECONDS = 10.0
# Open connections; the oldest is closed for another. Prometheus and a few people have one each; the daemon needs its
# file descriptors for the web.
MAX_CONNECTIONS = 32
# Host names that a request may use if no token is needed. A page in a browser on this machine could reach this server
# under its own site's name, if that name resolves to 127.0.0.1, and then read the response. Any port is allowed: a
# tunnel has its own.
_OUR_NAMES = re.compile(rb"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
_TEXT = "text/plain; charset=utf-8"


class HealthStatus(Struct, frozen=True):
    """The result of a health check."""

    ok: bool
    details: dict[str, Any]  # the facts behind it; JSON values


class _HealthResponse(Struct, frozen=True):
    code: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # besides those of every response


class Health:
    """Serves health, in the event loop of Twisted's asyncio reactor.

    :param port: the port to listen on; 0 takes any free one
    :param check: the health check. It and ``metrics`` are called in the loop, once for each request: they must not
        block
    :param metrics: returns text of :data:`scheduler.monitoring.metrics.CONTENT_TYPE`
    :param address: IP address to listen on
    :param token: that each request must have; None: none is needed, and requests must use a name of this machine
    :param timeout: seconds after which a connection is cut off, whatever its state
    """

    def __init__(
        self,
        port: int,
        check: Callable[[], HealthStatus],
        metrics: Callable[[], bytes],
        *,
        address: str = LOOPBACK,
        token: str | None = None,
        timeout: float = CONNECTION_TIMEOUT_SECONDS,
    ) -> None:
        self.port = port  # the actual port once it listens
        self._address = address
        self._authorization = b"Bearer " + token.encode() if token else None
        self._check = check
        self._metrics = metrics
        self._timeout = timeout
        self._listening: Any = None  # Twisted's IListeningPort
        self._site: _Site | None = None

    def listen(self) -> None:
        """Start serving.

        :raises PortInUseError: another program listens on the port
        :raises HealthError: the port cannot be listened on for another reason
        """
        from twisted.internet import reactor  # noqa: PLC0415 - it exists once the process has chosen one

        loop: Any = reactor
        self._site = _Site(self._respond, self._timeout, loop)
        try:
            self._listening = loop.listenTCP(self.port, self._site, interface=self._address)
        except CannotListenError as error:
            raise _listen_error(self._address, self.port, error) from error
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        """Close the port and all connections."""
        listening, self._listening = self._listening, None
        if listening is None:
            return
        await maybeDeferred(listening.stopListening).asFuture(asyncio.get_running_loop())
        for channel in tuple(self._site.channels if self._site else ()):
            channel.loseConnection()  # after the pending response is sent

    def _respond(self, method: bytes, path: bytes, headers: Headers) -> _HealthResponse:
        if self._authorization:  # which no page of another site can know, whatever name it uses
            if not _is_equal(headers.getRawHeaders(b"Authorization", []), self._authorization):
                return _HealthResponse(401, _TEXT, b"this needs a token\n", {"WWW-Authenticate": "Bearer"})
        elif not _is_own_name(headers.getRawHeaders(b"Host", [])):
            return _HealthResponse(403, _TEXT, b"use the host name 127.0.0.1 or localhost\n")
        page = {b"/healthz": self._health_page, b"/metrics": self._metrics_page}.get(path)
        if page is None:
            return _HealthResponse(404, _TEXT, b"not found; try /healthz or /metrics\n")
        if method not in (b"GET", b"HEAD"):
            return _HealthResponse(405, _TEXT, b"GET or HEAD\n", {"Allow": "GET, HEAD"})
        try:
            return page()
        except Exception:  # the daemon goes on; status 500 shows that something is wrong
            logger.exception("health-failed path=%s", path.decode())
            return _HealthResponse(500, _TEXT, b"the check failed; see the log\n")

    def _health_page(self) -> _HealthResponse:
        status = self._check()
        document = json.dumps({"ok": status.ok, **status.details}, ensure_ascii=False)
        return _HealthResponse(200 if status.ok else 503, "application/json", document.encode() + b"\n")

    def _metrics_page(self) -> _HealthResponse:
        return _HealthResponse(200, CONTENT_TYPE, self._metrics())


def _is_own_name(hosts: Sequence[bytes]) -> bool:
    return len(hosts) == 1 and _OUR_NAMES.fullmatch(hosts[0]) is not None


def _is_equal(values: Sequence[bytes], expected: bytes) -> bool:
    """Compare the only value of a header, in a time that does not depend on where the two differ."""
    return len(values) == 1 and hmac.compare_digest(values[0], expected)


def _listen_error(address: str, port: int, error: CannotListenError) -> HealthError:
    problem = f"health.port: cannot listen on {f'[{address}]' if ':' in address else address}:{port}"
    number = getattr(error.socketError, "errno", None)
    if number == errno.EADDRINUSE:
        who = f"ss -ltnp 'sport = :{port}'"
        return PortInUseError(f"{problem}: another program does. Choose another port, or see who holds it: {who}")
    if number == errno.EACCES:
        return HealthError(f"{problem}: not allowed to. Choose a port of 1024 or above")
    if number == errno.EADDRNOTAVAIL:
        return HealthError(f"{problem}: this machine does not have this address (health.address)")
    return HealthError(f"{problem}: {error.socketError}")


# From here on internal API of Twisted 26.10: most of the methods overridden or called, and Channel.factory.
class _Request(http.Request):
    """A request, answered immediately. Its body, if any, is discarded: it is kept neither in memory nor on disk."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's names
        super().gotLength(0)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        pass

    def process(self) -> None:
        response = self.channel.factory.respond(self.method, self.path, self.requestHeaders)
        self.setResponseCode(response.code)
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in (headers | response.headers).items():
            self.setHeader(name, value)
        self.write(response.body)  # none after HEAD
        self.finish()


class _Channel(http.HTTPChannel):
    """A connection, for one request and a limited time. Twisted bounds the length of the request's head."""

    factory: _Site
    requestFactory = _Request  # noqa: N815

    def connectionMade(self) -> None:  # noqa: N802
        super().connectionMade()
        self.factory.add(self)
        self._cutoff = self.callLater(self.factory.connection_timeout, self.forceAbortClient)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override] # noqa: N802
        self.factory.channels.pop(self, None)
        if self._cutoff.active():
            self._cutoff.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:  # noqa: N802
        return False


class _Site(http.HTTPFactory):
    """Creates connections and tracks the open ones."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]

    def __init__(
        self, respond: Callable[[bytes, bytes, Headers], _HealthResponse], timeout: float, reactor: Any
    ) -> None:
        super().__init__(reactor=reactor)
        self.respond = respond
        self.connection_timeout = timeout
        self.channels: dict[_Channel, None] = {}  # the oldest first
        self.timeOut = None  # connection_timeout replaces it

    def add(self, channel: _Channel) -> None:
        """Add a connection, and close the oldest for it if there are too many: it waits for its client. See D183."""
        self.channels[channel] = None
        if len(self.channels) > MAX_CONNECTIONS:
            oldest = next(iter(self.channels))
            del self.channels[oldest]
            oldest.forceAbortClient()

    def startFactory(self) -> None:  # noqa: N802
        pass  # Twisted's keeps an access log, with a timer that fires every second

    def stopFactory(self) -> None:  # noqa: N802
        pass

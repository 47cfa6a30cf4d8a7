"""Health over HTTP, on loopback: ``/healthz`` for who watches the daemon, ``/metrics`` for Prometheus.

It runs in the daemon's own loop: that it answers shows that the loop turns. In return nobody on this machine may keep
it from turning, so everything is bounded: one request to a connection, its length, its time, and how many there are.
"""

# mypy: allow-untyped-calls
# Most of Twisted's HTTP has no types.

from __future__ import annotations

import asyncio
import errno
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web import http

from scheduler.monitoring.metrics import CONTENT_TYPE

logger = logging.getLogger("finarchive")

LOOPBACK = "127.0.0.1"  # what it tells is for this machine; whoever wants it elsewhere has a tunnel or a proxy
# Seconds from a connection's opening to its end. An answer takes milliseconds; the rest is the client's slowness.
PATIENCE = 10.0
# Connections at once. A Prometheus and a few people have one each; the daemon needs its descriptors for the web.
MAX_CONNECTIONS = 32
# Names that a request may call us by. A page in a browser on this machine can reach us under its own site's name, by
# having that name resolve to 127.0.0.1, and could then read what it got. The port is free: a tunnel has its own.
_OUR_NAMES = re.compile(rb"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
_TEXT = "text/plain; charset=utf-8"


class HealthError(Exception):
    """The port for health cannot be listened on; the message says which, why and what to do."""


class PortInUseError(HealthError):
    """Another program has the port."""


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """Whether all is well."""

    ok: bool
    told: dict[str, Any]  # what it rests on; JSON values


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    content_type: str
    body: bytes
    allow: str | None = None  # the methods that would have done


class Health:
    """Serves health on loopback, within the loop of Twisted's asyncio reactor.

    :param port: to listen on; 0 takes any that is free
    :param check: whether all is well. It and ``metrics`` are called in the loop, once for each request: they must not
        block
    :param metrics: text of :data:`scheduler.monitoring.metrics.CONTENT_TYPE`
    :param patience: seconds until a connection is cut off, whatever it is at
    """

    def __init__(
        self,
        port: int,
        check: Callable[[], HealthStatus],
        metrics: Callable[[], bytes],
        *,
        patience: float = PATIENCE,
    ) -> None:
        self.port = port  # the one it listens on, once it does
        self._check, self._metrics, self._patience = check, metrics, patience
        self._listening: Any = None  # Twisted's IListeningPort
        self._site: _Site | None = None

    def listen(self) -> None:
        """Begin to serve.

        :raises PortInUseError: another program has the port
        :raises HealthError: the port cannot be had for another reason
        """
        from twisted.internet import reactor  # noqa: PLC0415 - it is there once the process has chosen it

        loop: Any = reactor
        self._site = _Site(self._answer, self._patience, loop)
        try:
            self._listening = loop.listenTCP(self.port, self._site, interface=LOOPBACK)
        except CannotListenError as error:
            raise _explained(self.port, error) from error
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        """Give the port back, and let go of whoever is connected."""
        listening, self._listening = self._listening, None
        if listening is None:
            return
        await maybeDeferred(listening.stopListening).asFuture(asyncio.get_running_loop())
        for channel in tuple(self._site.channels if self._site else ()):
            channel.loseConnection()  # once what was answered is sent

    def _answer(self, method: bytes, path: bytes, hosts: Sequence[bytes]) -> _Answer:
        if len(hosts) != 1 or not _OUR_NAMES.fullmatch(hosts[0]):
            return _Answer(403, _TEXT, b"ask for 127.0.0.1 or localhost\n")
        page = {b"/healthz": self._healthz, b"/metrics": self._metricz}.get(path)
        if page is None:
            return _Answer(404, _TEXT, b"there are /healthz and /metrics\n")
        if method not in (b"GET", b"HEAD"):
            return _Answer(405, _TEXT, b"GET or HEAD\n", allow="GET, HEAD")
        try:
            return page()
        except Exception:  # the daemon goes on; whoever watches sees that something is wrong
            logger.exception("health-failed path=%s", path.decode())
            return _Answer(500, _TEXT, b"this could not be found out; the log says why\n")

    def _healthz(self) -> _Answer:
        decision = self._check()
        told = json.dumps({"ok": decision.ok, **decision.told}, ensure_ascii=False)
        return _Answer(200 if decision.ok else 503, "application/json", told.encode() + b"\n")

    def _metricz(self) -> _Answer:
        return _Answer(200, CONTENT_TYPE, self._metrics())


def _explained(port: int, error: CannotListenError) -> HealthError:
    what = f"health.port: cannot listen on {LOOPBACK}:{port}"
    number = getattr(error.socketError, "errno", None)
    if number == errno.EADDRINUSE:
        who = f"ss -ltnp 'sport = :{port}'"
        return PortInUseError(f"{what}: another program does. Choose another port, or see who holds it: {who}")
    if number == errno.EACCES:
        return HealthError(f"{what}: not allowed to. Choose a port of 1024 or above")
    return HealthError(f"{what}: {error.socketError}")


# Internal API of Twisted 26.10, from here on: most of the methods that are overridden or called, and Channel.factory.
class _Request(http.Request):
    """A request, answered at once. A body that comes with it is read over, and kept neither in memory nor on disk."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's names
        super().gotLength(0)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        pass

    def process(self) -> None:
        hosts = self.requestHeaders.getRawHeaders(b"Host", [])
        response = self.channel.factory.response(self.method, self.path, hosts)
        self.setResponseCode(response.code)
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
        }
        if response.allow:
            headers["Allow"] = response.allow
        for name, value in headers.items():
            self.setHeader(name, value)
        self.write(response.body)  # none after HEAD
        self.finish()


class _Channel(http.HTTPChannel):
    """A connection: for one request, and for so long. It is Twisted that bounds the length of a request's head."""

    factory: _Site
    requestFactory = _Request  # noqa: N815

    def connectionMade(self) -> None:  # noqa: N802
        super().connectionMade()
        self.factory.channels.add(self)
        self._end = self.callLater(self.factory.patience, self.forceAbortClient)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override] # noqa: N802
        self.factory.channels.discard(self)
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:  # noqa: N802
        return False


class _Site(http.HTTPFactory):
    """What makes connections, and knows those that are open."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]

    def __init__(
        self, response: Callable[[bytes, bytes, Sequence[bytes]], _Answer], patience: float, reactor: Any
    ) -> None:
        super().__init__(reactor=reactor)
        self.response, self.patience = response, patience
        self.channels: set[_Channel] = set()
        self.timeOut = None  # `patience` is over it

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802
        return super().buildProtocol(addr) if len(self.channels) < MAX_CONNECTIONS else None

    def startFactory(self) -> None:  # noqa: N802
        pass  # Twisted's keeps an access log, and a clock for it that ticks every second

    def stopFactory(self) -> None:  # noqa: N802
        pass

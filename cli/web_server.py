"""Serves the archive to a browser, and computes the state of the feeds for its pages."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.model.fetch import RawResponse
from archive.store import Store
from archive.union.lookup import feed_readers
from archive.union.store import AnyStore
from cli.article_document import find_article, named_docid
from cli.diff_document import difference_json
from cli.listening import describe
from config.model import Feed, Settings
from crawler.extract.body import article_text
from scheduler.monitoring.reports import plain, report_coverage, report_feeds, report_gaps
from scheduler.policy.arrival_rate import EMPTY, hourly_rates
from scheduler.policy.feed_state import OpenGap
from scheduler.policy.intervals import pace
from scheduler.policy.listening import feed_of_list
from web.feed_status import DayCoverage, FeedStatus, GapStatus
from web.request import SiteContext

if TYPE_CHECKING:
    import uvicorn

    from scheduler.monitoring.reports import FeedReport
    from scheduler.policy.coverage import FeedDay

# Concurrent requests. A browser opens six connections; more requests would only wait for Datasette's few threads.
MAX_REQUESTS = 64
# For requests in progress at the end: a page takes a tenth of a second; a long CSV has to be requested again.
SHUTDOWN_TIMEOUT_SECONDS = 3

# Open connections. The oldest one that waits for its client is closed for another one; uvicorn refuses requests only
# from MAX_REQUESTS on.
MAX_CONNECTIONS = 60
# A browser sends a request at once, and reads in less than a second. The limit is between one and two of these times.
CLIENT_TIMEOUT_SECONDS = 10.0


def serve(
    settings: Settings,
    indexes: Mapping[str, Path],
    listening: socket.socket,
    now: Callable[[], datetime],
    on_start: Callable[[str], None],
    *,
    log_requests: bool,
) -> None:
    """Serve an archive, or several as one, until SIGTERM or SIGINT; SIGINT raises KeyboardInterrupt.

    :param indexes: the paths of their indexes, by the names of the archives
    :param listening: the socket
    :param on_start: called with the address when the server accepts connections
    """
    import uvicorn  # noqa: PLC0415 - it and Datasette take half a second; an error is reported before

    from web.site import application  # noqa: PLC0415

    with application(indexes, site_context(settings, now)) as app:
        # Objects that exist now are never garbage: without this, each full collection would take 40 ms.
        gc.freeze()
        server = uvicorn.Server(_configure(app, log_requests=log_requests))
        # Also before uvicorn handles the signal itself. After its shutdown it raises the signal again: ignore that.
        old_handler = signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
        try:
            on_start(describe(listening))
            server.run([listening])
        finally:
            signal.signal(signal.SIGTERM, old_handler)


def _configure(app: Any, *, log_requests: bool) -> uvicorn.Config:
    import uvicorn  # noqa: PLC0415 - as above
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415

    return uvicorn.Config(
        app,
        http=LimitedConnections(H11Protocol),  # type: ignore[arg-type] # it is called as the class is
        access_log=log_requests,
        limit_concurrency=MAX_REQUESTS,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_SECONDS,
        ws="none",
    )


class LimitedConnections:
    """Creates the connections of a uvicorn server, and closes those whose client does not go on. See D183.

    :param protocol: uvicorn's class for a connection
    :param seconds: see CLIENT_TIMEOUT_SECONDS
    """

    def __init__(self, protocol: Callable[..., Any], seconds: float = CLIENT_TIMEOUT_SECONDS) -> None:
        self.seconds = seconds
        self.open: dict[_LimitedConnection, None] = {}  # the oldest first
        self._protocol = protocol

    def __call__(self, *args: Any, **kwargs: Any) -> asyncio.Protocol:
        """Create a connection. uvicorn calls this as if it were its class."""
        return _LimitedConnection(self, self._protocol(*args, **kwargs))

    def make_room(self) -> None:
        """Close the oldest connections that wait for their client, as long as there are too many."""
        while len(self.open) > MAX_CONNECTIONS:
            waiting = next((each for each in self.open if each.is_waiting()), None)
            if waiting is None:
                return
            waiting.abort()


class _LimitedConnection(asyncio.Protocol):
    """A connection that uvicorn handles. Internal API of uvicorn 0.40: ``cycle``, the request that is
    answered, and ``conn``, its connection of h11."""

    def __init__(self, connections: LimitedConnections, protocol: Any) -> None:
        self._connections = connections
        self._protocol = protocol
        self._is_paused = False  # the client does not read
        self._resumed = 0  # how often it has read after a pause
        self._seen: object = None  # what it waited for at the last check

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._connections.open[self] = None
        self._connections.make_room()
        self._check()
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._connections.open.pop(self, None)
        self._protocol.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._protocol.data_received(self._with_ascii_target(data))

    def eof_received(self) -> bool | None:
        closes: bool | None = self._protocol.eof_received()
        return closes

    def pause_writing(self) -> None:
        self._is_paused = True
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._resumed += 1
        self._protocol.resume_writing()

    def is_waiting(self) -> bool:
        """Return whether only the client can go on: with a head, with a body, or by reading."""
        cycle = self._protocol.cycle
        return cycle is None or cycle.response_complete or cycle.more_body or self._is_paused

    def _with_ascii_target(self, data: bytes) -> bytes:
        """Return data in which the address of a request is encoded, if its client sent it in UTF-8, as curl does.

        Only the first line of a request changes. A body must keep its length, or its end would be another request.
        """
        connection = self._protocol.conn
        if str(connection.their_state) != "IDLE" or b"\n" in connection.trailing_data[0].lstrip():
            return data
        line, end, rest = data.partition(b"\n")
        if line.isascii() and b"\x7f" not in line:
            return data
        return b"".join(b"%%%02X" % byte if byte > 0x7E else bytes((byte,)) for byte in line) + end + rest

    def abort(self) -> None:
        """Close the connection without sending what is left."""
        self._connections.open.pop(self, None)
        self._transport.abort()

    def _check(self) -> None:
        awaited = (self._protocol.cycle, self._resumed) if self.is_waiting() else None
        if awaited is not None and awaited == self._seen:
            self.abort()
        self._seen = awaited
        self._timer = asyncio.get_running_loop().call_later(self._connections.seconds, self._check)


def site_context(settings: Settings, now: Callable[[], datetime]) -> SiteContext:
    """Return the context of the site's pages."""
    return SiteContext(
        images=settings.serve.images,
        now=now,
        feed_statuses=lambda store, at: statuses_of_all(settings, store, at),
        plain_text=article_text,
        decode_body=lambda response: _decode(response, settings.network.max_body),
        article_document=lambda store, docid, as_of: plain(find_article(store, docid, as_of) or {}),
        difference_document=difference_json,
        named_docid=named_docid,
        feeds={feed.id: feed.name for feed in settings.feeds},
        names=settings.serve.names,
    )


def statuses_of_all(settings: Settings, store: AnyStore, now: datetime) -> list[FeedStatus]:
    """The status of each feed that is on, in the order of the configuration.

    Of several archives, only feeds that one of them has read; each as of the archive that has polled it last.
    """
    if isinstance(store, Store):
        return feed_statuses(settings, store, now)
    readers = feed_readers(store)
    found = [
        status
        for each in store.stores
        for status in feed_statuses(settings, each, now)
        if readers.get(status.id) is each
    ]
    places = {feed.id: place for place, feed in enumerate(settings.feeds)}
    return sorted(found, key=lambda status: places[status.id])


def feed_statuses(settings: Settings, store: Store, now: datetime) -> list[FeedStatus]:
    """The status of each feed that is on, in the order of the configuration."""
    feeds = {feed.id: feed for feed in settings.feeds if feed.enabled}
    days, gaps = report_coverage(settings, store, list(feeds), [], now), report_gaps(settings, store)
    arrival_rates, names = store.feeds.arrival_rates(), {feed.id: feed.name for feed in settings.feeds}
    return [
        _feed_status(
            report,
            feeds[report.id],
            hourly_rates(arrival_rates.get(report.id, EMPTY), pace(feeds[report.id], settings.schedule).base),
            [day for day in days if day.feed == report.id],
            [gap for gap in gaps if gap.gap.feed == report.id],
            through=names.get(feed_of_list(report.heard_through or "")),
            prefix=store.prefix,
        )
        for report in report_feeds(settings, store, now)
    ]


def _feed_status(
    report: FeedReport,
    feed: Feed,
    rates: tuple[float, ...],
    days: Sequence[FeedDay],
    gaps: Sequence[OpenGap],
    *,
    through: str | None,
    prefix: str,
) -> FeedStatus:
    return FeedStatus(
        prefix=prefix,
        id=report.id,
        name=feed.name,
        state=report.state,
        reason=report.reason,
        since=report.since,
        last_poll=report.last_poll,
        last_sweep=report.last_sweep,
        heard_through=through,
        heard_verified=report.heard_verified,
        last_miss=datetime.fromisoformat(report.last_miss["at"]) if report.last_miss else None,
        newest=report.newest,
        archived=report.archived,
        pending=report.pending,
        parked=report.parked,
        arrival_rate=rates,
        days=tuple(
            DayCoverage(each.day, each.cover.share, each.cover.settled_share, not each.cover.before) for each in days
        ),
        gaps=tuple(
            GapStatus(gap.gap.start, gap.gap.end, gap.gap.lost is not None, gap.command, gap.why_not) for gap in gaps
        ),
    )


def _decode(response: RawResponse, max_bytes: int) -> bytes:
    from crawler.errors import CodingError, TooLargeError  # noqa: PLC0415 - the parser loads slowly
    from crawler.extract.response import page_of  # noqa: PLC0415

    try:
        return page_of(response, datetime.now(UTC), max_bytes).body
    except (CodingError, TooLargeError) as error:
        raise ValueError(str(error)) from error

"""The archive in a browser: what the reader is told of the feeds, and the server around it."""

from __future__ import annotations

import errno
import gc
import signal
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from archive.files.layout import index_path
from archive.files.paths import CHINA
from archive.index.connection import open_index_for_reading
from archive.model.feed import ArrivalRate
from archive.model.fetch import RawResponse
from archive.store import Store
from config.model import Feed, Settings
from crawler.extract.body import plain_text
from scheduler.monitoring.reports import report_coverage, report_feeds, report_gaps
from scheduler.policy.arrival_rate import EMPTY, expected, is_known
from scheduler.policy.feed_state import OpenGap
from scheduler.policy.intervals import pace
from web.feed_status import DayCoverage, FeedStatus, GapStatus
from web.request import SiteContext

if TYPE_CHECKING:
    from scheduler.monitoring.reports import FeedReport
    from scheduler.policy.coverage import FeedDay

LOOPBACK = "127.0.0.1"  # it shows everything to whoever asks; whoever wants it elsewhere has a tunnel or a proxy
# Requests at once. A person's browser has six connections; beyond, Datasette's few threads would only queue more.
MAX_REQUESTS = 64
# Seconds that what is under way at the end may still take: a page takes a tenth, a long CSV is asked for again.
PATIENCE = 3

_HOUR = timedelta(hours=1)
# Any Monday and Saturday: a rhythm tells the hours of weekdays from those of weekends.
_DAYS = (datetime(2026, 3, 2, tzinfo=CHINA), datetime(2026, 3, 7, tzinfo=CHINA))


class ServeError(Exception):
    """The archive cannot be served; the message says why and what to do."""


def serve(
    settings: Settings, port: int, now: Callable[[], datetime], on_start: Callable[[str], None], *, log_requests: bool
) -> None:
    """Serve the archive until SIGTERM or SIGINT; the latter ends in a KeyboardInterrupt.

    :param port: 0 takes any that is free
    :param on_start: is told the address, once connections are taken
    :raises ServeError: there is no archive yet, or the port cannot be had
    :raises ArchiveError: its index cannot be read
    """
    root = settings.archive.root.absolute()
    index = index_path(root)
    if not index.exists():
        raise ServeError(f"there is no archive at {root} yet: finarchive crawl begins one")
    open_index_for_reading(index).close()  # says so now if it cannot be read, and not on every page
    with listen(port) as listening:
        import uvicorn  # noqa: PLC0415 - it and Datasette take half a second that no other command should

        from web.site import application  # noqa: PLC0415

        app: Any = application(index, library(settings, now), settings.serve.names)
        config = uvicorn.Config(
            app,
            access_log=log_requests,
            limit_concurrency=MAX_REQUESTS,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=PATIENCE,
            ws="none",
        )
        # What is loaded by now is never garbage: to look it over each few pages would take 40 ms.
        gc.freeze()
        # uvicorn ends as it should and sends itself the signal once more: this one has been heard.
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            on_start(f"http://{LOOPBACK}:{listening.getsockname()[1]}/")
            uvicorn.Server(config).run([listening])
        finally:
            signal.signal(signal.SIGTERM, before)


def listen(port: int) -> socket.socket:
    """A socket on loopback that takes connections.

    :param port: 0 takes any that is free
    :raises ServeError: it cannot be had
    """
    # asyncio asks of connections that say they are TCP, and of no others, that nothing waits: else the end of a page
    # does, until the browser has acknowledged its beginning, 40 ms later.
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        # As servers do: the port of one that has just ended is free.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        what = f"cannot listen on {LOOPBACK}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise ServeError(f"{what}: another program does. Choose another with --port, or 0 for any") from error
        if error.errno == errno.EACCES:
            raise ServeError(f"{what}: not allowed to. Choose a port of 1024 or above") from error
        raise ServeError(f"{what}: {error.strerror}") from error
    return listening


def library(settings: Settings, now: Callable[[], datetime]) -> SiteContext:
    """What the reader's pages are made from."""
    return SiteContext(
        root=settings.archive.root.absolute(),
        images=settings.serve.images,
        now=now,
        feed_statuses=lambda store, at: standings(settings, store, at),
        plain_text=plain_text,
        decode_body=lambda response: _unpacked(response, settings.network.max_body),
    )


def standings(settings: Settings, store: Store, now: datetime) -> list[FeedStatus]:
    """How each feed that is on is doing, in the order of the configuration."""
    feeds = {feed.id: feed for feed in settings.feeds if feed.enabled}
    covers, arrival_rates = report_coverage(store, list(feeds), [], now), store.feeds.arrival_rates()
    gaps = report_gaps(settings, store)
    return [
        _standing(
            report,
            feeds[report.id],
            _rates(arrival_rates.get(report.id, EMPTY), pace(feeds[report.id], settings.schedule).base),
            [cover for cover in covers if cover.feed == report.id],
            [gap for gap in gaps if gap.gap.feed == report.id],
        )
        for report in report_feeds(settings, store, now)
    ]


def _standing(
    report: FeedReport, feed: Feed, rates: tuple[float, ...], days: Sequence[FeedDay], gaps: Sequence[OpenGap]
) -> FeedStatus:
    return FeedStatus(
        id=report.id,
        name=feed.categories[-1],
        state=report.state,
        reason=report.reason,
        since=report.since,
        last_poll=report.last_poll,
        newest=report.newest,
        archived=report.archived,
        pending=report.pending,
        parked=report.parked,
        arrival_rate=rates,
        days=tuple(DayCoverage(each.day, each.cover.share, not each.cover.before) for each in days),
        gaps=tuple(GapStatus(gap.gap.start, gap.gap.end, gap.command, gap.why_not) for gap in gaps),
    )


def _rates(arrival_rate: ArrivalRate, base: timedelta) -> tuple[float, ...]:
    """Articles to be expected in each hour of a weekday, then of a day of a weekend; none where nothing is known."""
    if not is_known(arrival_rate):
        return ()
    hours = [(day + hour * _HOUR).astimezone(UTC) for day in _DAYS for hour in range(24)]
    return tuple(expected(arrival_rate, hour, hour + _HOUR, base) for hour in hours)


def _unpacked(response: RawResponse, most: int) -> bytes:
    from crawler.errors import ExtractionError, TooLargeError  # noqa: PLC0415 - what reads pages takes long to load
    from crawler.extract.response import page_of  # noqa: PLC0415

    try:
        return page_of(response, datetime.now(UTC), most).body
    except (ExtractionError, TooLargeError) as error:
        raise ValueError(str(error)) from error

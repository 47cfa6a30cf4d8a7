"""Sends alerts while articles are archived: each alert, to each of its addresses, within its rate."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from archive.index.alerts import AlertProgress
from archive.model.article import Revision
from archive.model.errors import TransientError
from archive.model.feed import Entry
from archive.query.parser import Query, parse
from config.model import Alert
from scheduler.alerts import sender
from scheduler.alerts.message import MAX_ARTICLES, after_failure, after_success, compose, next_send_time, recent_only
from scheduler.clock import Clock
from scheduler.crawl.context import CrawlContext, CrawlObserver

logger = logging.getLogger("finarchive")

# Delay between the first article and its message: the articles of a poll are archived one a second, and should be
# in one message.
GATHER_TIME = timedelta(seconds=5)
# Delay before the index is read again after an error.
RETRY_INTERVAL = timedelta(minutes=1)
# Time for messages in flight when the program stops. The engine allows two seconds for everything beside the spider
# (crawler.engine). A message takes less than one second; one that is cancelled is sent again.
STOP_TIMEOUT_SECONDS = 1.5


class _AlertChannel(Struct):
    """One address of an alert."""

    alert: Alert
    url: str  # secret
    progress: AlertProgress
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # set when there may be something to send

    def query(self, now: datetime) -> Query:
        """Return the alert's query, in which today is the day of ``now``."""
        return parse(self.alert.query, now)


class AlertDispatcher(CrawlObserver):
    """Sends the alerts of a one-off crawl or of the daemon.

    :param on_outcome: called after each message with its alert's name, and whether it was sent
    """

    def __init__(
        self,
        context: CrawlContext,
        clock: Clock,
        on_outcome: Callable[[str, bool], None] = lambda alert, is_sent: None,
    ) -> None:
        self._context = context
        self._clock = clock
        self._on_outcome = on_outcome
        self._channels: list[_AlertChannel] = []
        self._reconfigured = asyncio.Event()
        self._is_registered = False  # the index has the alerts of the current settings
        self._in_flight: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send alerts while the block runs.

        The daemon sends continuously; a one-off crawl sends once, at its end, the messages that may be sent then.
        """
        self._context.observers.append(self)
        self._open()
        serving = None
        if self._context.policy.retry_forever:
            serving = asyncio.ensure_future(self._serve_all())
            serving.add_done_callback(self._on_serving_done)
        try:
            yield
            if serving is None:
                await asyncio.gather(*map(self._send_now, self._channels))
        finally:
            self._context.observers.remove(self)
            if serving:
                await self._stop(serving)
            self._record([channel.progress for channel in self._channels])

    def reconfigure(self) -> None:
        """Use the context's settings, which have changed."""
        self._reconfigured.set()

    def clock_moved(self) -> None:
        """Compute again when each message may be sent: the clock was set."""
        self._reconfigured.set()

    def _open(self) -> None:
        """Register the configured alerts in the index and create their channels."""
        store = self._context.store
        alerts = self._context.settings.alerts
        try:
            store.alerts.sync({alert.name: (alert.query, len(alert.urls)) for alert in alerts})
            recorded = {(each.alert, each.address): each for each in store.alerts.all()}
        except TransientError as error:
            self._is_registered = False
            logger.error("alerts-put-off reason=%r", str(error))
            return
        self._is_registered = True
        self._channels = [
            _AlertChannel(alert, url.get_secret_value(), recorded[alert.name, address])
            for alert in alerts
            for address, url in enumerate(alert.urls, start=1)
        ]
        for alert in alerts:
            if not alert.urls:
                logger.warning("alert-nowhere alert=%s reason=%r", alert.name, "neither urls nor its variable is set")
        self._wake_all()

    async def _serve_all(self) -> None:
        """Serve all channels; start again with new ones after each change of the settings."""
        while True:
            self._reconfigured.clear()
            serving = [asyncio.ensure_future(self._serve(channel)) for channel in self._channels]
            waiting = [*serving, asyncio.ensure_future(self._reconfigured.wait())]
            timeout = None if self._is_registered else self._clock.seconds(RETRY_INTERVAL)
            try:
                done, _ = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # raises what a bug raised
            finally:
                for task in waiting:
                    task.cancel()
            await self._finish_in_flight(sender.SEND_TIMEOUT_SECONDS)
            self._record([channel.progress for channel in self._channels])
            self._open()

    def _on_serving_done(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._context.crash(error)

    async def _stop(self, serving: asyncio.Future[None]) -> None:
        serving.cancel()
        await asyncio.wait([serving])
        await self._finish_in_flight(STOP_TIMEOUT_SECONDS)

    async def _finish_in_flight(self, max_seconds: float) -> None:
        """Wait for the messages in flight; cancel those that take longer than ``max_seconds``."""
        if self._in_flight:
            _, late = await asyncio.wait(self._in_flight, timeout=max_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    # One channel

    async def _serve(self, channel: _AlertChannel) -> None:
        while True:
            await channel.wake.wait()
            await self._sleep(GATHER_TIME)
            channel.wake.clear()
            try:
                while self._has_new(channel):
                    now = self._clock.now()
                    if (delay := next_send_time(channel.progress, channel.alert.at_most, now) - now) > timedelta(0):
                        await self._sleep(delay)
                    # Shielded: a message that was sent is recorded even if this channel is cancelled.
                    task = asyncio.ensure_future(self._send(channel))
                    self._in_flight.add(task)
                    task.add_done_callback(self._in_flight.discard)
                    await asyncio.shield(task)
            except TransientError as error:
                logger.error("alert-put-off alert=%s reason=%r", channel.alert.name, str(error))
                channel.wake.set()
                await self._sleep(RETRY_INTERVAL)

    async def _send_now(self, channel: _AlertChannel) -> None:
        now = self._clock.now()
        if self._has_new(channel) and next_send_time(channel.progress, channel.alert.at_most, now) <= now:
            await self._send(channel)

    async def _sleep(self, span: timedelta) -> None:
        await asyncio.sleep(self._clock.seconds(span))

    def _has_new(self, channel: _AlertChannel) -> bool:
        """Return True if there are articles to send; else move the channel's position past those too old to send."""
        changefeed = self._context.store.changefeed
        progress = channel.progress
        newest = changefeed.last_position()
        now = self._clock.now()
        if changefeed.count(recent_only(channel.query(now), now), progress.position, newest):
            return True
        if progress.attempts and (late := changefeed.count(channel.query(now), progress.position, newest)):
            logger.warning("alert-late alert=%s address=%d articles=%d", progress.alert, progress.address, late)
        # Recorded with the next message, or at the end: after a crash these articles are searched again.
        channel.progress = replace(progress, position=newest, attempts=0, due=None, failure=None)
        return False

    async def _send(self, channel: _AlertChannel) -> None:
        changefeed = self._context.store.changefeed
        progress = channel.progress
        name = channel.alert.name
        query = recent_only(channel.query(self._clock.now()), self._clock.now())
        newest = changefeed.last_position()
        total = changefeed.count(query, progress.position, newest)
        changes = changefeed.last(query, progress.position, newest, MAX_ARTICLES)
        if not changes:
            return
        failure = await sender.send(channel.url, compose(name, changes, total))
        now = self._clock.now()
        if failure is None:
            channel.progress = after_success(progress, newest, now)
            logger.info("alerted alert=%s address=%d articles=%d", name, progress.address, total)
        else:
            channel.progress = after_failure(progress, failure, now)
            logger.warning(
                "alert-failed alert=%s address=%d attempt=%d reason=%r",
                name, progress.address, channel.progress.attempts, failure,
            )  # fmt: skip
        self._record([channel.progress])
        self._on_outcome(name, failure is None)

    def _record(self, progress: list[AlertProgress]) -> None:
        try:
            self._context.store.alerts.record(progress)
        except TransientError as error:
            # The progress stays in memory until the next message. After a restart this message is sent again.
            logger.error("alert-unrecorded reason=%r", str(error))

    # CrawlObserver

    def archived(self, entry: Entry, revision: Revision) -> None:
        """Wake all channels: the article may match their queries."""
        self._wake_all()

    def _wake_all(self) -> None:
        for channel in self._channels:
            channel.wake.set()

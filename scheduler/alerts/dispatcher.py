"""Tells of new articles while they are archived: each alert, to each of its addresses, within its rate."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from archive.index.alerts import AlertProgress
from archive.model.article import Revision
from archive.model.feed import Entry, Failure, Poll
from archive.model.fetch import Decision
from archive.query.parser import Query, parse
from config.model import Alert
from pipeline.writer import TRANSIENT_ERRORS
from scheduler.alerts import sender
from scheduler.alerts.message import MAX_NAMED, failed, fresh, may_send, message, sent
from scheduler.clock import Clock
from scheduler.crawl.context import CrawlContext, CrawlObserver

logger = logging.getLogger("finarchive")

# Between the first article and its message: what a poll brings comes one a second, and goes into one message.
GATHER = timedelta(seconds=5)
# Before the index is read again when it could not be.
PAUSE = timedelta(minutes=1)
# Seconds in which a message that is under way may come to its end when we stop: within the two that are left to all
# that runs beside the spider (crawler.engine). It takes less than one; one that was cut off is sent again.
FAREWELL = 1.5


@dataclass(slots=True)
class _AlertChannel:
    """An address of an alert."""

    alert: Alert
    query: Query
    url: str  # secret
    told: AlertProgress
    news: asyncio.Event = field(default_factory=asyncio.Event)  # there may be something to tell


class AlertDispatcher(CrawlObserver):
    """The alerts of a run.

    :param on_outcome: told of each message: its alert's name, and whether it was taken
    """

    def __init__(
        self, run: CrawlContext, clock: Clock, on_outcome: Callable[[str, bool], None] = lambda alert, taken: None
    ) -> None:
        self._run, self._clock, self._on_outcome = run, clock, on_outcome
        self._channels: list[_AlertChannel] = []
        self._changed = asyncio.Event()
        self._is_settled = False  # the index knows of them
        self._under_way: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell while the block is worked at; a run that ends tells at its end what may be told then."""
        self._run.listeners.append(self)
        self._open()
        serving = None
        if self._run.policy.retry_forever:
            serving = asyncio.ensure_future(self._serve_on())
            serving.add_done_callback(self._served)
        try:
            yield
            if serving is None:
                await asyncio.gather(*map(self._tell_now, self._channels))
        finally:
            self._run.listeners.remove(self)
            if serving:
                await self._stop(serving, FAREWELL)
            self._keep([channel.told for channel in self._channels])

    def reconfigure(self) -> None:
        """The settings have changed."""
        self._changed.set()

    def _open(self) -> None:
        store, alerts = self._run.store, self._run.settings.alerts
        try:
            store.alerts.sync({alert.name: (alert.query, len(alert.urls)) for alert in alerts})
            told = {(each.alert, each.address): each for each in store.alerts.all()}
        except TRANSIENT_ERRORS as refusal:
            self._is_settled = False
            logger.error("alerts-put-off reason=%r", str(refusal))
            return
        self._is_settled = True
        self._channels = [
            _AlertChannel(alert, parse(alert.query), url.get_secret_value(), told[alert.name, address])
            for alert in alerts
            for address, url in enumerate(alert.urls, start=1)
        ]
        for alert in alerts:
            if not alert.urls:
                logger.warning("alert-nowhere alert=%s reason=%r", alert.name, "neither urls nor its variable is set")
        self._wake()

    async def _serve_on(self) -> None:
        while True:
            self._changed.clear()
            serving = [asyncio.ensure_future(self._serve(channel)) for channel in self._channels]
            waiting = [*serving, asyncio.ensure_future(self._changed.wait())]
            patience = None if self._is_settled else self._clock.seconds(PAUSE)
            try:
                done, _ = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # a bug is nobody's to hide
            finally:
                for task in waiting:
                    task.cancel()
            await self._farewell(sender.TIMEOUT)
            self._keep([channel.told for channel in self._channels])
            self._open()

    def _served(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._run.crash(error)

    async def _stop(self, serving: asyncio.Future[None], patience: float) -> None:
        serving.cancel()
        await asyncio.wait([serving])
        await self._farewell(patience)

    async def _farewell(self, patience: float) -> None:
        """Let what is under way come to its end."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=patience)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    # One address

    async def _serve(self, channel: _AlertChannel) -> None:
        while True:
            await channel.news.wait()
            await self._pause(GATHER)
            channel.news.clear()
            try:
                while self._has_news(channel):
                    now = self._clock.now()
                    if (wait := may_send(channel.told, channel.alert.at_most, now) - now) > timedelta(0):
                        await self._pause(wait)
                    # What is sent is recorded, whatever becomes of who waits for it.
                    task = asyncio.ensure_future(self._tell(channel))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                    await asyncio.shield(task)
            except TRANSIENT_ERRORS as refusal:
                logger.error("alert-put-off alert=%s reason=%r", channel.alert.name, str(refusal))
                channel.news.set()
                await self._pause(PAUSE)

    async def _tell_now(self, channel: _AlertChannel) -> None:
        now = self._clock.now()
        if self._has_news(channel) and may_send(channel.told, channel.alert.at_most, now) <= now:
            await self._tell(channel)

    async def _pause(self, span: timedelta) -> None:
        await asyncio.sleep(self._clock.seconds(span))

    def _has_news(self, channel: _AlertChannel) -> bool:
        """Whether there is something to tell; what is not to be told is passed over."""
        arrivals, told = self._run.store.changefeed, channel.told
        upto = arrivals.last_position()
        if arrivals.count(fresh(channel.query, self._clock.now()), told.position, upto):
            return True
        if told.attempts and (late := arrivals.count(channel.query, told.position, upto)):
            logger.warning("alert-late alert=%s address=%d articles=%d", told.alert, told.address, late)
        # Recorded with the next message, or at the end: after a crash it is looked through once more.
        channel.told = replace(told, position=upto, attempts=0, due=None, failure=None)
        return False

    async def _tell(self, channel: _AlertChannel) -> None:
        arrivals, told, name = self._run.store.changefeed, channel.told, channel.alert.name
        query, upto = fresh(channel.query, self._clock.now()), arrivals.last_position()
        number = arrivals.count(query, told.position, upto)
        news = arrivals.last(query, told.position, upto, MAX_NAMED)
        if not news:
            return
        failure = await sender.send(channel.url, message(name, news, number))
        now = self._clock.now()
        if failure is None:
            channel.told = sent(told, upto, now)
            logger.info("alerted alert=%s address=%d articles=%d", name, told.address, number)
        else:
            channel.told = failed(told, failure, now)
            logger.warning(
                "alert-failed alert=%s address=%d attempt=%d reason=%r",
                name, told.address, channel.told.attempts, failure,
            )  # fmt: skip
        self._keep([channel.told])
        self._on_outcome(name, failure is None)

    def _keep(self, told: list[AlertProgress]) -> None:
        try:
            self._run.store.alerts.record(told)
        except TRANSIENT_ERRORS as refusal:
            # The progress stays in memory until the next message; a restart would send this one again.
            logger.error("alert-unrecorded reason=%r", str(refusal))

    # What others say

    def archived(self, entry: Entry, revision: Revision) -> None:
        """See Listener."""
        self._wake()

    def rechecked(self, decision: Decision) -> None:
        """See Listener."""

    def failed(self, failure: Failure) -> None:
        """See Listener."""

    def polled(self, poll: Poll) -> None:
        """See Listener."""

    def changed(self) -> None:
        """See Listener."""

    def _wake(self) -> None:
        for channel in self._channels:
            channel.news.set()

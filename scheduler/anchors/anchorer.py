"""Anchors roots while articles are archived: in the daemon when a day was sealed, in a one-off crawl once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from archive.model.backoff import doubling
from archive.model.errors import TransientError
from scheduler.anchors.renewal import Anchor, anchors_of, is_anchored, renew
from scheduler.clock import Clock
from scheduler.crawl.context import CrawlContext

logger = logging.getLogger("finarchive")

# Between two looks for a new root or a confirmed proof: a calendar's transaction is in a block after some hours.
RENEW_INTERVAL = timedelta(hours=1)
# Delays before a failed anchor is tried again; they double. A server restarts in a minute; after a long outage the
# anchor is made within an hour.
_MIN_RETRY_DELAY = timedelta(minutes=1)
_MAX_RETRY_DELAY = timedelta(hours=1)
# Time that a one-off crawl gives its anchors after everything else is done. The next crawl tries again.
ONE_OFF_WAIT_SECONDS = 20.0


class Anchorer:
    """Anchors the newest root at each configured place; the places do not wait for each other.

    :param on_outcome: called after each attempt with the anchor's name, and whether it succeeded
    """

    def __init__(
        self,
        context: CrawlContext,
        clock: Clock,
        on_outcome: Callable[[str, bool], None] = lambda anchor, is_done: None,
    ) -> None:
        self._context = context
        self._clock = clock
        self._on_outcome = on_outcome
        self._proof = context.settings.proof
        self._anchors = anchors_of(self._proof)
        self._serving: asyncio.Task[None] | None = None
        self._sealed: dict[str, asyncio.Event] = {}  # by anchor: set when there may be a new root

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Anchor roots while the block runs; at its end, what has not ended is given up."""
        self._start()
        try:
            yield
            if self._serving and not self._context.policy.retry_forever:
                await asyncio.wait([self._serving], timeout=ONE_OFF_WAIT_SECONDS)
        finally:
            await self._stop()

    async def reconfigure(self) -> None:
        """Use the context's settings, if those of anchors have changed."""
        if self._context.settings.proof != self._proof:
            await self._stop()
            self._proof = self._context.settings.proof
            self._anchors = anchors_of(self._proof)
            self._start()

    def sealed(self) -> None:
        """There may be a new root: anchor it now."""
        for event in self._sealed.values():
            event.set()

    def missing(self) -> dict[str, bool]:
        """Return by anchor whether the newest root is not anchored there."""
        newest = self._context.store.manifests.newest()
        root = self._context.archive.root
        return {
            anchor.name: newest is not None and not is_anchored(root, newest[0], anchor) for anchor in self._anchors
        }

    def _start(self) -> None:
        self._sealed = {anchor.name: asyncio.Event() for anchor in self._anchors}
        self._serving = asyncio.ensure_future(self._serve_all(self._anchors)) if self._anchors else None
        if self._serving:
            self._serving.add_done_callback(self._on_done)

    async def _stop(self) -> None:
        if self._serving:
            self._serving.cancel()
            await asyncio.wait([self._serving])
            self._serving = None

    def _on_done(self, task: asyncio.Future[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._context.crash(error)

    async def _serve_all(self, anchors: list[Anchor]) -> None:
        serve = self._serve if self._context.policy.retry_forever else self._renew
        async with asyncio.TaskGroup() as group:  # which ends when all of them have, also after a cancellation
            for anchor in anchors:
                group.create_task(serve(anchor))

    async def _serve(self, anchor: Anchor) -> None:
        failures = 0
        while True:
            sealed = self._sealed[anchor.name]
            sealed.clear()
            failures = 0 if await self._renew(anchor, failures + 1) else failures + 1
            delay = doubling(failures, _MIN_RETRY_DELAY, _MAX_RETRY_DELAY) if failures else RENEW_INTERVAL
            with suppress(TimeoutError):
                await asyncio.wait_for(sealed.wait(), self._clock.seconds(delay))

    async def _renew(self, anchor: Anchor, attempt: int = 1) -> bool:
        """Renew an anchor; return whether nothing failed."""
        try:
            newest = self._context.store.manifests.newest()
            renewals = await renew(self._context.archive.root, newest, anchor) if newest else []
        except (TransientError, OSError) as error:  # the system refuses a file, now
            logger.warning("anchor-put-off anchor=%s reason=%r", anchor.name, str(error))
            return False
        for each in renewals:
            if each.failure is not None:
                logger.warning(
                    "anchor-failed anchor=%s place=%r day=%s attempt=%d reason=%r",
                    each.anchor, each.place, each.day, attempt, each.failure,
                )  # fmt: skip
            else:
                logger.info("%s anchor=%s place=%r day=%s", each.change, each.anchor, each.place, each.day)
            self._on_outcome(anchor.name, each.failure is None)
        return all(each.failure is None for each in renewals)

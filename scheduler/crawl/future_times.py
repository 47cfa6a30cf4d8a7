"""Repair of times in the future: rows of the queues that were written while the clock was ahead."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.retry import MAX_RETRY_DELAY
from scheduler.crawl.context import CrawlContext


class FutureTimes:
    """Clamps the times of waiting rows, after the fetches that the journal has and the index has not. See D41.

    A replay of the journal applies those fetches first, and must find the same times.

    :param journal_is_ahead: returns True while there are such fetches
    :param on_clamped: called after the times were clamped
    """

    def __init__(
        self, context: CrawlContext, journal_is_ahead: Callable[[], bool], on_clamped: Callable[[], None]
    ) -> None:
        self._context = context
        self._journal_is_ahead = journal_is_ahead
        self._on_clamped = on_clamped
        self._is_postponed = False

    def clamp(self) -> None:
        """Clamp now, or at a call of :meth:`clamp_postponed` once the journal is not ahead."""
        self._is_postponed = self._journal_is_ahead()
        if not self._is_postponed:
            queues = self._context.store.queues
            self._context.attempt(lambda: queues.clamp_future_times(self._context.now(), MAX_RETRY_DELAY))
            self._on_clamped()

    def clamp_postponed(self) -> None:
        """Clamp if :meth:`clamp` was postponed."""
        if self._is_postponed:
            self.clamp()

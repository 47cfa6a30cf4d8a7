"""Says in the daemon when the articles that wait will be there."""

from __future__ import annotations

import logging
from datetime import timedelta

from archive.files.paths import CHINA
from scheduler.crawl.context import CrawlContext
from scheduler.monitoring.reports import report_backlog
from scheduler.policy.backlog import Backlog

logger = logging.getLogger("finarchive")

ESTIMATE_INTERVAL = timedelta(minutes=1)  # an estimate counts every article that waits
LOG_INTERVAL = timedelta(minutes=10)
MIN_NEEDED = timedelta(minutes=2)  # what takes less needs no estimate


class BacklogWatch:
    """Estimates when everything that is due will be archived, once a minute, and logs it every ten minutes."""

    def __init__(self, context: CrawlContext) -> None:
        self._context = context
        self._backlog: Backlog | None = None
        self._next_estimate = timedelta(0)  # on Clock.elapsed (D140)
        self._next_log = timedelta(0)

    def text(self) -> str:
        """Return when, for the service manager's status; "" if that is a matter of seconds, or unknown."""
        now, elapsed = self._context.now(), self._context.elapsed()
        if elapsed >= self._next_estimate:
            self._next_estimate = elapsed + ESTIMATE_INTERVAL
            backlog = report_backlog(self._context.settings, self._context.store, now)
            self._backlog = backlog if backlog and backlog.until - now >= MIN_NEEDED else None
            if self._backlog and elapsed >= self._next_log:
                self._next_log = elapsed + LOG_INTERVAL
                until = self._backlog.until.isoformat(timespec="seconds")
                per_minute = self._backlog.per_minute
                logger.info("backlog waiting=%d per_minute=%.1f until=%s", self._backlog.waiting, per_minute, until)
        return f", all there at about {self._backlog.until.astimezone(CHINA):%m-%d %H:%M}" if self._backlog else ""

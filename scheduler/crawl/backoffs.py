"""The back-offs of a run: kept in the index, and logged."""

from __future__ import annotations

import logging

from archive.model.feed import HostBackoff
from crawler.http.backoff import HostBackoffs
from scheduler.crawl.context import CrawlContext

logger = logging.getLogger("finarchive")


def host_backoffs(context: CrawlContext) -> HostBackoffs:
    """Return the back-offs of all hosts; their changes are recorded in the index."""

    def record(backoff: HostBackoff) -> None:
        store_backoff(context, backoff)
        seconds = (backoff.until - context.now()).total_seconds()
        logger.warning("resting host=%s seconds=%d reason=%r", backoff.host, round(seconds), backoff.reason)

    def end(host: str) -> None:
        logger.info("answers-again host=%s", host)
        context.attempt(lambda: context.store.backoffs.end(host))

    first_delay, stored = context.settings.network.rest, context.store.backoffs.all()
    return HostBackoffs(first_delay, context.now, stored, record, end, elapsed=context.elapsed)


def store_backoff(context: CrawlContext, backoff: HostBackoff) -> None:
    """Record a back-off in the index."""
    context.attempt(lambda: context.store.backoffs.commit(backoff))

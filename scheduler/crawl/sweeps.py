"""Which lists are due for a sweep, and how far back, from the archive and the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from archive.index.lateness import NO_LATENESS, bound
from archive.model.feed import ArrivalRate
from config.model import Feed
from crawler.listings.registry import READERS
from crawler.paging.backfill import Backfill, begin_sweep
from scheduler.crawl.context import CrawlContext
from scheduler.policy.sweeps import next_sweep, sweep_start


def due_sweeps(context: CrawlContext, arrival_rate: Callable[[str], ArrivalRate]) -> list[Feed]:
    """Return the enabled feeds whose lists are due for a sweep.

    A list of one page needs none, because each poll reads it whole.

    :param arrival_rate: returns the arrival rate of a feed, given its id
    """
    now, every = context.now(), context.settings.schedule.sweep
    histories = context.store.feeds.histories()
    due = []
    for feed in context.feeds:
        if feed.kind in READERS and READERS[feed.kind].has_pages:
            time = next_sweep(histories.get(feed.id), every, arrival_rate(feed.id), now)
            if time is not None and time <= now:
                due.append(feed)
    return due


def sweep_of(context: CrawlContext, feed: Feed, at: datetime, max_pages: int) -> Backfill:
    """Return the sweep of a feed's list that begins at ``at``."""
    coverage, every = context.store.coverage, context.settings.schedule.sweep or timedelta(days=1)
    start = sweep_start(
        coverage.settled(feed.id).get(feed.id, ()),
        coverage.spans(feed.id).get(feed.id, ()),
        bound(coverage.lateness().get(feed.id, NO_LATENESS)),
        every,
        at,
    )
    return begin_sweep(feed.id, start, at, max_pages=max_pages)

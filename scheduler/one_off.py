"""A one-off crawl in a process of its own: poll or walk, archive everything due, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from archive.archive import Archive
from archive.model.feed import Span
from config.model import Feed, Settings
from crawler.engine import Engine
from pipeline.recovery import recover
from scheduler.alerts.dispatcher import AlertDispatcher
from scheduler.clock import Clock
from scheduler.crawl.context import one_off_policy
from scheduler.crawl.job import CrawlJob
from scheduler.crawl.progress import CrawlProgress, CrawlResult
from scheduler.crawl.work_queue import ArchiveWorkQueue


def crawl(
    settings: Settings,
    feeds: Sequence[Feed],
    now: Callable[[], datetime],
    *,
    limit: int | None = None,
    stretch: Span | None = None,
    on_change: Callable[[CrawlProgress], None] = lambda progress: None,
) -> CrawlResult:
    """Poll ``feeds``, or walk through a stretch of one, and archive everything due.

    Runs Scrapy's reactor, so once in a process.

    :param limit: the most articles to archive
    :param on_change: called whenever there is something to show
    :raises ArchiveError: the archive cannot be opened or written; what was archived until then is safe
    """
    command, raw = "backfill" if stretch else "crawl", settings.archive.raw == "warc"
    with Archive(settings.archive.root, command, now(), raw=raw) as archive:
        recover(archive, settings, now())
        work_queue = ArchiveWorkQueue(archive, settings, now, one_off_policy(now()))
        job = CrawlJob(work_queue, feeds, limit=limit, stretch=stretch, on_change=on_change)

        async def carry_out() -> None:
            async with AlertDispatcher(work_queue.run, Clock(now)).running():
                await job.carry_out()

        engine = Engine(settings, work_queue, work_queue.articles.backoffs, now, carry_out)
        engine.run()
        return job.result(engine.requests, interrupted=engine.interrupted is not None)

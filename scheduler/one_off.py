"""A one-off crawl in its own process: polls or backfills, archives everything due, then ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from archive.archive import Archive
from archive.model.feed import Span
from config.model import Feed, Settings
from crawler.engine import Engine
from crawler.parsing.pool import ParserPool
from pipeline.recovery import recover
from scheduler.alerts.dispatcher import AlertDispatcher
from scheduler.anchors.anchorer import Anchorer
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
    span: Span | None = None,
    on_change: Callable[[CrawlProgress], None] = lambda progress: None,
) -> CrawlResult:
    """Poll ``feeds``, or backfill a span of the first one, and archive everything due.

    Runs Scrapy's reactor, so it can be called once in a process.

    :param limit: the maximum number of articles to archive
    :param span: the span to backfill; None to poll
    :param on_change: called after each change of the progress
    :raises ArchiveError: the archive cannot be opened or written; what was archived before that is safe
    """
    command = "backfill" if span else "crawl"
    raw = settings.archive.raw == "warc"
    with Archive(settings.archive.root, command, now(), raw=raw) as archive, ParserPool() as parsers:
        parsers.start()
        recover(archive, settings, now(), parsers)
        clock = Clock(now)
        work_queue = ArchiveWorkQueue(archive, settings, clock, one_off_policy(now()), parsers)
        work_queue.context.check_free_space()
        job = CrawlJob(work_queue, feeds, limit=limit, span=span, on_change=on_change)

        async def main() -> None:
            context = work_queue.context
            async with Anchorer(context, clock).running(), AlertDispatcher(context, clock).running():
                await job.run()

        engine = Engine(settings, work_queue, work_queue.articles.backoffs, now, main, parsers=parsers)
        engine.run()
        return job.result(engine.requests, interrupted=engine.interrupted is not None)

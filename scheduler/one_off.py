"""One-off work in its own process: a crawl, which polls or backfills and archives everything due, or one page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
from scheduler.crawl.page import PageJob
from scheduler.crawl.progress import CrawlProgress, CrawlResult, PageResult
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.keeper import claimed, keeper_of, running
from scheduler.mirroring import mirroring


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
    with _one_off(settings, "backfill" if span else "crawl", now) as (work_queue, engine_of):
        job = CrawlJob(work_queue, feeds, limit=limit, span=span, on_change=on_change)
        engine = engine_of(job.run)
        engine.run()
        return job.result(engine.requests, interrupted=engine.interrupted is not None)


def add_page(settings: Settings, url: str, categories: tuple[str, ...], now: Callable[[], datetime]) -> PageResult:
    """Archive one page, and nothing else that is due.

    Runs Scrapy's reactor, so it can be called once in a process.

    :param categories: to file the page under; () for those of pages that are added
    :raises KeyboardInterrupt: it was interrupted; a later crawl fetches the page
    :raises ArchiveError: the archive cannot be opened or written
    """
    results: list[PageResult] = []
    with _one_off(settings, "add", now) as (work_queue, engine_of):

        async def add() -> None:
            results.append(await PageJob(work_queue, url, categories).run())

        engine_of(add).run()
    if not results:
        raise KeyboardInterrupt
    return results[0]


Main = Callable[[], Awaitable[None]]


@contextmanager
def _one_off(
    settings: Settings, command: str, now: Callable[[], datetime]
) -> Iterator[tuple[ArchiveWorkQueue, Callable[[Main], Engine]]]:
    """Open the archive; yield its work queue, and a function that makes the engine of a work.

    :param command: for the message of another process that finds the archive locked
    """
    raw = settings.archive.raw == "warc"
    with (
        Archive(settings.archive.root, command, now(), raw=raw) as archive,
        ParserPool() as parsers,
        ExitStack() as stack,
    ):
        parsers.start()
        recover(archive, settings, now(), parsers)
        clock = Clock(now)
        leads = stack.enter_context(claimed(settings))
        work_queue = ArchiveWorkQueue(archive, settings, clock, one_off_policy(now()), parsers)
        work_queue.context.check_free_space()
        keeper = keeper_of(work_queue)
        may_write = leads
        if keeper:
            may_write = keeper.leads_after(leads)
            stack.callback(keeper.queue.resign)  # once the mirror has everything
        stack.enter_context(mirroring(archive, settings, clock, may_write=may_write))

        def engine(work: Main) -> Engine:
            async def main() -> None:
                context = work_queue.context
                async with (
                    running(keeper),
                    Anchorer(context, clock).running(),
                    AlertDispatcher(context, clock).running(),
                ):
                    await work()

            backoffs, remote = work_queue.articles.backoffs, keeper.queue if keeper else None
            return Engine(settings, work_queue, backoffs, now, main, parsers=parsers, remote=remote)

        yield work_queue, engine

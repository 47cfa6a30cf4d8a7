"""Executes, in the daemon, the requests that other commands send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from archive.model.errors import LockedError, TransientError
from archive.model.feed import Span
from config.model import Feed
from scheduler.crawl.job import CrawlJob
from scheduler.crawl.page import PageJob
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.control_socket import Send
from scheduler.errors import RequestRefusedError
from scheduler.exits import Exit

PROGRESS_INTERVAL_SECONDS = 0.1  # between two progress documents: as often as a progress bar is drawn


class ControlHandler:
    """Executes requests with the daemon's work queue.

    :param request_count: returns the number of HTTP requests sent so far
    """

    def __init__(self, work_queue: ArchiveWorkQueue, request_count: Callable[[], int]) -> None:
        self._work_queue = work_queue
        self._request_count = request_count

    async def handle(self, request: dict[str, Any], send: Send) -> dict[str, Any]:
        """Execute a request and return its result document.

        :param request: a document from :mod:`cli.commands`: crawl, backfill, add or retry
        :param send: sends progress documents to the client
        :raises RequestRefusedError: the request cannot be executed
        """
        if self._work_queue.context.free_space.is_low and request.get("command") != "retry":
            reason = f"the daemon that holds the archive is paused: {self._work_queue.context.free_space.reason}"
            raise RequestRefusedError(reason, Exit.SOME_FAILED)
        try:
            return await self._dispatch(request, send)
        except LockedError as error:
            raise RequestRefusedError(str(error), Exit.LOCKED) from error
        except TransientError as error:
            raise RequestRefusedError(str(error), Exit.SOME_FAILED) from error

    async def _dispatch(self, request: dict[str, Any], send: Send) -> dict[str, Any]:
        match request:
            case {"command": "crawl", "feeds": list(names), "limit": int() | None as limit}:
                return await self._run_job(self._feeds(names), send, limit=limit)
            case {"command": "backfill", "feed": str(name), "start": str(start), "end": str(end)}:
                return await self._run_job(self._feeds([name]), send, span=_span(start, end))
            case {"command": "add", "url": str(url), "categories": list(categories)}:
                job = PageJob(self._work_queue, url, tuple(map(str, categories)))
                return (await job.run(open_articles=False)).as_json()
            case {"command": "retry", "parked": bool(parked)}:
                if self._work_queue.articles.disk_refuses:
                    reason = "the daemon that holds the archive cannot write to its disk; it tries again by itself"
                    raise RequestRefusedError(reason, Exit.SOME_FAILED)
                return {"released": await self._work_queue.release(parked=parked)}
        raise RequestRefusedError("the daemon is of another version of finarchive: restart it", Exit.USAGE)

    def _feeds(self, names: list[Any]) -> list[Feed]:
        """Return the feeds with these ids; without ids, all enabled feeds."""
        feeds = {feed.id: feed for feed in self._work_queue.context.feeds}
        if missing := [str(name) for name in names if not isinstance(name, str) or name not in feeds]:
            reason = f"the daemon that holds the archive has no feed called {', '.join(missing)}, or it is off"
            raise RequestRefusedError(f"{reason}; it has: {', '.join(feeds)}", Exit.USAGE)
        return [feeds[name] for name in dict.fromkeys(names)] or list(feeds.values())

    async def _run_job(self, feeds: list[Feed], send: Send, **options: Any) -> dict[str, Any]:
        job = CrawlJob(self._work_queue, feeds, **options)
        requests_before = self._request_count()
        reporting = asyncio.ensure_future(self._report_progress(job, send))
        try:
            await job.run(open_articles=False)
        finally:
            reporting.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await reporting
        return job.result(self._request_count() - requests_before).as_document()

    @staticmethod
    async def _report_progress(job: CrawlJob, send: Send) -> None:
        while True:
            await send({"tally": job.progress.as_json()})
            await asyncio.sleep(PROGRESS_INTERVAL_SECONDS)


def _span(start: str, end: str) -> Span:
    try:
        span = Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
    except ValueError as error:
        raise RequestRefusedError(f"not a span of time: {error}", Exit.USAGE) from error
    if span.start.tzinfo is None or span.end.tzinfo is None or span.start >= span.end:
        raise RequestRefusedError(f"not a span of time with a zone: {start} to {end}", Exit.USAGE)
    return span

"""Carries out in the daemon what other commands hand to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from archive.model.errors import DiskFullError, LockedError
from archive.model.feed import Span
from config.model import Feed
from scheduler.crawl.job import CrawlJob
from scheduler.crawl.work_queue import ArchiveWorkQueue
from scheduler.daemon.control_socket import RequestRefusedError, Send
from scheduler.exits import Exit

PACE = 0.1  # seconds between two tallies sent: as often as a progress bar is drawn


class ControlHandler:
    """Carries errands out at the daemon's desk.

    :param requests: how many were sent so far
    """

    def __init__(self, work_queue: ArchiveWorkQueue, requests: Callable[[], int]) -> None:
        self._work_queue, self._requests = work_queue, requests

    async def handle(self, request: dict[str, Any], send: Send) -> dict[str, Any]:
        """Carry out what a request asks for.

        :param request: as :mod:`cli.commands.crawl` makes it
        :raises RefusedError: it cannot be done
        """
        try:
            return await self._carry_out(request, send)
        except LockedError as error:
            raise RequestRefusedError(str(error), Exit.LOCKED) from error
        except DiskFullError as error:
            raise RequestRefusedError(str(error), Exit.SOME_FAILED) from error

    async def _carry_out(self, request: dict[str, Any], send: Send) -> dict[str, Any]:
        match request:
            case {"command": "crawl", "feeds": list(names), "limit": int() | None as limit}:
                return await self._job(self._chosen(names), send, limit=limit)
            case {"command": "backfill", "feed": str(name), "start": str(start), "end": str(end)}:
                return await self._job(self._chosen([name]), send, stretch=_stretch(start, end))
            case {"command": "retry", "parked": bool(parked)}:
                released = self._work_queue.run.store.queues.release(self._work_queue.run.now(), parked=parked)
                self._work_queue.check_due()
                return {"released": released}
        raise RequestRefusedError("the daemon is of another version of finarchive: restart it", Exit.USAGE)

    def _chosen(self, names: list[Any]) -> list[Feed]:
        feeds = {feed.id: feed for feed in self._work_queue.run.feeds}
        if missing := [str(name) for name in names if not isinstance(name, str) or name not in feeds]:
            reason = f"the daemon that holds the archive has no feed called {', '.join(missing)}, or it is off"
            raise RequestRefusedError(f"{reason}; it has: {', '.join(feeds)}", Exit.USAGE)
        return [feeds[name] for name in dict.fromkeys(names)] or list(feeds.values())

    async def _job(self, feeds: list[Feed], send: Send, **wanted: Any) -> dict[str, Any]:
        job = CrawlJob(self._work_queue, feeds, **wanted)
        before = self._requests()
        telling = asyncio.ensure_future(self._tell(job, send))
        try:
            await job.carry_out(open_articles=False)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await telling
        return job.result(self._requests() - before).whole()

    @staticmethod
    async def _tell(job: CrawlJob, send: Send) -> None:
        while True:
            await send({"tally": job.progress.as_json()})
            await asyncio.sleep(PACE)


def _stretch(start: str, end: str) -> Span:
    try:
        stretch = Span(datetime.fromisoformat(start), datetime.fromisoformat(end))
    except ValueError as error:
        raise RequestRefusedError(f"no stretch of time: {error}", Exit.USAGE) from error
    if stretch.start.tzinfo is None or stretch.end.tzinfo is None or stretch.start >= stretch.end:
        raise RequestRefusedError(f"no stretch of time with a zone: {start} to {end}", Exit.USAGE)
    return stretch

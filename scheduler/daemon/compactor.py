"""Removes raw pages in the daemon once they are older than ``archive.raw_keep``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from archive.files.paths import CHINA
from archive.integrity.rewrite import use_copy
from archive.journal.warc_days import day_of, first_file_of
from archive.model.errors import TransientError
from crawler.errors import ParserUnavailableError
from pipeline.compact import Removal, files_to_compact, pages_to_remove, plan, write_compacted
from scheduler.clock import Clock
from scheduler.crawl.context import CrawlContext

logger = logging.getLogger("finarchive")

# A day's pages become old enough at midnight. After a failure, such as a full disk, the next try is an hour later.
_INTERVAL = timedelta(hours=1)
_LEAD = timedelta(days=2)  # longer than any fetch is on its way, and than the clock is set by


class Compactor:
    """Compacts one journal file after the other, a page at a time: the daemon goes on meanwhile."""

    def __init__(self, context: CrawlContext, clock: Clock) -> None:
        self._context = context
        self._clock = clock
        # The day before which no fetch refers to a body any more, since the last pass; None: there was none.
        self._left: date | None = None

    async def run(self) -> None:
        """Compact the files that are old enough, now and every hour. Never returns."""
        while True:
            try:
                await self.compact()
            except (TransientError, ParserUnavailableError) as error:
                logger.warning("compaction-failed again_in=%ds reason=%r", _INTERVAL.total_seconds(), str(error))
            await asyncio.sleep(self._clock.seconds(_INTERVAL))

    async def compact(self) -> None:
        """Compact the files that are old enough, and to which no fetch has referred since the last pass.

        A fetch that is on its way may refer to a body in an old file. So new ones do not, from two days before a file
        is old enough; the first pass only begins with that.

        :raises ArchiveError: something cannot be read or written
        """
        settings, store = self._context.settings, self._context.store
        if settings.archive.raw_keep is None or settings.archive.raw == "none":
            return
        before = self._context.now() - settings.archive.raw_keep
        left, self._left = self._left, (before + _LEAD).astimezone(CHINA).date()
        self._context.archive.refer_only_to(first_file_of(self._left))
        if left is None or store.log.held() or store.log.is_behind:  # what held ones refer to is not in the index
            return
        for file in files_to_compact(store, before):
            if day_of(Path(file)) >= left:
                return
            positions = pages_to_remove(store, file, before)
            steps = plan(self._context.archive.root, positions, self._context.parsers, settings.network.max_body)
            await self._remove(file, [each async for each in _in_a_thread(steps)], before)

    async def _remove(self, file: str, removals: list[Removal], before: datetime) -> None:
        archive, now = self._context.archive, self._context.now()
        if removals:
            copy = await asyncio.to_thread(write_compacted, archive.root, file, removals, now)
            still = {each.offset for each in pages_to_remove(archive.store, file, before)}
            if any(each.offset not in still for each in removals):
                return  # fetches have come in that refer to them: the next pass looks again
            use_copy(archive, copy)
            freed = sum(each.freed for each in removals)
            logger.info("compacted file=%s pages=%d bytes=%d", file, len(removals), freed)
        archive.store.raw_pages.commit_compacted(file, now)


async def _in_a_thread(steps: Iterator[Removal]) -> AsyncIterator[Removal]:
    """Yield the items of an iterator, each of which a thread computes: when the daemon stops, it waits for one."""
    while (each := await asyncio.to_thread(next, steps, None)) is not None:
        yield each

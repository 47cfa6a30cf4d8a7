"""Brings looks to the disk, many at a time, while the next pages come in: journal, then files, then rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archive.archive import Archive
from archive.journal.warc_records import digest
from archive.model.errors import ArchiveError, DiskFullError, LockedError, NotWritableError
from archive.model.fetch import Decision, Fetch, JournalPosition
from crawler.extract.response import understand
from pipeline.commit import CommitBatch, ParsedFetch

logger = logging.getLogger("finarchive")

# Files synced and rows committed together: beyond this the gain is small and what a crash repeats grows.
BATCH_SIZE = 64
MAX_QUEUED = 4 * BATCH_SIZE  # a few megabytes; a disk slower than the network must not fill the memory
# Seconds between two attempts at a disk that was full: it is emptied by people, or by a job of theirs.
DISK_RETRY_SECONDS = 5.0
# What passes by itself, or when somebody makes room, or mounts the disk again: it could be written once.
TRANSIENT_ERRORS = (DiskFullError, LockedError, NotWritableError)


@dataclass(slots=True)
class WriteItem:
    """A look on its way to the disk, and how far it has come."""

    fetch: Fetch
    milliseconds: int  # that it took
    digest: str | None = None  # of the response body
    is_journaled: bool = False  # or no journal is kept
    position: JournalPosition | None = None  # of its journal record
    parsed: ParsedFetch | None = None

    @property
    def decision(self) -> Decision | None:
        """The decision about the fetch, once it is made."""
        return self.parsed.decision if self.parsed else None


@dataclass(frozen=True, slots=True)
class WriterCallbacks:
    """Whom a writer tells."""

    on_written: Callable[[Sequence[WriteItem]], None]  # with each batch whose verdicts are on the disk
    on_crash: Callable[[BaseException], None]  # with an error that ends the writing
    on_room: Callable[[], None]  # when it was full and is no longer
    on_refused: Callable[[WriteItem, str], None]  # with an article whose path cannot be written, and why


class Writer:
    """Writes what came of looks.

    :param max_body: bytes that a page may unpack to
    :param retry_forever: go on trying when the disk is full or the index locked, instead of crashing
    """

    def __init__(
        self,
        archive: Archive,
        max_body: Callable[[], int],
        callbacks: WriterCallbacks,
        *,
        retry_forever: bool,
    ) -> None:
        self._archive = archive
        self._max_body = max_body
        self._callbacks = callbacks
        self._retry_forever = retry_forever
        self._queue: asyncio.Queue[WriteItem] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._was_full = False
        self.stuck = False  # the disk did not take what was tried last

    def put(self, item: WriteItem) -> None:
        """Have a look written."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write_on())
        self._queue.put_nowait(item)

    def full(self) -> bool:
        """Whether too many are on their way; so until the writer has caught up."""
        self._was_full = self.stuck or self._was_full or self._queue.qsize() > MAX_QUEUED
        return self._was_full

    async def drain(self) -> None:
        """Wait until everything is on the disk, or cannot get there; then stop."""
        if self._task is None:
            return
        waiting = asyncio.create_task(self._queue.join())
        try:
            await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (waiting, self._task):
                task.cancel()
            await asyncio.gather(waiting, self._task, return_exceptions=True)
            self._task = None

    async def _write_on(self) -> None:
        try:
            while True:
                batch = [await self._queue.get()]
                while len(batch) < BATCH_SIZE and not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                await self._write_somehow(batch)
                for _ in batch:
                    self._queue.task_done()
        except Exception as error:
            self._callbacks.on_crash(error)

    async def _write_somehow(self, batch: Sequence[WriteItem]) -> None:
        while True:
            try:
                await self._write(batch)
            except NotWritableError as error:
                if not self._retry_forever:
                    raise
                await self._write_apart(batch, error)
                return
            except TRANSIENT_ERRORS as error:
                if not self._retry_forever:
                    raise
                self._report(error)
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                break
        if self.stuck:
            logger.warning("disk-again articles=%d", len(batch))
        self._callbacks.on_written(batch)
        self._take_more()

    def _take_more(self) -> None:
        """A batch is done with, one way or the other."""
        self.stuck = False
        if self._was_full and self._queue.qsize() <= MAX_QUEUED:
            self._was_full = False
            self._callbacks.on_room()

    async def _write_apart(self, batch: Sequence[WriteItem], error: NotWritableError) -> None:
        """Some path of a batch cannot be written: that must not keep the others from the disk. See D40."""
        if len(batch) == 1:
            self._callbacks.on_refused(batch[0], str(error))
            self._take_more()
            return
        for each in batch:
            await self._write_somehow([each])

    def _report(self, error: ArchiveError) -> None:
        if not self.stuck:  # once: it may last for days
            logger.error("disk-refuses reason=%r", f"{error}; trying again every {DISK_RETRY_SECONDS:.0f} s")
        self.stuck = True

    async def _write(self, batch: Sequence[WriteItem]) -> None:
        # Responses go into the journal before anything parses them.
        for item in batch:
            if item.digest is None and item.fetch.response:
                item.digest = digest(item.fetch.response.body)
        store = self._archive.store
        bodies = store.articles.places([item.digest for item in batch if item.digest])
        commit = CommitBatch(store, await asyncio.to_thread(self._journal_and_parse, batch, bodies))
        commit.decide()
        commit.reserve_paths()
        await asyncio.to_thread(commit.write_files, self._archive.write)
        commit.commit_rows()

    def _journal_and_parse(
        self, batch: Sequence[WriteItem], bodies: Mapping[str, JournalPosition]
    ) -> list[ParsedFetch]:
        new = [item for item in batch if not item.is_journaled]
        positions = self._archive.keep([item.fetch for item in new], bodies)
        for item, position in zip(new, positions, strict=True):
            item.is_journaled = True
            item.position = position
        max_body = self._max_body()
        for item in batch:
            if item.parsed is None:
                article = understand(item.fetch, max_body)
                item.parsed = ParsedFetch(item.fetch, article, item.digest, item.position)
        return [item.parsed for item in batch if item.parsed]

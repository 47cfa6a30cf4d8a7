"""Brings looks to the disk, many at a time, while the next pages come in: journal, then files, then rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from archive.archive import Archive
from archive.journal.warc_records import digest
from archive.model.article import Article
from archive.model.errors import ArchiveError, DiskFullError, LockedError, NotWritableError
from archive.model.feed import Failure
from archive.model.fetch import Decision, Fetch, JournalPosition, Outcome
from crawler.extract.response import understand
from pipeline.decide import decide

logger = logging.getLogger("finarchive")

# Files synced and rows committed together: beyond this the gain is small and what a crash repeats grows.
BATCH = 64
MAX_QUEUED = 4 * BATCH  # a few megabytes; a disk slower than the network must not fill the memory
# Seconds between two attempts at a disk that was full: it is emptied by people, or by a job of theirs.
PAUSE = 5.0
# What passes by itself, or when somebody makes room, or mounts the disk again: it could be written once.
PASSES = (DiskFullError, LockedError, NotWritableError)


@dataclass(slots=True)
class WriteItem:
    """A look on its way to the disk, and how far it has come."""

    fetch: Fetch
    milliseconds: int  # that it took
    digest: str | None = None  # of the answer's body
    is_kept: bool = False  # in the journal, if there is one
    place: JournalPosition | None = None  # where it is there
    read: Article | Failure | None = None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class WriterCallbacks:
    """Whom a writer tells."""

    on_written: Callable[[Sequence[WriteItem]], None]  # with each batch whose verdicts are on the disk
    on_crash: Callable[[BaseException], None]  # with an error that ends the writing
    on_room: Callable[[], None]  # when it was full and is no longer
    on_refused: Callable[[WriteItem, str], None]  # with an article whose path cannot be written, and why


class Writer:
    """Writes what came of looks.

    :param most: bytes that a page may unpack to
    :param retry_forever: go on trying when the disk is full or the index locked, instead of crashing
    """

    def __init__(
        self,
        archive: Archive,
        most: Callable[[], int],
        callbacks: WriterCallbacks,
        *,
        retry_forever: bool,
    ) -> None:
        self._archive, self._most, self._callbacks, self._retry_forever = archive, most, callbacks, retry_forever
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
                while len(batch) < BATCH and not self._queue.empty():
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
            except PASSES as error:
                if not self._retry_forever:
                    raise
                self._report(error)
                await asyncio.sleep(PAUSE)
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
            logger.error("disk-refuses reason=%r", f"{error}; trying again every {PAUSE:.0f} s")
        self.stuck = True

    async def _write(self, batch: Sequence[WriteItem]) -> None:
        # What was answered goes into the journal before anybody tries to understand it. Where a file is to be is
        # committed before the file is written, so that a run after a crash writes it there and nowhere else, however
        # the feeds are configured by then. Then the files; then the rows, each a promise that its file is there.
        # See D16 and D43.
        versions = self._archive.store.articles
        for each in batch:
            if each.digest is None and each.fetch.response:
                each.digest = digest(each.fetch.response.body)
        bodies = versions.positions([each.digest for each in batch if each.digest])
        await asyncio.to_thread(self._keep_and_understand, batch, bodies)
        known = versions.states([each.fetch.pending.entry.docid for each in batch])
        decisions = []
        for each in batch:
            if each.decision is None and each.read is not None:
                docid = each.fetch.pending.entry.docid
                each.decision = decide(each.fetch, each.read, known.get(docid), each.digest)
            if each.decision:
                decisions.append(each.decision)
        first = [
            decision.revision for decision in decisions if decision.outcome is Outcome.FIRST and decision.revision
        ]
        self._archive.store.entries.commit_paths({revision.docid: revision.path for revision in first})
        await asyncio.to_thread(self._archive.write_posts, [decision.post for decision in decisions if decision.post])
        versions.commit(decisions, [each.place for each in batch])

    def _keep_and_understand(self, batch: Sequence[WriteItem], bodies: Mapping[str, JournalPosition]) -> None:
        new = [each for each in batch if not each.is_kept]
        places = self._archive.append_fetches([each.fetch for each in new], bodies)
        for each, place in zip(new, places, strict=True):
            each.is_kept, each.place = True, place
        most = self._most()
        for each in batch:
            if each.read is None:
                each.read = understand(each.fetch, most)

"""Brings articles to the disk, many at a time, while the next pages come in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive.archive import Archive
from archive.errors import ArchiveError, DiskFullError, LockedError, NotWritableError
from archive.records import Article, Entry, Post, Revision

logger = logging.getLogger("finarchive")

# Files synced and rows committed together: beyond this the gain is small and what a crash repeats grows.
BATCH = 64
MOST_UNWRITTEN = 4 * BATCH  # a few megabytes; a disk slower than the network must not fill the memory
# Seconds between two attempts at a disk that was full: it is emptied by people, or by a job of theirs.
PAUSE = 5.0
# What passes by itself, or when somebody makes room, or mounts the disk again: it could be written once.
PASSES = (DiskFullError, LockedError, NotWritableError)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """An article on its way to the disk."""

    entry: Entry
    article: Article
    post: Post
    feed: str  # the id of the one it is filed under
    milliseconds: int  # that fetching it took


class Writer:
    """Writes articles: files first, then rows.

    :param on_written: called with each batch that is on the disk
    :param on_crash: called with an error that ends the writing
    :param on_room: called when it was full and is no longer
    :param on_refused: called with an article whose path cannot be written, and why
    :param steadfast: go on trying when the disk is full or the index locked, instead of crashing
    """

    def __init__(
        self,
        archive: Archive,
        on_written: Callable[[Sequence[tuple[Unwritten, Revision]]], None],
        on_crash: Callable[[BaseException], None],
        on_room: Callable[[], None],
        on_refused: Callable[[Unwritten, str], None],
        *,
        steadfast: bool,
    ) -> None:
        self._archive, self._on_written, self._steadfast = archive, on_written, steadfast
        self._on_crash, self._on_room, self._on_refused = on_crash, on_room, on_refused
        self._queue: asyncio.Queue[Unwritten] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._was_full = False
        self.stuck = False  # the disk did not take what was tried last

    def put(self, unwritten: Unwritten) -> None:
        """Have an article written."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write_on())
        self._queue.put_nowait(unwritten)

    def full(self) -> bool:
        """Whether too many are on their way; so until the writer has caught up."""
        self._was_full = self.stuck or self._was_full or self._queue.qsize() > MOST_UNWRITTEN
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
            self._on_crash(error)

    async def _write_somehow(self, batch: Sequence[Unwritten]) -> None:
        while True:
            try:
                revisions = await self._write(batch)
            except NotWritableError as error:
                if not self._steadfast:
                    raise
                await self._write_apart(batch, error)
                return
            except PASSES as error:
                if not self._steadfast:
                    raise
                self._report(error)
                await asyncio.sleep(PAUSE)
            else:
                break
        if self.stuck:
            logger.warning("disk-again articles=%d", len(batch))
        self._on_written(list(zip(batch, revisions, strict=True)))
        self._take_more()

    def _take_more(self) -> None:
        """A batch is done with, one way or the other."""
        self.stuck = False
        if self._was_full and self._queue.qsize() <= MOST_UNWRITTEN:
            self._was_full = False
            self._on_room()

    async def _write_apart(self, batch: Sequence[Unwritten], error: NotWritableError) -> None:
        """Some path of a batch cannot be written: that must not keep the others from the disk."""
        if len(batch) == 1:
            self._on_refused(batch[0], str(error))
            self._take_more()
            return
        for each in batch:
            await self._write_somehow([each])

    def _report(self, error: ArchiveError) -> None:
        if not self.stuck:  # once: it may last for days
            logger.error("disk-refuses reason=%r", f"{error}; trying again every {PAUSE:.0f} s")
        self.stuck = True

    async def _write(self, batch: Sequence[Unwritten]) -> list[Revision]:
        # Where a file is to be is committed first, so that a run after a crash writes it there and nowhere else,
        # however the feeds are configured by then. Then the files; then the rows, each a promise that its file is
        # there.
        store = self._archive.store
        store.commit_paths({each.article.docid: str(each.post.path) for each in batch})
        revisions = await asyncio.to_thread(self._archive.write, [(each.article, each.post) for each in batch])
        store.commit_revisions(revisions)
        return revisions

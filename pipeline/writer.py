"""Write fetches to disk in batches while the next pages are downloaded: journal, then files, then rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from archive.archive import Archive
from archive.journal.warc_records import digest_of
from archive.model.errors import DiskFullError, TransientError
from archive.model.fetch import Decision, Fetch, JournalPosition
from crawler.errors import ParserUnavailableError
from pipeline.commit import CommitBatch, ParsedFetch, ParseFetches

logger = logging.getLogger("finarchive")

# Files synced and rows committed together. More gains little, and a crash repeats more.
BATCH_SIZE = 64
MAX_QUEUED = 4 * BATCH_SIZE  # a few megabytes: a disk slower than the network must not fill the memory
# Between two attempts when the disk is full, until a person or a job frees some space.
DISK_RETRY_SECONDS = 5.0


class WriteItem(Struct):
    """A fetch on its way to disk, and the steps it has passed."""

    fetch: Fetch
    milliseconds: int  # duration of the request
    digest: str | None = None  # of the response body
    is_journaled: bool = False  # True also if no journal is kept
    position: JournalPosition | None = None  # of its journal record
    parsed: ParsedFetch | None = None

    @property
    def decision(self) -> Decision | None:
        """The decision about the fetch, once it is made."""
        return self.parsed.decision if self.parsed else None


class WriterCallbacks(Struct, frozen=True):
    """Callbacks of the writer."""

    on_written: Callable[[Sequence[WriteItem]], None]  # each batch that is on disk
    on_crash: Callable[[BaseException], None]  # an error that stops the writer
    on_room: Callable[[], None]  # the writer was full and accepts items again
    on_refused: Callable[[WriteItem, str], None]  # an item whose file cannot be written, and the reason


class Writer:
    """Queue of fetches to write.

    :param parse: returns the article of each fetch, or why there is none
    :param retry_forever: keep retrying when the system refuses a write, instead of crashing
    """

    def __init__(
        self,
        archive: Archive,
        parse: ParseFetches,
        callbacks: WriterCallbacks,
        *,
        retry_forever: bool,
    ) -> None:
        self._archive = archive
        self._parse = parse
        self._callbacks = callbacks
        self._retry_forever = retry_forever
        self._queue: asyncio.Queue[WriteItem] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._was_full = False
        self._unfinished = 0  # items of the batch being written that are neither committed nor refused
        self.stuck = False  # the last attempt to write failed

    def put(self, item: WriteItem) -> None:
        """Enqueue a fetch; never blocks."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._queue.put_nowait(item)

    def full(self) -> bool:
        """Return True if too many items are queued; stays True until the writer has caught up."""
        self._was_full = self.stuck or self._was_full or self._queue.qsize() > MAX_QUEUED
        return self._was_full

    @property
    def journal_is_ahead(self) -> bool:
        """True while the journal may have fetches whose rows are not committed."""
        return self._unfinished > 0

    async def drain(self) -> None:
        """Wait until all items are written or the writer has crashed, then stop."""
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

    async def _run(self) -> None:
        try:
            while True:
                batch = [await self._queue.get()]
                while len(batch) < BATCH_SIZE and not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                self._unfinished = len(batch)
                await self._write_with_retries(batch)
                for _ in batch:
                    self._queue.task_done()
        except Exception as error:
            self._callbacks.on_crash(error)

    async def _write_with_retries(self, batch: Sequence[WriteItem]) -> None:
        while True:
            try:
                refusal = await self._write(batch)
            except (TransientError, ParserUnavailableError) as error:
                if not self._retry_forever:
                    raise
                self._report(error)
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                break
        if refusal:
            await self._write_one_by_one(batch, refusal)
            return
        if self.stuck:
            logger.warning("disk-again articles=%d", len(batch))
        self._unfinished -= len(batch)
        self._callbacks.on_written(batch)
        self._batch_done()

    def _batch_done(self) -> None:
        """A batch is written or refused."""
        self.stuck = False
        if self._was_full and self._queue.qsize() <= MAX_QUEUED:
            self._was_full = False
            self._callbacks.on_room()

    async def _write_one_by_one(self, batch: Sequence[WriteItem], refusal: TransientError) -> None:
        """Write items separately: one file that cannot be written must not block the others. See D40 and D168."""
        if len(batch) == 1:
            if batch[0].position:
                self._archive.store.log.hold(batch[0].position)
            self._unfinished -= 1
            self._callbacks.on_refused(batch[0], str(refusal))
            self._batch_done()
            return
        for item in batch:
            await self._write_with_retries([item])

    def _report(self, error: Exception) -> None:
        if not self.stuck:  # log once: it may last for days
            logger.error("disk-refuses reason=%r", f"{error}; trying again every {DISK_RETRY_SECONDS:.0f} s")
        self.stuck = True

    async def _write(self, batch: Sequence[WriteItem]) -> TransientError | None:
        """Write a batch; return the error if a file of it cannot be written, and nothing is committed."""
        # Responses go into the journal before anything parses them.
        for item in batch:
            if item.digest is None:
                item.digest = digest_of(item.fetch)
        store = self._archive.store
        bodies = store.articles.positions([item.digest for item in batch if item.digest])
        commit = CommitBatch(store, await asyncio.to_thread(self._journal_and_parse, batch, bodies))
        commit.decide()
        commit.reserve_paths()
        try:
            await asyncio.to_thread(commit.write_files, self._archive.write_posts)
        except DiskFullError:
            raise
        except TransientError as error:
            if not self._retry_forever:
                raise
            return error
        commit.commit_rows()
        return None

    def _journal_and_parse(
        self, batch: Sequence[WriteItem], bodies: Mapping[str, JournalPosition]
    ) -> list[ParsedFetch]:
        new = [item for item in batch if not item.is_journaled]
        positions = self._archive.append_fetches([item.fetch for item in new], bodies)
        for item, position in zip(new, positions, strict=True):
            item.is_journaled = True
            item.position = position
        unparsed = [item for item in batch if item.parsed is None]
        for item, article in zip(unparsed, self._parse([item.fetch for item in unparsed]), strict=True):
            item.parsed = ParsedFetch(item.fetch, article, item.digest, item.position)
        return [item.parsed for item in batch if item.parsed]

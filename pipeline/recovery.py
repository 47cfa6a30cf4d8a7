"""Recover after a crash: apply the journal records that the index lacks, with the code of live work."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from archive.archive import Archive
from archive.files.atomic import wrap_os_errors
from archive.files.hashing import sha256_of
from archive.files.layout import index_path, journal_path
from archive.index.log import FETCHES, OTHERS, order
from archive.integrity import takedown
from archive.integrity.seal import seal
from archive.integrity.verify import ABSENT
from archive.journal.event_documents import EventKind
from archive.journal.journal import Event, events
from archive.journal.warc import is_torn_end
from archive.journal.warc_records import digest_of
from archive.model.article import Post
from archive.model.errors import DiskFullError, TransientError
from archive.model.fetch import JournalPosition
from archive.store import Store
from config.model import Settings
from crawler.parsing.articles import parse_articles
from crawler.parsing.pool import ParserPool
from pipeline.commit import CommitBatch, ParsedFetch, WriteFiles

logger = logging.getLogger("finarchive")

BATCH_SIZE = 64  # events applied together, as in the writer
# Events after which something is done before the next one is applied.
_ALONE = {EventKind.FORGOTTEN, EventKind.FORGETTING_DONE}


def recover(archive: Archive, settings: Settings, now: datetime, parsers: ParserPool, *, holds: bool = False) -> None:
    """Apply the unapplied journal records to the index and the files, open the journal, and seal past days.

    A record that cannot be read is logged and passed over (D182).

    :param parsers: parse the pages
    :param holds: hold a fetch whose file cannot be written, and go on; see D168
    :raises ArchiveError: something cannot be read or written
    """
    folder, damaged = journal_path(archive.root), list[JournalPosition]()
    with wrap_os_errors(archive.root):
        tail = JournalTail(archive.store, parsers, settings.network.max_body, archive.write_posts, holds=holds)
        recovered = tail.apply(folder, damaged.append)
        for position in damaged:
            if not is_torn_end(folder, position):
                logger.warning("journal-damaged file=%s offset=%d", position.file, position.offset)
        if recovered:
            logger.warning("recovered records=%d", recovered)
        archive.begin_journal()  # before the seal: it cuts off what a crash has left of a record
        forgotten, stuck = takedown.complete(archive, now)
        if stuck:  # crawling goes on: each start tries again
            logger.error("forgetting-unfinished docids=%s records=%r", ",".join(forgotten), ", ".join(stuck))
        elif forgotten:
            logger.warning("forgotten docids=%s", ",".join(forgotten))
        seal(archive.root, archive.store, now, archive.leave_finished_files(now))


def unapplied_files(root: Path, max_body: int) -> dict[str, set[str]]:
    """Return what recovery would write, without writing it: path of a file -> sha256 of what it may contain, or
    ABSENT if it may not be there.

    :param max_body: bytes that a page may decompress to
    :raises ArchiveError: the index or the journal cannot be read
    """
    files: defaultdict[str, set[str]] = defaultdict(set)

    def collect(posts: Sequence[Post]) -> None:
        for post in posts:
            files[str(post.path)].add(sha256_of(post.data))
            if post.supersedes and post.superseded_sha256:
                files[str(post.supersedes)].add(post.superseded_sha256)
            if post.moved_from:
                files[str(post.moved_from)].add(ABSENT)

    store = Store.open_copy(index_path(root))
    try:
        with ParserPool() as parsers:
            JournalTail(store, parsers, max_body, collect).apply(journal_path(root))
    finally:
        store.close()
    return files


class JournalTail(Struct, frozen=True):
    """The records of a journal that its index lacks, to be applied as live work does."""

    store: Store
    parsers: ParserPool
    max_body: int  # bytes that a page may decompress to
    write: WriteFiles
    holds: bool = False  # hold a fetch whose file cannot be written, and go on
    on_applied: Callable[[Event], None] = lambda event: None  # called with each event that is no fetch, once applied

    def apply(self, folder: Path, on_damage: Callable[[JournalPosition], None] = lambda position: None) -> int:
        """Apply the records of the journal in ``folder``; return the number of applied ones.

        :param on_damage: called with the position of each record that cannot be read
        """
        return self.apply_events(self.unapplied(folder, on_damage))

    def unapplied(
        self, folder: Path, on_damage: Callable[[JournalPosition], None] = lambda position: None
    ) -> Iterator[Event]:
        """Yield the events of the journal in ``folder`` that the index has not applied, in order."""
        applied = self.store.log.applied()
        done = applied.positions
        start = min((done[writer] for writer in (FETCHES, OTHERS) if writer in done), default=None, key=order)
        if len(done) < len((FETCHES, OTHERS)):
            start = None  # no record of one of the writers is applied yet
        return (event for event in events(folder, start, on_damage) if not applied.has(event))

    def apply_events(self, unapplied: Iterable[Event]) -> int:
        """Apply events in order; return the number of applied ones."""
        return sum(len(batch) - self._apply(batch) for batch in _batches(unapplied))

    def _apply(self, batch: Sequence[Event]) -> int:
        """Apply a batch: files, then rows; return the number of fetches that are held instead."""
        if batch[0].fetch is None:
            self.store.apply(batch)
            for event in batch:
                self.on_applied(event)
            return 0
        commit = CommitBatch(self.store, self._parsed(batch))
        commit.decide()
        commit.reserve_paths()
        try:
            commit.write_files(self.write)
        except DiskFullError:
            raise
        except TransientError as error:
            if not self.holds:
                raise
            if len(batch) > 1:
                return sum(self._apply([event]) for event in batch)
            logger.warning("held docid=%s reason=%r", batch[0].fetch.pending.entry.docid, str(error))
            self.store.log.hold(batch[0].position)
            return 1
        commit.commit_rows()
        return 0

    def _parsed(self, batch: Sequence[Event]) -> list[ParsedFetch]:
        fetches = [event.fetch for event in batch if event.fetch]
        return [
            ParsedFetch(fetch, article, digest_of(fetch), event.position)
            for event, fetch, article in zip(
                batch, fetches, parse_articles(self.parsers, fetches, self.max_body), strict=True
            )
        ]


def _batches(unapplied: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield batches of events to apply together, in order: fetches of different articles, or other events."""
    batch: list[Event] = []
    docids: set[str] = set()
    for event in unapplied:
        docid = event.fetch.pending.entry.docid if event.fetch else ""
        same_kind = bool(batch) and (batch[0].fetch is None) == (event.fetch is None)
        if event.kind in _ALONE or (batch and batch[-1].kind in _ALONE):
            same_kind = False
        if batch and (not same_kind or docid in docids or len(batch) >= BATCH_SIZE):
            yield batch
            batch, docids = [], set()
        batch.append(event)
        docids |= {docid} - {""}
    if batch:
        yield batch

"""Recover after a crash: apply the journal records that the index lacks, with the code of live work."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from archive.archive import Archive
from archive.files.hashing import sha256_of
from archive.files.layout import index_path, journal_path
from archive.index.log import FETCHES, OTHERS, order
from archive.integrity.seal import seal
from archive.journal.journal import Event, events
from archive.journal.warc_records import digest
from archive.model.article import Post
from archive.model.fetch import Fetch, JournalPosition
from archive.store import Store
from config.model import Settings
from crawler.extract.response import parse_fetch
from pipeline.commit import ParsedFetch, WriteFiles, commit_batch

logger = logging.getLogger("finarchive")

BATCH_SIZE = 64  # events applied together, as in the writer


def recover(archive: Archive, settings: Settings, now: datetime) -> None:
    """Apply the unapplied journal records to the index and the files, seal past days, and open the journal.

    :raises ArchiveError: something cannot be read or written
    """
    recovered = _apply_journal(
        archive.store, journal_path(archive.root), settings.network.max_body, archive.write_posts
    )
    if recovered:
        logger.warning("recovered records=%d", recovered)
    seal(archive.root, archive.store, now, archive.leave_finished_files(now))
    archive.begin_journal()


def unapplied_files(root: Path, max_body: int) -> dict[str, set[str]]:
    """Return what recovery would write, without writing it: path of a file -> sha256 of what it may contain.

    :param max_body: bytes that a page may decompress to
    :raises ArchiveError: the index or the journal cannot be read
    """
    files: defaultdict[str, set[str]] = defaultdict(set)

    def collect(posts: Sequence[Post]) -> None:
        for post in posts:
            files[str(post.path)].add(sha256_of(post.data))
            if post.supersedes and post.superseded_sha256:
                files[str(post.supersedes)].add(post.superseded_sha256)

    store = Store.open_copy(index_path(root))
    try:
        _apply_journal(store, journal_path(root), max_body, collect)
    finally:
        store.close()
    return files


def _apply_journal(store: Store, folder: Path, max_body: int, write: WriteFiles) -> int:
    """Apply the unapplied records of a journal; return their number.

    :param write: puts files on the disk
    """
    done = store.log.positions()
    start = min((done[writer] for writer in (FETCHES, OTHERS) if writer in done), default=None, key=order)
    if len(done) < len((FETCHES, OTHERS)):
        start = None  # no record of one of the writers is applied yet
    applied = 0
    unapplied = (event for event in events(folder, start) if _is_unapplied(event, done))
    for batch in _batches(unapplied):
        _apply(store, batch, max_body, write)
        applied += len(batch)
    return applied


def _is_unapplied(event: Event, done: Mapping[str, JournalPosition]) -> bool:
    position = done.get(FETCHES if event.fetch else OTHERS)
    return position is None or order(event.position) > order(position)


def _batches(unapplied: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield batches of events to apply together, in order: fetches of different articles, or other events."""
    batch: list[Event] = []
    docids: set[str] = set()
    for event in unapplied:
        docid = event.fetch.pending.entry.docid if event.fetch else ""
        same_kind = bool(batch) and (batch[0].fetch is None) == (event.fetch is None)
        if batch and (not same_kind or docid in docids or len(batch) >= BATCH_SIZE):
            yield batch
            batch, docids = [], set()
        batch.append(event)
        docids |= {docid} - {""}
    if batch:
        yield batch


def _apply(store: Store, batch: Sequence[Event], max_body: int, write: WriteFiles) -> None:
    """Apply a batch as live work does: files, then rows."""
    fetches = [(event, event.fetch) for event in batch if event.fetch]
    if not fetches:
        store.apply(batch)
        return
    commit_batch(store, [_parsed(event, fetch, max_body) for event, fetch in fetches], write)


def _parsed(event: Event, fetch: Fetch, max_body: int) -> ParsedFetch:
    body_digest = digest(fetch.response.body) if fetch.response else None
    return ParsedFetch(fetch, parse_fetch(fetch, max_body), body_digest, event.position)

"""Recover after a crash: apply the journal records that the index lacks, with the code of live work."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from archive.archive import Archive
from archive.files.layout import journal_path
from archive.index.log import FETCHES, OTHERS, order
from archive.integrity.seal import seal
from archive.journal.journal import Event, events
from archive.journal.warc import is_torn_end
from archive.journal.warc_records import digest
from archive.model.fetch import Fetch, JournalPosition
from config.model import Settings
from crawler.extract.response import parse_fetch
from pipeline.commit import ParsedFetch, commit_batch

logger = logging.getLogger("finarchive")

BATCH_SIZE = 64  # events applied together, as in the writer


def recover(archive: Archive, settings: Settings, now: datetime) -> None:
    """Apply the unapplied journal records to the index and the files, seal past days, and open the journal.

    A record that cannot be read is logged and passed over (D182).

    :raises ArchiveError: something cannot be read or written
    """
    done = archive.store.log.positions()
    start = min((done[writer] for writer in (FETCHES, OTHERS) if writer in done), default=None, key=order)
    if len(done) < len((FETCHES, OTHERS)):
        start = None  # no record of one of the writers is applied yet
    recovered, damaged = 0, list[JournalPosition]()
    journal = events(journal_path(archive.root), start, damaged.append)
    unapplied = (event for event in journal if _is_unapplied(event, done))
    for batch in _batches(unapplied):
        _apply(archive, batch, settings.network.max_body)
        recovered += len(batch)
    for position in damaged:
        if not is_torn_end(journal_path(archive.root), position):
            logger.warning("journal-damaged file=%s offset=%d", position.file, position.offset)
    if recovered:
        logger.warning("recovered records=%d", recovered)
    seal(archive.root, archive.store, now)
    archive.begin_journal()


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


def _apply(archive: Archive, batch: Sequence[Event], max_body: int) -> None:
    """Apply a batch as live work does: files, then rows.

    :param max_body: bytes that a page may decompress to
    """
    fetches = [(event, event.fetch) for event in batch if event.fetch]
    if not fetches:
        archive.store.apply(batch)
        return
    commit_batch(archive.store, [_parsed(event, fetch, max_body) for event, fetch in fetches], archive.write_posts)


def _parsed(event: Event, fetch: Fetch, max_body: int) -> ParsedFetch:
    body_digest = digest(fetch.response.body) if fetch.response else None
    return ParsedFetch(fetch, parse_fetch(fetch, max_body), body_digest, event.position)

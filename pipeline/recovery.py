"""Recover after a crash: apply the journal records that the index lacks, with the code of live work."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from archive.archive import Archive
from archive.files.atomic import wrap_os_errors
from archive.files.layout import journal_path
from archive.index.log import FETCHES, OTHERS, order
from archive.integrity.seal import seal
from archive.journal.journal import Event, events
from archive.journal.warc_records import digest
from archive.model.errors import DiskFullError, TransientError
from config.model import Settings
from crawler.parsing.articles import parse_articles
from crawler.parsing.pool import ParserPool
from pipeline.commit import CommitBatch, ParsedFetch, ParseFetches

logger = logging.getLogger("finarchive")

BATCH_SIZE = 64  # events applied together, as in the writer


def recover(archive: Archive, settings: Settings, now: datetime, parsers: ParserPool, *, holds: bool = False) -> None:
    """Apply the unapplied journal records to the index and the files, seal past days, and open the journal.

    :param parsers: parse the pages
    :param holds: hold a fetch whose file cannot be written, and go on; see D168
    :raises ArchiveError: something cannot be read or written
    """
    with wrap_os_errors(archive.root):
        max_body = settings.network.max_body
        _apply_tail(archive, lambda fetches: parse_articles(parsers, fetches, max_body), holds=holds)
        seal(archive.root, archive.store, now)
        archive.begin_journal()


def _apply_tail(archive: Archive, parse: ParseFetches, *, holds: bool) -> None:
    applied = archive.store.log.applied()
    done = applied.positions
    start = min((done[writer] for writer in (FETCHES, OTHERS) if writer in done), default=None, key=order)
    if len(done) < len((FETCHES, OTHERS)):
        start = None  # no record of one of the writers is applied yet
    recovered = 0
    unapplied = (event for event in events(journal_path(archive.root), start) if not applied.has(event))
    for batch in _batches(unapplied):
        recovered += len(batch) - _apply(archive, batch, parse, holds=holds)
    if recovered:
        logger.warning("recovered records=%d", recovered)


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


def _apply(archive: Archive, batch: Sequence[Event], parse: ParseFetches, *, holds: bool) -> int:
    """Apply a batch as live work does: files, then rows; return the number of fetches that are held instead.

    :param parse: returns the article of each fetch, or why there is none
    """
    fetches = [(event, event.fetch) for event in batch if event.fetch]
    if not fetches:
        archive.store.apply(batch)
        return 0
    articles = parse([fetch for _, fetch in fetches])
    parsed = [
        ParsedFetch(fetch, article, digest(fetch.response.body) if fetch.response else None, event.position)
        for (event, fetch), article in zip(fetches, articles, strict=True)
    ]
    commit = CommitBatch(archive.store, parsed)
    commit.decide()
    commit.reserve_paths()
    try:
        commit.write_files(archive.write_posts)
    except DiskFullError:
        raise
    except TransientError as error:
        if not holds:
            raise
        if len(batch) > 1:
            return sum(_apply(archive, [event], parse, holds=True) for event in batch)
        logger.warning("held docid=%s reason=%r", fetches[0][1].pending.entry.docid, str(error))
        archive.store.log.hold(batch[0].position)
        return 1
    commit.commit_rows()
    return 0

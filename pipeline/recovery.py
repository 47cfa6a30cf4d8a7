"""After a crash: what the journal holds and the index does not is done again, by the code of live work."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from archive.archive import Archive, journal_path
from archive.index.log import FETCHES, OTHERS, order
from archive.integrity.seal import seal
from archive.journal.journal import Event, events
from archive.journal.warc_records import digest
from archive.model.fetch import JournalPosition, Outcome
from config.model import Settings
from crawler.extract.response import understand
from pipeline.decide import decide

logger = logging.getLogger("finarchive")

BATCH = 64  # events done together: as many as the writer takes at once


def recover(archive: Archive, settings: Settings, now: datetime) -> None:
    """Bring index and files of an archive up to its journal, seal the days that are over, and keep the journal.

    :raises ArchiveError: something cannot be read or written
    """
    done = archive.store.log.positions()
    start = min((done[writer] for writer in (FETCHES, OTHERS) if writer in done), default=None, key=order)
    if len(done) < len((FETCHES, OTHERS)):
        start = None  # one of them has nothing applied yet
    again = 0
    news = (event for event in events(journal_path(archive.root), start) if _is_news(event, done))
    for batch in _batches(news):
        _do_again(archive, batch, settings.network.max_body)
        again += len(batch)
    if again:
        logger.warning("recovered records=%d", again)
    seal(archive.root, archive.store, now)
    archive.begin_journal()


def _is_news(event: Event, done: Mapping[str, JournalPosition]) -> bool:
    position = done.get(FETCHES if event.fetch else OTHERS)
    return position is None or order(event.place) > order(position)


def _batches(news: Iterable[Event]) -> Iterator[list[Event]]:
    """Events that can be done together, in their order: looks at different articles, or what is no look."""
    batch: list[Event] = []
    docids: set[str] = set()
    for event in news:
        docid = event.fetch.pending.entry.docid if event.fetch else ""
        together = bool(batch) and (batch[0].fetch is None) == (event.fetch is None)
        if batch and (not together or docid in docids or len(batch) >= BATCH):
            yield batch
            batch, docids = [], set()
        batch.append(event)
        docids |= {docid} - {""}
    if batch:
        yield batch


def _do_again(archive: Archive, batch: Sequence[Event], most: int) -> None:
    """What live work does: files, then rows.

    :param most: bytes that a page may unpack to
    """
    fetches = [(event, event.fetch) for event in batch if event.fetch]
    if not fetches:
        archive.store.apply(batch)
        return
    known = archive.store.articles.states([fetch.pending.entry.docid for _, fetch in fetches])
    decisions = []
    for _, fetch in fetches:
        body = digest(fetch.response.body) if fetch.response else None
        decisions.append(decide(fetch, understand(fetch, most), known.get(fetch.pending.entry.docid), body))
    first = [each.revision for each in decisions if each.outcome is Outcome.FIRST and each.revision]
    archive.store.entries.commit_paths({revision.docid: revision.path for revision in first})
    archive.write_posts([decision.post for decision in decisions if decision.post])
    archive.store.articles.commit(decisions, [event.place for event, _ in fetches])

"""After a crash: what the journal holds and the index does not is done again, by the code of live work."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from archive.archive import Archive, journal_path
from archive.journal import Event, events
from archive.looks import Look, Outcome
from archive.notebook import LOOKS, OTHERS, order
from archive.seal import seal
from archive.warc_records import digest
from config.model import Settings
from crawler.understand import understand
from scheduler.verdicts import judge

logger = logging.getLogger("finarchive")


def recover(archive: Archive, settings: Settings, now: datetime) -> None:
    """Bring index and files of an archive up to its journal, seal the days that are over, and keep the journal.

    :raises ArchiveError: something cannot be read or written
    """
    done = archive.store.journal_positions()
    start = min((done[writer] for writer in (LOOKS, OTHERS) if writer in done), default=None, key=order)
    if len(done) < len((LOOKS, OTHERS)):
        start = None  # one of them has nothing applied yet
    again = 0
    for event in events(journal_path(archive.root), start):
        position = done.get(LOOKS if event.look else OTHERS)
        if position is None or order(event.place) > order(position):
            _do_again(archive, event, settings.network.max_body)
            again += 1
    if again:
        logger.warning("recovered records=%d", again)
    seal(archive.root, archive.store, now)
    archive.begin()


def _do_again(archive: Archive, event: Event, most: int) -> None:
    if event.look is None:
        archive.store.apply([event])
    else:
        look_again(archive, [(event, event.look)], most)


def look_again(archive: Archive, looks: Iterable[tuple[Event, Look]], most: int) -> None:
    """Write what looks of the journal have brought: files, then rows.

    :param most: bytes that a page may unpack to
    """
    for event, look in looks:
        docid = look.pending.entry.docid
        known = archive.store.versions.newest([docid]).get(docid)
        body = digest(look.answer.body) if look.answer else None
        verdict = judge(look, understand(look, most), known, body)
        if verdict.outcome is Outcome.FIRST and verdict.revision:
            archive.store.commit_paths({docid: verdict.revision.path})
        if verdict.post:
            archive.write([verdict.post])
        archive.store.versions.commit([verdict], [event.place])

"""Remove raw pages that only confirmed a version, once they are older than archive.raw_keep. See D210.

What stays of each is a record of the fetch, with what the page stated: a rebuild makes the same rows of it. No record
moves; the room of the page is filled with zeros, which the disk need not store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, time, timedelta
from pathlib import Path

from msgspec import Struct

from archive.archive import Archive
from archive.files.atomic import wrap_os_errors
from archive.files.layout import index_path, journal_path
from archive.files.paths import CHINA
from archive.integrity.rewrite import use_copy, write_copy
from archive.journal.confirmed import dump_confirmed
from archive.journal.event_documents import EventKind, encode
from archive.journal.filler import LEAST_FILLER, fill
from archive.journal.gzip_members import members
from archive.journal.journal import event_of
from archive.journal.record import parse_record
from archive.journal.tombstones import Rewrite
from archive.journal.warc import read_at
from archive.journal.warc_days import day_of
from archive.journal.warc_records import Group, digest_of, encode_group
from archive.model.article import Article
from archive.model.fetch import Confirmation, Fetch, JournalPosition
from archive.store import Store
from crawler.parsing.articles import parse_articles
from crawler.parsing.pool import ParserPool

_BATCH_SIZE = 64  # pages in memory at a time


class Removal(Struct, frozen=True):
    """A page to remove."""

    offset: int  # of the fetch's first record
    size: int  # of all its records, in bytes
    at: datetime  # of the fetch; aware
    member: bytes  # the record that stays

    @property
    def freed(self) -> int:
        """Bytes that are filled with zeros."""
        return self.size - len(self.member)


class CompactionResult(Struct, frozen=True):
    """Result of a compaction; of a dry run, what one would do."""

    files: int  # journal files with pages to remove
    pages: int  # that were removed
    freed: int  # bytes that the disk need not store any more


def compact(
    archive: Archive, before: datetime, now: datetime, parsers: ParserPool, max_body: int
) -> CompactionResult:
    """Remove the pages older than ``before`` that only confirmed a version. It can be repeated after a kill.

    :param archive: with its journal open, and all records of the journal applied
    :raises ArchiveError: something cannot be read or written
    """
    files = pages = freed = 0
    for file in files_to_compact(archive.store, before):
        removals = list(plan(archive.root, pages_to_remove(archive.store, file, before), parsers, max_body))
        if removals:
            use_copy(archive, write_compacted(archive.root, file, removals, now))
            files, pages, freed = files + 1, pages + len(removals), freed + sum(each.freed for each in removals)
        archive.store.raw_pages.commit_compacted(file, now)
    return CompactionResult(files, pages, freed)


def preview(root: Path, before: datetime, parsers: ParserPool, max_body: int) -> CompactionResult:
    """Return what :func:`compact` would do, without writing anything.

    :raises ArchiveError: something cannot be read
    """
    files = pages = freed = 0
    with closing(Store.open_for_reading(index_path(root))) as store:
        for file in files_to_compact(store, before):
            removals = [each.freed for each in plan(root, pages_to_remove(store, file, before), parsers, max_body)]
            files, pages, freed = files + bool(removals), pages + len(removals), freed + sum(removals)
    return CompactionResult(files, pages, freed)


def files_to_compact(store: Store, before: datetime) -> list[str]:
    """Return the names of the journal files of days before a time that may have pages to remove, in order."""
    day = before.astimezone(CHINA).date()
    return [name for name in store.raw_pages.uncompacted_files() if day_of(Path(name)) < day]


def pages_to_remove(store: Store, file: str, before: datetime) -> list[JournalPosition]:
    """Return the fetches in a journal file whose pages may be removed, in order.

    :param before: only fetches before this time
    """
    day = datetime.combine(day_of(Path(file)), time.min, CHINA)
    # The days beside it: a clock may have been wrong by hours.
    return store.raw_pages.confirming(file, day - timedelta(days=1), min(before, day + timedelta(days=2)))


def plan(root: Path, positions: Sequence[JournalPosition], parsers: ParserPool, max_body: int) -> Iterator[Removal]:
    """Yield the pages of a journal file to remove, in order. A page that cannot be read, or is small, stays.

    :param positions: from :func:`pages_to_remove`
    :param parsers: parse the pages
    :param max_body: bytes that a page may decompress to
    :raises ArchiveError: the file cannot be read
    """
    folder = journal_path(root)
    with wrap_os_errors(folder):
        for start in range(0, len(positions), _BATCH_SIZE):
            batch = positions[start : start + _BATCH_SIZE]
            read = [(position, fetch) for position in batch if (fetch := _fetch(folder, position)) is not None]
            articles = parse_articles(parsers, [fetch for _, fetch in read], max_body)
            for (position, fetch), article in zip(read, articles, strict=True):
                if isinstance(article, Article) and (removal := _removal(folder, position, fetch, article)):
                    yield removal


def write_compacted(root: Path, file: str, removals: Sequence[Removal], now: datetime) -> Rewrite:
    """Write a copy of a journal file without these pages; :func:`~archive.integrity.rewrite.use_copy` uses it.

    :raises ArchiveError: it cannot be written
    """
    filled = ((each.offset, fill(each.member, each.at, each.size)) for each in removals)
    replaced = ((offset, data) for offset, data in filled if data is not None)
    return write_copy(root, journal_path(root) / file, replaced, {}, now)


def _fetch(folder: Path, position: JournalPosition) -> Fetch | None:
    """Return a fetch with its page; None if it is damaged, or its page was removed before."""
    group = read_at(folder, position)
    try:
        fetch = event_of(position, group).fetch if group else None
    except ValueError:
        return None
    return fetch if fetch and fetch.response else None


def _removal(folder: Path, position: JournalPosition, fetch: Fetch, article: Article) -> Removal | None:
    digest = digest_of(fetch)
    if fetch.response is None or digest is None:
        return None
    confirmation = Confirmation(fetch.response.status, digest, article.page, article.symbols)
    document = encode(EventKind.CONFIRMED, dump_confirmed(fetch, confirmation))
    member = encode_group(Group(EventKind.CONFIRMED, fetch.at, document), None)
    removal = Removal(position.offset, _end(folder, position) - position.offset, fetch.at, member)
    return removal if removal.freed >= LEAST_FILLER else None


def _end(folder: Path, position: JournalPosition) -> int:
    """Return where the records of a fetch end, in bytes from the start of the file."""
    for _, end, data in members(folder / position.file, position.offset):
        if parse_record(data).is_event:
            return end
    raise ValueError(f"{position.file} has no event after byte {position.offset}")

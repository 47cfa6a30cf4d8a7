"""Rebuild the files and the index of an archive from its journal alone."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence, Set
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field

from archive.files import atomic
from archive.files.folders import Folders
from archive.files.hashing import sha256_of_file
from archive.files.layout import (
    REBUILD_FOLDER,
    index_path,
    journal_path,
    lock_path,
    rebuild_path,
    revision_path,
)
from archive.files.lock import Lock
from archive.index.connection import current_copy
from archive.index.log import AppliedRecords
from archive.integrity.carry_over import (
    carry_over_alerts,
    carry_over_manifests,
    carry_over_rows,
    index_differences,
    is_sound,
    lost_fetches,
    unproven,
)
from archive.integrity.seal import adopt
from archive.journal.event_documents import EventKind
from archive.journal.journal import Event
from archive.journal.tombstones import load_forgotten
from archive.model.article import Post
from archive.model.formatting import Formatting
from archive.store import Store
from pipeline.commit import ParsedFetch, commit_batch
from pipeline.reformat import moved_files, record_formatting, remove_files
from pipeline.reparse import FormatChange, ParsedEvent, ReparseOptions, read_journal
from pipeline.staging import StagingTree, compare, place_files, place_index

# Fetches whose rows are written together. FTS5 flushes the words it has collected with each batch.
BATCH_SIZE = 400


class RebuildResult(Struct):
    """Result of a rebuild; of a dry run, what a rebuild would do."""

    events: int = 0  # records of the journal
    articles: int = 0  # article versions written
    damaged: list[str] = field(default_factory=list)  # a message for each part of the journal that cannot be read
    made: list[str] = field(default_factory=list)  # paths of files that were missing
    changed: list[str] = field(default_factory=list)  # paths of files that were replaced
    removed: list[str] = field(default_factory=list)  # paths of files whose articles have other paths now
    unknown: list[str] = field(default_factory=list)  # paths of files that are not in the journal
    taken_over: int = 0  # entries carried over from the old index: not in the journal
    rows: dict[str, int] = field(default_factory=dict)  # number of index rows that differ: table -> rows


def rebuild(
    root: Path,
    max_body: int,
    now: datetime,
    *,
    dry_run: bool = False,
    formatting: Formatting | None = None,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> RebuildResult:
    """Rebuild the files and the index of the archive at ``root``.

    Nothing in the archive changes before all files and the index are built. Files that are not in the journal stay,
    and so do the rows of articles that were archived without a journal.

    :param max_body: bytes that a page may decompress to
    :param dry_run: report the changes without making them
    :param formatting: write all files with these settings, now and in later rebuilds; None: with those of their time
    :param processes: number of workers; None: one for each core
    :param on_progress: called with the bytes of the journal read so far, and all of them
    :raises ArchiveError: the journal cannot be read or the disk cannot be written; the archive is unchanged
    """
    root = root.absolute()
    with staging_folder(root, "rebuild", now) as staging:
        options = ReparseOptions(max_body, processes or os.cpu_count() or 1, on_progress)
        change = FormatChange(formatting) if formatting else None
        return rebuild_in(root, staging, options, change, now, dry_run=dry_run)


def restore_files(root: Path, max_body: int, now: datetime, expected: Mapping[str, str]) -> list[str]:
    """Restore damaged files where the journal reproduces exactly the recorded bytes.

    Records that a crash left unapplied are passed over: the index does not know their versions yet. See D187.

    :param max_body: bytes that a page may decompress to
    :param expected: recorded sha256 of each file to restore: path -> hex digest
    :return: paths of the restored files; the damaged ones are in ``.finarchive/quarantine``
    :raises ArchiveError: the journal cannot be read or the disk cannot be written
    """
    root = root.absolute()
    with staging_folder(root, "verify", now) as staging:
        tree, store = staging / "tree", Store.open(staging / "index.db")
        recorded = Store.open_for_reading(index_path(root))
        try:
            with store.bulk_write():
                options = ReparseOptions(max_body, os.cpu_count() or 1, lambda done, total: None)
                applied = recorded.log.applied()
                journal = read_journal(journal_path(root), options, lambda damage: None)
                replay((each for each in journal if applied.has(each.event)), store, StagingTree(root, tree))
        finally:
            recorded.close()
            store.close()
        restored = [
            path
            for path, sha256 in expected.items()
            if (tree / path).is_file() and sha256_of_file(tree / path) == sha256
        ]
        place_files(root, tree, restored, quarantine=True)
        return restored


@contextmanager
def staging_folder(root: Path, command: str, now: datetime) -> Iterator[Path]:
    """Lock the archive and yield an empty folder to build in. Unlocks and removes the folder at the end."""
    with Lock(lock_path(root), command, now), locked_staging_folder(root) as staging:
        yield staging


@contextmanager
def locked_staging_folder(root: Path) -> Iterator[Path]:
    """Do what :func:`staging_folder` does, for a caller that holds the archive's lock."""
    staging = rebuild_path(root)
    _remove(root, staging)
    with atomic.wrap_os_errors(staging), Folders(root) as folders:
        folders.folder(REBUILD_FOLDER, create=True)
    try:
        yield staging
    finally:
        _remove(root, staging)


def _remove(root: Path, folder: Path) -> None:
    with atomic.wrap_os_errors(folder), Folders(root) as folders:
        folders.remove_tree(folder.relative_to(root).as_posix())


def rebuild_in(
    root: Path, staging: Path, options: ReparseOptions, change: FormatChange | None, now: datetime, *, dry_run: bool
) -> RebuildResult:
    """Do what :func:`rebuild` does, in the staging folder of a caller that holds the archive's lock."""
    tree, new = StagingTree(root, staging / "tree"), staging / "index.db"
    # A damaged index is a reason to rebuild: it is treated as missing.
    old = staging / "none.db"
    if is_sound(index_path(root)):
        old = current_copy(index_path(root), staging / "migrated.db")
    staged = _build(root, tree, (old, new), options, change=change)
    if lost := staged.lost:
        # An incomplete record of an article must not change it: build again without those articles.
        _remove(root, tree.folder)
        new.unlink()
        staged = _build(root, tree, (old, new), options, frozenset[str]().union(*lost.values()), change=change)
    result = staged.result
    result.damaged += [f"{file} has lost fetches; articles concerned: {len(lost[file])}" for file in sorted(lost)]
    result.made, result.changed, unknown = compare(root, tree.folder)
    result.removed = moved_files(root, old, new, unknown) if staged.has_old and not result.damaged else []
    result.unknown = [path for path in unknown if path not in set(result.removed)]
    if not dry_run:
        if change and (result.made or result.changed):
            record_formatting(root, new, change.formatting, now)
        # Without an old index, or with a damaged journal, the existing files may be the only copy of something.
        keep_replaced = not staged.has_old or bool(result.damaged)
        place_files(root, tree.folder, [*result.made, *result.changed], quarantine=keep_replaced)
        remove_files(root, result.removed)
        place_index(root, new, quarantine=not staged.has_old)
    return result


class _StagedArchive(Struct, frozen=True):
    """Files and an index in the staging folder."""

    result: RebuildResult
    has_old: bool  # the old index can be read
    lost: Mapping[str, Set[str]]  # articles with fetches missing from the journal: journal file -> docids


def _build(
    root: Path,
    tree: StagingTree,
    indexes: tuple[Path, Path],
    options: ReparseOptions,
    lost: Set[str] = frozenset(),
    *,
    change: FormatChange | None,
) -> _StagedArchive:
    """Build files and index in the staging folder.

    :param indexes: paths of the old index and of the new one
    :param lost: articles with fetches missing from the journal: they are carried over unchanged
    """
    old, new = indexes
    store, result = Store.open(new), RebuildResult()
    try:
        docids, later = unproven(old, new, lost), deque[ParsedEvent]()
        journal = read_journal(journal_path(root), options, result.damaged.append, change)
        with store.bulk_write(), closing(Store.open_for_reading(old)) as recorded:
            if docids:
                journal = _applied_events(journal, recorded.log.applied(), docids, later)
            replay(journal, store, tree, result)
        lost_docids = lost_fetches(old, new, docids) if docids is not None else {}
        carry_over_manifests(old, new)
        adopt(root, store)  # the journal does not have the manifest of a version
        result.taken_over = carry_over_rows(old, new, lost)
        store.search.add_missing()
        with store.bulk_write():
            replay(later, store, tree, result)
        carry_over_alerts(old, new)
        result.rows = index_differences(old, new)
    finally:
        store.close()
    return _StagedArchive(result, docids is not None, lost_docids)


def _applied_events(
    journal: Iterable[ParsedEvent], applied: AppliedRecords, docids: Set[str], later: MutableSequence[ParsedEvent]
) -> Iterator[ParsedEvent]:
    """Yield the events that the old index has applied, except fetches of articles whose rows are carried over.

    :param applied: those that the old index has applied
    :param docids: of the articles whose rows are carried over
    :param later: receives the events that the old index has not applied, for replay after the carry-over
    """
    for each in journal:
        if not applied.has(each.event):
            later.append(each)
        elif _docid(each) not in docids:
            yield each


def replay(
    journal: Iterable[ParsedEvent], store: Store, tree: StagingTree | None, result: RebuildResult | None = None
) -> None:
    """Apply the events of a journal to an index, and write the files.

    :param tree: where files are written; None: only the index is
    :param result: counts events and versions
    """
    result = result or RebuildResult()
    batch: list[ParsedEvent] = []
    in_batch: set[str] = set()
    for parsed in journal:
        fetch = parsed.event.fetch
        result.events += 1
        if batch and (fetch is None or _docid(parsed) in in_batch or len(batch) >= BATCH_SIZE):
            _commit(batch, store, tree, result)
            batch, in_batch = [], set()
        if fetch is None:
            if tree and parsed.event.kind == EventKind.FORGOTTEN:
                _unstage(parsed.event, store, tree)
            store.apply([parsed.event])
        else:
            batch.append(parsed)
            in_batch.add(_docid(parsed))
    _commit(batch, store, tree, result)


def _unstage(event: Event, store: Store, tree: StagingTree) -> None:
    """Remove staged files of forgotten articles: a process was killed before it had removed their raw pages."""
    for article in load_forgotten(event.document):
        revisions = store.articles.revisions(article.docid)
        tree.remove(revision_path(each.path, each.number, revisions[-1].number) for each in revisions)


def _docid(parsed: ParsedEvent) -> str:
    fetch = parsed.event.fetch
    return fetch.pending.entry.docid if fetch else ""


def _commit(batch: Sequence[ParsedEvent], store: Store, tree: StagingTree | None, result: RebuildResult) -> None:
    def write(posts: Sequence[Post]) -> None:
        if tree:
            tree.write(posts)
            result.articles += len(posts)

    fetches = [
        ParsedFetch(each.event.fetch, each.parsed, each.digest, each.event.position)
        for each in batch
        if each.event.fetch and each.parsed
    ]
    commit_batch(store, fetches, write, reserve_paths=False)

"""Make everything that is derived anew: the files and the index, from the journal alone."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from archive.archive import INNER, index_path, journal_path
from archive.files import atomic
from archive.files.lock import Lock
from archive.index.log import FETCHES, OTHERS, order
from archive.integrity.carry_over import (
    UnprovenRows,
    carry_over_alerts,
    carry_over_manifests,
    carry_over_rows,
    index_differences,
    is_sound,
    lost_fetches,
    unproven,
)
from archive.integrity.seal import adopt
from archive.model.fetch import Decision, JournalPosition
from archive.store import Store
from pipeline.decide import decide
from pipeline.reparse import ParsedEvent, ReparseOptions, read_journal
from pipeline.staging import StagingTree, compare, place_files, place_index

BATCH = 400  # looks whose rows are written together: at each such time FTS5 writes out the words that it has gathered


@dataclass(slots=True)
class RebuildResult:
    """What a rebuild did, or would do."""

    events: int = 0  # records of the journal
    articles: int = 0  # versions of articles made
    damaged: list[str] = field(default_factory=list)  # what of the journal cannot be read, in words
    made: list[str] = field(default_factory=list)  # paths of files that were not there
    changed: list[str] = field(default_factory=list)  # paths of files that were there and were others
    unknown: list[str] = field(default_factory=list)  # paths of files of which the journal knows nothing
    taken_over: int = 0  # entries of the index of which the journal knows nothing
    rows: dict[str, int] = field(default_factory=dict)  # rows of the index that differ, by table


def rebuild(
    root: Path,
    most: int,
    now: datetime,
    *,
    dry_run: bool = False,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, whole: None,
) -> RebuildResult:
    """Make files and index of the archive at ``root`` from its journal.

    Nothing of what is there is touched before everything is made. Files that the journal knows nothing of stay,
    and so do the rows of articles that were archived without a journal.

    :param most: bytes that a page may unpack to
    :param dry_run: only tell what would change
    :param processes: that read pages; None for one on each core
    :param on_progress: told how many bytes of how many of the journal are done
    :raises ArchiveError: the journal or the disk does not allow it; the archive is as it was
    """
    root = root.absolute()
    with staged(root, "rebuild", now) as aside:
        return _rebuild(root, aside, ReparseOptions(most, processes or os.cpu_count() or 1, on_progress), dry_run)


def mend(root: Path, most: int, now: datetime, wanted: Mapping[str, str]) -> list[str]:
    """Put files back as they were recorded, as far as the journal gives the very same bytes.

    :param most: bytes that a page may unpack to
    :param wanted: the recorded sha256 of each file to mend, by its path
    :return: paths of those that were mended; what stood there is in ``.finarchive/quarantine``
    :raises ArchiveError: the journal or the disk does not allow it
    """
    root = root.absolute()
    with staged(root, "verify", now) as aside:
        tree, store = aside / "tree", Store.open(aside / "index.db")
        try:
            with store.bulk_write():
                reading = ReparseOptions(most, os.cpu_count() or 1, lambda done, whole: None)
                replay(read_journal(journal_path(root), reading, lambda damage: None), store, StagingTree(root, tree))
        finally:
            store.close()
        mended = [path for path, sha256 in wanted.items() if _sha256(tree / path) == sha256]
        place_files(root, tree, mended, stage=True)
        return mended


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@contextmanager
def staged(root: Path, command: str, now: datetime) -> Iterator[Path]:
    """A folder for what is made, while the archive is locked; removed afterwards."""
    with Lock(root / INNER / "lock", command, now):
        aside = root / INNER / "rebuild"
        shutil.rmtree(aside, ignore_errors=True)
        with atomic.wrap_errors(aside):
            aside.mkdir(parents=True)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _rebuild(root: Path, aside: Path, reading: ReparseOptions, dry_run: bool) -> RebuildResult:
    tree, new = StagingTree(root, aside / "tree"), aside / "index.db"
    # A damaged one is why one rebuilds: then it is as if there were none.
    old = index_path(root) if is_sound(index_path(root)) else aside / "none.db"
    made = _make(root, tree, (old, new), reading)
    if lost := made.lost:
        # What the journal has lost of an article must not make something else of it: once more, without these.
        shutil.rmtree(tree.folder, ignore_errors=True)
        new.unlink()
        made = _make(root, tree, (old, new), reading, frozenset[str]().union(*lost.values()))
    result = made.result
    result.damaged += [f"{file} has lost looks; articles concerned: {len(lost[file])}" for file in sorted(lost)]
    result.made, result.changed, result.unknown = compare(root, tree.folder)
    if not dry_run:
        # Where no index says what was archived without a journal, or what is lost of it, what stands there may be all
        # that there is.
        doubtful = not made.has_old or bool(result.damaged)
        place_files(root, tree.folder, [*result.made, *result.changed], stage=doubtful)
        place_index(root, new, stage=not made.has_old)
    return result


@dataclass(frozen=True, slots=True)
class _StagedArchive:
    """Files and an index, made aside."""

    result: RebuildResult
    has_old: bool  # there is an index that can be read
    lost: Mapping[str, Set[str]]  # articles of which the journal has lost looks, by the file that they were in


def _make(
    root: Path, tree: StagingTree, indexes: tuple[Path, Path], reading: ReparseOptions, lost: Set[str] = frozenset()
) -> _StagedArchive:
    """Make files and index aside.

    :param indexes: the one that is there, and where the new one is made
    :param lost: articles of which the journal has lost looks: they stay as they are
    """
    old, new = indexes
    store, result = Store.open(new), RebuildResult()
    try:
        apart, later = unproven(old, new, lost), deque[ParsedEvent]()
        journal = read_journal(journal_path(root), reading, result.damaged.append)
        with store.bulk_write():
            if apart and apart.docids:
                journal = _known_to_all(journal, apart, later)
            replay(journal, store, tree, result)
        found = lost_fetches(old, new, apart.docids) if apart else {}
        carry_over_manifests(old, new)
        adopt(root, store)  # which day's manifest vouches for a version is not the journal's to know
        result.taken_over = carry_over_rows(old, new, lost)
        store.search.add_missing()
        with store.bulk_write():
            replay(later, store, tree, result)
        carry_over_alerts(old, new)
        result.rows = index_differences(old, new)
    finally:
        store.close()
    return _StagedArchive(result, apart is not None, found)


def _known_to_all(
    journal: Iterable[ParsedEvent], apart: UnprovenRows, later: MutableSequence[ParsedEvent]
) -> Iterator[ParsedEvent]:
    """What the old index has applied, without looks at what it alone knows: their rows are taken over.

    :param later: is given what it has not applied, to be done when they are
    """
    for each in journal:
        if not is_within(each, apart.positions):
            later.append(each)
        elif _docid(each) not in apart.docids:
            yield each


def replay(
    journal: Iterable[ParsedEvent], store: Store, tree: StagingTree | None, result: RebuildResult | None = None
) -> None:
    """Do again what a journal says was done.

    :param tree: where files are made; None: only the index is
    :param result: counts
    """
    result = result or RebuildResult()
    batch: list[ParsedEvent] = []
    in_batch: set[str] = set()
    for understood in journal:
        fetch = understood.event.fetch
        result.events += 1
        if batch and (fetch is None or _docid(understood) in in_batch or len(batch) >= BATCH):
            _record(batch, store, tree, result)
            batch, in_batch = [], set()
        if fetch is None:
            store.apply([understood.event])
        else:
            batch.append(understood)
            in_batch.add(_docid(understood))
    _record(batch, store, tree, result)


def is_within(understood: ParsedEvent, positions: Mapping[str, JournalPosition]) -> bool:
    """Whether an event is applied in an index.

    :param positions: up to where events are, by who wrote them
    """
    event = understood.event
    end = positions.get(FETCHES if event.fetch else OTHERS)
    return end is not None and order(event.place) <= order(end)


def _docid(understood: ParsedEvent) -> str:
    fetch = understood.event.fetch
    return fetch.pending.entry.docid if fetch else ""


def _record(batch: Sequence[ParsedEvent], store: Store, tree: StagingTree | None, result: RebuildResult) -> None:
    known = store.articles.states([_docid(each) for each in batch])
    decisions: list[Decision] = []
    for each in batch:
        if each.event.fetch and each.read:
            decisions.append(decide(each.event.fetch, each.read, known.get(_docid(each)), each.digest))
    for decision in decisions:
        if decision.post and tree:
            result.articles += 1
            tree.write(decision.post)
    store.articles.commit(decisions, [each.event.place for each in batch])

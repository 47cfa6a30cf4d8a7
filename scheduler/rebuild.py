"""Make everything that is derived anew: the files and the index, from the journal alone."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from archive import files
from archive.archive import INNER, index_path, journal_path
from archive.journal import Event
from archive.lock import Lock
from archive.looks import Place, Verdict
from archive.notebook import LOOKS, OTHERS, order
from archive.records import Post
from archive.seal import adopt
from archive.store import Store
from archive.takeover import index_differences, take_over
from scheduler.placing import compare, place_files, place_index
from scheduler.understanding import Reading, Understood, read_journal
from scheduler.verdicts import judge

BATCH = 200  # looks whose rows are written together


@dataclass(slots=True)
class Rebuilt:
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
) -> Rebuilt:
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
    with made_aside(root, "rebuild", now) as aside:
        return _rebuild(root, aside, Reading(most, processes or os.cpu_count() or 1, on_progress), dry_run)


def mend(root: Path, most: int, now: datetime, wanted: Mapping[str, str]) -> list[str]:
    """Put files back as they were recorded, as far as the journal gives the very same bytes.

    :param most: bytes that a page may unpack to
    :param wanted: the recorded sha256 of each file to mend, by its path
    :return: paths of those that were mended; what stood there is in ``.finarchive/quarantine``
    :raises ArchiveError: the journal or the disk does not allow it
    """
    root = root.absolute()
    with made_aside(root, "verify", now) as aside:
        tree, store = aside / "tree", Store.open(aside / "index.db")
        try:
            with store.in_one_go():
                replay(journal_path(root), store, tree, Reading(most, os.cpu_count() or 1, _no_word), Rebuilt())
        finally:
            store.close()
        mended = []
        for path, sha256 in wanted.items():
            made, target = tree / path, root / path
            if not made.is_file() or hashlib.sha256(made.read_bytes()).hexdigest() != sha256:
                continue
            if target.exists():
                kept = root / INNER / "quarantine" / path
                kept.parent.mkdir(parents=True, exist_ok=True)
                target.replace(kept)
            mended.append(path)
        place_files(root, tree, mended)
        return mended


def _no_word(done: int, whole: int) -> None:
    """Nobody watches."""


@contextmanager
def made_aside(root: Path, command: str, now: datetime) -> Iterator[Path]:
    """A folder for what is made, while the archive is locked; removed afterwards."""
    with Lock(root / INNER / "lock", command, now):
        aside = root / INNER / "rebuild"
        shutil.rmtree(aside, ignore_errors=True)
        with files.told(aside):
            aside.mkdir(parents=True)
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _rebuild(root: Path, aside: Path, reading: Reading, dry_run: bool) -> Rebuilt:
    result, tree = Rebuilt(), aside / "tree"
    store = Store.open(aside / "index.db")
    try:
        with store.in_one_go():
            replay(journal_path(root), store, tree, reading, result)
        adopt(root, store)  # which day's manifest vouches for a version is not the journal's to know
        result.taken_over = take_over(index_path(root), aside / "index.db")
        store.search.add_missing()
        result.rows = index_differences(index_path(root), aside / "index.db")
    finally:
        store.close()
    result.made, result.changed, result.unknown = compare(root, tree)
    if not dry_run:
        place_files(root, tree, [*result.made, *result.changed])
        place_index(root, aside / "index.db")
    return result


def replay(folder: Path, store: Store, tree: Path | None, reading: Reading, result: Rebuilt) -> None:
    """Do again what the journal in a folder says was done.

    :param tree: where files are made; None: only the index is
    """
    batch: list[Understood] = []
    in_batch: set[str] = set()
    for understood in read_journal(folder, reading, result.damaged.append):
        look = understood.event.look
        if not _is_within(understood.event, reading.until):
            continue
        result.events += 1
        if batch and (look is None or _docid(understood) in in_batch or len(batch) >= BATCH):
            _record(batch, store, tree, result)
            batch, in_batch = [], set()
        if look is None:
            store.apply([understood.event])
        else:
            batch.append(understood)
            in_batch.add(_docid(understood))
    _record(batch, store, tree, result)


def _is_within(event: Event, until: Mapping[str, Place] | None) -> bool:
    end = event.place if until is None else until.get(LOOKS if event.look else OTHERS)
    return end is not None and order(event.place) <= order(end)


def _docid(understood: Understood) -> str:
    look = understood.event.look
    return look.pending.entry.docid if look else ""


def _record(batch: Sequence[Understood], store: Store, tree: Path | None, result: Rebuilt) -> None:
    known = store.versions.newest([_docid(each) for each in batch])
    verdicts: list[Verdict] = []
    for each in batch:
        if each.event.look and each.read:
            verdicts.append(judge(each.event.look, each.read, known.get(_docid(each)), each.digest))
    for verdict in verdicts:
        if verdict.post and tree:
            result.articles += 1
            _stage(tree, verdict.post)
    store.versions.commit(verdicts, [each.event.place for each in batch])


def _stage(tree: Path, post: Post) -> None:
    path = tree / post.path
    with files.told(path):
        if post.supersedes:
            history = tree / post.supersedes
            history.parent.mkdir(parents=True, exist_ok=True)
            path.rename(history)
        try:
            path.write_bytes(post.data)
        except FileNotFoundError:  # the first of its folder
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(post.data)

"""Compare an archive with its records: files, history, images, raw pages, manifests and index."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from msgspec import Struct, field

from archive.files.hashing import sha256_of_file
from archive.files.layout import (
    HISTORY_FOLDER,
    IMAGES_FOLDER,
    index_path,
    inner_path,
    journal_path,
    revision_path,
)
from archive.index.log import OTHERS
from archive.integrity.anchor_check import ProofReport, Trust, check_anchors
from archive.integrity.article_files import docid_of
from archive.integrity.manifest_check import Problem, check_manifests
from archive.integrity.raw_pages import CheckRawFiles, RawCheck, check_in_turn, compare_raw_files
from archive.integrity.recorded import RecordedEvents, RecordedFiles
from archive.journal.tombstones import Rewrite
from archive.journal.warc import warc_files
from archive.model.errors import ArchiveError
from archive.store import Store

# In the place of a file's sha256: it may not be there.
ABSENT = ""
# Problems that a killed process can leave, until the next start applies what the journal has.
_BY_A_KILL = ("tampered", "extra", "missing")
BATCH_SIZE = 256  # files handed to the threads at a time; limits the memory for files that are read ahead


class Report(Struct, frozen=True):
    """The result of a verification."""

    articles: int  # in the index
    files: int  # files of articles and images read
    problems: tuple[Problem, ...]
    recorded: dict[str, str]  # by path: the recorded sha256 of each file of an article with a problem
    proof: ProofReport = field(default_factory=ProofReport)  # anchors and signatures of manifests
    rewritten: tuple[Rewrite, ...] = ()  # tombstones of journal files
    forgotten: tuple[dict[str, Any], ...] = ()  # articles that were removed: docid, at, reason, versions, done


def verify(
    root: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    trust: Trust | None = None,
    unapplied: Callable[[], Mapping[str, Set[str]]] = dict,
    check_raw_files: CheckRawFiles = check_in_turn,
) -> Report:
    """Read all files and compare them with the records. Writes nothing; the archive may be in use.

    :param on_progress: called with the bytes read so far, and those of all files
    :param trust: what anchors are checked with; None: nothing
    :param unapplied: returns what files may contain by the journal's records that the index lacks, after a process
        was killed: path -> sha256, or ABSENT; called only if a file is not as the index says (D178)
    :param check_raw_files: reads the files of raw pages
    :raises ArchiveError: the index cannot be opened, or temporary files have no room
    :raises TrustError: what is trusted cannot be read
    """
    with (
        closing(Store.open_for_reading(index_path(root))) as store,
        closing(RecordedFiles(_files_of(store))) as recorded,
        closing(RecordedEvents(_events_of(store))) as events,  # before the first file is read (D125)
    ):
        problems = list(_check_index(root, store))
        others, raw = _read_files(root, recorded, events, check_raw_files, on_progress)
        problems += _check_files(root, recorded, others)
        problems = _without_unfinished(root, store, problems, recorded, unapplied)
        forgotten = tuple(store.forgotten.all())
        problems = [each for each in problems if not _is_left(each, forgotten)] + raw.problems
        named, read = {problem.path for problem in problems}, _digests(recorded, others)
        formatted = max(raw.formatted, default=None)
        problems += check_manifests(root, store, named, read, raw.rewritten, formatted=formatted)
        proof, of_anchors = check_anchors(root, trust or Trust())
        found, articles = (*problems, *of_anchors), recorded.number_of_articles()
        repairable = {path: sha256 for path, sha256 in recorded.of_paths(named).items() if not _is_image(path)}
        return Report(articles, len(recorded), found, repairable, proof, tuple(raw.rewritten), forgotten)


def _without_unfinished(
    root: Path,
    store: Store,
    problems: list[Problem],
    recorded: RecordedFiles,
    unapplied: Callable[[], Mapping[str, Set[str]]],
) -> list[Problem]:
    """Return problems except those of files that a daemon is writing, or that the next start records.

    :param recorded: as it was before the files were read
    """
    suspect = {problem.path for problem in problems if problem.kind in _BY_A_KILL}
    if not suspect:
        return problems
    suspect -= store.articles.reserved_paths()
    problems = [problem for problem in problems if problem.kind != "extra" or problem.path in suspect]
    before = recorded.of_paths(suspect)
    after = {path: sha256 for path, sha256 in _files_of(store) if path in suspect}
    changed = {path for path in suspect if after.get(path) != before.get(path)}
    kept = [problem for problem in problems if problem.path not in changed]
    return list(_without_unapplied(root, kept, unapplied))


def _without_unapplied(
    root: Path, problems: Sequence[Problem], unapplied: Callable[[], Mapping[str, Set[str]]]
) -> Iterator[Problem]:
    """Yield problems except files that are as the journal says, and that the next start records."""
    files: Mapping[str, Set[str]] = {}
    if any(problem.kind in _BY_A_KILL for problem in problems):
        with suppress(ArchiveError):  # otherwise nothing is known of them
            files = unapplied()
    for problem in problems:
        expected = files.get(problem.path, set())
        if problem.kind not in _BY_A_KILL or (_digest(root / problem.path) or ABSENT) not in expected:
            yield problem


def _is_left(problem: Problem, forgotten: Sequence[dict[str, Any]]) -> bool:
    """Return whether a file is of a forgotten article: a killed process has left it for the next start to remove."""
    left = {each["docid"] for each in forgotten if each["done"] is None}
    return problem.kind == "extra" and docid_of(Path(problem.path).name, left) is not None


def _files_of(store: Store) -> Iterator[tuple[str, str]]:
    """Yield the path and the recorded sha256 of each file of a version or an image."""
    for path, number, newest, sha256 in store.articles.all_files():
        yield revision_path(path, number, newest), sha256
    yield from store.images.files()


def _is_image(path: str) -> bool:
    return path.startswith(f"{IMAGES_FOLDER}/")


def _events_of(store: Store) -> Iterator[tuple[str, int]]:
    """Yield where the journal has the events that are in the index: all fetches, and the last of other events."""
    yield from store.articles.journal_offsets()
    if position := store.log.positions().get(OTHERS):
        yield position.file, position.offset


def _digests(recorded: RecordedFiles, others: Mapping[str, str | None]) -> Callable[[str], str | None]:
    """Return a function that returns the sha256 of a file that was read; None: it was not, or is unreadable.

    :param others: the sha256 of files that are not as recorded, by path
    """
    return lambda path: others[path] if path in others else recorded.of_paths([path]).get(path)


class _Progress:
    """Counts the bytes that are read. Thread-safe.

    :param recorded: files that are read beside the raw pages
    """

    def __init__(self, root: Path, recorded: RecordedFiles, on_progress: Callable[[int, int], None]) -> None:
        self._root = root
        self._total = sum(map(_size, warc_files(journal_path(root))))
        self._total += sum(self._size_of(batch) for batch in recorded.batches(BATCH_SIZE))
        self._done = 0
        self._on_progress = on_progress
        self._lock = Lock()

    def _size_of(self, paths: Iterable[str]) -> int:
        return sum(_size(self._root / path) for path in paths)

    def add_files(self, paths: Iterable[str]) -> None:
        """Count the bytes of files."""
        self.add(self._size_of(paths))

    def add(self, number: int) -> None:
        """Count bytes. A file that grows meanwhile does not count more than it had."""
        with self._lock:
            self._done = min(self._done + number, self._total)
            self._on_progress(self._done, self._total)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _read_files(
    root: Path,
    recorded: RecordedFiles,
    events: RecordedEvents,
    check_raw_files: CheckRawFiles,
    on_progress: Callable[[int, int], None],
) -> tuple[dict[str, str | None], RawCheck]:
    """Read all files; return the sha256 of those that are not as recorded, by path, and what the raw pages have."""
    progress = _Progress(root, recorded, on_progress)

    def check_raw() -> RawCheck:
        return compare_raw_files(root, events, check_raw_files(warc_files(journal_path(root)), progress.add))

    with ThreadPoolExecutor(1) as pool:  # both at a time: other processes may check the raw pages
        raw = pool.submit(check_raw)
        return _other_digests(root, recorded, progress), raw.result()


def _other_digests(root: Path, recorded: RecordedFiles, progress: _Progress) -> dict[str, str | None]:
    """Return the sha256 of the files that are not as recorded, by path."""
    others: dict[str, str | None] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in recorded.batches(BATCH_SIZE):
            digests = zip(batch, pool.map(lambda path: _digest(root / path), batch), strict=True)
            others.update((path, actual) for path, actual in digests if actual != batch[path])
            progress.add_files(batch)
    return others


def _digest(path: Path) -> str | None:
    """Return the sha256 of a regular file; None if there is none, or it cannot be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        return sha256_of_file(path)
    except OSError:
        return None


def _check_files(root: Path, recorded: RecordedFiles, others: Mapping[str, str | None]) -> Iterator[Problem]:
    """Yield the problems of files.

    :param others: the sha256 of those that are not as recorded
    """
    owners = recorded.owners({actual for actual in others.values() if actual}) if others else {}
    expected = recorded.of_paths(others)
    for path, actual in others.items():
        if actual is None:
            exists = os.path.lexists(root / path)
            yield Problem("missing", path, "it is not a readable file" if exists else "there is no such file")
        else:
            owner = f": its content belongs to {owners[actual]}" if actual in owners else ""
            yield Problem("tampered", path, f"its sha256 is {actual}, recorded is {expected[path]}{owner}")
    existing = _existing_files(root)
    extra: list[str] = []
    while batch := list(islice(existing, BATCH_SIZE)):
        extra += set(batch) - recorded.of_paths(batch).keys()
    for path in sorted(extra):
        yield Problem("extra", path, "the index has no record of this file")


def _existing_files(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        if Path(folder) == inner_path(root):
            folders[:] = [name for name in folders if name in (Path(HISTORY_FOLDER).name, Path(IMAGES_FOLDER).name)]
            continue
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield from ((Path(folder) / name).relative_to(root).as_posix() for name in (*names, *links))


def _check_index(root: Path, store: Store) -> Iterator[Problem]:
    name = index_path(root).relative_to(root).as_posix()
    if damage := store.damage():
        yield Problem("index", name, f"it is damaged ({damage}): run finarchive rebuild")
    for docid, detail in store.articles.contradictions():
        yield Problem("index", name, f"{docid}: {detail}")

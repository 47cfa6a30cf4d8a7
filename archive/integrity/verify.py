"""Whether an archive is as it was recorded: files, history, pictures, raw pages, index."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from archive.archive import INNER, index_path, journal_path
from archive.files.paths import revision_path
from archive.index.log import OTHERS
from archive.integrity.manifest_check import Problem, of_manifests
from archive.journal.gzip_members import members
from archive.journal.warc import warc_files
from archive.journal.warc_records import OURS, headers_of
from archive.model.image import FOLDER
from archive.store import Store

HISTORY = f"{INNER}/history"
_GROUP = ("request", "response or revisit", "metadata")
_UNREADABLE = "no record can be read here"
_KINDS = {"warcinfo", "request", "response", "revisit", "metadata"}
AT_ONCE = 256  # files handed to the threads together: what is read ahead must not fill the memory


@dataclass(frozen=True, slots=True)
class Report:
    """What a look at the whole archive has found."""

    articles: int  # that the index has
    files: int  # that were read
    problems: tuple[Problem, ...]
    recorded: dict[str, str]  # sha256 of each file of an article, as recorded, by its path


def verify(root: Path, on_progress: Callable[[int, int], None] = lambda done, whole: None) -> Report:
    """Read everything and compare it with what was recorded. Nothing is written; the archive may be in use.

    :param on_progress: told how many files of how many are read
    :raises ArchiveError: the index cannot be opened
    """
    store = Store.open_for_reading(index_path(root))
    try:
        recorded, pictures, events = _recorded(store), dict(store.images.files()), _events(store)  # D125
        problems = list(_of_the_index(root, store))
        read = _digests(root, sorted(recorded | pictures), on_progress)
        problems += _of_files(root, recorded | pictures, read)
        late = {problem.path for problem in problems if problem.kind in ("missing", "tampered", "extra")}
        if late:  # a daemon may have written meanwhile
            late -= store.articles.reserved_paths()
            problems = [problem for problem in problems if problem.kind != "extra" or problem.path in late]
            again, before = _recorded(store) | dict(store.images.files()), recorded | pictures
            moved = {path for path in late if again.get(path) != before.get(path)}
            problems = [problem for problem in problems if problem.path not in moved]
        problems += _of_raw_pages(root, events)
        problems += of_manifests(root, store, {problem.path for problem in problems}, read)
        articles = sum(not path.startswith(f"{HISTORY}/") for path in recorded)
        return Report(articles, len(read), tuple(problems), recorded)
    finally:
        store.close()


def _recorded(store: Store) -> dict[str, str]:
    """The sha256 of each version's file, by its path: of the newest versions at the articles' paths."""
    files = store.articles.all_files()
    return {revision_path(path, number, newest): sha256 for path, number, newest, sha256 in files}


def _events(store: Store) -> dict[str, set[int]]:
    """Where the index has events of the journal, its looks and the last note: their offsets, by the file's name."""
    found = store.articles.journal_offsets()
    if place := store.log.positions().get(OTHERS):
        found.setdefault(place.file, set()).add(place.offset)
    return found


def _digests(root: Path, paths: list[str], on_progress: Callable[[int, int], None]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            found.update(zip(some, pool.map(lambda path: _digest(root / path), some), strict=True))
            on_progress(len(found), len(paths))
    return found


def _digest(path: Path) -> str | None:
    """The sha256 of a file; None when there is none that can be read."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _of_files(root: Path, recorded: dict[str, str], read: dict[str, str | None]) -> Iterator[Problem]:
    owners = {sha256: path for path, sha256 in recorded.items()}
    for path, sha256 in recorded.items():
        found = read[path]
        if found is None:
            there = os.path.lexists(root / path)
            yield Problem("missing", path, "it is no file that can be read" if there else "there is no such file")
        elif found != sha256:
            whose = f": it holds what belongs at {owners[found]}" if found in owners else ""
            yield Problem("tampered", path, f"its sha256 is {found}, recorded is {sha256}{whose}")
    for path in sorted(_files(root) - recorded.keys()):
        yield Problem("extra", path, "nothing is recorded of this file")


def _files(root: Path) -> set[str]:
    found: set[str] = set()
    for folder, folders, names in os.walk(root):
        if Path(folder) == root / INNER:
            folders[:] = [name for name in folders if name in ("history", Path(FOLDER).name)]
            continue
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        found.update((Path(folder) / name).relative_to(root).as_posix() for name in (*names, *links))
    return found


def _of_the_index(root: Path, store: Store) -> Iterator[Problem]:
    name = index_path(root).relative_to(root).as_posix()
    if damage := store.damage():
        yield Problem("index", name, f"it is damaged ({damage}): finarchive rebuild makes it anew")
    for docid, detail in store.articles.contradictions():
        yield Problem("index", name, f"{docid}: {detail}")


def _of_raw_pages(root: Path, recorded: Mapping[str, Set[int]]) -> Iterator[Problem]:
    """What is wrong with the raw pages.

    :param recorded: where the index has events, by the file's name: as it was before the first file is read, so that
        what is written meanwhile is not missed
    """
    folder = journal_path(root)
    whole: dict[str, set[int]] = {}
    for path in warc_files(folder):
        name = path.relative_to(root).as_posix()
        found = whole[path.name] = set[int]()
        harm = list(_harm(path, found))
        # What cannot be read at the end, behind all that is recorded, is being written, or a crash has left it.
        at, detail = harm[-1] if harm else (0, "")
        if detail == _UNREADABLE and at > max(found, default=0) and recorded.get(path.name, set()) <= found:
            harm.pop()
        for offset, detail in harm:
            yield Problem("warc", name, f"at byte {offset}: {detail}")
    for path in sorted({*folder.glob("*"), *folder.glob(".*")} - {*warc_files(folder)}):
        yield Problem("extra", path.relative_to(root).as_posix(), "it has no name of a file of raw pages")
    for file, offsets in recorded.items():
        name = (folder / file).relative_to(root).as_posix()
        if file not in whole:
            yield Problem("missing", name, f"{len(offsets)} events are recorded in this file, and it is not there")
        elif lost := offsets - whole[file]:
            yield Problem("warc", name, f"{len(lost)} events are recorded where none is whole")


def _harm(path: Path, whole: set[int]) -> Iterator[tuple[int, str]]:
    """What of a file of raw pages cannot be read, or is not what was written: where, and what; as it comes.

    :param whole: takes the places where events begin that are whole
    """
    unreadable: list[int] = []
    begin, kinds = 0, list[str]()
    for offset, _, record in members(path, on_damage=unreadable.append):
        yield from ((each, _UNREADABLE) for each in unreadable)
        unreadable.clear()
        head, _, block = record.partition(b"\r\n\r\n")
        headers = headers_of(head)
        kind, stated = headers.get("warc-type", ""), headers.get("warc-block-digest")
        body = block[: int(headers.get("content-length", "0") or 0)]
        told = "sha1:" + base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
        if stated and stated != told:
            yield offset, f"its block has the digest {told}, recorded is {stated}"
        if kind == "warcinfo" and headers.get("warc-filename") != path.name:
            yield offset, f"it is a copy of {headers.get('warc-filename')}, or was renamed"
        if kind not in _KINDS or (kind == "metadata" and not headers.get("warc-target-uri", "").startswith(OURS)):
            yield offset, f"it is no record of ours: {kind} {headers.get('warc-target-uri', '')}"
            continue
        if kind == "request" or (kind == "metadata" and "warc-concurrent-to" not in headers):
            begin, kinds = offset, []
        kinds.append(kind)
        if kind == "metadata" and (kinds == ["metadata"] or len(kinds) == len(_GROUP)):
            whole.add(begin)
    yield from ((each, _UNREADABLE) for each in unreadable)

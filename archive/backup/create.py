"""Back up an archive, also while a daemon writes to it. Only what has changed is read and written. See D239.

The index is copied first, then files, then the journal. So the journal has everything that the files have, and the
next start of the restored archive applies to the index what it lacks, as after a kill.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct

from archive.backup.snapshot import (
    OBJECTS,
    PART_BYTES,
    SNAPSHOTS,
    BackupFile,
    dump_snapshot,
    load_snapshot,
    names_of,
    object_path,
    snapshot_name,
    snapshot_path,
)
from archive.backup.storage import BackupStorage
from archive.files.atomic import wrap_os_errors
from archive.files.hashing import sha256_of
from archive.files.layout import (
    HISTORY_FOLDER,
    IMAGES_FOLDER,
    INNER_FOLDER,
    MANIFESTS_FOLDER,
    QUARANTINE_FOLDER,
    backup_path,
    index_path,
    journal_path,
    lock_path,
)
from archive.files.lock import Lock
from archive.index.connection import copy_index
from archive.journal.warc import warc_files
from archive.model.errors import BackupError, LockedError, NotWritableError

# In this order: a version that moves to the history while this runs is found in one of the two.
_FOLDERS = (HISTORY_FOLDER, IMAGES_FOLDER, MANIFESTS_FOLDER, QUARANTINE_FOLDER)


class BackupResult(Struct):
    """What a backup did."""

    snapshot: str  # its name
    files: int = 0  # in the snapshot
    size: int = 0  # bytes of these files
    new_objects: int = 0  # that were written
    new_size: int = 0  # bytes of these objects
    removed_snapshots: int = 0
    removed_objects: int = 0
    was_in_use: bool = False  # another process had the archive open for writing


def create_backup(
    root: Path,
    storage: BackupStorage,
    now: datetime,
    *,
    keep: int | None = None,
    on_progress: Callable[[int], None] = lambda files: None,
) -> BackupResult:
    """Write a snapshot of an archive. One that is interrupted leaves none, and the next one uses its objects.

    :param keep: number of snapshots to keep, this one included; None: all
    :param on_progress: called with the number of files so far
    :raises LockedError: another process writes to the archive, which has no journal
    :raises ArchiveError: the archive cannot be read, or the storage cannot be written
    """
    root = root.absolute()
    result = BackupResult(snapshot_name(now))
    with _quiet(root, now) as is_quiet:
        result.was_in_use = not is_quiet
        objects = storage.sizes(OBJECTS)
        earlier = {each.path: each for each in _newest(storage)}
        files = []
        for path, source in _files(root):
            before = earlier.get(path)
            file = _unchanged(source, before, objects) or _store(path, source, storage, objects, result)
            if file:
                files.append(file)
                result.size += file.size
                on_progress(len(files))
    result.files = len(files)
    storage.flush()
    storage.write(snapshot_path(result.snapshot), dump_snapshot(files, _software()))
    storage.flush()
    if keep is not None:
        _prune(storage, keep, result)
    return result


def read_snapshot(storage: BackupStorage, name: str) -> list[BackupFile] | None:
    """Return the files of a snapshot; None if there is no such snapshot.

    :raises BackupError: it is damaged
    """
    data = storage.read(snapshot_path(name))
    return None if data is None else load_snapshot(data, name)


def snapshots(storage: BackupStorage) -> list[str]:
    """Return the names of the snapshots, the oldest first."""
    return names_of(storage.sizes(SNAPSHOTS))


@contextmanager
def _quiet(root: Path, now: datetime) -> Iterator[bool]:
    """Hold the archive's lock meanwhile, if nobody else has it; yield whether that is so."""
    try:
        lock = Lock(lock_path(root), "backup", now)
    except LockedError:
        if not warc_files(journal_path(root)):
            raise
        yield False
        return
    except NotWritableError:  # on a read-only disk nobody writes
        yield True
        return
    with lock:
        yield True


def _newest(storage: BackupStorage) -> Sequence[BackupFile]:
    """Return the files of the newest snapshot that can be read; none if there is none."""
    for name in reversed(snapshots(storage)):
        with suppress(BackupError):
            return read_snapshot(storage, name) or ()
    return ()


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the path of each file of the archive, relative to its root, and where to read it."""
    if index_path(root).exists():
        folder = backup_path(root)
        with wrap_os_errors(folder):
            shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
            folder.mkdir()
        try:
            copy_index(index_path(root), folder / index_path(root).name)
            yield index_path(root).relative_to(root).as_posix(), folder / index_path(root).name
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    for path in _walk(root, root, skip=INNER_FOLDER):
        yield path.relative_to(root).as_posix(), path
    for name in _FOLDERS:
        for path in _walk(root / name, root):
            yield path.relative_to(root).as_posix(), path
    for path in warc_files(journal_path(root)):
        yield path.relative_to(root).as_posix(), path


def _walk(folder: Path, root: Path, skip: str | None = None) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        if skip and Path(place) == root:
            folders[:] = [name for name in folders if name != skip]
        folders.sort()
        yield from (Path(place, name) for name in sorted(names))


def _unchanged(source: Path, before: BackupFile | None, objects: dict[str, int]) -> BackupFile | None:
    """Return the file as in the last snapshot, if neither its size nor its time has changed."""
    if before is None or not source.is_file() or source.is_symlink():
        return None
    status = source.stat()
    is_same = (before.size, before.changed) == (status.st_size, status.st_mtime_ns)
    return before if is_same and _is_kept(before, objects) else None


def _is_kept(file: BackupFile, objects: dict[str, int]) -> bool:
    """Return whether all parts are kept; an interrupted upload may have left another size."""
    sizes = [min(PART_BYTES, file.size - start) for start in range(0, file.size, PART_BYTES)]
    return [objects.get(object_path(part)) for part in file.parts] == sizes


def _store(
    path: str, source: Path, storage: BackupStorage, objects: dict[str, int], result: BackupResult
) -> BackupFile | None:
    """Write what is new of a file; None if it is no file any more."""
    parts = []
    with wrap_os_errors(source):
        if source.is_symlink():
            return None
        try:
            file = source.open("rb")
        except (FileNotFoundError, IsADirectoryError):  # it has moved meanwhile
            return None
        with file:
            status = os.fstat(file.fileno())
            left = status.st_size  # a journal file may grow while it is read
            while left and (data := file.read(min(PART_BYTES, left))):
                left -= len(data)
                sha256 = sha256_of(data)
                parts.append(sha256)
                name = object_path(sha256)
                if objects.get(name) != len(data):
                    storage.write(name, data)
                    objects[name] = len(data)
                    result.new_objects += 1
                    result.new_size += len(data)
    return BackupFile(path, status.st_size - left, status.st_mtime_ns, tuple(parts))


def _prune(storage: BackupStorage, keep: int, result: BackupResult) -> None:
    """Remove all snapshots but the newest, then the objects that none of them has."""
    names = snapshots(storage)
    kept = names[-keep:]
    # All are read first: if one cannot be read, nothing is removed.
    files = [file for name in kept for file in read_snapshot(storage, name) or ()]
    needed = {object_path(part) for file in files for part in file.parts}
    for name in names[:-keep]:
        storage.remove(snapshot_path(name))
        result.removed_snapshots += 1
    storage.flush()
    for name in storage.sizes(OBJECTS).keys() - needed:
        storage.remove(name)
        result.removed_objects += 1


def _software() -> str:
    try:
        return f"finarchive/{version('finarchive')}"
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "finarchive/0"

"""Restore an archive from a backup, or check that this would succeed."""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from pathlib import Path

from msgspec import Struct, field

from archive.backup.create import read_snapshot, snapshots
from archive.backup.snapshot import BackupFile, object_path
from archive.backup.storage import BackupStorage
from archive.files.atomic import wrap_os_errors
from archive.files.folders import make_root, sync_folder
from archive.files.hashing import sha256_of
from archive.model.errors import BackupError

_SUFFIX = ".restoring"  # of the folder until it is complete


class RestoreResult(Struct):
    """What was restored, or checked."""

    snapshot: str  # its name
    files: int = 0
    size: int = 0  # bytes of these files
    damaged: list[str] = field(default_factory=list)  # paths of files whose objects are missing or damaged


def find_snapshot(storage: BackupStorage, name: str | None) -> tuple[str, list[BackupFile]]:
    """Return the name of a snapshot and its files.

    :param name: None: the newest
    :raises BackupError: there is none, or it is damaged
    """
    names = snapshots(storage)
    if not names:
        raise BackupError(f"there is no backup at {storage.place}: finarchive backup makes one")
    wanted = name or names[-1]
    files = read_snapshot(storage, wanted)
    if files is None:
        raise BackupError(f"{storage.place} has no snapshot {wanted}; the newest are: {', '.join(names[-5:])}")
    return wanted, files


def check_backup(
    storage: BackupStorage,
    name: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> RestoreResult:
    """Read all objects of a snapshot and compare their sha256.

    :param on_progress: called with the number of files read, and of all files
    :raises BackupError: there is no such snapshot, or it is damaged
    """
    found, files = find_snapshot(storage, name)
    result, sound = RestoreResult(found, files=len(files)), set[str]()
    for number, file in enumerate(files, start=1):
        result.size += file.size
        if not all(part in sound or _is_sound(storage, part, sound) for part in file.parts):
            result.damaged.append(file.path)
        on_progress(number, len(files))
    return result


def _is_sound(storage: BackupStorage, part: str, sound: set[str]) -> bool:
    data = storage.read(object_path(part))
    if data is None or sha256_of(data) != part:
        return False
    sound.add(part)
    return True


def restore_backup(
    storage: BackupStorage,
    root: Path,
    name: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> RestoreResult:
    """Write the files of a snapshot into a new folder. It gets its name when all are there; a killed process leaves
    ``ROOT.restoring``, which the next one continues.

    Files whose objects are damaged are left out.

    :param root: must not exist, or be empty
    :param on_progress: called with the number of files written, and of all files
    :raises BackupError: there is no such snapshot, or ``root`` is not empty
    :raises ArchiveError: the storage cannot be read, or the folder cannot be written
    """
    root = root.absolute()
    with wrap_os_errors(root):
        if root.is_symlink() or (root.exists() and not (root.is_dir() and not any(root.iterdir()))):
            raise BackupError(f"{root} exists and is not empty: name a new folder")
    found, files = find_snapshot(storage, name)
    result, folder = RestoreResult(found), root.with_name(root.name + _SUFFIX)
    _begin(folder, {file.path for file in files})
    for number, file in enumerate(files, start=1):
        if _restore(storage, file, folder):
            result.files += 1
            result.size += file.size
        else:
            result.damaged.append(file.path)
        on_progress(number, len(files))
    with wrap_os_errors(root):
        os.sync()
        if root.exists():
            root.rmdir()
        folder.rename(root)
        sync_folder(root.parent)
    return result


def _begin(folder: Path, wanted: Set[str]) -> None:
    """Make a folder, and remove what a restore of another snapshot has left there."""
    with wrap_os_errors(folder):
        make_root(folder)
        for place, _, names in os.walk(folder):
            for path in (Path(place, name) for name in names):
                if path.relative_to(folder).as_posix() not in wanted:
                    path.unlink()


def _restore(storage: BackupStorage, file: BackupFile, folder: Path) -> bool:
    """Write a file, unless it is there; return False if the backup does not have it whole."""
    path = folder / file.path
    with wrap_os_errors(path):
        if path.is_file() and path.stat().st_mtime_ns == file.changed and path.stat().st_size == file.size:
            return True  # from a restore that was interrupted: a file gets its name when it is whole
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:60]}.part")
        with temporary.open("wb") as target:
            for part in file.parts:
                data = storage.read(object_path(part))
                if data is None or sha256_of(data) != part:
                    temporary.unlink()
                    return False
                target.write(data)
        os.utime(temporary, ns=(file.changed, file.changed))
        temporary.replace(path)
    return True

"""Atomic writes: each file is written under a temporary name, synced and renamed; then its folder is synced.

A crash at any moment leaves a file whole or absent, or its previous content in place.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archive.model.article import Post
from archive.model.errors import DiskFullError, NotWritableError, SystemRefusedError, TransientError

_NUMBERS = itertools.count()  # make temporary names unique: several threads write
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE_ERRNOS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EMLINK, errno.EINVAL, errno.EILSEQ,
}  # fmt: skip
_ADVICE = {
    errno.EMFILE: "this process has too many open files, raise its limit (LimitNOFILE= of the service, ulimit -n)",
    errno.ENFILE: "this machine has too many open files, raise its limit (sysctl fs.file-max)",
    errno.ENOMEM: "free some memory",
    errno.ESTALE: "check the server of this network file system",
}


def write_posts(root: Path, unfinished: Path, posts: Iterable[Post]) -> None:
    """Write files below ``root``; when this returns they are on the disk under their names.

    A crash at any moment leaves every file either whole or absent. Writing a post again changes nothing.

    :param unfinished: a folder on the same file system for temporary files; see :func:`clear`
    :raises ArchiveError: a file could not be written; incomplete files are only in ``unfinished``
    """
    folders: dict[Path, None] = {}  # to sync, in this order
    renames: list[tuple[Path, Path]] = []
    for post in posts:
        target = root / post.path
        temporary = unfinished / f"{os.getpid()}-{next(_NUMBERS)}"
        with wrap_os_errors(target):
            _write_synced(temporary, post.data)
            if target.parent not in folders:
                folders.update(dict.fromkeys(_make_folders(root, target.parent)))
            if post.supersedes:
                folders.update(dict.fromkeys(_link_history(root, target, root / post.supersedes)))
        renames.append((temporary, target))
    for temporary, target in renames:
        with wrap_os_errors(target):
            temporary.replace(target)
    for folder in folders:
        with wrap_os_errors(folder):
            sync_folder(folder)


def write_atomically(path: Path, data: bytes, temporary: Path, *, mode: int | None = None) -> None:
    """Write one file; when this returns it is on the disk. Creates its folder if there is none.

    :param temporary: its name until it is complete; in the same folder
    :param mode: its permissions; None: those that the umask gives
    :raises OSError: it could not be written; ``path`` is as before
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_synced(temporary, data)
    if mode is not None:
        temporary.chmod(mode)
    temporary.replace(path)
    sync_folder(path.parent)


def clear(unfinished: Path) -> None:
    """Remove the temporary files of an interrupted :func:`write_posts`.

    :raises ArchiveError: one could not be removed
    """
    for leftover in unfinished.iterdir():
        with wrap_os_errors(leftover):
            leftover.unlink()


@contextmanager
def wrap_os_errors(path: Path | str) -> Iterator[None]:
    """Turn an OSError about ``path`` into an ArchiveError that says what to do.

    :raises DiskFullError: no space, no quota, or the file is too large
    :raises NotWritableError: the path or its permissions do not allow it
    :raises SystemRefusedError: any other error of the system
    """
    try:
        yield
    except OSError as error:
        error_class: type[TransientError] = SystemRefusedError
        advice = _ADVICE.get(error.errno or 0, "check the disk")
        if error.errno in _DISK_FULL_ERRNOS:
            error_class, advice = DiskFullError, "free some space, then run this again"
        elif error.errno in _NOT_WRITABLE_ERRNOS:
            error_class, advice = NotWritableError, "check the path, its owner and its permissions"
        raise error_class(f"{path} cannot be written ({error.strerror or error}): {advice}") from error


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk.

    :raises OSError: the folder cannot be opened or synced
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link_history(root: Path, target: Path, history: Path) -> Iterator[Path]:
    """Link a file that will be replaced into the history; yield the folders that change.

    A link and not a move, so that a file always exists under the first name. If the second name exists already, an
    interrupted attempt created it.
    """
    yield from _make_folders(root, history.parent)
    with suppress(FileExistsError, FileNotFoundError):
        os.link(target, history)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _make_folders(root: Path, folder: Path) -> Iterator[Path]:
    """Create ``folder``; yield it and every folder above it that gets a new entry, up to ``root``."""
    yield folder
    missing = folder
    while missing != root and not missing.exists():
        missing = missing.parent
        yield missing
    folder.mkdir(parents=True, exist_ok=True)

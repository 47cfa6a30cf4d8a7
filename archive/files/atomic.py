"""Files that are either whole or not there: written aside, synced, renamed, their folders synced."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archive.model.article import Post
from archive.model.errors import ArchiveError, DiskFullError, NotWritableError

_NUMBERS = itertools.count()  # of files not yet whole: several threads write
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG,
}  # fmt: skip


def write_posts(root: Path, aside: Path, posts: Iterable[Post]) -> None:
    """Write files under ``root``; when this returns they are on the disk under their names.

    A crash at any moment leaves every file either whole or absent. Writing a post again changes nothing.

    :param aside: a folder on the same file system for files not yet whole; see :func:`clear`
    :raises ArchiveError: a file could not be written; what is not whole is only in ``aside``
    """
    folders: dict[Path, None] = {}  # those to sync; a dict for its order
    renames: list[tuple[Path, Path]] = []
    for post in posts:
        target = root / post.path
        temporary = aside / f"{os.getpid()}-{next(_NUMBERS)}"
        with wrap_os_errors(target):
            _write_synced(temporary, post.data)
            if target.parent not in folders:
                folders.update(dict.fromkeys(_make_folders(root, target.parent)))
            if post.supersedes:
                folders.update(dict.fromkeys(_set_aside(root, target, root / post.supersedes)))
        renames.append((temporary, target))
    for temporary, target in renames:
        with wrap_os_errors(target):
            temporary.replace(target)
    for folder in folders:
        with wrap_os_errors(folder):
            sync_folder(folder)


def clear(aside: Path) -> None:
    """Remove what an interrupted write left in the folder for files not yet whole."""
    for leftover in aside.iterdir():
        with wrap_os_errors(leftover):
            leftover.unlink()


@contextmanager
def wrap_os_errors(path: Path | str) -> Iterator[None]:
    """The system's errors about ``path``, as ours.

    :raises ArchiveError: one that says what to do
    """
    try:
        yield
    except OSError as error:
        told_error: type[ArchiveError] = ArchiveError
        advice = "check the disk"
        if error.errno in _NO_ROOM:
            told_error, advice = DiskFullError, "free some space, then run this again"
        elif error.errno in _NO_PLACE:
            told_error, advice = NotWritableError, "check the path, its owner and its permissions"
        raise told_error(f"{path} cannot be written ({error.strerror or error}): {advice}") from error


def _set_aside(root: Path, target: Path, history: Path) -> Iterator[Path]:
    """Give a file that is about to be replaced a second name; yield the folders that changed.

    A link and not a move, so that there is no moment without a file under the old name. One that has its second name
    is that of an attempt that was interrupted.
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
    """Make ``folder``; yield it and every folder above it in which one was made, up to ``root``."""
    yield folder
    missing = folder
    while missing != root and not missing.exists():
        missing = missing.parent
        yield missing
    folder.mkdir(parents=True, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

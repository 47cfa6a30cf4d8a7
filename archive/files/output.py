"""Writes to a path that the user names: a regular file is replaced whole, anything else is written through (D176).

A process that is killed leaves nothing behind: the new file has no name until it is complete. Where the file system
has no files without a name, it has a temporary one, which the next output to the same folder removes.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from archive.files.folders import NO_LINKS_ERRNOS

_PREFIX = ".finarchive-unfinished-"
_NUMBERS = itertools.count()
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAX_LINKS = 40  # as in the kernel
# The folder takes no new name, although the file itself can perhaps be written: permissions, a read-only or sticky
# folder, a file that is mounted.
_NO_NEW_NAME = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY}
_NO_NAMELESS_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


@contextmanager
def open_output(path: Path, *, replace: bool = True, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a path for writing. A regular file has its old content until the block ends without an exception.

    A link is followed: the file to which it points is replaced, in its own folder. Devices and pipes are written
    directly, and so are descriptors of this process, such as ``/dev/stdout``. A file that is replaced keeps its
    owner and its permissions.

    :param replace: False to refuse a regular file that exists
    :param mode: permissions of the file; None: those it has, or those that the umask gives
    :raises FileExistsError: the file exists, and ``replace`` is False
    :raises OSError: it cannot be written; a regular file is as before
    """
    descriptor = own_descriptor(path)
    if descriptor is not None:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    existing = path.stat() if path.exists() else None
    if existing and not (stat.S_ISREG(existing.st_mode) and target.exists()):  # or what only another process has open
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CLOEXEC), "wb") as file:
            yield file
        return
    if existing and not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    folder = os.open(target.parent, _FOLDER)
    try:
        with _new_file(folder, is_needed=existing is None) as (file, name):
            yield file
            file.flush()
            _set_permissions(file.fileno(), existing, mode)
            os.fsync(file.fileno())
            _publish(file, name, folder, target, replace=replace)
    finally:
        os.close(folder)


def own_descriptor(path: Path) -> int | None:
    """Return the descriptor of this process that a path names, directly or by links; None if it names none."""
    descriptors = f"/proc/{os.getpid()}/fd"
    name = os.path.abspath(path)  # noqa: PTH100 - it must not follow the last link
    for _ in range(_MAX_LINKS):
        folder, last = os.path.split(name)
        folder = os.path.realpath(folder)
        if folder == descriptors and last.isdigit():
            return int(last)
        try:
            name = os.path.join(folder, os.readlink(os.path.join(folder, last)))  # noqa: PTH115, PTH118 - as above
        except OSError:
            return None
    return None


@contextmanager
def _new_file(folder: int, *, is_needed: bool) -> Iterator[tuple[BinaryIO, str | None]]:
    """Open a new file in a folder; yield it and its temporary name, None if it has none.

    :param is_needed: False if a file elsewhere can take its place, to be copied at the end
    """
    name = None
    try:
        descriptor, name = _create(folder)
    except OSError as error:
        if is_needed or error.errno not in _NO_NEW_NAME:
            raise
        with tempfile.TemporaryFile() as elsewhere:
            yield elsewhere, None
        return
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file, name
    finally:
        if name:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)


def _create(folder: int) -> tuple[int, str | None]:
    try:
        descriptor = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666, dir_fd=folder)
        if Path(f"/proc/self/fd/{descriptor}").exists():  # it gets its name by this path
            return descriptor, None
        os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES:
            raise
    return _create_named(folder)


def _create_named(folder: int) -> tuple[int, str]:
    """Create a file with a temporary name, locked so that nobody takes it for a leftover."""
    _remove_leftovers(folder)
    while True:
        name = _unused_name()
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # otherwise it was taken for a leftover before it was locked
            return descriptor, name
        os.close(descriptor)


def _unused_name() -> str:
    return f"{_PREFIX}{os.getpid()}-{next(_NUMBERS)}"


def _remove_leftovers(folder: int) -> None:
    """Remove the files of outputs that were killed: nobody locks them."""
    for name in os.listdir(folder):
        if name.startswith(_PREFIX):
            with suppress(OSError):
                descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(name, dir_fd=folder)
                finally:
                    os.close(descriptor)


def _set_permissions(descriptor: int, existing: os.stat_result | None, mode: int | None) -> None:
    if existing:
        with suppress(OSError):  # only root may give a file away, and only where the file system has owners
            os.fchown(descriptor, existing.st_uid, existing.st_gid)
    if mode is None and existing:
        mode = stat.S_IMODE(existing.st_mode)
    if mode is not None:
        os.fchmod(descriptor, mode)


def _publish(file: BinaryIO, name: str | None, folder: int, target: Path, *, replace: bool) -> None:
    """Give a complete file its name; where the folder takes none, copy it into the existing file."""
    if name is None and _link(file, folder, target.name):
        return
    if not replace:
        _copy(file, os.open(target.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder))
        return
    try:
        name = name or _name_temporarily(file, folder)
        os.rename(name, target.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError as error:
        if name:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
        if error.errno not in _NO_NEW_NAME or not target.exists():
            raise
        _copy(file, os.open(target, os.O_WRONLY | os.O_CLOEXEC))


def _name_temporarily(file: BinaryIO, folder: int) -> str:
    """Give a file that has no name a temporary one, or copy it where no link can be made."""
    _remove_leftovers(folder)
    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    name = _unused_name()
    if not _link(file, folder, name):
        descriptor, name = _create_named(folder)
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
        _copy(file, descriptor)
    return name


def _link(file: BinaryIO, folder: int, name: str) -> bool:
    """Give a file without a name one; return False if the name is in use, or no link can be made there."""
    try:
        os.link(f"/proc/self/fd/{file.fileno()}", name, dst_dir_fd=folder, follow_symlinks=True)
    except OSError as error:
        if error.errno in NO_LINKS_ERRNOS | {errno.EEXIST, errno.ENOENT}:
            return False
        raise
    os.fsync(folder)
    return True


def _copy(file: BinaryIO, descriptor: int) -> None:
    """Copy a file into another one, which is closed and then on the disk."""
    file.seek(0)
    with os.fdopen(descriptor, "wb") as target:
        shutil.copyfileobj(file, target)
        target.truncate()
        target.flush()
        os.fsync(descriptor)

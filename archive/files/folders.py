"""Changes of files below a folder, through descriptors of folders and never through links (D173).

All writes, links, renames and deletions below an archive's root are made here, except those of SQLite.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Self

from archive.files.layout import INNER_FOLDER
from archive.model.errors import NotWritableError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# Descriptors that are open at once. A batch of 64 articles can concern as many folders, and a process has 1024.
_MAX_OPEN = 32
# A second name cannot be made: the file system has no hard links, or not between these folders, or not as many.
NO_LINKS_ERRNOS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


def archive_root(path: Path) -> Path:
    """Return the root of the archive to which a path inside ``.finarchive`` belongs; elsewhere its parent."""
    inner = next((each for each in path.parents if each.name == INNER_FOLDER), None)
    return inner.parent if inner else path.parent


def make_root(root: Path) -> None:
    """Create a folder and those above it; when this returns, their names are on the disk. Follows links.

    :raises OSError: one could not be created
    """
    missing = [each for each in (root, *root.parents) if not each.exists()]
    root.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk.

    :raises OSError: the folder cannot be opened or synced
    """
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folders:
    """The folders below ``root``, opened when they are needed. Close it after a batch of changes.

    Paths are relative to the root, with ``/`` between names. The root may be a link; no folder below it may be one,
    and a file that is a link is replaced or removed, never followed. All methods raise OSError.

    :raises NotWritableError: by every method: a link stands where a folder has to be
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._descriptors: dict[str, int] = {}  # by path; the last used is last
        self._changed: dict[str, None] = {}  # folders whose names changed, in this order

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def folder(self, path: str, *, create: bool = False) -> int:
        """Return a folder's descriptor, which is valid until two other folders were asked for.

        :param create: make the folder if it does not exist; :meth:`sync` makes it durable
        """
        descriptor = self._descriptors.pop(path, None)
        if descriptor is None:
            descriptor = self._open(path, create=create) if path else os.open(self._root, _FOLDER)
            if len(self._descriptors) >= _MAX_OPEN:
                os.close(self._descriptors.pop(next(iter(self._descriptors))))
        self._descriptors[path] = descriptor
        return descriptor

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, which is made if it does not exist."""
        return os.listdir(self.folder(path, create=True))  # noqa: PTH208 - a descriptor is no path

    def file(self, path: str, flags: int) -> int:
        """Open a file that is not a link, and return its descriptor, which the caller closes.

        :param flags: as for :func:`os.open`; a new file gets its name on the disk with :meth:`sync`
        """
        folder, name = _split(path)
        parent = self.folder(folder)
        if flags & os.O_CREAT:
            self._changed[folder] = None
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=parent)
        except OSError as error:
            self._refuse_link(error, path, name, parent)
            raise

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a file; None if there is no regular file."""
        if not stat.S_ISREG(self.mode(path)):
            return None
        with os.fdopen(self.file(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return file.read()

    def mode(self, path: str) -> int:
        """Return type and permissions of a file, as in ``st_mode``; 0 if there is none. Links are not followed."""
        folder, name = _split(path)
        try:
            return os.stat(name, dir_fd=self.folder(folder), follow_symlinks=False).st_mode
        except FileNotFoundError:
            return 0

    def write_new(self, path: str, data: bytes, *, sync: bool = True) -> None:
        """Write a file under a name that is not used yet, or was left by an interrupted attempt.

        :param sync: when this returns, the bytes are on the disk
        """
        folder, name = _split(path)
        parent = self.folder(folder, create=True)
        try:
            descriptor = os.open(name, _NEW_FILE, 0o666, dir_fd=parent)
        except FileExistsError:
            os.unlink(name, dir_fd=parent)
            descriptor = os.open(name, _NEW_FILE, 0o666, dir_fd=parent)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            if sync:
                os.fsync(descriptor)

    def rename(self, path: str, target: str) -> None:
        """Rename a file, and replace what has the other name."""
        (old_folder, old), (folder, name) = _split(path), _split(target)
        source, destination = self.folder(old_folder), self.folder(folder, create=True)
        os.rename(old, name, src_dir_fd=source, dst_dir_fd=destination)
        self._changed[folder] = None

    def link(self, path: str, target: str, temporary: str) -> None:
        """Give a file a second name, or copy it where the file system has no hard links (D174).

        :param temporary: name of the copy until it is complete
        :raises FileExistsError: the second name is in use
        """
        (old_folder, old), (folder, name) = _split(path), _split(target)
        source, destination = self.folder(old_folder), self.folder(folder, create=True)
        self._changed[folder] = None
        try:
            os.link(old, name, src_dir_fd=source, dst_dir_fd=destination, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NO_LINKS_ERRNOS:
                raise
            if self.mode(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
            self.write_new(temporary, self.read(path) or b"")
            self.rename(temporary, target)

    def remove(self, path: str) -> None:
        """Remove a file, or the link that has its name; :meth:`sync` makes it durable, also if it was gone before."""
        folder, name = _split(path)
        self._changed[folder] = None
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.folder(folder))

    def remove_tree(self, path: str) -> None:
        """Remove a folder with all that is in it; what cannot be removed stays."""
        folder, name = _split(path)
        parent = self.folder(folder)
        if stat.S_ISLNK(self.mode(path)):
            raise self._link_error(path)
        for each in [each for each in self._descriptors if f"{each}/".startswith(f"{path}/")]:
            os.close(self._descriptors.pop(each))
        shutil.rmtree(name, ignore_errors=True, dir_fd=parent)

    def unused(self, path: str) -> str:
        """Return a path, with a number in its name if something has that name already."""
        whole, numbers = PurePosixPath(path), itertools.count(2)
        self.folder(_split(path)[0], create=True)
        while self.mode(path):
            path = str(whole.with_name(f"{whole.stem}.{next(numbers)}{whole.suffix}"))
        return path

    def sync(self) -> None:
        """Sync the folders whose names changed; when this returns, the names are on the disk."""
        while self._changed:
            path = next(iter(self._changed))
            os.fsync(self.folder(path))
            del self._changed[path]

    def _open(self, path: str, *, create: bool) -> int:
        above, name = _split(path)
        parent = self.folder(above, create=create)
        while True:
            try:
                return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
            except FileNotFoundError:
                if not create:
                    raise
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
                self._changed[above] = None
            except OSError as error:
                self._refuse_link(error, path, name, parent)
                raise

    def _refuse_link(self, error: OSError, path: str, name: str, parent: int) -> None:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):  # FreeBSD has EMLINK
            with suppress(FileNotFoundError):
                if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    raise self._link_error(path) from error

    def _link_error(self, path: str) -> NotWritableError:
        return NotWritableError(
            f"{self._root / path} is a link, and nothing in an archive is written through links: "
            "put a folder or a file of its own in its place"
        )


def _split(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    return folder, name

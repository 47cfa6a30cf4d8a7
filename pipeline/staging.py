"""Build an archive's files in a staging folder, compare them with the archive, and move them into place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from archive.files import atomic
from archive.files.folders import Folders
from archive.files.layout import QUARANTINE_FOLDER, index_path, inner_path
from archive.index.connection import empty_log
from archive.model.article import Post

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}  # a link that leads to itself is no file


class StagingTree(Struct, frozen=True):
    """Folder where the files of an archive are built before they are moved into place."""

    root: Path  # of the archive
    folder: Path

    def write(self, posts: Iterable[Post]) -> None:
        """Write the files of articles, and keep the versions that they replace as history files. Nothing is synced.

        :raises ArchiveError: one cannot be written
        """
        tree = self.folder.relative_to(self.root).as_posix()
        with atomic.wrap_os_errors(self.folder), Folders(self.root) as folders:
            for post in posts:
                path = f"{tree}/{post.path}"
                with atomic.wrap_os_errors(f"{self.root}/{path}"):
                    if post.supersedes:
                        _keep_replaced(folders, tree, str(post.moved_from or post.path), str(post.supersedes))
                    folders.write_new(path, post.data, sync=False)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, relative to the root; those that are not staged are no error."""
        tree = self.folder.relative_to(self.root).as_posix()
        with atomic.wrap_os_errors(self.folder), Folders(self.root) as folders:
            for path in paths:
                if (self.folder / path).exists():
                    folders.remove(f"{tree}/{path}")


def _keep_replaced(folders: Folders, tree: str, path: str, history: str) -> None:
    if folders.mode(f"{tree}/{path}"):
        folders.rename(f"{tree}/{path}", f"{tree}/{history}")
    elif not folders.mode(history) and (data := folders.read(path)) is not None:
        folders.write_new(f"{tree}/{history}", data, sync=False)  # archived without a journal


def files_of(root: Path) -> Iterator[str]:
    """Yield the paths of article files and history files below ``root``, relative to it."""
    inner = str(inner_path(root))
    prefix_length = len(str(root)) + 1
    for folder, folders, names in os.walk(root):
        if folder == inner:
            folders[:] = [name for name in folders if name == "history"]
            continue
        for name in names:
            yield f"{folder}/{name}"[prefix_length:]


def compare(root: Path, tree: Path) -> tuple[list[str], list[str], list[str]]:
    """Compare the files of an archive with those in ``tree``.

    :return: paths that the archive lacks, paths whose content differs, paths that ``tree`` lacks
    """
    missing, changed = [], []
    for path in files_of(tree):
        present = _content(f"{root}/{path}")
        if present is None:
            missing.append(path)
        elif present != _content(f"{tree}/{path}"):
            changed.append(path)
    extra = (path for path in files_of(root) if not os.path.lexists(f"{tree}/{path}"))
    return sorted(missing), sorted(changed), sorted(extra)


def _content(path: str) -> bytes | int | None:
    """Return the bytes of a file, the mode of what is no regular file, or None for what does not exist.

    Paths are text here: a rebuild asks for thousands in a second.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - see above
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    if not stat.S_ISREG(mode):
        return mode
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        return file.read()


def place_files(root: Path, tree: Path, paths: Iterable[str], *, quarantine: bool) -> None:
    """Move files of ``tree`` into the archive; when this returns, they are on the disk under their names.

    :param quarantine: move the files they replace to ``.finarchive/quarantine``
    :raises ArchiveError: a file cannot be moved
    """
    os.sync()  # every staged file is on disk before the first one is replaced
    staged = tree.relative_to(root).as_posix()
    with atomic.wrap_os_errors(root), Folders(root) as folders:
        for path in paths:
            with atomic.wrap_os_errors(root / path):
                folders.folder(path.rpartition("/")[0], create=True)
                mode = folders.mode(path)
                if mode and (quarantine or stat.S_ISDIR(mode)):
                    folders.rename(path, folders.unused(f"{QUARANTINE_FOLDER}/{path}"))
                folders.rename(f"{staged}/{path}", path)
        folders.sync()


def place_index(root: Path, index: Path, *, quarantine: bool) -> None:
    """Replace the index of an archive with a rebuilt one, which is on the disk.

    The old index has no write-ahead log when the new one takes its name: SQLite would apply it to the new one.

    :param quarantine: move the old index to ``.finarchive/quarantine``; it cannot be read
    :raises ArchiveError: it cannot be replaced
    """
    old = index_path(root).relative_to(root).as_posix()
    if not quarantine:
        empty_log(index_path(root))
    with atomic.wrap_os_errors(index_path(root)), Folders(root) as folders:
        if quarantine and folders.mode(old):
            folders.rename(old, folders.unused(f"{QUARANTINE_FOLDER}/{Path(old).name}"))
            folders.sync()
        for name in (f"{old}-wal", f"{old}-shm"):
            folders.remove(name)
        folders.sync()
        folders.rename(index.relative_to(root).as_posix(), old)
        folders.sync()

"""Build an archive's files in a staging folder, compare them with the archive, and move them into place."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.files import atomic
from archive.files.layout import index_path, inner_path, quarantine_path
from archive.model.article import Post


@dataclass(frozen=True, slots=True)
class StagingTree:
    """Folder where the files of an archive are built before they are moved into place."""

    root: Path  # of the archive
    folder: Path

    def write(self, post: Post) -> None:
        """Write an article's file, and keep the version that it replaces as a history file.

        :raises ArchiveError: it cannot be written
        """
        path = f"{self.folder}/{post.path}"
        with atomic.wrap_os_errors(path):
            if post.supersedes:
                self._keep_replaced(Path(path), post, str(post.supersedes))
            try:
                _write(path, post.data)
            except FileNotFoundError:  # the first file of its folder
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                _write(path, post.data)

    def _keep_replaced(self, path: Path, post: Post, history: str) -> None:
        target = self.folder / history
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(target)
        elif not (self.root / history).exists() and (self.root / post.path).exists():
            shutil.copyfile(self.root / post.path, target)  # archived without a journal


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - creating a Path takes as long as writing the file
        file.write(data)


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
    staged = set(files_of(tree))
    existing = set(files_of(root))
    missing, changed = [], []
    for path in sorted(staged):
        if path not in existing or not (root / path).exists():
            missing.append(path)
        elif not (root / path).is_file() or (root / path).read_bytes() != (tree / path).read_bytes():
            changed.append(path)
    return missing, changed, sorted(existing - staged)


def place_files(root: Path, tree: Path, paths: Iterable[str], *, quarantine: bool) -> None:
    """Move files of ``tree`` into the archive.

    :param quarantine: move the files they replace to ``.finarchive/quarantine``
    :raises ArchiveError: a file cannot be moved
    """
    os.sync()  # every staged file is on disk before the first one is replaced
    folders: set[str] = set()
    for path in paths:
        target = f"{root}/{path}"
        with atomic.wrap_os_errors(target):
            if (folder := path.rpartition("/")[0]) not in folders:
                folders.add(folder)
                (root / folder).mkdir(parents=True, exist_ok=True)
            if os.path.lexists(target) and (quarantine or Path(target).is_dir()):
                quarantined = _unused(quarantine_path(root) / path)
                quarantined.parent.mkdir(parents=True, exist_ok=True)
                Path(target).rename(quarantined)
            os.replace(f"{tree}/{path}", target)  # noqa: PTH105 - creating a Path takes as long as renaming


def _unused(path: Path) -> Path:
    """Return the path, numbered if it exists: files in quarantine are never overwritten."""
    numbers = itertools.count(2)
    candidate = path
    while os.path.lexists(candidate):
        candidate = path.with_name(f"{path.stem}.{next(numbers)}{path.suffix}")
    return candidate


def place_index(root: Path, index: Path, *, quarantine: bool) -> None:
    """Replace the index of an archive with a rebuilt one.

    :param quarantine: move the old index to ``.finarchive/quarantine``
    :raises ArchiveError: it cannot be replaced
    """
    old = index_path(root)
    with atomic.wrap_os_errors(old):
        if quarantine and old.exists():
            quarantined = _unused(quarantine_path(root) / old.name)
            quarantined.parent.mkdir(parents=True, exist_ok=True)
            old.rename(quarantined)
        for name in (f"{old.name}-wal", f"{old.name}-shm"):
            (old.parent / name).unlink(missing_ok=True)
        index.replace(old)
    os.sync()

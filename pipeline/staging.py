"""Files that were made aside: compared with those that are there, and put in their place."""

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
    """Where the files of an archive are made before they are put in their place."""

    root: Path  # of the archive
    folder: Path

    def write(self, post: Post) -> None:
        """Make an article's file, and keep the one that it supersedes.

        :raises ArchiveError: it cannot be written
        """
        path = f"{self.folder}/{post.path}"
        with atomic.wrap_os_errors(path):
            if post.supersedes:
                self._set_aside(Path(path), post, str(post.supersedes))
            try:
                _write(path, post.data)
            except FileNotFoundError:  # the first of its folder
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                _write(path, post.data)

    def _set_aside(self, path: Path, post: Post, history: str) -> None:
        kept = self.folder / history
        kept.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.rename(kept)
        elif not (self.root / history).exists() and (self.root / post.path).exists():
            shutil.copyfile(self.root / post.path, kept)  # it was archived without a journal


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - a Path costs as much as the file
        file.write(data)


def files_of(root: Path) -> Iterator[str]:
    """Paths of the articles and their history below ``root``, relative to it."""
    inner, cut = str(inner_path(root)), len(str(root)) + 1
    for folder, folders, names in os.walk(root):
        if folder == inner:
            folders[:] = [name for name in folders if name == "history"]
            continue
        for name in names:
            yield f"{folder}/{name}"[cut:]


def compare(root: Path, tree: Path) -> tuple[list[str], list[str], list[str]]:
    """What differs between the files of an archive and those that were made in ``tree``.

    :return: paths of those that are not there yet, of those that are others, and of those that were not made
    """
    made, there = set(files_of(tree)), set(files_of(root))
    missing, changed = [], []
    for path in sorted(made):
        if path not in there or not (root / path).exists():
            missing.append(path)
        elif not (root / path).is_file() or (root / path).read_bytes() != (tree / path).read_bytes():
            changed.append(path)
    return missing, changed, sorted(there - made)


def place_files(root: Path, tree: Path, paths: Iterable[str], *, stage: bool) -> None:
    """Put files of ``tree`` where they belong.

    :param stage: keep what stands there in ``.finarchive/quarantine``
    :raises ArchiveError: one cannot be put there
    """
    os.sync()  # all that was made is on the disk before the first file is replaced
    folders: set[str] = set()
    for path in paths:
        target = f"{root}/{path}"
        with atomic.wrap_os_errors(target):
            if (folder := path.rpartition("/")[0]) not in folders:
                folders.add(folder)
                (root / folder).mkdir(parents=True, exist_ok=True)
            if os.path.lexists(target) and (stage or Path(target).is_dir()):
                kept = _free(quarantine_path(root) / path)
                kept.parent.mkdir(parents=True, exist_ok=True)
                Path(target).rename(kept)
            os.replace(f"{tree}/{path}", target)  # noqa: PTH105 - a Path costs as much as the renaming


def _free(path: Path) -> Path:
    """The path, or one beside it: what is in quarantine already stays there."""
    numbers = itertools.count(2)
    found = path
    while os.path.lexists(found):
        found = path.with_name(f"{path.stem}.{next(numbers)}{path.suffix}")
    return found


def place_index(root: Path, index: Path, *, stage: bool) -> None:
    """Put an index that was made aside in the place of the archive's.

    :param stage: keep what stands there in ``.finarchive/quarantine``
    :raises ArchiveError: it cannot be put there
    """
    old = index_path(root)
    with atomic.wrap_os_errors(old):
        if stage and old.exists():
            kept = _free(quarantine_path(root) / old.name)
            kept.parent.mkdir(parents=True, exist_ok=True)
            old.rename(kept)
        for name in (f"{old.name}-wal", f"{old.name}-shm"):
            (old.parent / name).unlink(missing_ok=True)
        index.replace(old)
    os.sync()

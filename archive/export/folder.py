"""A folder that an export fills, and fills again: what it wrote before and would not write now goes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from archive.files.atomic import wrap_os_errors
from archive.model.article import Post
from archive.model.errors import ArchiveError, NotWritableError

# The list of what an export has put into a folder, a path a line. Site generators pass over names with a dot (D96).
LIST = ".finarchive-export"
_UNFINISHED = f"{LIST}.unfinished"


def fill(folder: Path, archive: Path, posts: Iterable[Post]) -> None:
    """Write files into a folder; a file that has its bytes already is left as it is, with its time.

    Broken off at any moment, it is put right by the next run. The list of the run before, if any, is in memory.

    :param archive: the archive's root, which is not to be touched
    :raises NotWritableError: the folder is not for exports, or cannot be written
    """
    _refuse(folder, archive)
    with wrap_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = _listed(folder / LIST)
        with (
            (folder / LIST).open("a", encoding="utf-8") as all_made,
            (folder / _UNFINISHED).open("w", encoding="utf-8") as made,
        ):
            for post in posts:
                path = str(post.path)
                if not _is_inside(path):
                    raise ArchiveError(f"{path!r} leads out of {folder}: the index is damaged")
                if path not in before:  # on the list before it is in the folder, so that it is never taken for yours
                    all_made.write(f"{path}\n")
                    all_made.flush()
                made.write(f"{path}\n")
                before.discard(path)
                _write(folder, path, post.data)
        for path in before:
            _remove(folder, path)
        (folder / _UNFINISHED).replace(folder / LIST)


def _refuse(folder: Path, archive: Path) -> None:
    place, root = folder.resolve(), archive.resolve()
    if place == root or root in place.parents or place in root.parents:
        raise NotWritableError(f"{folder} and the archive at {archive} lie in each other: name another folder")
    if folder.exists() and not folder.is_dir():
        raise NotWritableError(f"{folder} is no folder: name one, or what is not there yet")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LIST).is_file():
        raise NotWritableError(
            f"{folder} is not empty, and no export has made it: name another folder, one below it for example"
        )


def _listed(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {line for line in path.read_text(encoding="utf-8").split("\n") if line and _is_inside(line)}


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] not in ("/", LIST, _UNFINISHED) and ".." not in parts


def _write(folder: Path, path: str, data: bytes) -> None:
    target = folder / path
    if target.is_file() and target.read_bytes() == data:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = folder / f"{LIST}.file"
    aside.write_bytes(data)
    aside.replace(target)


def _remove(folder: Path, path: str) -> None:
    target = folder / path
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()

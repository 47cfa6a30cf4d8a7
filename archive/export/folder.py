"""Export into a folder. A later export into the same folder removes files that it no longer writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from archive.files.atomic import wrap_os_errors
from archive.model.article import Post
from archive.model.errors import ArchiveError, NotWritableError

# The list of files that an export wrote into a folder, one path a line. Site generators ignore names that begin with
# a dot (D96).
LIST_NAME = ".finarchive-export"
_UNFINISHED = f"{LIST_NAME}.unfinished"


def fill(folder: Path, archive: Path, posts: Iterable[Post]) -> None:
    """Write files into a folder and remove files of an earlier export that are not among them.

    A file that has the right bytes already keeps its modification time. If the export is interrupted, the next run
    completes it. The list of the previous run is held in memory.

    :param archive: the archive's root; the export refuses to write there
    :param posts: the files; paths are relative to ``folder``
    :raises NotWritableError: the folder is not one for exports, or cannot be written
    :raises ArchiveError: a path leads out of the folder
    """
    _check_target(folder, archive)
    with wrap_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        obsolete = _listed_paths(folder / LIST_NAME)
        with (
            (folder / LIST_NAME).open("a", encoding="utf-8") as combined_list,
            (folder / _UNFINISHED).open("w", encoding="utf-8") as new_list,
        ):
            for post in posts:
                path = str(post.path)
                if not _is_inside(path):
                    raise ArchiveError(f"{path!r} leads out of {folder}: the index is damaged")
                if path not in obsolete:  # listed before it is written, so that it never counts as a file of the user
                    combined_list.write(f"{path}\n")
                    combined_list.flush()
                new_list.write(f"{path}\n")
                obsolete.discard(path)
                _write(folder, path, post.data)
        for path in obsolete:
            _remove(folder, path)
        (folder / _UNFINISHED).replace(folder / LIST_NAME)


def _check_target(folder: Path, archive: Path) -> None:
    target, root = folder.resolve(), archive.resolve()
    if target == root or root in target.parents or target in root.parents:
        raise NotWritableError(f"{folder} and the archive at {archive} overlap: name another folder")
    if folder.exists() and not folder.is_dir():
        raise NotWritableError(f"{folder} is not a folder: name a folder or a new path")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LIST_NAME).is_file():
        raise NotWritableError(
            f"{folder} is not empty and no export created it: name another folder, for example one inside it"
        )


def _listed_paths(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {line for line in path.read_text(encoding="utf-8").split("\n") if line and _is_inside(line)}


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] not in ("/", LIST_NAME, _UNFINISHED) and ".." not in parts


def _write(folder: Path, path: str, data: bytes) -> None:
    target = folder / path
    if target.is_file() and target.read_bytes() == data:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{LIST_NAME}.file"
    temporary.write_bytes(data)
    temporary.replace(target)


def _remove(folder: Path, path: str) -> None:
    target = folder / path
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()

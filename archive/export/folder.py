"""Export into a folder. A later export into the same folder removes files that it no longer writes."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from archive.files.atomic import wrap_os_errors
from archive.files.output import open_output
from archive.model.article import Post
from archive.model.errors import ArchiveError, NotWritableError

# The list of files that an export wrote into a folder, one path a line. Site generators ignore names that begin with
# a dot (D96).
LIST_NAME = ".finarchive-export"
_UNFINISHED = f"{LIST_NAME}.unfinished"
_TEMPORARY = f"{LIST_NAME}.file"


def fill(folder: Path, archive: Path, posts: Iterable[Post]) -> None:
    """Write files into a folder and remove files of an earlier export that are not among them.

    A file that has the right bytes already keeps its modification time. If the export is interrupted, the next run
    completes it. The list of the previous run is held in memory.

    :param archive: the archive's root; the export refuses to write there
    :param posts: the files; paths are relative to ``folder``
    :raises NotWritableError: the folder is not one for exports, or cannot be written
    :raises ArchiveError: a path leads out of the folder
    """
    ensure_apart(folder, archive)
    _check_own(folder)
    with wrap_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / LIST_NAME).open("a", encoding="utf-8") as combined_list,
            _lock(folder, combined_list.fileno()),
            (folder / _UNFINISHED).open("w", encoding="utf-8") as new_list,
        ):
            (folder / _TEMPORARY).unlink(missing_ok=True)  # of an export that was killed
            obsolete = _listed_paths(folder / LIST_NAME)
            for post in posts:
                path = str(post.path)
                if not _is_inside(post.path):
                    raise ArchiveError(f"{path!r} leads out of {folder}: the index is damaged")
                if path not in obsolete:  # listed before it is written, so that it never counts as a file of the user
                    combined_list.write(f"{path}\n")
                    combined_list.flush()
                new_list.write(f"{path}\n")
                obsolete.discard(path)
                _write(folder, path, post.data)
            for path in obsolete:
                _remove(folder, path)
            new_list.flush()
            (folder / _UNFINISHED).replace(folder / LIST_NAME)


@contextmanager
def _lock(folder: Path, descriptor: int) -> Iterator[None]:
    """Keep other exports out of a folder; the kernel releases the lock when the process ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NotWritableError(f"another export is writing to {folder}: wait for it to end") from None
    yield


def ensure_apart(folder: Path, archive: Path) -> None:
    """Check that a folder is neither inside the archive nor a parent of it.

    :raises NotWritableError: it is
    """
    target, root = folder.resolve(), archive.resolve()
    if target == root or root in target.parents or target in root.parents:
        raise NotWritableError(f"{folder} and the archive at {archive} overlap: name another folder")


def _check_own(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise NotWritableError(f"{folder} is not a folder: name a folder or a new path")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / LIST_NAME).is_file():
        raise NotWritableError(
            f"{folder} is not empty and no export created it: name another folder, for example one inside it"
        )


def _listed_paths(path: Path) -> set[str]:
    if not path.exists():
        return set()
    return {line for line in path.read_text(encoding="utf-8").split("\n") if line and _is_inside(PurePosixPath(line))}


def _is_inside(path: PurePosixPath) -> bool:
    parts = path.parts
    return bool(parts) and parts[0] not in ("/", LIST_NAME, _UNFINISHED) and ".." not in parts


def _write(folder: Path, path: str, data: bytes) -> None:
    target = folder / path
    if target.is_file() and target.read_bytes() == data:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or (target.exists() and not target.is_file()):  # of the user: it is written through
        with open_output(target) as file:
            file.write(data)
        return
    temporary = folder / _TEMPORARY
    temporary.write_bytes(data)
    temporary.replace(target)


def _remove(folder: Path, path: str) -> None:
    target = folder / path
    target.unlink(missing_ok=True)
    for parent in target.parents:
        if parent == folder or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()

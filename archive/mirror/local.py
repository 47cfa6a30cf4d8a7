"""What a mirror has to have: the files of an archive on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from archive.files.atomic import wrap_os_errors
from archive.files.hashing import sha256_of_file
from archive.files.layout import IMAGES_FOLDER, LINKS_FOLDER, MANIFESTS_FOLDER, journal_path
from archive.journal.event_documents import EventKind
from archive.journal.gzip_members import members
from archive.journal.journal import event_of
from archive.journal.record import parse_record
from archive.journal.tombstones import load_rewritten
from archive.journal.warc import read_file, warc_files
from archive.model.errors import ArchiveError, MirrorError
from archive.model.fetch import JournalPosition


def archive_id(root: Path) -> str | None:
    """Return the identity of an archive, the id of its journal's first record; None: the journal is empty.

    Copies of an archive have the same identity. Nothing removes or changes that record.

    :raises MirrorError: that record cannot be read
    """
    for path in warc_files(journal_path(root)):
        with wrap_os_errors(path):
            try:
                for _, _, data in members(path):
                    return parse_record(data).headers["warc-record-id"]
            except (ValueError, KeyError) as error:
                raise MirrorError(f"{path} does not begin with a record of ours ({error}): restore it") from error
    return None


def journal_sizes(root: Path, end: Callable[[], JournalPosition | None]) -> dict[str, int]:
    """Return the bytes of each journal file that are on the disk, in the order they were written.

    :param end: returns up to where the newest file is on the disk
    """
    with wrap_os_errors(journal_path(root)):
        sizes = {path.name: path.stat().st_size for path in warc_files(journal_path(root))}
    # Asked for afterwards: a file that was begun in between is not among these.
    if (position := end()) and position.file in sizes:
        sizes[position.file] = position.offset
    return {name: size for name, size in sizes.items() if size}


def has_tombstone(root: Path, file: str, sha256: str) -> bool:
    """Return whether the journal says that a file was rewritten, with this result. Reads the newest files first."""
    for path in reversed(warc_files(journal_path(root))):
        if path.name < file:
            return False
        for position, group in read_file(path):
            if group.kind == EventKind.REWRITTEN:
                try:
                    rewrite = load_rewritten(event_of(position, group).document)
                except (ValueError, ArchiveError):
                    continue
                if (rewrite.file, rewrite.after) == (file, sha256):
                    return True
    return False


class SmallFiles:
    """Manifests, anchors and images of an archive; what has not changed is not read again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[str, tuple[int, int, str]] = {}  # path of a manifest -> size, time, sha256
        # Folder of images -> its time of change, its names, and whether it had that time when it was read before: a
        # name can be added within the same tick of the clock.
        self._folders: dict[str, tuple[int, frozenset[str], bool]] = {}
        self._images: dict[str, str] = {}  # the last result of images()

    def manifests(self) -> dict[str, str]:
        """Return the sha256 of each manifest and anchor, by its path relative to the root."""
        found = {}
        with wrap_os_errors(self._root / MANIFESTS_FOLDER):
            for entry in _entries(self._root / MANIFESTS_FOLDER):
                if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                    continue
                path, status = f"{MANIFESTS_FOLDER}/{entry.name}", entry.stat()
                size, changed, sha256 = self._digests.get(path, (-1, -1, ""))
                if (size, changed) != (status.st_size, status.st_mtime_ns):
                    sha256 = sha256_of_file(Path(entry.path))
                    self._digests[path] = status.st_size, status.st_mtime_ns, sha256
                found[path] = sha256
        return found

    def images(self) -> dict[str, str]:
        """Return the path of each image file, relative to the root, by its sha256, which it is named by.

        The result is the same object as before if no folder has changed: there may be many images.
        """
        with wrap_os_errors(self._root / IMAGES_FOLDER):
            folders = [each for each in _entries(self._root / IMAGES_FOLDER) if each.is_dir(follow_symlinks=False)]
            before = {name: names for name, (_, names, _) in self._folders.items()}
            now = {each.name: self._names(each) for each in folders}
        if now != before:
            self._folders = {name: each for name, each in self._folders.items() if name in now}
            self._images = {
                name.partition(".")[0]: f"{IMAGES_FOLDER}/{folder}/{name}" for folder in now for name in now[folder]
            }
        return self._images

    def _names(self, folder: os.DirEntry[str]) -> frozenset[str]:
        changed = folder.stat().st_mtime_ns
        before, names, is_settled = self._folders.get(folder.name, (-1, frozenset[str](), False))
        if changed != before or not is_settled:
            names = frozenset(each.name for each in _entries(Path(folder.path)) if each.is_file())
            self._folders[folder.name] = changed, names, changed == before
        return names

    def has_links(self) -> bool:
        """Return whether the archive has second names of images."""
        return (self._root / LINKS_FOLDER).is_dir()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []

"""WARC/1.1 files of the journal, one gzip member for each record, readable by any WARC tool.

Records are written in groups. A group is a request, its response as the server sent it (a ``revisit`` record if the
journal has the same body already) and a metadata record with the fetch; or a metadata record alone.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec import Struct

from archive.files.atomic import wrap_os_errors
from archive.files.folders import Folders, archive_root
from archive.files.paths import CHINA
from archive.journal.groups import FILE_NAME, read_groups, response_at
from archive.journal.gzip_members import end_of_last_member, first_member
from archive.journal.warc_records import Group, Original, encode_group, warcinfo
from archive.model.fetch import JournalPosition

# A file that has reached this size is followed by a new one. A year takes some dozens of files, and each is small
# enough to be copied and checked alone.
MAX_FILE_BYTES = 1 << 30


def warc_files(folder: Path) -> list[Path]:
    """The journal's files in a folder, in the order they were written. Files with other names are ignored."""
    return sorted(path for path in folder.glob("finarchive-*.warc.gz") if FILE_NAME.fullmatch(path.name))


def is_torn_end(folder: Path, position: JournalPosition) -> bool:
    """Return whether an unreadable part is the torn end of the newest file, which the writer cuts off."""
    newest = warc_files(folder)[-1]
    end = end_of_last_member(newest) if newest.name == position.file else None
    return end is not None and position.offset >= end


class WarcWriter:
    """Appends groups to the newest file of a folder. Creates the folder if there is none.

    Opening reads only the end of the newest file. An incomplete record at its end, left by a crash, is cut off. A
    file that is damaged before its end, or is shorter than ``last_known`` says, is not changed: a new file follows.

    :param software: name and version of the writing program
    :param max_file_bytes: size after which a new file begins
    :param last_known: position of the last group that was written for certain, even if it is lost now
    :param sealed: names of files that are not changed, not even a torn end: a new file follows
    :raises ArchiveError: the folder or the file cannot be written
    """

    def __init__(
        self,
        folder: Path,
        software: str,
        max_file_bytes: int = MAX_FILE_BYTES,
        last_known: JournalPosition | None = None,
        sealed: Collection[str] = (),
    ) -> None:
        self._folder = folder
        self._software = software
        self._max_file_bytes = max_file_bytes
        self._file: io.FileIO | None = None
        self._size = 0  # in bytes, of what is whole
        self._is_torn = False  # the file has bytes after that
        self._path = folder  # of the newest file; the folder if there is none
        with wrap_os_errors(folder):
            with Folders(archive_root(folder)) as folders:
                folders.folder(folder.relative_to(archive_root(folder)).as_posix(), create=True)
                folders.sync()
            files = warc_files(folder)
            if (
                last_known
                and (not files or files[-1].name <= last_known.file)
                and read_at(folder, last_known) is None
            ):
                # No other file may take the lost file's name, or known positions would point to other records (D124).
                self._path = folder / last_known.file
            elif files and files[-1].name in sealed:
                self._path = files[-1]
            elif files:
                self._resume(files[-1])

    def append(self, groups: Sequence[tuple[Group, Original | None]]) -> list[JournalPosition]:
        """Write groups; when this returns they are on the disk.

        :param groups: each with an earlier response that has the same body, if there is one
        :return: the position of each group
        :raises ArchiveError: they could not be written; the file is as before
        """
        if not groups:
            return []
        positions: list[JournalPosition] = []
        file, data = self._file_for(groups[-1][0].at), bytearray()
        for group, original in groups:
            positions.append(JournalPosition(self._path.name, self._size + len(data)))
            data += encode_group(group, original)
        self._write(file, bytes(data))
        return positions

    @property
    def end(self) -> JournalPosition | None:
        """Where the next group begins: all bytes before it are on the disk; None: no file is appended to."""
        return JournalPosition(self._path.name, self._size) if self._file else None

    def leave(self, names: Collection[str]) -> None:
        """Append no more to the newest file if it is one of ``names``: a new file follows."""
        if self._path.name in names:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            with suppress(OSError):
                self._cut()
            self._file.close()
            self._file = None
            self._is_torn = False

    def _resume(self, path: Path) -> None:
        end = end_of_last_member(path)
        self._path = path
        if end is None:  # damaged: do not change it
            return
        self._file = self._open(path)
        if end < path.stat().st_size:
            self._file.truncate(end)
            os.fsync(self._file.fileno())
        self._size = end

    def _file_for(self, at: datetime) -> io.FileIO:
        day, newest, number = f"{at.astimezone(CHINA):%Y%m%d}", "", 0
        if self._path != self._folder:
            _, newest, last = self._path.name.removesuffix(".warc.gz").split("-")
            number = int(last)
        # The names must sort in the order of writing, even if the clock is set back.
        file = self._file if day <= newest and self._size < self._max_file_bytes else None
        if file is None:
            day, number = (newest, number + 1) if day <= newest else (day, 1)
            file = self._begin(self._folder / f"finarchive-{day}-{number:04d}.warc.gz")
        if not self._size:
            self._write(file, warcinfo(self._path.name, self._software, at))
        return file

    def _begin(self, path: Path) -> io.FileIO:
        """Close the file and open another; if that fails, the next attempt opens the same one."""
        self.close()
        with wrap_os_errors(path), ExitStack() as on_error:
            file = on_error.enter_context(self._open(path))
            self._path, self._file, self._size = path, file, path.stat().st_size
            on_error.pop_all()
        return file

    def _open(self, path: Path) -> io.FileIO:
        """Open a file for appending; when this returns its name is on the disk."""
        root = archive_root(path)
        with Folders(root) as folders:
            name = path.relative_to(root).as_posix()
            file = io.FileIO(folders.file(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")
            folders.sync()
        return file

    def _write(self, file: io.FileIO, data: bytes) -> None:
        with wrap_os_errors(self._path):
            self._cut()
            self._is_torn = True
            try:
                left = memoryview(data)
                while left:
                    left = left[file.write(left) or 0 :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):  # then it is cut before the next group
                    self._cut()
                raise
            self._is_torn = False
        self._size += len(data)

    def _cut(self) -> None:
        """Cut off what a failed write has left after the last whole group."""
        if self._file and self._is_torn:
            self._file.truncate(self._size)
            self._is_torn = False


def read(
    folder: Path,
    since: JournalPosition | None = None,
    on_damage: Callable[[JournalPosition], None] = lambda position: None,
) -> Iterator[tuple[JournalPosition, Group]]:
    """Yield the groups of a folder with their positions, in the order they were written.

    :param since: yield only groups after this position; None for all
    :param on_damage: called with the position of each part, record and group that cannot be read
    """
    for path in warc_files(folder):
        if since and path.name < since.file:
            continue
        start = since.offset if since and path.name == since.file else 0
        for position, group in read_file(path, start, on_damage=partial(_report, on_damage, path.name)):
            if since is None or position != since:
                yield position, group


def _report(on_damage: Callable[[JournalPosition], None], file: str, offset: int) -> None:
    on_damage(JournalPosition(file, offset))


def read_file(
    path: Path, start: int = 0, end: int | None = None, on_damage: Callable[[int], None] = lambda offset: None
) -> Iterator[tuple[JournalPosition, Group]]:
    """Yield the groups of a file that begin at ``start`` or later and before ``end``, with their positions.

    :param start: offset of a record, in bytes
    :param end: offset in bytes; None for the end of the file
    :param on_damage: called with the offset of each part, record and group that cannot be read
    """
    yield from read_groups(path, start, end, lambda offset, detail: on_damage(offset))


class WarcPart(Struct, frozen=True):
    """A byte range of a file, for the groups that begin in it; the end is excluded."""

    path: Path
    start: int
    end: int


def parts(folder: Path, size: int) -> list[WarcPart]:
    """Divide all files of a folder into parts of ``size`` bytes, in the order they were written."""
    return [
        WarcPart(path, start, start + size)
        for path in warc_files(folder)
        for start in range(0, max(path.stat().st_size, 1), size)
    ]


def read_part(
    part: WarcPart, on_damage: Callable[[int], None] = lambda offset: None
) -> Iterator[tuple[JournalPosition, Group]]:
    """Yield the groups that begin in a part, with their positions. Each group of a folder is in exactly one part.

    :param on_damage: called with the offset of each unreadable part
    """
    if (start := first_member(part.path, part.start)) is not None and start < part.end:
        yield from read_file(part.path, start, part.end, on_damage)


def read_at(folder: Path, position: JournalPosition) -> Group | None:
    """The group at a position; None if there is none or it cannot be read."""
    if not (path := folder / position.file).is_file():
        return None
    return next(
        (group for at, group in read_file(path, position.offset, position.offset + 1) if at == position), None
    )


def original_at(folder: Path, position: JournalPosition, name: str) -> Original | None:
    """The response at a position, for a ``revisit`` record; None if there is none or it has another body.

    :param name: the body's digest
    """
    if response := response_at(folder, position, name):
        _, record = response
        return Original(position, record.headers["warc-record-id"], record.target, record.headers["warc-date"])
    return None

"""WARC/1.1 files of the journal, one gzip member for each record, readable by any WARC tool.

Records are written in groups. A group is a request, its response as the server sent it (a ``revisit`` record if the
journal has the same body already) and a metadata record with the fetch; or a metadata record alone.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from archive.files.atomic import sync_folder, wrap_os_errors
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
    :raises ArchiveError: the folder or the file cannot be written
    """

    def __init__(
        self,
        folder: Path,
        software: str,
        max_file_bytes: int = MAX_FILE_BYTES,
        last_known: JournalPosition | None = None,
    ) -> None:
        self._folder = folder
        self._software = software
        self._max_file_bytes = max_file_bytes
        self._file: io.FileIO | None = None
        self._path = folder  # of the newest file; the folder if there is none
        with wrap_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        files = warc_files(folder)
        if last_known and (not files or files[-1].name <= last_known.file) and read_at(folder, last_known) is None:
            # No other file may take the lost file's name, or known positions would point to other records (D124).
            self._path = folder / last_known.file
        elif files:
            with wrap_os_errors(files[-1]):
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

    def leave(self, names: Collection[str]) -> None:
        """Append no more to the newest file if it is one of ``names``: a new file follows."""
        if self._path.name in names:
            self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _resume(self, path: Path) -> None:
        end = end_of_last_member(path)
        self._path = path
        if end is None:  # damaged: do not change it
            return
        self._file = io.FileIO(path, "ab")
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
        if self._file and day <= newest and self._size < self._max_file_bytes:
            return self._file
        self.close()
        day, number = (newest, number + 1) if day <= newest else (day, 1)
        self._path = self._folder / f"finarchive-{day}-{number:04d}.warc.gz"
        with wrap_os_errors(self._path):
            self._file = io.FileIO(self._path, "ab")
            sync_folder(self._folder)
        self._size = self._path.stat().st_size
        if not self._size:
            self._write(self._file, warcinfo(self._path.name, self._software, at))
        return self._file

    def _write(self, file: io.FileIO, data: bytes) -> None:
        with wrap_os_errors(self._path):
            try:
                left = memoryview(data)
                while left:
                    left = left[file.write(left) or 0 :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self._size)
                raise
        self._size += len(data)


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


@dataclass(frozen=True, slots=True)
class WarcPart:
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
    start = first_member(part.path, part.start)
    if start is not None and start < part.end:
        yield from read_file(part.path, start, part.end, on_damage)


def read_at(folder: Path, position: JournalPosition) -> Group | None:
    """The group at a position; None if there is none or it cannot be read."""
    path = folder / position.file
    if not path.is_file():
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

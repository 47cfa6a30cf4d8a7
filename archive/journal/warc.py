"""Raw pages on the disk: WARC/1.1 files, gzip per record, as any WARC tool reads them.

What belongs together is a group: a request, its response as the server sent it (a ``revisit`` record where the same
body is there already), and last a metadata record, which says what the look was for; or a metadata record alone.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from archive.files.atomic import sync_folder, wrap_os_errors
from archive.files.paths import CHINA
from archive.journal.gzip_members import first_member, last_whole, members
from archive.journal.warc_records import OURS, Group, Original, answer_of, digest, encoded, headers_of, information
from archive.model.fetch import JournalPosition, RawResponse

# Beyond it a new file is begun: large enough that a year is some dozens, small enough to be copied and checked alone.
LARGEST = 1 << 30
_NAME = re.compile(r"finarchive-\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-\d{4,}\.warc\.gz")


def warc_files(folder: Path) -> list[Path]:
    """The files of a folder, in the order they were written; what has no name that we give is none of them."""
    return sorted(path for path in folder.glob("finarchive-*.warc.gz") if _NAME.fullmatch(path.name))


class WarcWriter:
    """Appends groups to the newest file of a folder, which is made where there is none.

    What a crash has left behind the file's last whole record is cut off; of a file that is damaged before it, or does
    not go as far as is known, nothing is touched, and another one is begun. Opening reads the end of one file.

    :param software: what writes, with its version
    :param largest: bytes, after which another file is begun
    :param known: the place of the last group that is known to have been written, though it may be lost
    :raises ArchiveError: the folder or the file cannot be written
    """

    def __init__(
        self, folder: Path, software: str, largest: int = LARGEST, known: JournalPosition | None = None
    ) -> None:
        self._folder, self._software, self._largest = folder, software, largest
        self._file: io.FileIO | None = None
        self._path = folder
        with wrap_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        existing = warc_files(folder)
        if known and (not existing or existing[-1].name <= known.file) and read_at(folder, known) is None:
            self._path = folder / known.file  # no other file may have its name, or others be where it was; D124
        elif existing:
            with wrap_os_errors(existing[-1]):
                self._carry_on(existing[-1])

    def append(self, groups: Sequence[tuple[Group, Original | None]]) -> list[JournalPosition]:
        """Write groups; when this returns they are on the disk.

        :param groups: each with an earlier response that has its body, if there is one
        :return: where each begins
        :raises ArchiveError: they could not be written, and the file is as it was before
        """
        if not groups:
            return []
        places: list[JournalPosition] = []
        file, data = self._file_for(groups[-1][0].at), bytearray()
        for group, original in groups:
            places.append(JournalPosition(self._path.name, self._size + len(data)))
            data += encoded(group, original)
        self._write(file, bytes(data))
        return places

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _carry_on(self, path: Path) -> None:
        whole = last_whole(path)
        self._path = path
        if whole is None:  # damaged: it stays as it is
            return
        self._file = io.FileIO(path, "ab")
        if whole < path.stat().st_size:
            self._file.truncate(whole)
            os.fsync(self._file.fileno())
        self._size = whole

    def _file_for(self, at: datetime) -> io.FileIO:
        day, newest, number = f"{at.astimezone(CHINA):%Y%m%d}", "", 0
        if self._path != self._folder:
            _, newest, last = self._path.name.removesuffix(".warc.gz").split("-")
            number = int(last)
        # Files must sort as they were written, whatever the clock says.
        if self._file and day <= newest and self._size < self._largest:
            return self._file
        self.close()
        day, number = (newest, number + 1) if day <= newest else (day, 1)
        self._path = self._folder / f"finarchive-{day}-{number:04d}.warc.gz"
        with wrap_os_errors(self._path):
            self._file = io.FileIO(self._path, "ab")
            sync_folder(self._folder)
        self._size = self._path.stat().st_size
        if not self._size:
            self._write(self._file, information(self._path.name, self._software, at))
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


def read(folder: Path, since: JournalPosition | None = None) -> Iterator[tuple[JournalPosition, Group]]:
    """The groups of a folder in the order they were written.

    :param since: the place of the last group to leave out; None for all
    """
    for path in warc_files(folder):
        if since and path.name < since.file:
            continue
        start = since.offset if since and path.name == since.file else 0
        for place, group in read_file(path, start):
            if since is None or place != since:
                yield place, group


def read_file(
    path: Path, start: int = 0, end: int | None = None, on_damage: Callable[[int], None] = lambda offset: None
) -> Iterator[tuple[JournalPosition, Group]]:
    """The groups of a file that begin at ``start``, where a record does, or later, and before ``end``.

    A response without its metadata, which a crash can leave, is passed over, and so is what cannot be read, or whose
    body is elsewhere and cannot.

    :param on_damage: told where something cannot be read
    """
    begin, request, response = start, b"", None
    for offset, _, record in members(path, start, on_damage):
        head, _, block = record.partition(b"\r\n\r\n")
        headers = headers_of(head)
        kind = headers.get("warc-type", "")
        if kind == "metadata" and not headers["warc-target-uri"].startswith(OURS):
            continue  # somebody's note
        lone = kind == "metadata" and "warc-concurrent-to" not in headers
        if kind == "request" or lone:
            if end is not None and offset >= end:
                return
            begin, request, response = offset, b"" if lone else block, None
        if kind in ("response", "revisit"):
            response = headers, block
        elif lone or (kind == "metadata" and request and response):
            size = int(headers["content-length"])
            raw = _whole_answer(path.parent, request, *response) if response else None
            if response and raw is None:
                on_damage(begin)
            else:
                stated = headers["warc-target-uri"].removeprefix(OURS)
                at = datetime.fromisoformat(headers["warc-date"].replace("Z", "+00:00"))
                yield JournalPosition(path.name, begin), Group(stated, at, block[:size], raw)
            request, response = b"", None


@dataclass(frozen=True, slots=True)
class WarcPart:
    """A stretch of a file: the groups that begin in it."""

    path: Path
    start: int
    end: int


def parts(folder: Path, size: int) -> list[WarcPart]:
    """All groups of a folder, in stretches of about ``size`` bytes, in the order they were written."""
    return [
        WarcPart(path, start, start + size)
        for path in warc_files(folder)
        for start in range(0, max(path.stat().st_size, 1), size)
    ]


def read_part(
    part: WarcPart, on_damage: Callable[[int], None] = lambda offset: None
) -> Iterator[tuple[JournalPosition, Group]]:
    """The groups that begin in a part: each of a folder's is in one of its parts."""
    start = first_member(part.path, part.start)
    if start is not None and start < part.end:
        yield from read_file(part.path, start, part.end, on_damage)


def read_at(folder: Path, place: JournalPosition) -> Group | None:
    """The group at a place; None when there is none, or it cannot be read."""
    path = folder / place.file
    if not path.is_file():
        return None
    return next((group for found, group in read_file(path, place.offset, place.offset + 1) if found == place), None)


def original_at(folder: Path, place: JournalPosition, name: str) -> Original | None:
    """The response at a place, to be referred to; None when none is there that has the body.

    :param name: the body's digest
    """
    if found := _response_at(folder, place, name):
        _, headers, _ = found
        return Original(place, headers["warc-record-id"], headers["warc-target-uri"], headers["warc-date"])
    return None


def _response_at(folder: Path, place: JournalPosition, name: str) -> tuple[bytes, Mapping[str, str], bytes] | None:
    """A request's block, and the headers and the block of its response, of the group that begins at a place."""
    path = folder / place.file
    if not path.is_file():
        return None
    request = None
    for offset, _, record in members(path, place.offset):
        head, _, block = record.partition(b"\r\n\r\n")
        headers = headers_of(head)
        if headers.get("warc-type") == "request" and offset == place.offset:
            request = block
        elif headers.get("warc-type") == "response" and request is not None:
            raw, _ = answer_of(request, headers, block)
            return (request, headers, block) if digest(raw.body) == name else None
        else:
            return None
    return None


def _whole_answer(folder: Path, request: bytes, headers: Mapping[str, str], block: bytes) -> RawResponse | None:
    """The response with its body, wherever that is; None when it is not there any more."""
    raw, elsewhere = answer_of(request, headers, block)
    if elsewhere is None:
        return raw
    found = _response_at(folder, elsewhere, headers["warc-payload-digest"])
    return replace(raw, body=answer_of(*found)[0].body) if found else None

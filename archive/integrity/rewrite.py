"""Replace members of a journal file by others of the same size, after recording a tombstone. See D184."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from archive.archive import Archive
from archive.files.atomic import wrap_os_errors
from archive.files.folders import sync_folder
from archive.files.hashing import sha256_of_file
from archive.files.layout import journal_path, unfinished_path
from archive.files.sparse import SparseWriter
from archive.journal.event_documents import EventKind
from archive.journal.tombstones import Rewrite, dump_rewritten

_COPY_BYTES = 1 << 20  # copied at a time


def replace_members(
    archive: Archive, path: Path, replaced: Iterable[tuple[int, bytes]], headers: Mapping[str, int], now: datetime
) -> Rewrite:
    """Replace members of a journal file, after recording a tombstone. Nothing is appended to the file any more.

    A kill at any moment leaves the file as it was or as it will be.

    :param replaced: offset and bytes, in ascending order
    :param headers: of the tombstone: name of a header -> values that are removed
    :raises ArchiveError: something cannot be written; the file is as it was
    """
    rewrite = write_copy(archive.root, path, replaced, headers, now)
    use_copy(archive, rewrite)
    return rewrite


def write_copy(
    root: Path, path: Path, replaced: Iterable[tuple[int, bytes]], headers: Mapping[str, int], now: datetime
) -> Rewrite:
    """Write a copy of a journal file in which members are replaced. Parameters as in :func:`replace_members`.

    :return: the tombstone, which is not in the journal yet
    :raises ArchiveError: the copy cannot be written
    """
    copy, records = unfinished_path(root) / path.name, 0
    with wrap_os_errors(copy):
        with path.open("rb") as source, io.FileIO(copy, "w") as file:
            writer = SparseWriter(file)
            for offset, member in replaced:
                _copy(source, writer, offset)
                writer.write(member)
                source.seek(len(member), os.SEEK_CUR)
                records += 1
            _copy(source, writer, path.stat().st_size)
            writer.close()
            copy.chmod(path.stat().st_mode)
            os.fsync(file.fileno())
        return Rewrite(path.name, sha256_of_file(path), sha256_of_file(copy), records, headers, now)


def use_copy(archive: Archive, rewrite: Rewrite) -> None:
    """Record a tombstone, and put the copy in the place of the file.

    :raises ArchiveError: one cannot be written
    """
    archive.store.log.record(EventKind.REWRITTEN, rewrite.at, dump_rewritten(rewrite))
    path = journal_path(archive.root) / rewrite.file
    with wrap_os_errors(path):
        (unfinished_path(archive.root) / rewrite.file).replace(path)
        sync_folder(path.parent)


def _copy(source: io.BufferedReader, writer: SparseWriter, end: int) -> None:
    while data := source.read(min(_COPY_BYTES, end - source.tell())):
        writer.write(data)

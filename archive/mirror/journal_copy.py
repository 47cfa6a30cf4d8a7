"""Copy journal files to a mirror, piece by piece. See D266."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from archive.backup.storage import BackupStorage
from archive.files.atomic import wrap_os_errors
from archive.files.layout import journal_path
from archive.journal.gzip_members import first_member
from archive.mirror.format import PIECE_BYTES, MirroredFile, generation_folder, piece_name
from archive.mirror.local import has_tombstone
from archive.model.errors import MirrorError

if TYPE_CHECKING:
    from hashlib import _Hash

# A file that is not the newest any more is copied again in large pieces if it has this many more than it needs.
_SPARE_PIECES = 16
_READ_BYTES = 1 << 20


class CopyRequest(Struct, frozen=True):
    """A journal file to copy."""

    file: str  # its name
    size: int  # bytes that are on the disk
    is_newest: bool  # more is appended to it


class _OpenFile(Struct):
    """A file that this process has read up to where it is copied."""

    inode: int
    digest: _Hash  # of the bytes that are copied


class FileCopier:
    """Copies journal files. :attr:`files` says what the mirror has after each piece.

    :param check: called before each write; raises MirrorError if this process may not write
    """

    def __init__(self, root: Path, storage: BackupStorage, check: Callable[[], None]) -> None:
        self.files: dict[str, MirroredFile] = {}
        self._root = root
        self._storage = storage
        self._check = check
        self._counts = Counter[str]()  # pieces of each file
        self._open: dict[str, _OpenFile] = {}
        self._replaced: list[str] = []  # folders of generations that are replaced

    def begin(self, files: Mapping[str, MirroredFile], counts: Mapping[str, int]) -> None:
        """Set what the mirror has.

        :param counts: pieces of each file
        """
        self.files, self._counts = dict(files), Counter(counts)

    def copy(self, request: CopyRequest) -> Iterator[int]:
        """Copy what is new of a file; yield the bytes of each piece, after :attr:`files` is updated.

        A file that was rewritten, or has too many pieces, is copied as a new generation. :attr:`files` has that when
        it is complete.

        :raises MirrorError: the file contradicts the mirror
        """
        path, known = journal_path(self._root) / request.file, self.files.get(request.file)
        with wrap_os_errors(path), path.open("rb") as source:
            status = os.fstat(source.fileno())
            if known and (known.size, known.changed) == (request.size, status.st_mtime_ns):
                if self._has_many_pieces(request, known):
                    yield from self._copy_again(source, request, known, status)
                return
            opened = self._continued(source, request, known, status)
            if opened is None:
                yield from self._copy_again(source, request, known, status)
                return
            self._open = {request.file: opened}  # only the newest file grows
            generation, offset = (known.generation, known.size) if known else (1, 0)
            for start, data in self._upload(source, request, generation, offset):
                opened.digest.update(data)
                end = start + len(data)
                self.files[request.file] = MirroredFile(
                    generation, end, opened.digest.hexdigest(), status.st_mtime_ns if end == request.size else 0
                )
                yield len(data)
            if known and known.size == request.size:  # only its time has changed
                self.files[request.file] = replace(known, changed=status.st_mtime_ns)

    def take_replaced(self) -> Iterator[str]:
        """Yield the names of the pieces that a new generation has replaced. Call it after a head has the new one."""
        while self._replaced:
            yield from self._storage.sizes(self._replaced[-1])
            self._replaced.pop()

    def _has_many_pieces(self, request: CopyRequest, known: MirroredFile) -> bool:
        return not request.is_newest and self._counts[request.file] > _SPARE_PIECES + 2 * known.size // PIECE_BYTES

    def _continued(
        self, source: BufferedReader, request: CopyRequest, known: MirroredFile | None, status: os.stat_result
    ) -> _OpenFile | None:
        """Return the digest of what is copied already; None if the file was rewritten since.

        :raises MirrorError: the file has other bytes, and no tombstone says why
        """
        if known is None:
            return _OpenFile(status.st_ino, hashlib.sha256())
        if (opened := self._open.get(request.file)) and opened.inode == status.st_ino and known.size <= request.size:
            return opened
        digest = _digest(source, known.size)
        if request.size >= known.size and digest.hexdigest() == known.sha256:
            return _OpenFile(status.st_ino, digest)
        whole = _digest(source, request.size)
        if has_tombstone(self._root, request.file, whole.hexdigest()):
            return None
        what = "is shorter than there" if request.size < known.size else "has other bytes than there"
        raise MirrorError(
            f"{request.file} contradicts the mirror {self._storage.place}: it {what}, and no tombstone says why. "
            "Restore it from the mirror (finarchive follow) or from a backup, or name another mirror"
        )

    def _copy_again(
        self, source: BufferedReader, request: CopyRequest, known: MirroredFile | None, status: os.stat_result
    ) -> Iterator[int]:
        """Copy a whole file as a new generation."""
        generation, digest = known.generation + 1 if known else 1, hashlib.sha256()
        self._open.pop(request.file, None)
        sizes = []
        for _, data in self._upload(source, request, generation, 0):
            digest.update(data)
            sizes.append(len(data))
        self._counts[request.file] = len(sizes)
        self.files[request.file] = MirroredFile(generation, request.size, digest.hexdigest(), status.st_mtime_ns)
        if known:
            self._replaced.append(generation_folder(request.file, known.generation))
        yield from sizes

    def _upload(
        self, source: BufferedReader, request: CopyRequest, generation: int, offset: int
    ) -> Iterator[tuple[int, bytes]]:
        """Write pieces up to the size of the file; yield the offset and the bytes of each."""
        path = journal_path(self._root) / request.file
        while offset < request.size:
            end = request.size
            if end - offset > PIECE_BYTES and (member := first_member(path, offset + PIECE_BYTES)) is not None:
                end = min(member, end)
            source.seek(offset)
            data = source.read(end - offset)
            name = piece_name(request.file, generation, offset)
            self._check()
            if not self._storage.create(name, data):
                data = self._adopted(name, data, source, request.size - offset, offset)
            self._counts[request.file] += 1
            yield offset, data
            offset += len(data)

    def _adopted(self, name: str, data: bytes, source: BufferedReader, left: int, offset: int) -> bytes:
        """Return the bytes of a piece that exists: it was written, and the answer was lost.

        :raises MirrorError: it has other bytes
        """
        existing = self._storage.read(name) or b""
        source.seek(offset)
        if not existing or len(existing) > left or source.read(len(existing)) != existing:
            raise MirrorError(
                f"another process has written {name} to the mirror {self._storage.place}, with other bytes: stop it, "
                "or name another mirror"
            )
        return existing


def _digest(source: BufferedReader, size: int) -> _Hash:
    source.seek(0)
    digest = hashlib.sha256()
    while size and (data := source.read(min(_READ_BYTES, size))):
        digest.update(data)
        size -= len(data)
    return digest

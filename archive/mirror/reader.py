"""Read a mirror."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from archive.backup.storage import BackupStorage
from archive.files.hashing import sha256_of
from archive.mirror.format import (
    HEADS,
    Catalog,
    MirroredFile,
    MirrorState,
    damaged,
    file_name,
    generation_folder,
    head_name,
    load_catalog,
    load_head,
    piece_name,
    piece_of,
    sequences,
)
from archive.model.errors import MirrorError

_ATTEMPTS = 5  # to read what a head names before the writer removes it for a newer one


class MirrorReader:
    """What is at the place of a mirror."""

    def __init__(self, storage: BackupStorage) -> None:
        self.storage = storage
        self.place = storage.place
        self._catalog: tuple[str, Catalog] | None = None  # its sha256, and the last that was read
        self._state: MirrorState | None = None

    def newest(self) -> MirrorState | None:
        """Return what the mirror has now; None: there is no mirror.

        :raises MirrorError: it is damaged, or a newer finarchive wrote it
        :raises ArchiveError: the place cannot be read
        """
        for _ in range(_ATTEMPTS):
            numbers = sequences(self.storage.sizes(HEADS))
            if not numbers:
                return None
            if self._state and self._state.head.sequence == numbers[-1]:
                return self._state
            data = self.storage.read(head_name(numbers[-1]))
            if data is None:  # it was removed for a newer one
                continue
            head = load_head(data, self.place)
            catalog = self._read_catalog(head.catalog)
            if catalog is not None:
                self._state = MirrorState(head, catalog)
                return self._state
        raise damaged(self.place, "its newest head", "it names a catalog that there is not")

    def file(self, sha256: str) -> bytes | None:
        """Return the file with these bytes; None if the mirror does not have it.

        :raises MirrorError: it has other bytes
        """
        data = self.storage.read(file_name(sha256))
        if data is not None and sha256_of(data) != sha256:
            raise damaged(self.place, file_name(sha256), "it has other bytes than its name says")
        return data

    def pieces(self, file: str, state: MirroredFile, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes of a journal file from an offset to the size that a head states.

        :param start: where a piece begins
        :raises MirrorError: a piece is missing, or does not end where the next one begins
        """
        offset = start
        while offset < state.size:
            name = piece_name(file, state.generation, offset)
            data = self.storage.read(name)
            if not data:
                raise MirrorError(f"the mirror {self.place} has no {name}: it was just replaced, or is damaged")
            yield data[: state.size - offset]  # of one that was written after the head only the beginning
            offset += len(data)

    def offsets(self, file: str, generation: int) -> list[int]:
        """Return where the pieces of a journal file begin, ascending."""
        names = self.storage.sizes(generation_folder(file, generation))
        return sorted(piece[2] for name in names if (piece := piece_of(name)))

    def sha256_until(self, file: str, state: MirroredFile, size: int) -> str | None:
        """Return the sha256 of the first bytes of a journal file; None if no piece ends there."""
        digest, offset = hashlib.sha256(), 0
        for data in self.pieces(file, state):
            if offset >= size:
                break
            digest.update(data)
            offset += len(data)
        return digest.hexdigest() if offset == size else None

    def _read_catalog(self, sha256: str) -> Catalog | None:
        if self._catalog is None or self._catalog[0] != sha256:
            data = self.file(sha256)
            if data is None:
                return None
            self._catalog = sha256, load_catalog(data, self.place)
        return self._catalog[1]

"""A replica's own record of what it has, and the copy of the journal and the manifests from the mirror. See D271.

``.finarchive/replica.json`` is written after the bytes that it names are on the disk, so a kill at any moment leaves
a replica that continues.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from archive.files.atomic import wrap_os_errors, write_posts
from archive.files.folders import Folders
from archive.files.hashing import sha256_of_file
from archive.files.layout import INNER_FOLDER, index_path, journal_path, replica_path, unfinished_path
from archive.files.replica_mark import VERSION, damaged_mark, read_mark
from archive.files.sparse import SparseWriter
from archive.journal.warc import warc_files
from archive.mirror.format import MirroredFile, MirrorState, damaged, dump_files, load_files
from archive.mirror.reader import MirrorReader
from archive.model.article import Post
from archive.model.errors import MirrorError, ReplicaError

if TYPE_CHECKING:
    from hashlib import _Hash

# What is recorded after so many bytes: a first copy that is interrupted goes on there.
_RECORD_BYTES = 64 << 20
_READ_BYTES = 1 << 20


class ReplicaState(Struct, frozen=True):
    """What a replica has."""

    place: str  # of its mirror, without user and password
    archive: str  # id of the archive
    sequence: int = 0  # of the last head that it has completely; 0: of none
    at: str | None = None  # when that head was written, ISO 8601, UTC
    catalog: str | None = None  # sha256 of its catalog
    lists: str | None = None  # sha256 of the state of all lists
    journal: Mapping[str, MirroredFile] = field(default_factory=dict)  # by name; what is on the disk


def read_replica(root: Path) -> ReplicaState | None:
    """Return what a replica has; None if the archive is not a replica.

    :raises ReplicaError: its record is damaged, or a newer finarchive wrote it
    """
    document = read_mark(root)
    if document is None:
        return None
    try:
        return ReplicaState(
            str(document["place"]),
            str(document["archive"]),
            int(document["sequence"]),
            document["at"],
            document["catalog"],
            document["lists"],
            load_files(document["journal"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged_mark(root, error) from error


class ReplicaFiles:
    """The journal and the manifests of a replica.

    :param on_progress: called with the bytes of the journal that are copied, and all of them
    """

    def __init__(
        self, root: Path, reader: MirrorReader, on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        self.root = root
        self._reader = reader
        self._on_progress = on_progress
        self._digests: dict[tuple[str, int], _Hash] = {}  # by name and size, of the file that grows
        self._state: ReplicaState | None = None

    @property
    def state(self) -> ReplicaState:
        """What the replica has; call :meth:`begin` before."""
        if self._state is None:
            raise ValueError("begin() was not called")
        return self._state

    def begin(self, mirrored: MirrorState) -> None:
        """Read the replica's record, or make a folder a replica.

        :raises ReplicaError: the folder is another archive's
        """
        found = read_replica(self.root)
        if found and found.archive != mirrored.head.archive:
            raise ReplicaError(
                f"{self.root} is a replica of another archive ({found.archive}) than {self._reader.place} has "
                f"({mirrored.head.archive}): name another folder with --root"
            )
        if found is None:
            if index_path(self.root).exists() or warc_files(journal_path(self.root)):
                raise ReplicaError(f"{self.root} has an archive that is no replica: name an empty folder with --root")
            self._record(ReplicaState(self._reader.place, mirrored.head.archive))
        else:
            self._state = replace(found, place=self._reader.place)

    def adopt(self, mirrored: MirrorState) -> None:
        """Make an archive a replica. Each of its journal files is the beginning of the mirror's, or all of it."""
        journal = {}
        for path in warc_files(journal_path(self.root)):
            wanted, size = mirrored.journal[path.name], path.stat().st_size
            journal[path.name] = wanted
            if size != wanted.size:
                digest = self._digest(path.name, size).hexdigest()
                journal[path.name] = MirroredFile(wanted.generation, size, digest, 0)
        self._record(ReplicaState(self._reader.place, mirrored.head.archive, journal=journal))

    def copy_journal(self, mirrored: MirrorState) -> int:
        """Copy what is new of the journal; return the number of new bytes.

        :raises MirrorError: the mirror is damaged, or has less than the replica
        :raises ArchiveError: something cannot be read or written
        """
        files = mirrored.journal
        total, done, copied = sum(each.size for each in files.values()), 0, 0
        for name, wanted in files.items():
            if self.state.journal.get(name) != wanted:
                for size in self._copy(name, self.state.journal.get(name), wanted):
                    copied += size
                    self._on_progress(min(done + copied, total), total)
            else:
                done += wanted.size
        if copied or set(files) - set(self.state.journal):
            self._record(self.state)
        return copied

    def finish(self, mirrored: MirrorState) -> None:
        """Record that the replica has everything that a head names."""
        head = mirrored.head
        self._record(replace(self.state, sequence=head.sequence, at=head.at, catalog=head.catalog, lists=head.lists))

    def copy_manifests(self, mirrored: MirrorState) -> int:
        """Copy manifests and anchors; return the number of new ones."""
        posts = []
        for path, sha256 in mirrored.catalog.manifests.items():
            with wrap_os_errors(self.root / path):
                has_it = (self.root / path).is_file() and sha256_of_file(self.root / path) == sha256
            if not has_it:
                posts.append(Post(PurePosixPath(path), self._file(sha256, path)))
        write_posts(self.root, unfinished_path(self.root), posts)
        return len(posts)

    def copy_image(self, path: str, sha256: str) -> bool:
        """Copy an image, unless it is there; return False if the mirror does not have it."""
        with wrap_os_errors(self.root / path):
            if (self.root / path).is_file():
                return True
        data = self._reader.file(sha256)
        if data is not None:
            write_posts(self.root, unfinished_path(self.root), [Post(PurePosixPath(path), data)])
        return data is not None

    def _file(self, sha256: str, path: str) -> bytes:
        data = self._reader.file(sha256)
        if data is None:
            raise MirrorError(f"the mirror {self._reader.place} has no {path}: it was just replaced, or is damaged")
        return data

    def _copy(self, name: str, known: MirroredFile | None, wanted: MirroredFile) -> Iterator[int]:
        """Copy a file of the journal; yield the bytes of each piece."""
        if known and (known.size, known.sha256) == (wanted.size, wanted.sha256):  # in other pieces
            self._set(name, wanted)
        elif known and known.generation == wanted.generation and known.size > wanted.size:
            raise MirrorError(
                f"the mirror {self._reader.place} has less of {name} than this replica: it was filled again from an "
                "older copy of the archive. Make another replica in an empty folder"
            )
        elif known is None or known.generation == wanted.generation:
            yield from self._append(name, known, wanted)
        else:
            yield from self._replace(name, wanted)

    def _append(self, name: str, known: MirroredFile | None, wanted: MirroredFile) -> Iterator[int]:
        path, size = journal_path(self.root) / name, known.size if known else 0
        digest, unsynced = self._digest(name, size).copy(), 0
        with wrap_os_errors(path), Folders(self.root) as folders:
            folders.folder(path.parent.relative_to(self.root).as_posix(), create=True)
            relative = path.relative_to(self.root).as_posix()
            with os.fdopen(folders.file(relative, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab", buffering=0) as file:
                folders.sync()
                file.truncate(size)  # a process that was killed may have left more
                for data in self._reader.pieces(name, wanted, size):
                    _write(file, data)
                    digest.update(data)
                    size += len(data)
                    unsynced += len(data)
                    if unsynced >= _RECORD_BYTES and size < wanted.size:
                        os.fsync(file.fileno())
                        self._set(name, MirroredFile(wanted.generation, size, digest.hexdigest(), 0))
                        self._record(self.state)
                        unsynced = 0
                    yield len(data)
                os.fsync(file.fileno())
        if digest.hexdigest() != wanted.sha256:
            raise damaged(self._reader.place, name, "its bytes are not those that were copied there")
        self._digests = {(name, size): digest}
        self._set(name, wanted)

    def _digest(self, name: str, size: int) -> _Hash:
        """Return the digest of what the replica has of a file."""
        if (name, size) in self._digests:
            return self._digests[name, size]
        digest = hashlib.sha256()
        path = journal_path(self.root) / name
        if size:
            with wrap_os_errors(path), path.open("rb") as file:
                left = size
                while left and (data := file.read(min(_READ_BYTES, left))):
                    digest.update(data)
                    left -= len(data)
        return digest

    def _replace(self, name: str, wanted: MirroredFile) -> Iterator[int]:
        """Copy a file that was rewritten, and put it in the place of the old one."""
        path, copy = journal_path(self.root) / name, unfinished_path(self.root) / name
        digest = hashlib.sha256()
        with wrap_os_errors(path), Folders(self.root) as folders:
            relative = copy.relative_to(self.root).as_posix()
            folders.folder(copy.parent.relative_to(self.root).as_posix(), create=True)
            with FileIO(folders.file(relative, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as file:
                writer = SparseWriter(file)
                for data in self._reader.pieces(name, wanted):
                    writer.write(data)
                    digest.update(data)
                    yield len(data)
                writer.close()
                os.fsync(file.fileno())
            if digest.hexdigest() != wanted.sha256:
                folders.remove(relative)
                raise damaged(self._reader.place, name, "its bytes are not those that were copied there")
            folders.rename(relative, path.relative_to(self.root).as_posix())
            folders.sync()
        self._set(name, wanted)

    def _set(self, name: str, file: MirroredFile) -> None:
        """Note what is on the disk of a file, and give it the time that it has in the archive."""
        if file.changed:
            path = journal_path(self.root) / name
            with wrap_os_errors(path):
                os.utime(path, ns=(file.changed, file.changed), follow_symlinks=False)
        self._state = replace(self.state, journal={**self.state.journal, name: file})

    def _record(self, state: ReplicaState) -> None:
        """Write the replica's record; when this returns it is on the disk."""
        document = {
            "finarchive-replica": VERSION,
            "place": state.place,
            "archive": state.archive,
            "sequence": state.sequence,
            "at": state.at,
            "catalog": state.catalog,
            "lists": state.lists,
            "journal": dump_files(state.journal),
        }
        path = PurePosixPath(INNER_FOLDER, replica_path(self.root).name)
        write_posts(self.root, unfinished_path(self.root), [Post(path, json.dumps(document).encode())])
        self._state = state


def _write(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) or 0 :]

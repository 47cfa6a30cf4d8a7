"""Copy an archive to a mirror, again and again: only what is new. See D266 to D269.

What is on the disk is copied, and nothing else: the journal up to the last sync, manifests, anchors and images. A
head names only what is there already, so a kill at any moment leaves a mirror that is whole, and the next pass
continues. After an error the writer is of no use: another one reads what is there.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from archive.backup.snapshot import SNAPSHOTS
from archive.backup.storage import BackupStorage, FolderStorage
from archive.files.atomic import wrap_os_errors
from archive.files.hashing import sha256_of
from archive.mirror.format import (
    FILES,
    HEADS,
    JOURNAL,
    RECENT_FILES,
    Catalog,
    Head,
    MirroredFile,
    MirrorState,
    dump_catalog,
    dump_head,
    file_name,
    head_name,
    piece_of,
    sequences,
    sha256_of_name,
)
from archive.mirror.journal_copy import CopyRequest, FileCopier
from archive.mirror.local import SmallFiles, archive_id, journal_sizes
from archive.mirror.reader import MirrorReader
from archive.model.errors import MirrorError
from archive.model.fetch import JournalPosition
from archive.model.times import to_text

# Heads that are kept, so that who reads one of them finds the next; the catalogs of all but the newest may be gone.
_KEPT_HEADS = 4
# A head is written after so many bytes, so that a first copy of a large archive is seen to grow, and continues.
_HEAD_BYTES = 64 << 20


class MirrorPass(Struct):
    """What a pass has done."""

    pieces: int = 0  # of the journal that were written
    size: int = 0  # bytes of these pieces
    files: int = 0  # manifests, images and others that were written
    removed: int = 0  # objects that nothing needs any more
    sizes: Mapping[str, int] = field(default_factory=dict)  # bytes of each journal file that the pass had to copy


class MirrorWriter:
    """Copies one archive to one place. It has one thread at a time.

    :param end: returns up to where the newest journal file is on the disk
    :param may_write: asked before each write; False: another process writes to the mirror now
    """

    def __init__(
        self,
        root: Path,
        storage: BackupStorage,
        end: Callable[[], JournalPosition | None],
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        self._root = root.absolute()
        self._storage = storage
        self._end = end
        self._may_write = may_write
        self._reader = MirrorReader(storage)
        self._writer = secrets.token_hex(8)
        self._small = SmallFiles(self._root)
        self._copier = FileCopier(self._root, storage, self.check_may_write)
        self._state: MirrorState | None = None  # None: there is no head yet
        self._stored: set[str] | None = None  # sha256 of each file there; None: not listed yet
        self._archive = ""  # its id
        self._manifests: Mapping[str, str] | None = None  # that are copied
        self._images: Mapping[str, str] | None = None
        self._replaced: list[str] = []  # sha256 of catalogs and states of lists that newer ones have replaced
        self._at = ""  # time of the pass, ISO 8601

    @property
    def state(self) -> MirrorState | None:
        """What the mirror has, as far as this process knows."""
        return self._state

    def check_may_write(self) -> None:
        """Ask whether this process may write.

        :raises MirrorError: it may not
        """
        if not self._may_write():
            raise MirrorError(f"another process leads now: nothing is written to the mirror {self._storage.place}")

    def copy(self, now: datetime, lists: bytes | None = None) -> MirrorPass:
        """Copy what the mirror lacks, and remove what the archive no longer has.

        :param lists: the state of all lists, read before this call; None: as it is there
        :raises MirrorError: the mirror is not this archive's, is damaged, or contradicts the archive
        :raises ArchiveError: something cannot be read or written; the next pass continues
        """
        self._at = to_text(now) or ""
        if self._stored is None:
            self._open()
        done = MirrorPass()
        if not self._archive:  # the journal was empty
            return done
        # In this order: manifests are about events of the journal, and events about images.
        manifests = self._small.manifests()
        done.sizes = journal_sizes(self._root, self._end)
        images = self._small.images()
        has_changed = self._manifests != manifests or self._images is not images
        if has_changed:
            for path, sha256 in manifests.items():
                self._put_file(sha256, path, done)
            for sha256, path in images.items():
                self._put_file(sha256, path, done)
        lists_sha256 = self._state.head.lists if self._state else None
        if lists is not None:
            lists_sha256 = self._put(lists, done)
        self._copy_journal(done)
        catalog = Catalog(self._older(), manifests, self._small.has_links())
        self._publish(self._recent(), catalog, lists_sha256, done)
        self._remove_replaced(done)
        if has_changed:
            self._remove_unneeded({*manifests.values(), *images}, done)
            self._manifests, self._images = manifests, images
        return done

    def _open(self) -> None:
        """Read what is there.

        :raises MirrorError: it is not a mirror of this archive
        """
        self._refuse_inside()
        identity = archive_id(self._root)
        if identity is None:
            return
        place, state = self._storage.place, self._reader.newest()
        if state is None and self._storage.sizes(SNAPSHOTS):
            raise MirrorError(f"{place} has backups: name another place in journal.mirror")
        if state and state.head.archive != identity:
            raise MirrorError(
                f"{place} is the mirror of another archive ({state.head.archive}, and this is {identity}): "
                "name another place in journal.mirror"
            )
        self._archive, self._state = identity, state
        known = state.journal if state else {}
        counts = Counter[str]()
        for name in self._storage.sizes(JOURNAL):
            if piece := piece_of(name):
                file, generation, offset = piece
                if file in known and generation == known[file].generation and offset < known[file].size:
                    counts[file] += 1
                else:  # no head names it: a process was killed, perhaps one that led before this one
                    self._remove(name)
        for number in sequences(self._storage.sizes(HEADS))[:-_KEPT_HEADS]:
            self._remove(head_name(number))
        self._copier.begin(known, counts)
        self._stored = {sha256 for name in self._storage.sizes(FILES) if (sha256 := sha256_of_name(name))}

    def _refuse_inside(self) -> None:
        if isinstance(self._storage, FolderStorage):
            folder, root = self._storage.folder.resolve(), self._root.resolve()
            if folder.is_relative_to(root) or root.is_relative_to(folder):
                raise MirrorError(f"{folder} and the archive {root} are inside one another: name another place")

    # The journal

    def _copy_journal(self, done: MirrorPass) -> None:
        newest = max(done.sizes, default="")
        if lost := sorted(self._copier.files.keys() - done.sizes.keys()):
            raise MirrorError(
                f"the archive has lost {', '.join(lost[:3])}, which the mirror {self._storage.place} has: restore it "
                "from there (finarchive follow) or from a backup"
            )
        unpublished = 0
        for name, size in done.sizes.items():
            for written in self._copier.copy(CopyRequest(name, size, is_newest=name == newest)):
                done.pieces += 1
                done.size += written
                unpublished += written
                if unpublished >= _HEAD_BYTES:
                    unpublished = 0
                    self._publish_journal(done)

    def _publish_journal(self, done: MirrorPass) -> None:
        """Write a head with more of the journal, and everything else as before."""
        catalog = self._state.catalog if self._state else Catalog()
        lists = self._state.head.lists if self._state else None
        self._publish(self._recent(), replace(catalog, journal=self._older()), lists, done)

    def _recent(self) -> dict[str, MirroredFile]:
        return dict(sorted(self._copier.files.items())[-RECENT_FILES:])

    def _older(self) -> dict[str, MirroredFile]:
        return dict(sorted(self._copier.files.items())[:-RECENT_FILES])

    # Files

    def _put_file(self, sha256: str, path: str, done: MirrorPass) -> None:
        if self._stored is None or sha256 in self._stored:
            return
        with wrap_os_errors(self._root / path), suppress(FileNotFoundError):  # it is removed meanwhile
            data = (self._root / path).read_bytes()
            if sha256_of(data) == sha256:  # verify names a file that is damaged
                self._put(data, done)

    def _put(self, data: bytes, done: MirrorPass) -> str:
        """Write a file, unless it is there; return its sha256."""
        sha256 = sha256_of(data)
        if self._stored is not None and sha256 not in self._stored:
            self.check_may_write()
            self._storage.create(file_name(sha256), data)  # whole or not at all; what exists has the same bytes
            self._stored.add(sha256)
            done.files += 1
        return sha256

    # Heads

    def _publish(
        self, recent: Mapping[str, MirroredFile], catalog: Catalog, lists: str | None, done: MirrorPass
    ) -> None:
        """Write the next head, if anything has changed.

        :raises MirrorError: another process has written it
        """
        before = self._state
        if before and (before.head.recent, before.catalog, before.head.lists) == (recent, catalog, lists):
            return
        if before and self._storage.read(head_name(before.head.sequence)) is None:  # somebody has emptied the place
            raise MirrorError(f"the mirror {self._storage.place} has lost its newest head: it is filled again")
        sequence = before.head.sequence + 1 if before else 1
        catalog_sha256 = self._put(dump_catalog(catalog), done)
        self._storage.flush()
        head = Head(self._archive, sequence, self._at, self._writer, catalog_sha256, recent, lists)
        data, name = dump_head(head), head_name(sequence)
        self.check_may_write()
        if not self._storage.create(name, data) and self._storage.read(name) != data:  # its answer may be lost
            raise MirrorError(
                f"another process writes to the mirror {self._storage.place}: two archives cannot share one"
            )
        self._state = MirrorState(head, catalog)
        if before:
            self._replaced += [each for each in (before.head.catalog, before.head.lists) if each]
        if sequence > _KEPT_HEADS:
            self._remove(head_name(sequence - _KEPT_HEADS))

    # Removal

    def _remove_unneeded(self, needed: set[str], done: MirrorPass) -> None:
        """Remove the files that the archive no longer has."""
        if self._state and self._stored is not None:
            needed |= {each for each in (self._state.head.catalog, self._state.head.lists) if each}
            self._remove_files(self._stored - needed, done)

    def _remove_replaced(self, done: MirrorPass) -> None:
        """Remove generations, catalogs and states of lists that newer ones have replaced."""
        for name in self._copier.take_replaced():
            self._remove(name)
            done.removed += 1
        if self._state and self._stored is not None:
            now = {self._state.head.catalog, self._state.head.lists}
            self._remove_files({each for each in self._replaced if each in self._stored and each not in now}, done)
            self._replaced.clear()

    def _remove_files(self, sha256s: Iterable[str], done: MirrorPass) -> None:
        for sha256 in sorted(sha256s):
            self._remove(file_name(sha256))
            if self._stored is not None:
                self._stored.discard(sha256)
            done.removed += 1

    def _remove(self, name: str) -> None:
        self.check_may_write()
        self._storage.remove(name)

"""An archive on disk, opened for writing: its folder, lock, index and journal. It has one writer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Self

from archive.files import atomic, image_links
from archive.files.folders import make_root
from archive.files.layout import index_path, journal_path, lock_path, unfinished_path
from archive.files.lock import Lock
from archive.files.replica_mark import refuse_replica
from archive.index.connection import is_in_use
from archive.index.log import OTHERS, order
from archive.journal.journal import Journal, event_of
from archive.journal.warc import read_at
from archive.journal.warc_days import finished_files
from archive.model.article import Post
from archive.model.errors import ArchiveError
from archive.model.fetch import Fetch, JournalPosition
from archive.store import Store


class Archive:
    """The archive at ``root``, locked and opened for writing; it is created if it does not exist.

    :param command: the command that opens it, for the message of another process that finds it locked
    :param now: the time of the lock, and of the last record in the journal
    :param raw: write a journal: raw pages, and everything that ``rebuild`` needs
    :raises ReplicaError: it is a replica
    :raises ArchiveError: it cannot be created, locked or opened
    """

    def __init__(self, root: Path, command: str, now: datetime, *, raw: bool = True) -> None:
        self.root = root.absolute()
        self._unfinished = unfinished_path(self.root)
        self._journal: Journal | None = None
        self._snapshot: JournalPosition | None = None  # of the last snapshot of all lists in the journal
        self._now = now
        refuse_replica(self.root)
        with atomic.wrap_os_errors(self.root):
            make_root(self.root)
        self._lock = Lock(lock_path(self.root), command, now)
        try:
            with atomic.wrap_os_errors(self._unfinished):
                atomic.clear(self._unfinished)
            if is_in_use(index_path(self.root)):
                os.sync()  # a killed writer may not have synced what this one relies on (D179)
            self.store = Store.open(index_path(self.root))
        except BaseException:
            self._lock.release()
            raise
        self._raw = raw

    def begin_journal(self) -> None:
        """Open the journal for writing. All its records must have been applied to the index.

        :raises ArchiveError: it cannot be written
        """
        if self._raw:
            last = max(self.store.log.positions().values(), key=order, default=None)
            # The newest file may have been sealed while the clock was ahead.
            self._journal = Journal(journal_path(self.root), last, self.store.manifests.raw_files())
            self.store.log.open(self._journal)

    def leave_finished_files(self, now: datetime) -> list[str]:
        """Append no more to journal files that can be sealed; return their names."""
        names = finished_files(journal_path(self.root), now)
        if self._journal:
            self._journal.leave(names)
        return names

    def leave_files(self, files: Set[str]) -> None:
        """Append no more to journal files of these names."""
        if self._journal:
            self._journal.leave(files)

    def refer_only_to(self, file: str) -> None:
        """Refer to no body in a journal file before ``file``: it may be removed."""
        if self._journal:
            self._journal.refer_only_to(file)

    def journal_end(self) -> JournalPosition | None:
        """Return up to where the newest journal file is on the disk; None: no file is appended to now."""
        return self._journal.end() if self._journal else None

    def append_fetches(
        self, fetches: Sequence[Fetch], bodies: Mapping[str, JournalPosition]
    ) -> list[JournalPosition | None]:
        """Write fetches to the journal; when this returns, they are on the disk.

        :param bodies: digest of a body -> position in the journal of a record that has it
        :return: the position of each fetch; None if no journal is written
        """
        if self._journal is None:
            return [None] * len(fetches)
        return list(self._journal.append_fetches(fetches, bodies))

    def read_fetch(self, position: JournalPosition) -> Fetch | None:
        """Read a fetch from the journal; None if there is none at this position, or it is damaged.

        :raises ArchiveError: the file cannot be read
        """
        with atomic.wrap_os_errors(position.file), suppress(ValueError):
            group = read_at(journal_path(self.root), position)
            return event_of(position, group).fetch if group else None
        return None

    def write_posts(self, posts: Sequence[Post]) -> None:
        """Write the files of articles; files that they replace move into the history.

        :raises ArchiveError: a file could not be written
        """
        atomic.write_posts(self.root, self._unfinished, posts)

    def write_images(self, images: Mapping[PurePosixPath, bytes]) -> None:
        """Write image files.

        :param images: path, relative to the root -> bytes
        :raises ArchiveError: a file could not be written
        """
        posts = [Post(path, data) for path, data in images.items()]
        atomic.write_posts(self.root, self._unfinished, posts)

    def make_image_links(self, links: Iterable[tuple[PurePosixPath, PurePosixPath]]) -> None:
        """Give images their second names, by address, if the archive has none of these names yet.

        :param links: second name and path of each stored image
        :raises ArchiveError: they cannot be made
        """
        image_links.make_all(self.root, links)

    def add_image_links(self, links: Mapping[PurePosixPath, PurePosixPath]) -> None:
        """Give images their second names, if the archive has these names.

        :param links: second name -> path
        :raises ArchiveError: they cannot be made
        """
        image_links.add(self.root, links)

    def log_lists(self) -> None:
        """Write a snapshot of the state of all lists to the journal, unless the last event is one.

        A full disk or a locked index prevents it, which is no error: the next polls record it again.
        """
        with suppress(ArchiveError):
            last = self.store.log.positions().get(OTHERS)
            if self._journal and (last is None or last != self._snapshot):
                self.store.feeds.log_snapshot(self._now)
                self._snapshot = self.store.log.positions().get(OTHERS)

    def close(self) -> None:
        """Close the index and the journal, and release the lock."""
        try:
            if self._journal:
                self.log_lists()
                self._journal.close()
        finally:
            self.store.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

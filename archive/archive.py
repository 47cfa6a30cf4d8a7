"""An archive on disk, opened by its one writer: the folder, its lock, its index, its journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Self

from archive.files import atomic
from archive.files.layout import INNER, index_path, journal_path
from archive.files.lock import Lock
from archive.index.log import order
from archive.journal.journal import Journal
from archive.model.article import Post
from archive.model.errors import ArchiveError
from archive.model.fetch import Fetch, JournalPosition
from archive.store import Store

__all__ = ["INNER", "Archive", "index_path", "journal_path"]


class Archive:
    """The archive at ``root``, made where there is none, locked and opened for writing.

    :param command: what opens it, for whoever finds it locked
    :param raw: keep a journal: raw pages, and all that is needed to make the index anew
    :raises ArchiveError: it cannot be made, locked or opened
    """

    def __init__(self, root: Path, command: str, now: datetime, *, raw: bool = True) -> None:
        self.root = root.absolute()
        self._aside = self.root / INNER / "unfinished"
        self._journal: Journal | None = None
        self._now = now
        with atomic.wrap_errors(self.root):
            self._aside.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self.root / INNER / "lock", command, now)
        try:
            atomic.clear(self._aside)
            self.store = Store.open(index_path(self.root))
        except BaseException:
            self._lock.release()
            raise
        self._raw = raw

    def begin(self) -> None:
        """Keep the journal from now on; what it holds already is applied.

        :raises ArchiveError: it cannot be written
        """
        if self._raw:
            known = max(self.store.journal_positions().values(), key=order, default=None)
            self._journal = Journal(journal_path(self.root), known)
            self.store.keep_journal(self._journal)

    def keep(self, fetches: Sequence[Fetch], bodies: Mapping[str, JournalPosition]) -> list[JournalPosition | None]:
        """Put looks into the journal; when this returns they are on the disk.

        :param bodies: where the journal has bodies already, by their digest
        :return: where each of them is; None where no journal is kept
        """
        if self._journal is None:
            return [None] * len(fetches)
        return list(self._journal.append_fetches(fetches, bodies))

    def write(self, posts: Sequence[Post]) -> None:
        """Put articles' files on the disk, and those that they take the place of into the history.

        :raises ArchiveError: some file could not be written
        """
        atomic.write_posts(self.root, self._aside, posts)

    def write_pictures(self, pictures: Mapping[PurePosixPath, bytes]) -> None:
        """Put files of pictures on the disk.

        :param pictures: their bytes, by their paths
        :raises ArchiveError: some file could not be written
        """
        posts = [Post(path, data) for path, data in pictures.items()]
        atomic.write_posts(self.root, self._aside, posts)

    def close(self) -> None:
        """Close the index and the journal, and give the lock back."""
        try:
            if self._journal:
                with suppress(ArchiveError):  # a full disk, a locked index: the next polls find out again
                    self.store.note_ledger(self._now)
                self._journal.close()
        finally:
            self.store.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""An archive on disk, opened by its one writer: the folder, its lock, its index."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from archive import files
from archive.lock import Lock
from archive.records import Article, Post, Revision
from archive.store import Store

INNER = ".finarchive"  # all that is not an article lives below it, so that the folder can be handed to Hexo as it is


def index_path(root: Path) -> Path:
    """Where the index of the archive at ``root`` is."""
    return root / INNER / "index.db"


class Archive:
    """The archive at ``root``, made where there is none, locked and opened for writing.

    :param command: what opens it, for whoever finds it locked
    :raises ArchiveError: it cannot be made, locked or opened
    """

    def __init__(self, root: Path, command: str, now: datetime) -> None:
        self.root = root.absolute()
        self._aside = self.root / INNER / "unfinished"
        with files.told(self.root):
            self._aside.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self.root / INNER / "lock", command, now)
        try:
            files.clear(self._aside)
            self.store = Store.open(index_path(self.root))
        except BaseException:
            self._lock.release()
            raise

    def write(self, filed: Sequence[tuple[Article, Post]]) -> list[Revision]:
        """Put articles' files on the disk.

        :return: the rows to commit now, and not before
        :raises ArchiveError: some file could not be written
        """
        files.write_posts(self.root, self._aside, [post for _, post in filed])
        return [
            Revision(
                docid=article.docid,
                number=1,
                path=str(post.path),
                sha256=hashlib.sha256(post.data).hexdigest(),
                title=article.title,
                published=article.published,
                fetched_at=article.fetched_at,
            )
            for article, post in filed
        ]

    def close(self) -> None:
        """Close the index and give the lock back."""
        self.store.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

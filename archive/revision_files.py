"""Read the files of versions, and check them against their sha256."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from archive.export.formats import Archived
from archive.files.hashing import sha256_of
from archive.files.layout import revision_path
from archive.model.results import Record

if TYPE_CHECKING:
    from archive.union.store import AnyStore


class RevisionFiles:
    """Reads the files of versions, which a writer may change at the same time.

    :param on_missing: called for each version whose file is missing or does not have the recorded sha256
    """

    def __init__(self, store: AnyStore, on_missing: Callable[[Record], None]) -> None:
        self._store = store
        self._on_missing = on_missing

    def read(self, record: Record) -> Archived | None:
        """Return a version with the bytes of its file; None if they do not have the recorded sha256."""
        number, own = record.revision, self._store.of(record.docid)
        path = record.path.removeprefix(own.prefix)
        # A writer may move the file into the history at any time, so the article's path is tried before and after it.
        for newest in (number, number + 1, number):
            with suppress(OSError):
                data = (own.root / revision_path(path, number, newest)).read_bytes()
                if sha256_of(data) == record.sha256:
                    revisions = own.articles.revisions(record.docid)
                    return Archived(next(each for each in revisions if each.number == number), data)
        self._on_missing(record)
        return None

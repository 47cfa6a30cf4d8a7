"""The files of versions, read as they were recorded or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from archive.export.formats import Archived
from archive.files.hashing import sha256_of
from archive.files.layout import history_path
from archive.model.results import Record
from archive.store import Store


class RevisionFiles:
    """Takes versions from the archive at ``root``; it may be written to meanwhile.

    :param on_missing: told of each version whose file is missing, or not as recorded
    """

    def __init__(self, store: Store, root: Path, on_missing: Callable[[Record], None]) -> None:
        self._store, self._root, self._on_missing = store, root, on_missing

    def take(self, record: Record) -> Archived | None:
        """A version with its file; None when it is not as recorded."""
        # The newest version's file has the article's path. One that has just been superseded had it a moment ago.
        for path in (record.path, history_path(record.path, record.revision), record.path):
            with suppress(OSError):
                data = (self._root / path).read_bytes()
                if sha256_of(data) == record.sha256:
                    revisions = self._store.articles.revisions(record.docid)
                    return Archived(next(each for each in revisions if each.number == record.revision), data)
        self._on_missing(record)
        return None

"""What `rebuild --as-configured` does besides a rebuild: the record in the journal, and files that moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path, PurePosixPath

from archive.files import atomic
from archive.files.folders import Folders
from archive.files.hashing import sha256_of_file
from archive.files.layout import journal_path, revision_path
from archive.index.log import OTHERS, order
from archive.journal.event_documents import EventKind
from archive.journal.formatted import dump_formatted
from archive.journal.journal import Journal
from archive.model.formatting import Formatting
from archive.store import Store


def record_formatting(root: Path, index: Path, formatting: Formatting, now: datetime) -> None:
    """Record in the journal that all earlier fetches are written with these settings. The archive is locked.

    :param index: of the archive as it will be; it has the record applied afterwards
    :raises ArchiveError: the journal or the index cannot be written
    """
    with closing(Store.open(index)) as store:
        last = max(store.log.positions().values(), key=order, default=None)
        with closing(Journal(journal_path(root), last, store.manifests.raw_files())) as journal:
            position = journal.append(EventKind.FORMATTED, now, dump_formatted(formatting))
        with store.log.transaction():
            store.log.mark(OTHERS, position)


def moved_files(root: Path, old: Path, new: Path, unknown: Iterable[str]) -> list[str]:
    """Return the files that an index no longer has, because their articles have other paths now.

    :param old: the index that has them; a file counts only if it is as recorded there
    :param new: the index that replaces it
    :param unknown: paths of files that were not made again
    """
    before, after = _recorded(old), _recorded(new)
    return [
        path
        for path in unknown
        if path in before and path not in after and before[path] == sha256_of_file(root / path)
    ]


def _recorded(index: Path) -> dict[str, str]:
    with closing(Store.open_for_reading(index)) as store:
        return {revision_path(path, n, newest): sha256 for path, n, newest, sha256 in store.articles.all_files()}


def remove_files(root: Path, paths: Sequence[str]) -> None:
    """Remove files, and the folders that are empty then.

    :raises ArchiveError: a file cannot be removed
    """
    with atomic.wrap_os_errors(root), Folders(root) as folders:
        for path in paths:
            folders.remove(path)
        folders.sync()
    above = {parent for path in paths for parent in PurePosixPath(path).parents if parent.parts}
    for folder in sorted(above, key=lambda each: -len(each.parts)):
        if not (root / folder).is_symlink() and not any((root / folder).iterdir()):
            (root / folder).rmdir()

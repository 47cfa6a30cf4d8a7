"""Remove articles on request: their files, history, images, rows and raw pages. See D238.

The tombstones come first, in the journal and in the index. What follows can be repeated, so that the next start
completes it after a kill.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from archive.archive import Archive
from archive.files.atomic import wrap_os_errors
from archive.files.folders import Folders
from archive.files.layout import INNER_FOLDER
from archive.integrity.article_files import files_of
from archive.integrity.removals import find_removals
from archive.integrity.rewrite import replace_members
from archive.journal.tombstones import Forgotten
from archive.model.errors import ArchiveError
from archive.store import Store


def forget_articles(archive: Archive, articles: Collection[Forgotten], now: datetime) -> None:
    """Remove articles.

    :param articles: from :meth:`archive.index.forgotten.ForgottenIndex.plan`
    :param archive: with its journal open, and all records of the journal applied
    :raises ArchiveError: something cannot be removed; the next start tries again
    """
    archive.store.forgotten.commit(list(articles), now)
    _, stuck = complete(archive, now)
    if stuck:
        raise ArchiveError(f"these raw pages cannot be written in their place: {', '.join(stuck)}")


def complete(archive: Archive, now: datetime) -> tuple[list[str], list[str]]:
    """Remove what is left of the articles that are forgotten and not done.

    :return: their docids; and the records that cannot be written in their place, because of which they are not done
    :raises ArchiveError: a file cannot be removed or written
    """
    docids = remove_files(archive.root, archive.store)
    if not docids:
        return [], []
    found = list(find_removals(archive.root, docids))
    stuck = [f"{each.path.name} at byte {offset}" for each in found for offset in each.stuck]
    archive.leave_files({each.path.name for each in found if each.members})
    for each in found:
        if each.members:
            replace_members(archive, each.path, sorted(each.members.items()), {}, now)
    if not stuck:
        archive.store.forgotten.commit_done(docids, now)
    return docids, stuck


def remove_files(root: Path, store: Store) -> list[str]:
    """Remove the files and images of the articles that are forgotten and not done; return their docids.

    :raises ArchiveError: a file cannot be removed
    """
    docids = store.forgotten.unfinished()
    if docids:
        paths = [*files_of(root, docids), *store.forgotten.image_files(), *store.forgotten.image_links()]
        with wrap_os_errors(root), Folders(root) as folders:
            for path in paths:
                if folders.mode(path.rpartition("/")[0]):
                    folders.remove(path)
            folders.sync()
        _remove_empty_folders(root, {path.rpartition("/")[0] for path in paths})
    return docids


def _remove_empty_folders(root: Path, paths: Collection[str]) -> None:
    """Remove folders that have become empty, and those above them."""
    for path in sorted(paths, key=len, reverse=True):
        folder = root / path
        while folder != root and folder.name != INNER_FOLDER:
            try:
                folder.rmdir()
            except OSError:
                break
            folder = folder.parent

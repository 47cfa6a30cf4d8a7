"""Second names of stored images, by their addresses, for articles that link to them. See D211.

The folder has either the names of all stored images, or does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from archive.files.atomic import wrap_os_errors
from archive.files.folders import Folders
from archive.files.layout import LINKS_FOLDER, unfinished_path

_COPY = "image-copy"  # temporary name of a copy, where there are no hard links


def make_all(root: Path, links: Iterable[tuple[PurePosixPath, PurePosixPath]]) -> None:
    """Make the folder, if there is none. A process that is killed leaves none.

    :param links: second name and path of each stored image, relative to the root
    :raises ArchiveError: it cannot be made
    """
    aside = unfinished_path(root).relative_to(root).as_posix()
    with wrap_os_errors(root / LINKS_FOLDER), Folders(root) as folders:
        if folders.mode(LINKS_FOLDER):
            return
        new = f"{LINKS_FOLDER}.new"
        if folders.mode(new):  # left by a process that was killed
            folders.remove_tree(new)
        folders.folder(new, create=True)
        for link, path in links:
            _link(folders, str(path), f"{new}{str(link).removeprefix(LINKS_FOLDER)}", aside)
        folders.sync()
        folders.rename(new, LINKS_FOLDER)
        folders.sync()


def add(root: Path, links: Mapping[PurePosixPath, PurePosixPath]) -> None:
    """Add names to the folder, if there is one.

    :param links: second name -> path, relative to the root
    :raises ArchiveError: one cannot be made
    """
    aside = unfinished_path(root).relative_to(root).as_posix()
    with wrap_os_errors(root / LINKS_FOLDER), Folders(root) as folders:
        if links and folders.mode(LINKS_FOLDER):
            for link, path in links.items():
                folders.folder(str(link.parent), create=True)
                folders.remove(str(link))  # the address may have had another image
                _link(folders, str(path), str(link), aside)
            folders.sync()


def _link(folders: Folders, path: str, link: str, aside: str) -> None:
    # Two addresses may have one name; a lost image is reported by verify.
    with suppress(FileExistsError, FileNotFoundError):
        folders.link(path, link, f"{aside}/{_COPY}")

"""Atomic writes: each file is written under a temporary name, synced and renamed; then its folder is synced.

A crash at any moment leaves a file whole or absent, or its previous content in place.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archive.files.folders import Folders, archive_root
from archive.files.hashing import sha256_of
from archive.files.layout import QUARANTINE_FOLDER
from archive.model.article import Post
from archive.model.errors import DiskFullError, NotWritableError, SystemRefusedError, TransientError

_NUMBERS = itertools.count()  # make temporary names unique: several threads write
_COPY = ".copy"  # after a temporary name: that of a copy of the file that is replaced
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE_ERRNOS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EMLINK, errno.EINVAL, errno.EILSEQ,
}  # fmt: skip
_ADVICE = {
    errno.EMFILE: "this process has too many open files, raise its limit (LimitNOFILE= of the service, ulimit -n)",
    errno.ENFILE: "this machine has too many open files, raise its limit (sysctl fs.file-max)",
    errno.ENOMEM: "free some memory",
    errno.ESTALE: "check the server of this network file system",
}


def write_posts(root: Path, unfinished: Path, posts: Iterable[Post]) -> None:
    """Write files below ``root``; when this returns they are on the disk under their names.

    A crash at any moment leaves every file either whole or absent, and a file that is replaced has its name in the
    history before it loses its own. Writing a post again changes nothing.

    :param unfinished: a folder below ``root`` for temporary files; see :func:`clear`
    :raises ArchiveError: a file could not be written; no temporary file is left if it can be removed
    """
    aside = unfinished.relative_to(root).as_posix()
    renames: dict[str, str] = {}  # temporary name -> path
    with wrap_os_errors(root), Folders(root) as folders:
        try:
            _write_posts(root, folders, aside, posts, renames)
        except BaseException:  # on a full disk they would leave no room, and the next attempt adds more
            for temporary in renames:
                for name in (temporary, f"{temporary}{_COPY}"):
                    with suppress(OSError):
                        folders.remove(name)
            raise


def _write_posts(root: Path, folders: Folders, aside: str, posts: Iterable[Post], renames: dict[str, str]) -> None:
    is_replacing, moved = False, list[str]()
    for post in posts:
        path, temporary = str(post.path), f"{aside}/{os.getpid()}-{next(_NUMBERS)}"
        renames[temporary] = path
        with wrap_os_errors(root / path):
            folders.write_new(temporary, post.data)
            folders.folder(path.rpartition("/")[0], create=True)
            if post.supersedes:
                is_replacing = True
                _keep_replaced(folders, post, f"{temporary}{_COPY}")
            moved += [str(post.moved_from)] if post.moved_from else []
    if is_replacing:  # a name in the history must not be lost in a power failure that keeps the rename
        folders.sync()
    for temporary, path in renames.items():
        with wrap_os_errors(root / path):
            folders.rename(temporary, path)
    folders.sync()
    for path in moved:  # its bytes have another name by now
        with wrap_os_errors(root / path):
            folders.remove(path)
    if moved:
        folders.sync()


def clear(unfinished: Path) -> None:
    """Remove the temporary files of an interrupted :func:`write_posts`; make the folder if there is none.

    :raises ArchiveError: one could not be removed, or a link stands in place of the folder
    """
    root = archive_root(unfinished)
    aside = unfinished.relative_to(root).as_posix()
    with wrap_os_errors(unfinished), Folders(root) as folders:
        for name in folders.names(aside):
            with wrap_os_errors(unfinished / name):
                folders.remove(f"{aside}/{name}")
        folders.sync()


@contextmanager
def wrap_os_errors(path: Path | str) -> Iterator[None]:
    """Turn an OSError about ``path`` into an ArchiveError that says what to do.

    :raises DiskFullError: no space, no quota, or the file is too large
    :raises NotWritableError: the path or its permissions do not allow it
    :raises SystemRefusedError: any other error of the system
    """
    try:
        yield
    except OSError as error:
        error_class: type[TransientError] = SystemRefusedError
        advice = _ADVICE.get(error.errno or 0, "check the disk")
        if error.errno in _DISK_FULL_ERRNOS:
            error_class, advice = DiskFullError, "free some space, then run this again"
        elif error.errno in _NOT_WRITABLE_ERRNOS:
            error_class, advice = NotWritableError, "check the path, its owner and its permissions"
        raise error_class(f"{path} cannot be written ({error.strerror or error}): {advice}") from error


def _keep_replaced(folders: Folders, post: Post, temporary: str) -> None:
    """Give the file that a post replaces its name in the history.

    A link and not a move, so that a file always exists under the first name. If the second name exists already, an
    interrupted attempt created it. Only the superseded version goes into the history (D175): the file may have the
    post's bytes already, and what somebody else wrote goes into the quarantine.
    """
    path, history = str(post.moved_from or post.path), str(post.supersedes)
    if post.superseded_sha256 and (data := folders.read(path)) is not None:
        if data == post.data:
            return
        if sha256_of(data) != post.superseded_sha256:
            folders.link(path, folders.unused(f"{QUARANTINE_FOLDER}/{path}"), temporary)
            return
        if (kept := folders.read(history)) is not None and sha256_of(kept) != post.superseded_sha256:
            folders.rename(history, folders.unused(f"{QUARANTINE_FOLDER}/{history}"))
    with suppress(FileExistsError, FileNotFoundError):
        folders.link(path, history, temporary)

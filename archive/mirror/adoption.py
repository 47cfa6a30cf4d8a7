"""From an archive to a replica, and back: when another machine has taken over, and when this one does."""

from __future__ import annotations

from pathlib import Path

from archive.backup.storage import BackupStorage
from archive.files.folders import Folders
from archive.files.layout import journal_path, replica_path
from archive.files.replica_mark import read_mark
from archive.journal.warc import warc_files
from archive.mirror.compare import compare_with_mirror
from archive.mirror.reader import MirrorReader
from archive.mirror.replica import ReplicaFiles
from archive.model.errors import ReplicaError


def make_replica(root: Path, storage: BackupStorage) -> None:
    """Make an archive a replica of its mirror, if it has nothing that the mirror lacks. A folder without one is left.

    :raises ReplicaError: the archive has raw pages that the mirror lacks, or others
    :raises MirrorError: there is no mirror, or it is damaged
    """
    if read_mark(root) is not None or not warc_files(journal_path(root)):
        return
    compared = compare_with_mirror(root, storage)
    what = compared.difference or (f"{compared.ahead:,} bytes of raw pages are not there" if compared.ahead else None)
    if what:
        raise ReplicaError(
            f"{root} cannot follow {storage.place}: {what}. They are from before another machine took over: move the "
            "folder aside, and start with an empty one"
        )
    reader = MirrorReader(storage)
    if mirrored := reader.newest():
        ReplicaFiles(root, reader).adopt(mirrored)


def promote(root: Path) -> bool:
    """Make a replica an archive, which may be written; return False if it is one already."""
    if read_mark(root) is None:
        return False
    with Folders(root) as folders:
        folders.remove(replica_path(root).relative_to(root).as_posix())
        folders.sync()
    return True

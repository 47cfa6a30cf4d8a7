"""Replicas in this process, and what they and their archive do not have in common."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

from archive.backup.storage import BackupStorage
from archive.files.layout import index_path
from archive.integrity.index_diff import diff_indexes
from archive.mirror.writer import MirrorPass, MirrorWriter
from archive.store import Store
from pipeline.follow import FollowResult, Replica

MAX_BODY = 8_388_608
# Below .finarchive: what belongs to a machine and not to the archive. docs/cluster.md lists it.
OF_THE_MACHINE = {
    "daemon.sock", "demo", "index.db", "index.db-shm", "index.db-wal", "lock", "mirror.json", "quarantine", "rebuild",
    "replica.json", "unfinished",
}  # fmt: skip


def mirror(root: Path, storage: BackupStorage, now: datetime, lists: bytes | None = None) -> MirrorPass:
    """Copy an archive to which nobody writes."""
    return MirrorWriter(root, storage, lambda: None).copy(now, lists)


def follow(root: Path, storage: BackupStorage, now: datetime) -> FollowResult | None:
    """Bring a replica up to date, as a process of its own does."""
    with closing(Replica(root, storage, MAX_BODY, now)) as replica:
        return replica.update(now)


def files(root: Path) -> dict[str, bytes]:
    """Every file of an archive, except those of the machine."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        if path.is_file() and not (name.parts[0] == ".finarchive" and name.parts[1] in OF_THE_MACHINE):
            found[name.as_posix()] = path.read_bytes()
    return found


def differences(one: Path, other: Path) -> list[str]:
    """What two archives do not have in common: files byte for byte, the rows of their indexes, the roots."""
    ours, theirs = files(one), files(other)
    found = [
        f"{name} differs" if name in ours and name in theirs else f"only one has {name}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]
    diff = diff_indexes(index_path(one), index_path(other), manifests=True)
    assert diff
    found += diff.rows
    roots = []
    for root in (one, other):
        with closing(Store.open_for_reading(index_path(root))) as store:
            roots.append(store.manifests.roots())
    return found + ([] if roots[0] == roots[1] else [f"roots: {roots[0]} and {roots[1]}"])

"""The format of a backup, version 1. Pure.

``objects/AB/SHA256`` has the bytes of a file, or of a part of a large one; equal bytes are kept once.
``snapshots/NAME.jsonl.gz`` lists the files of the archive at one time, each with its objects. It is written last.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from archive.model.errors import BackupError

VERSION = 1
# A large file is kept in parts of this size: of a journal file that grows, and of an index in which some pages have
# changed, only the parts that differ are new.
PART_BYTES = 4 << 20
OBJECTS, SNAPSHOTS = "objects", "snapshots"
_NAME = re.compile(r"\d{8}T\d{6}Z")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".jsonl.gz"


class BackupFile(Struct, frozen=True):
    """A file of a snapshot."""

    path: str  # relative to the archive's root, with "/"
    size: int  # bytes
    changed: int  # time of its last change when it was read, nanoseconds since 1970
    parts: tuple[str, ...]  # sha256 of each part, hex


def snapshot_name(at: datetime) -> str:
    """Return the name of a snapshot: its time in UTC."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def snapshot_path(name: str) -> str:
    """Return where a snapshot is kept."""
    return f"{SNAPSHOTS}/{name}{_SUFFIX}"


def object_path(sha256: str) -> str:
    """Return where the bytes with this sha256 are kept."""
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


def names_of(paths: Iterable[str]) -> list[str]:
    """Return the names of the snapshots among some paths, the oldest first."""
    names = (path.rpartition("/")[2].removesuffix(_SUFFIX) for path in paths if path.endswith(_SUFFIX))
    return sorted(name for name in names if _NAME.fullmatch(name))


def dump_snapshot(files: Iterable[BackupFile], software: str) -> bytes:
    """Return a snapshot as it is kept.

    :param software: name and version of this program
    """
    lines = [json.dumps({"finarchive-backup": VERSION, "software": software})]
    lines += [json.dumps([each.path, each.size, each.changed, each.parts], ensure_ascii=False) for each in files]
    lines.append(json.dumps({"files": len(lines) - 1}))
    return gzip.compress("\n".join(lines).encode("utf-8", "surrogateescape"), mtime=0)


def load_snapshot(data: bytes, name: str) -> list[BackupFile]:
    """Return the files of a snapshot.

    :param name: for messages
    :raises BackupError: it is damaged, or a newer finarchive wrote it
    """
    try:
        head, *lines, end = gzip.decompress(data).decode("utf-8", "surrogateescape").split("\n")
        version = json.loads(head)["finarchive-backup"]
        if version != VERSION:
            raise BackupError(f"a newer finarchive wrote the snapshot {name}: upgrade finarchive")
        files = [_file(json.loads(line)) for line in lines]
        if json.loads(end) != {"files": len(files)}:
            raise ValueError("it ends in the middle")
    except (ValueError, KeyError, TypeError, EOFError, OSError) as error:
        raise BackupError(f"the snapshot {name} is damaged: {error}") from error
    return files


def _file(row: Any) -> BackupFile:
    path, size, changed, parts = row
    if not isinstance(path, str) or not _is_inside(path):
        raise ValueError(f"{str(path)[:80]!r} is no path inside an archive")
    if not isinstance(size, int) or not isinstance(changed, int) or not _are_digests(parts):
        raise ValueError(f"the entry of {path[:80]!r} is not valid")
    return BackupFile(path, size, changed, tuple(parts))


def _is_inside(path: str) -> bool:
    parts = path.split("/")
    return "\0" not in path and not any(part in ("", ".", "..") for part in parts)


def _are_digests(parts: Sequence[Any]) -> bool:
    return isinstance(parts, list) and all(isinstance(part, str) and _SHA256.fullmatch(part) for part in parts)

"""The file that marks a replica: only ``finarchive follow`` writes to one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archive.files.atomic import wrap_os_errors
from archive.files.layout import replica_path
from archive.model.errors import ReplicaError

VERSION = 1  # of the file


def read_mark(root: Path) -> dict[str, Any] | None:
    """Return the JSON object in the mark of a replica; None if the archive is none.

    :raises ReplicaError: it is damaged, or a newer finarchive wrote it
    :raises TransientError: it cannot be read
    """
    path = replica_path(root)
    with wrap_os_errors(path):
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        document = json.loads(data)
        version = document["finarchive-replica"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged_mark(root, error) from error
    if version != VERSION:
        raise ReplicaError(f"a newer finarchive wrote {path}: upgrade finarchive")
    return dict(document)


def damaged_mark(root: Path, reason: Exception) -> ReplicaError:
    """Return the error for a mark that cannot be read."""
    return ReplicaError(f"{replica_path(root)} is damaged ({reason}): make another replica in an empty folder")


def refuse_replica(root: Path) -> None:
    """Refuse to write to a replica.

    :raises ReplicaError: it is one
    """
    if (document := read_mark(root)) is not None:
        place = document.get("place")
        raise ReplicaError(
            f"{root} is a replica, which only finarchive follow {place} changes: run this on the archive itself"
        )

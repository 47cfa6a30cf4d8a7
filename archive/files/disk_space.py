"""Free space of the disk of an archive."""

from __future__ import annotations

import shutil
from pathlib import Path


def free_bytes(root: Path) -> int:
    """Return the bytes that this user may still write to the disk of a folder, which need not exist yet.

    :raises OSError: the system does not tell
    """
    return shutil.disk_usage(next(each for each in (root, *root.parents) if each.exists())).free


def low_reason(root: Path, free: int, min_free: int) -> str:
    """Why crawling is paused: the disk has less than ``min_free`` bytes free."""
    return (
        f"only {free / 1e9:.2f} GB are free at {root}, and archive.min_free is {min_free / 1e9:.2f} GB: "
        "free some space, or lower it"
    )

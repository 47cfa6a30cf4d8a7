"""What the last process that copied to a mirror says of it, for ``status`` and ``doctor``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from archive.files.atomic import wrap_os_errors
from archive.files.folders import Folders
from archive.files.layout import INNER_FOLDER, journal_path, mirror_status_path, unfinished_path
from archive.journal.warc import warc_files
from archive.model.times import to_text, to_time

_TEMPORARY = "mirror.json"


class MirrorStatus(Struct, frozen=True):
    """How a mirror is doing."""

    place: str  # without user and password
    copied_until: datetime | None  # what was in the journal then is copied; None: nothing is known to be
    error: str | None = None  # why the last attempt failed; None: it succeeded
    failing_since: datetime | None = None


def write_mirror_status(root: Path, status: MirrorStatus) -> None:
    """Write the status. It is not synced: after a power failure it may be an older one, or absent.

    :raises ArchiveError: it cannot be written
    """
    document = {
        "place": status.place,
        # To the microsecond: it is compared with the times of files, which may be of the same millisecond.
        "copied_until": status.copied_until and status.copied_until.isoformat(),
        "error": status.error,
        "failing_since": to_text(status.failing_since),
    }
    path = mirror_status_path(root)
    aside = f"{unfinished_path(root).relative_to(root).as_posix()}/{_TEMPORARY}"
    with wrap_os_errors(path), Folders(root) as folders:
        folders.write_new(aside, json.dumps(document).encode(), sync=False)
        folders.rename(aside, f"{INNER_FOLDER}/{path.name}")


def read_mirror_status(root: Path) -> MirrorStatus | None:
    """Return the status; None if no process has written one, or it cannot be read."""
    try:
        document = json.loads(mirror_status_path(root).read_bytes())
        place, error = document["place"], document["error"]
        copied_until, since = to_time(document["copied_until"]), to_time(document["failing_since"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(place, str) or not isinstance(error, str | None):
        return None
    return MirrorStatus(place, copied_until, error, since)


def waiting_since(root: Path, status: MirrorStatus | None) -> datetime | None:
    """Return since when the oldest bytes of the journal wait to be copied, at the longest; None: none wait."""
    times = [datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in warc_files(journal_path(root))]
    if not times:
        return None
    copied = status.copied_until if status else None
    if copied is None:
        return min(times)
    return copied if max(times) > copied else None

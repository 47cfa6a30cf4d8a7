"""Lock file that allows one writer to an archive. The kernel releases it when the process ends."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Self

from archive.files.atomic import wrap_os_errors
from archive.files.folders import Folders, archive_root
from archive.model.errors import LockedError


class Lock:
    """The lock of an archive, held from construction to :meth:`release`.

    The content of the file is information about the holder; the lock itself is flock(2), so that a killed process
    cannot leave it behind.

    :param command: of this process, for the message to others
    :param now: aware
    :raises LockedError: another process holds it; the message says which
    :raises ArchiveError: the file cannot be written
    """

    def __init__(self, path: Path, command: str, now: datetime) -> None:
        root = archive_root(path)
        with wrap_os_errors(path), Folders(root) as folders:
            name = path.relative_to(root).as_posix()
            folders.folder(name.rpartition("/")[0], create=True)
            descriptor = folders.file(name, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            self._file = os.fdopen(descriptor, "a+", encoding="utf-8", errors="replace")
            folders.sync()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = _holder(self._file.read())
            self._file.close()
            raise LockedError(
                f"the archive {path.parent.parent} is in use by {holder}: wait for it to end, or stop it"
            ) from None
        holder_info = {"pid": os.getpid(), "command": command, "since": now.isoformat(timespec="seconds")}
        with wrap_os_errors(path):
            os.truncate(self._file.fileno(), 0)
            # Bypass the file's buffer: after a failed write on a full disk, closing the file would write it again.
            os.write(self._file.fileno(), json.dumps(holder_info).encode())

    def release(self) -> None:
        """Release the lock."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"process {holder['pid']} (finarchive {holder['command']}, since {holder['since']})"
    except (ValueError, TypeError, KeyError):
        return "another process"

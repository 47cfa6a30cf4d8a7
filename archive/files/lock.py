"""One writer to an archive: a lock file, held by the system for as long as the process lives."""

from __future__ import annotations

import fcntl
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Self

from archive.files.atomic import wrap_os_errors
from archive.model.errors import LockedError


class Lock:
    """The lock of an archive, held from construction to :meth:`release`.

    A killed process cannot leave it behind: the kernel drops it. What stands in the file only says who has it.

    :raises LockedError: another process has it; the message says which
    :raises ArchiveError: it cannot be written
    """

    def __init__(self, path: Path, command: str, now: datetime) -> None:
        with wrap_os_errors(path):
            self._file = path.open("a+", encoding="utf-8", errors="replace")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = _holder(self._file.read())
            self._file.close()
            raise LockedError(
                f"the archive {path.parent.parent} is in use by {holder}: wait for it to end, or stop it"
            ) from None
        ours = {"pid": os.getpid(), "command": command, "since": now.isoformat(timespec="seconds")}
        with wrap_os_errors(path):
            os.truncate(self._file.fileno(), 0)
            # Past the file's buffer: closing it would try again to write what a full disk did not take.
            os.write(self._file.fileno(), json.dumps(ours).encode())

    def release(self) -> None:
        """Let the next one have it."""
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

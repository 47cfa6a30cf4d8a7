"""Runs an action in a process that is killed before one of its syncs."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable


def is_killed(action: Callable[[], object], nth: int) -> bool:
    """Run an action in a child process that kills itself before its nth sync; return False if it has fewer."""
    pid = os.fork()
    if not pid:
        calls, sync = itertools.count(1), os.fsync

        def sync_or_die(descriptor: int) -> None:
            if next(calls) == nth:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(descriptor)

        os.fsync = sync_or_die
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL

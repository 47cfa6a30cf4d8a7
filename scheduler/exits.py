"""The exit statuses of the program."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses. Scripts and systemd units depend on these numbers; docs/commands.md documents them."""

    DONE = 0
    SOME_FAILED = 1  # some articles failed and will be retried
    USAGE = 2  # bad usage or configuration
    NO_FEED = 3  # no feed could be polled
    PROBLEMS = 4  # the archive has problems
    LOCKED = 5  # another process holds the archive
    INTERRUPTED = 130  # interrupted; the state is kept

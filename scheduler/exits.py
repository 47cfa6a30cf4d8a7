"""What the program's exit statuses mean."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses; a contract with scripts and units."""

    DONE = 0
    SOME_FAILED = 1  # some articles failed and will be retried
    USAGE = 2  # bad usage or configuration
    NO_FEED = 3  # no feed could be polled
    PROBLEMS = 4  # the archive has problems
    LOCKED = 5  # by another process
    INTERRUPTED = 130  # state kept

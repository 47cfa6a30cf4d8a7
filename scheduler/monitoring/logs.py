"""Where log lines go, and which."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping

from scheduler.monitoring.log_lines import OURS, Lines, as_json, bare, stamped

_STDERR = 2


def set_up(verbosity: int, *, json: bool = False) -> None:
    """Log to stderr: lines with a time, or, where the journal listens, with a priority instead.

    :param verbosity: -1 errors only, 0 what was put off, 1 what happened too, 2 what the libraries say too
    :param json: one JSON object for each line
    """
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
    journal = is_journal(os.environ, _STDERR)
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(Lines(as_json if json else bare if journal else stamped, priorities=journal))
    # Not on the loggers: Scrapy sets the levels of its own, and the root's, itself. What is disabled costs nothing.
    logging.disable(levels[verbosity] - 1)
    if verbosity < 2:  # what Scrapy and Twisted say, our own outcome lines say better
        handler.addFilter(_is_told)
    logging.basicConfig(level=logging.DEBUG, handlers=[handler], force=True)


def _is_told(record: logging.LogRecord) -> bool:
    # asyncio tells of errors that nobody asked for: bugs, and ours.
    return record.name == OURS or (record.name == "asyncio" and record.levelno >= logging.ERROR)


def is_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Whether this open file is the journal's: systemd names its device and inode in ``JOURNAL_STREAM``.

    The variable alone proves nothing: a child whose stderr goes elsewhere inherits it.
    """
    try:
        status = os.fstat(descriptor)
    except OSError:  # closed
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Stderr:
    """Whatever ``sys.stderr`` is when a line is written: a progress bar puts itself there, to stay below it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

"""Where log lines go, and which."""

from __future__ import annotations

import logging
import sys

OURS = "finarchive"  # the logger of this program's own lines


def set_up(verbosity: int) -> None:
    """Log to stderr.

    :param verbosity: -1 errors only, 0 what was put off, 1 what happened too, 2 what the libraries say too
    """
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    # Not on the loggers: Scrapy sets the levels of its own, and the root's, itself. What is disabled costs nothing.
    logging.disable(levels[verbosity] - 1)
    if verbosity < 2:  # what Scrapy and Twisted say, our own outcome lines say better
        handler.addFilter(logging.Filter(OURS))
    logging.basicConfig(level=logging.DEBUG, handlers=[handler], force=True)


class _Stderr:
    """Whatever ``sys.stderr`` is when a line is written: a progress bar puts itself there, to stay below it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

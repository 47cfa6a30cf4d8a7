"""Opens the daemon's archive, however long the system refuses that."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from archive.archive import Archive
from archive.model.errors import LockedError, TransientError
from config.model import Settings
from crawler.errors import ParserUnavailableError
from crawler.parsing.pool import ParserPool
from pipeline.recovery import recover
from pipeline.writer import DISK_RETRY_SECONDS

logger = logging.getLogger("finarchive")


def open_archive(
    settings: Settings,
    now: Callable[[], datetime],
    parsers: ParserPool,
    sleep: Callable[[float], None] = time.sleep,
) -> Archive:
    """Open the archive and apply what its journal has and its index lacks; wait while the system refuses it (D169).

    :param parsers: parse the pages of the journal
    :param sleep: waits for a number of seconds
    :raises LockedError: another process holds the archive: there is one daemon
    :raises ArchiveError: the index is damaged, or a newer version of the program has written it
    """
    is_reported = False
    while True:
        try:
            return _open(settings, now(), parsers)
        except LockedError:
            raise
        except (TransientError, ParserUnavailableError) as error:
            if not is_reported:  # once: it may last for days
                logger.error("archive-refuses reason=%r", f"{error}; trying again every {DISK_RETRY_SECONDS:.0f} s")
            is_reported = True
        sleep(DISK_RETRY_SECONDS)


def _open(settings: Settings, now: datetime, parsers: ParserPool) -> Archive:
    archive = Archive(settings.archive.root, "run", now, raw=settings.archive.raw == "warc")
    try:
        recover(archive, settings, now, parsers, holds=True)
    except BaseException:
        archive.close()
        raise
    return archive

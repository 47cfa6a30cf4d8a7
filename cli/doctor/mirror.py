"""The check of ``doctor`` about the journal's mirror. Nothing is written there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from archive.backup.storage import open_storage
from archive.mirror.local import archive_id
from archive.mirror.reader import MirrorReader
from archive.model.errors import ArchiveError
from cli.doctor.check import Check
from config.durations import format_duration
from config.model import Settings
from scheduler.exits import Exit
from scheduler.monitoring.reports import report_mirror


def check_mirror(settings: Settings, now: datetime, *, offline: bool) -> Iterator[Check]:
    """Check that the mirror can be read and is this archive's, and say what waits.

    :param offline: do not read it
    """
    report = report_mirror(settings, now)
    if report is None or settings.journal.mirror is None:
        return
    if offline:
        yield Check("mirror", True, f"{report['place']} was not read: --offline")
        return
    try:
        storage = open_storage(settings.journal.mirror.get_secret_value())
        state = MirrorReader(storage).newest()
        identity = archive_id(settings.archive.root.absolute())
    except ArchiveError as error:
        yield Check("mirror", False, str(error), Exit.SOME_FAILED)
        return
    if state is None and not report["error"]:
        yield Check("mirror", True, f"{report['place']} is empty: finarchive run, or a crawl, fills it")
    elif state and state.head.archive != identity:
        yield Check("mirror", False, f"{report['place']} is the mirror of another archive: name another place")
    elif report["error"]:
        yield Check("mirror", False, f"the last copy failed: {report['error']}", Exit.SOME_FAILED)
    else:
        waits = f"the oldest raw pages wait for {format_duration(timedelta(seconds=report['age']))}"
        yield Check("mirror", True, f"{report['place']}: {waits if report['age'] else 'everything is copied'}")

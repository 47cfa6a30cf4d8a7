"""Days of journal files, by their names. A day that has not come shows that the clock was ahead."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from archive.files.paths import CHINA
from archive.journal.warc import warc_files

# What bears a time this far ahead was written while the clock was wrong. Time zones and slow clocks stay below it.
MAX_AHEAD = timedelta(days=1)


def day_of(path: Path) -> date:
    """The day in China on which a journal file was begun, by its name."""
    digits = path.name.split("-")[1]
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def first_file_of(day: date) -> str:
    """The name before all files that were begun on a day in China or later, and after those of days before it."""
    return f"finarchive-{day:%Y%m%d}"


def finished_files(folder: Path, now: datetime) -> list[str]:
    """The names of the journal's files of past days.

    The day of a file that bears one ahead, of a wrong clock, is that on which it was last written.
    """
    today, latest = (each.astimezone(CHINA).date() for each in (now, now + MAX_AHEAD))
    names = []
    for path in warc_files(folder):
        day = day_of(path)
        if day > latest:
            day = datetime.fromtimestamp(path.stat().st_mtime, CHINA).date()
        if not today <= day <= latest:
            names.append(path.name)
    return names

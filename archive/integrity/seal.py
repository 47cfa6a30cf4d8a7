"""Seals each day that is over: writes its manifest, which nobody changes afterwards."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path

from archive.files import atomic
from archive.files.hashing import sha256_of_file
from archive.files.layout import journal_path, manifests_path
from archive.files.manifest import Line, read_manifest, write_manifest
from archive.files.paths import CHINA
from archive.journal.warc import warc_files
from archive.model.times import to_text
from archive.store import Store


def seal(root: Path, store: Store, now: datetime) -> list[str]:
    """Write the manifests of days that are over.

    What is found late, of a day that is sealed, goes into the next one. Where there is nothing to seal this costs
    three questions to the index and a look into a folder.

    :return: the days that were sealed
    :raises ArchiveError: a manifest cannot be written
    """
    adopt(root, store)
    sealed = store.manifests.roots()
    last = max(sealed, default="")
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    today = now.astimezone(CHINA).date()
    for revision in store.manifests.unsealed(datetime.combine(today, datetime.min.time(), CHINA)):
        day = _day_for(revision.fetched_at.astimezone(CHINA).date(), last)
        observed = to_text(revision.fetched_at) or "-"
        lines[day].append(Line(revision.sha256, revision.path, revision.docid, str(revision.number), observed))
    for at, name, sha256 in store.images.unsealed(datetime.combine(today, datetime.min.time(), CHINA)):
        lines[_day_for(at.astimezone(CHINA).date(), last)].append(Line(sha256, name))
    known = store.manifests.raw_files()
    for path in warc_files(journal_path(root)):
        stated = path.name.split("-")[1]
        finished = date(int(stated[:4]), int(stated[4:6]), int(stated[6:]))
        if path.name not in known and finished < today:
            lines[_day_for(finished, last)].append(Line(sha256_of_file(path), path.relative_to(root).as_posix()))
    done = sorted(day for day in lines if day < today.isoformat())
    for day in done:
        data = write_manifest(day, (last, sealed[last]) if last else None, lines[day])
        path = manifests_path(root) / f"{day}.tsv"
        with atomic.wrap_os_errors(path):
            atomic.write_atomically(path, data, path.with_suffix(".new"))
        sealed[day] = store.manifests.commit(day, data, lines[day])
        last = day
    return done


def adopt(root: Path, store: Store) -> None:
    """Take note of manifests that the index knows nothing of: of a crash, or of a rebuild.

    What is in them is believed where the index has the very same; ``verify`` tells of the rest.
    """
    folder = manifests_path(root)
    known = store.manifests.roots()
    for path in sorted(folder.glob("*.tsv")) if folder.is_dir() else ():
        if path.stem in known or not path.is_file():
            continue
        data = path.read_bytes()
        try:
            date.fromisoformat(path.stem)
            day, _, lines = read_manifest(data)
        except (ValueError, TypeError):
            continue
        if day == path.stem:  # else it is somebody's copy
            store.manifests.commit(day, data, lines)


def _day_for(day: date, last: str) -> str:
    """The manifest that something of a day goes into."""
    if last and day.isoformat() <= last:
        return (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    return day.isoformat()

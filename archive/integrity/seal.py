"""Seal each past day: write its manifest, which never changes afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path, PurePosixPath

from archive.files import atomic
from archive.files.hashing import sha256_of_file
from archive.files.layout import MANIFESTS_FOLDER, journal_path, manifests_path, unfinished_path
from archive.files.manifest import Line, read_manifest, write_manifest
from archive.files.paths import CHINA
from archive.journal.warc_days import MAX_AHEAD, day_of, finished_files
from archive.model.article import Post
from archive.model.times import to_text
from archive.store import Store


def seal(root: Path, store: Store, now: datetime, finished: Collection[str] | None = None) -> list[str]:
    """Write the manifests of past days (days of China's time).

    Files of a day that is sealed already go into the next manifest. What was observed while the clock was ahead, and
    bears a day that has not come, goes into the manifest of yesterday. If there is nothing to seal, the call costs
    three queries and the listing of two folders.

    :param finished: names of journal files to which nothing is appended any more; None: nobody writes
    :return: the days that were sealed, YYYY-MM-DD, ascending
    :raises ArchiveError: a manifest cannot be written
    """
    with atomic.wrap_os_errors(manifests_path(root)):
        return _seal(root, store, now, finished)


def _seal(root: Path, store: Store, now: datetime, finished: Collection[str] | None) -> list[str]:
    adopt(root, store)
    sealed = store.manifests.roots()
    last = max(sealed, default="")
    today = now.astimezone(CHINA).date()
    lines: defaultdict[str, list[Line]] = defaultdict(list)
    for observed, line in _unsealed(root, store, now, finished):
        lines[_day_for(min(observed, today - timedelta(days=1)), last)].append(line)
    # A manifest of a day that has not come was written while the clock was ahead: the next ones follow it (D177).
    done = sorted(day for day in lines if day < today.isoformat() or last > today.isoformat())
    for day in done:
        data = write_manifest(day, (last, sealed[last]) if last else None, lines[day])
        atomic.write_posts(root, unfinished_path(root), [Post(PurePosixPath(MANIFESTS_FOLDER, f"{day}.tsv"), data)])
        sealed[day] = store.manifests.commit(day, data, lines[day])
        last = day
    return done


def _unsealed(
    root: Path, store: Store, now: datetime, finished: Collection[str] | None
) -> Iterator[tuple[date, Line]]:
    """Yield what is in no manifest and not of today: the day in China, and the line."""
    today = now.astimezone(CHINA).date()
    midnight, ahead = datetime.combine(today, time.min, CHINA), now + MAX_AHEAD
    for revision in store.manifests.unsealed(midnight, ahead):
        observed = to_text(revision.fetched_at) or "-"
        day = revision.fetched_at.astimezone(CHINA).date()
        yield day, Line(revision.sha256, revision.path, revision.docid, str(revision.number), observed)
    for at, name, sha256 in store.images.unsealed(midnight, ahead):
        yield at.astimezone(CHINA).date(), Line(sha256, name)
    sealed_files = store.manifests.raw_files()
    for name in finished_files(journal_path(root), now) if finished is None else finished:
        if name not in sealed_files:
            path = journal_path(root) / name
            yield day_of(path), Line(sha256_of_file(path), path.relative_to(root).as_posix())


def adopt(root: Path, store: Store) -> None:
    """Record manifests on disk that the index does not have, after a crash or a rebuild.

    A line seals a version only if the index has the version with the same sha256; ``verify`` reports the other lines.
    Files that are not manifests are ignored.

    :raises ArchiveError: the index cannot be read or written
    """
    folder = manifests_path(root)
    recorded = store.manifests.roots()
    for path in sorted(folder.glob("*.tsv")) if folder.is_dir() else ():
        if path.stem in recorded or not path.is_file():
            continue
        data = path.read_bytes()
        try:
            date.fromisoformat(path.stem)
            day, _, lines = read_manifest(data)
        except (ValueError, TypeError):
            continue
        if day == path.stem:  # otherwise it is a copy under another name
            store.manifests.commit(day, data, lines)


def _day_for(day: date, last: str) -> str:
    """Return the day whose manifest takes a file of ``day``: the day itself, or the one after the last sealed."""
    if last and day.isoformat() <= last:
        return (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    return day.isoformat()

"""Check files of raw pages: each record, and the events that the index has.

A separate module, because each process that checks files imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path

from msgspec import Struct, field

from archive.files.layout import journal_path
from archive.integrity.manifest_check import Problem
from archive.integrity.recorded import RecordedEvents
from archive.journal.event_documents import EventKind
from archive.journal.groups import UNREADABLE, read_groups
from archive.journal.journal import event_of
from archive.journal.record import WarcRecord
from archive.journal.tombstones import Rewrite, load_rewritten
from archive.journal.warc import warc_files
from archive.journal.warc_records import digest
from archive.model.errors import ArchiveError

STEP_BYTES = 4 << 20  # of a file, between two reports of progress: some tens of milliseconds


class CheckedRawFile(Struct):
    """What a file of raw pages has."""

    name: str
    events: set[int] = field(default_factory=set)  # offsets of the complete ones
    damage: list[tuple[int, str]] = field(default_factory=list)  # offset and description, in the order of the file
    rewritten: list[Rewrite] = field(default_factory=list)  # tombstones
    formatted: list[datetime] = field(default_factory=list)  # since when earlier fetches have other settings


# Gets the files, and a function that counts bytes; yields the result of each file.
CheckRawFiles = Callable[[Sequence[Path], Callable[[int], None]], Iterable[CheckedRawFile]]


def check_in_turn(paths: Sequence[Path], on_bytes: Callable[[int], None]) -> Iterator[CheckedRawFile]:
    """Check files in this process; see :data:`CheckRawFiles`."""
    for path in paths:
        for step in check_file(0, path):
            if isinstance(step, CheckedRawFile):
                yield step
            else:
                on_bytes(step)


def check_file(skip: int, path: Path) -> Iterator[int | CheckedRawFile]:
    """Yield the bytes of each step through a file, and at last the result. For a parser process.

    :param skip: steps that an earlier process has reported
    """
    yield from islice(_check_file(path), skip, None)


def _check_file(path: Path) -> Iterator[int | CheckedRawFile]:
    checked, reported = CheckedRawFile(path.name), 0
    for offset in _read(path, checked):
        if offset - reported >= STEP_BYTES:
            yield offset - reported
            reported = offset
    yield path.stat().st_size - reported
    yield checked


def _read(path: Path, checked: CheckedRawFile) -> Iterator[int]:
    """Check a file, and yield the offset of each event."""
    found: list[tuple[int, str]] = []

    def report(offset: int, detail: str) -> None:
        found.append((offset, detail))

    def check(offset: int, record: WarcRecord) -> None:
        recorded, actual = record.headers.get("warc-block-digest"), digest(record.block)
        if recorded and recorded != actual:
            report(offset, f"its block has the digest {actual}, recorded is {recorded}")
        if record.kind == "warcinfo" and record.headers.get("warc-filename") != path.name:
            report(offset, f"the file is a copy of {record.headers.get('warc-filename')}, or was renamed")
        if record.is_foreign:
            report(offset, f"not a record of finarchive: {record.kind} {record.target}")

    for position, group in read_groups(path, on_damage=report, on_record=check):
        checked.events.add(position.offset)
        try:
            with suppress(ArchiveError):  # a newer program wrote it, and can say whether it is damaged
                event = event_of(position, group)
                if event.kind == EventKind.REWRITTEN:
                    checked.rewritten.append(load_rewritten(event.document))
                elif event.kind == EventKind.FORMATTED:
                    checked.formatted.append(event.at)
        except ValueError as error:
            report(position.offset, str(error))
        checked.damage += found
        found.clear()
        yield position.offset
    checked.damage += found


class RawCheck(Struct):
    """What the files of raw pages have, and what is wrong with them."""

    problems: list[Problem] = field(default_factory=list)
    rewritten: list[Rewrite] = field(default_factory=list)  # tombstones
    formatted: list[datetime] = field(default_factory=list)  # since when earlier fetches have other settings


def compare_raw_files(root: Path, recorded: RecordedEvents, checked: Iterable[CheckedRawFile]) -> RawCheck:
    """Compare the files of raw pages with the index; hold what one file has at a time.

    :param recorded: the events that the index has; read before the first file, so that the files contain all of them
    :param checked: all files
    """
    found, names = RawCheck(), set()
    for each in checked:
        names.add(each.name)
        found.problems += _problems_of_file(root, recorded.offsets(each.name), each)
        found.rewritten += each.rewritten
        found.formatted += each.formatted
    found.problems += _problems_of_folder(root, recorded, names)
    return found


def _problems_of_file(root: Path, recorded: Set[int], checked: CheckedRawFile) -> Iterator[Problem]:
    name = (journal_path(root) / checked.name).relative_to(root).as_posix()
    # An unreadable end after all recorded events is being written now, or was left by a crash.
    offset, detail = checked.damage[-1] if checked.damage else (0, "")
    is_open_end = detail == UNREADABLE and offset > max(checked.events, default=0) and recorded <= checked.events
    for offset, detail in checked.damage[:-1] if is_open_end else checked.damage:
        yield Problem("warc", name, f"at byte {offset}: {detail}")
    if lost := recorded - checked.events:
        yield Problem("warc", name, f"{len(lost)} recorded events are missing or incomplete")


def _problems_of_folder(root: Path, recorded: RecordedEvents, names: Set[str]) -> Iterator[Problem]:
    folder = journal_path(root)
    for path in sorted({*folder.glob("*"), *folder.glob(".*")} - {*warc_files(folder)}):
        yield Problem("extra", path.relative_to(root).as_posix(), "its name is not that of a file of raw pages")
    for file, events in recorded.files():
        if file not in names:
            name = (folder / file).relative_to(root).as_posix()
            yield Problem("missing", name, f"there is no such file; {events} events are recorded in it")

"""Read the groups of a journal file. What cannot be read is reported at its offset and skipped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from archive.journal.gzip_members import members
from archive.journal.record import OURS, WarcRecord, parse_record
from archive.journal.warc_records import Group, digest, response_of
from archive.model.fetch import JournalPosition, RawResponse

FILE_NAME = re.compile(r"finarchive-\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-\d{4,}\.warc\.gz")
_HEAD_BYTES = 4096  # of a metadata record that this program writes; it takes some hundred
UNREADABLE = "no record can be read here"  # where no member of the gzip file begins, or one ends in the middle

OnDamage = Callable[[int, str], None]  # gets the offset and what is wrong there
OnRecord = Callable[[int, WarcRecord], None]  # gets the offset and the record


def read_groups(
    path: Path,
    start: int = 0,
    end: int | None = None,
    on_damage: OnDamage = lambda offset, detail: None,
    on_record: OnRecord = lambda offset, record: None,
) -> Iterator[tuple[JournalPosition, Group]]:
    """Yield the groups of a file that begin at ``start`` or later and before ``end``, with their positions.

    Skips a request and a response without their metadata, which a crash can leave, and records of other programs.

    :param start: offset of a record, in bytes
    :param end: offset in bytes; None for the end of the file
    :param on_damage: called for each part, record and group that cannot be read (D182)
    :param on_record: called with each record that can be read
    """
    group = _OpenGroup(on_damage, None if start else [])
    for offset, _, data in members(path, start, lambda offset: group.drop(offset, UNREADABLE)):
        try:
            record = parse_record(data)
        except ValueError as error:
            group.drop(offset, str(error))
            continue
        on_record(offset, record)
        if record.is_foreign or record.is_filler:
            continue
        if _begins_group(record, group.records):
            group.end()
            if end is not None and offset >= end:
                return
        group.add(offset, record)
        if record.is_event and group.records:
            try:
                yield JournalPosition(path.name, group.begin), _decode(path.parent, group.records)
            except ValueError as error:
                on_damage(group.begin, str(error))
            group.records = []
    group.end()


def may_have_event(path: Path, kind: str) -> bool:
    """Return whether a file may have an event of a kind. Takes a quarter of the time of :func:`read_groups`.

    :param kind: the value of an EventKind
    """
    target = f"{OURS}{kind}".encode()
    return any(target in data[:_HEAD_BYTES] for _, _, data in members(path))


class _OpenGroup:
    """The group that is being read.

    :param records: its records so far; None: its other records are skipped, because one is damaged, or because it
        began before the part that is read
    """

    def __init__(self, on_damage: OnDamage, records: list[WarcRecord] | None) -> None:
        self.records = records
        self.begin = 0  # offset of its first record
        self._on_damage = on_damage

    def add(self, offset: int, record: WarcRecord) -> None:
        """Add a record; a ``warcinfo`` belongs to no group."""
        if self.records is None or record.kind == "warcinfo":
            return
        self.begin = self.begin if self.records else offset
        self.records.append(record)

    def drop(self, offset: int, detail: str) -> None:
        """Report damage, and skip the records that belong to it."""
        self._on_damage(offset, detail)
        self.records = None

    def end(self) -> None:
        """Begin another group. Report one without its event, unless a crash has left it."""
        if self.records and _kinds(self.records) not in ("request", "request, response", "request, revisit"):
            self._on_damage(self.begin, _incomplete(self.records))
        self.records = []


def _begins_group(record: WarcRecord, group: Sequence[WarcRecord] | None) -> bool:
    if record.is_event and "warc-concurrent-to" not in record.headers:
        # Unless it has lost that header: the records of a group have the same date.
        return not (group and len(group) > 1 and group[-1].at == record.at)
    return record.kind in ("warcinfo", "request")


def _kinds(records: Sequence[WarcRecord]) -> str:
    return ", ".join(record.kind for record in records)


def _incomplete(records: Sequence[WarcRecord]) -> str:
    return f"the records of an event are incomplete: {_kinds(records)[:80]}"


def _decode(folder: Path, records: Sequence[WarcRecord]) -> Group:
    """Return the group of these records.

    :raises ValueError: they are no group, or the original of a ``revisit`` cannot be read
    """
    event = records[-1]
    is_fetch = "warc-concurrent-to" in event.headers
    of_fetch = ("request, response, metadata", "request, revisit, metadata")
    if _kinds(records) not in (of_fetch if is_fetch else ("metadata",)):
        raise ValueError(_incomplete(records))
    raw = _full_response(folder, records[0], records[1]) if is_fetch else None
    return Group(event.target.removeprefix(OURS), event.at, event.block, raw)


def response_at(folder: Path, position: JournalPosition, name: str) -> tuple[RawResponse, WarcRecord] | None:
    """Return the response of the group at a position, and its record; None if it cannot be read.

    :param name: the digest that its body must have; else the result is None
    """
    path = folder / position.file
    if not FILE_NAME.fullmatch(position.file) or not path.is_file():
        return None
    request: WarcRecord | None = None
    for offset, _, data in members(path, position.offset):
        try:
            record = parse_record(data)
            if record.kind == "request" and offset == position.offset:
                request = record
                continue
            if record.kind == "response" and request:
                raw, _ = response_of(request, record)
                return (raw, record) if digest(raw.body) == name else None
        except ValueError:
            pass
        return None
    return None


def _full_response(folder: Path, request: WarcRecord, record: WarcRecord) -> RawResponse:
    """Return the response with its body, a ``revisit`` with that of its original.

    :raises ValueError: it cannot be decoded, or the original cannot be read
    """
    raw, position = response_of(request, record)
    if position is None:
        return raw
    original = response_at(folder, position, record.headers.get("warc-payload-digest", ""))
    if original is None:
        raise ValueError(f"the body is not at {position.file}:{position.offset}, where it should be")
    return replace(raw, body=original[0].body)

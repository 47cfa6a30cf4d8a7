"""Find the records of forgotten articles in the journal, and what takes their place. Reads only. See D238.

No record moves. The records of a fetch become one, which says what was removed; an entry in a record of a list loses
everything but its identity. A body that another article refers to stays: it is that article's too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct, field

from archive.files.layout import journal_path
from archive.integrity.forget import with_values
from archive.journal.documents import identity_of
from archive.journal.event_documents import EventKind, encode
from archive.journal.gzip_members import members, write_member
from archive.journal.record import OURS, WarcRecord, parse_record
from archive.journal.tombstones import dump_removed
from archive.journal.warc import warc_files
from archive.journal.warc_records import digest, original_position
from archive.model.fetch import JournalPosition

_END = b"\r\n\r\n"
_FETCHES = (OURS + EventKind.LOOK, OURS + EventKind.CONFIRMED)
_SIGHTED = OURS + EventKind.SIGHTED
_OPTIONAL = (b"content-type", b"warc-block-digest", b"warc-payload-digest")  # gzip has a checksum of its own


class FileRemovals(Struct):
    """What forgotten articles have in one journal file."""

    path: Path
    members: dict[int, bytes] = field(default_factory=dict)  # offset -> what takes the place of one or more members
    stuck: list[int] = field(default_factory=list)  # offsets of records that do not fit into their place
    fetches: int = 0  # fetches that are removed
    shared: list[str] = field(default_factory=list)  # docids of those whose body stays, because others have it too


class _Part(Struct):
    """A record with its place."""

    begin: int
    end: int
    data: bytes
    record: WarcRecord


class _Fetch(Struct):
    """The records of a fetch of a forgotten article."""

    docid: str
    parts: list[_Part]  # without bodies, except that of the last: memory


def find_removals(root: Path, docids: Collection[str]) -> Iterator[FileRemovals]:
    """Yield the journal files that have something of forgotten articles, in the order they were written."""
    wanted, originals = frozenset(docids), set[JournalPosition]()
    found: list[tuple[FileRemovals, list[_Fetch]]] = []
    for path in warc_files(journal_path(root)):
        removals = FileRemovals(path)
        fetches = list(_scan(path, wanted, originals, removals))
        if fetches or removals.members or removals.stuck:
            found.append((removals, fetches))
    for removals, fetches in found:
        for fetch in fetches:
            is_shared = JournalPosition(removals.path.name, fetch.parts[0].begin) in originals
            _remove(fetch, removals, is_shared=is_shared and len(fetch.parts) > 1)
        yield removals


def _scan(
    path: Path, docids: frozenset[str], originals: set[JournalPosition], removals: FileRemovals
) -> Iterator[_Fetch]:
    """Yield the fetches of articles in a file; collect where other articles have their bodies, and changed lists."""
    group: list[_Part] = []
    for begin, end, data in members(path):
        try:
            record = parse_record(data)
        except ValueError:  # verify names it
            group = []
            continue
        if record.kind == "request":
            group = []
        if record.kind in ("request", "response", "revisit"):
            is_whole = record.kind == "revisit"
            group.append(_Part(begin, end, b"", record if is_whole else _without_block(record)))
        elif record.target in _FETCHES:
            parts = [*group, _Part(begin, end, data, record)] if "warc-concurrent-to" in record.headers else []
            parts = parts or [_Part(begin, end, data, record)]
            group = []
            if (docid := _docid(record)) in docids:
                yield _Fetch(docid, parts)
            else:
                originals.update(
                    position for each in parts if (position := original_position(each.record)) is not None
                )
        elif record.target == _SIGHTED and (changed := _without_entries(data, record, docids)):
            _replace(removals, begin, end, changed)


def _without_block(record: WarcRecord) -> WarcRecord:
    return WarcRecord(record.kind, record.headers, b"", record.at)


def _docid(record: WarcRecord) -> str:
    try:
        document = json.loads(record.block)
        return str(document.get(EventKind.CONFIRMED, document)["look"]["pending"]["entry"]["docid"])
    except (ValueError, KeyError, TypeError, AttributeError):  # verify names it
        return ""


def _without_entries(data: bytes, record: WarcRecord, docids: frozenset[str]) -> bytes | None:
    """Return a record of a list in which entries have only their identity; None if it has nothing to remove."""
    try:
        document = json.loads(record.block)["sighted"]
        entries = [identity_of(each) if each["docid"] in docids else each for each in document["entries"]]
    except (ValueError, KeyError, TypeError):  # verify names it
        return None
    if entries == document["entries"]:
        return None
    return _with_block(data, encode(EventKind.SIGHTED, document | {"entries": entries}))


def _remove(fetch: _Fetch, removals: FileRemovals, *, is_shared: bool) -> None:
    """Replace the records of a fetch by one; the page stays if other articles have the same."""
    last = fetch.parts[-1]
    # Also requests and metadata have such a digest.
    pages = [each.record for each in fetch.parts if each.record.kind in ("response", "revisit")]
    body = pages[0].headers.get("warc-payload-digest") if pages else None
    block = encode(EventKind.REMOVED, dump_removed(fetch.docid, body))
    head = last.data.partition(_END)[0]
    begin = fetch.parts[0].begin
    if is_shared:
        removals.shared.append(fetch.docid)
        begin = last.begin
    else:
        lines = head.split(b"\r\n")
        head = b"\r\n".join(line for line in lines if not line.lower().startswith(b"warc-concurrent-to:"))
    head = with_values(head, {"warc-target-uri": OURS + EventKind.REMOVED})
    removals.fetches += 1
    _replace(removals, begin, last.end, _with_block(head + _END, block))


def _with_block(data: bytes, block: bytes) -> bytes:
    head = data.partition(_END)[0]
    head = with_values(head, {"content-length": str(len(block)), "warc-block-digest": digest(block)})
    head = with_values(head, {"warc-payload-digest": digest(block)})
    return head + _END + block + _END


def _with_few_headers(data: bytes) -> bytes:
    head, _, rest = data.partition(_END)
    lines = (line for line in head.split(b"\r\n") if line.partition(b":")[0].lower() not in _OPTIONAL)
    return b"\r\n".join(lines) + _END + rest


def _replace(removals: FileRemovals, begin: int, end: int, data: bytes) -> None:
    # A short record may need the room of the headers that no record must have.
    member = write_member(end - begin, data) or write_member(end - begin, _with_few_headers(data))
    if member is None:
        removals.stuck.append(begin)
    else:
        removals.members[begin] = member

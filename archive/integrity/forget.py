"""Remove secrets from journal files of earlier versions. No record moves, and a tombstone says what was done. D184"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field

from archive.archive import Archive
from archive.files.layout import journal_path
from archive.integrity.rewrite import replace_members
from archive.journal.gzip_members import members, write_member
from archive.journal.record import WarcRecord, parse_record
from archive.journal.tombstones import Rewrite
from archive.journal.warc import warc_files
from archive.journal.warc_records import digest
from archive.model.secrets import without_credentials, without_secrets

_BREAK, _END = b"\r\n", b"\r\n\r\n"
_HTTP = frozenset({"request", "response", "revisit"})  # records with headers of HTTP
_ADDRESSES = frozenset({"warc-target-uri", "warc-refers-to-target-uri"})
_COPY_BYTES = 1 << 20  # copied at a time


class SecretsOfFile(Struct):
    """The secrets of one journal file."""

    path: Path
    members: dict[int, bytes] = field(default_factory=dict)  # offset -> the record without secrets, compressed
    headers: Counter[str] = field(default_factory=Counter)  # name of a header in lower case -> values to remove
    stuck: list[int] = field(default_factory=list)  # offsets of records that do not fit into their place


def find_secrets(root: Path) -> Iterator[SecretsOfFile]:
    """Yield the journal files that have secrets, in the order they were written. Writes nothing."""
    for path in warc_files(journal_path(root)):
        found = SecretsOfFile(path)
        for offset, end, data in members(path):
            try:
                record = parse_record(data)
            except ValueError:  # verify names it
                continue
            headers = Counter[str]()
            changed = _without_secrets(data, record, headers)
            if changed == data:
                continue
            # The new digest may need more room than a short value gave: then the whole line of the header goes.
            dropped = _without_secrets(data, record, Counter(), drop=True)
            member = write_member(end - offset, changed, dropped)
            if member:
                found.members[offset] = member
                found.headers += headers
            else:
                found.stuck.append(offset)
        if found.members or found.stuck:
            yield found


def forget_secrets(archive: Archive, found: Sequence[SecretsOfFile], now: datetime) -> list[Rewrite]:
    """Remove secrets that were found, file by file. A kill at any moment leaves each file as it was or as it will be.

    The tombstone is in the journal before the file is replaced.

    :param archive: with its journal open
    :return: the tombstones
    :raises ArchiveError: something cannot be written; repeat it then
    """
    archive.leave_files({each.path.name for each in found if each.members})
    headers = {each.path: dict(sorted(each.headers.items())) for each in found}
    return [
        replace_members(archive, each.path, sorted(each.members.items()), headers[each.path], now)
        for each in found
        if each.members
    ]


def _without_secrets(data: bytes, record: WarcRecord, removed: Counter[str], *, drop: bool = False) -> bytes:
    """Return a record without secrets; ``data`` itself if it has none.

    :param removed: counts the headers that lost something
    :param drop: remove secret headers with their names
    """
    block = record.block
    if record.kind in _HTTP:
        http, separator, body = block.partition(_END)
        block = _clean(http, removed, drop=drop) + separator + body
    head = data.partition(_END)[0]
    addresses = {name: record.headers[name] for name in _ADDRESSES & record.headers.keys()}
    for name, address in addresses.items():
        if (clean := without_credentials(address)) != address:
            removed[name] += 1
            head = head.replace(address.encode(), clean.encode())
    if block != record.block:
        new = {"content-length": str(len(block)), "warc-block-digest": digest(block)}
        head = with_values(head, new)
    return head + _END + block + _END


def _clean(http: bytes, removed: Counter[str], *, drop: bool) -> bytes:
    first, *lines = http.split(_BREAK)
    cleaned = [first]
    for line in lines:
        name, separator, value = line.decode("latin-1").partition(":")
        [(_, clean)] = without_secrets([(name, value.strip())])
        if clean != value.strip():
            removed[name.lower()] += 1
            if drop and not clean:
                continue
            line = f"{name}{separator} {clean}".encode("latin-1")  # noqa: PLW2901 - the same line
        cleaned.append(line)
    return _BREAK.join(cleaned)


def with_values(head: bytes, values: Mapping[str, str]) -> bytes:
    """Return the head of a record with other values of some headers.

    :param values: name in lower case -> value
    """
    return _BREAK.join(_with_value(line, values) for line in head.split(_BREAK))


def _with_value(line: bytes, values: Mapping[str, str]) -> bytes:
    name = line.partition(b":")[0]
    value = values.get(name.decode().lower())
    return line if value is None else name + b": " + value.encode()

"""The members of a gzip file, each a record of a WARC file: read one by one, and found again after a crash."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

_MAGIC = b"\x1f\x8b\x08"
# Bytes read at a time: what is left of them behind each member is copied, so that more would cost more.
_CHUNK = 1 << 16
_FIRST_LOOK = (
    1 << 20
)  # bytes of a file's end that are searched for a record's start; four times as many each next time
_GZIP = zlib.MAX_WBITS | 16


def members(
    path: Path, start: int = 0, on_damage: Callable[[int], None] = lambda offset: None
) -> Iterator[tuple[int, int, bytes]]:
    """Where each member of a file begins and ends, and what it holds; from ``start``, where one begins.

    What cannot be read is passed over: a record's damage is not that of the next. See D44.

    :param on_damage: told where something cannot be read
    """
    offset: int | None = start
    while offset is not None:
        for begin, end, content in _in_a_row(path, offset):
            yield begin, end, content
            offset = end
        if offset >= path.stat().st_size:
            return
        on_damage(offset)
        offset = first_member(path, offset + 1)


def _in_a_row(path: Path, start: int) -> Iterator[tuple[int, int, bytes]]:
    with path.open("rb") as file:
        file.seek(start)
        offset, data = start, file.read(_CHUNK)
        while data:
            stream, parts, used = zlib.decompressobj(_GZIP), [], 0
            try:
                while not stream.eof and data:
                    parts.append(stream.decompress(data))
                    used += len(data) - len(stream.unused_data)
                    data = stream.unused_data if stream.eof else file.read(_CHUNK)
            except zlib.error:
                return
            if not stream.eof:
                return
            yield offset, offset + used, b"".join(parts)
            offset += used
            data = data or file.read(_CHUNK)


def first_member(path: Path, start: int) -> int | None:
    """Where the first record at or after an offset begins; None when there is none."""
    with path.open("rb") as file:
        while True:
            file.seek(start)
            data = file.read(_CHUNK)
            at = data.find(_MAGIC)
            while at >= 0:
                if _is_record(path, start + at):
                    return start + at
                at = data.find(_MAGIC, at + 1)
            if len(data) < _CHUNK:
                return None
            start += len(data) - len(_MAGIC) + 1


def last_whole(path: Path) -> int | None:
    """Where the last whole record of a file ends; None when it is damaged before its end, or holds none at all.

    Reads the end of the file only, as far back as a record begins there.
    """
    size = path.stat().st_size
    fetch = _FIRST_LOOK
    while True:
        start = max(size - fetch, 0)
        found = first_member(path, start)
        if found is not None:
            break
        if not start:
            return 0 if not size else None
        fetch *= 4
    end = found
    for _, end, _ in _in_a_row(path, found):  # noqa: B007 - the last one's is wanted
        pass
    # Whole records behind one that cannot be read: this is no torn end.
    return None if end < size and first_member(path, end + 1) is not None else end


def _is_record(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        try:
            return zlib.decompressobj(_GZIP).decompress(file.read(4096), 64).startswith(b"WARC/1.")
        except zlib.error:
            return False

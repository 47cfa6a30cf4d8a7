"""Members of a gzip file, each one WARC record: read in sequence, and found again after damage or a crash."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

_MAGIC = b"\x1f\x8b\x08"
# Read size. The unused bytes after each member are copied, so that a larger size costs more.
_CHUNK_BYTES = 1 << 16
# Bytes at the end of a file in which the start of a record is searched first; each further search takes four times
# as many.
_FIRST_SEARCH_BYTES = 1 << 20
_GZIP = zlib.MAX_WBITS | 16
_MAX_COMMENT_BYTES = 1024  # in a member that replaces another one; :func:`first_member` reads more
_MAX_STORED = 0xFFFF  # bytes in a stored block of deflate
_EMPTY_BLOCK = b"\0\0\0\xff\xff"  # of deflate, stored
_FIRST_BYTES = 10  # of a record, which are before empty blocks: the version of WARC
_ZOPFLI_ITERATIONS = 5  # of a large list some seconds; 15, the default, save a few bytes more
_ZLIB_HEAD, _ZLIB_TRAILER = 2, 4  # bytes around deflate in the format of zlib


def members(
    path: Path, start: int = 0, on_damage: Callable[[int], None] = lambda offset: None
) -> Iterator[tuple[int, int, bytes]]:
    """Yield start, end and content of each member of a file. Unreadable parts are skipped (D44).

    :param start: offset of the first member to read, in bytes
    :param on_damage: called with the offset of each unreadable part
    """
    offset: int | None = start
    while offset is not None:
        for begin, end, content in _members_until_damage(path, offset):
            yield begin, end, content
            offset = end
        if offset >= path.stat().st_size:
            return
        on_damage(offset)
        offset = first_member(path, offset + 1)


def _members_until_damage(path: Path, start: int) -> Iterator[tuple[int, int, bytes]]:
    with path.open("rb") as file:
        file.seek(start)
        offset, data = start, file.read(_CHUNK_BYTES)
        while data:
            stream, parts, used = zlib.decompressobj(_GZIP), [], 0
            try:
                while not stream.eof and data:
                    parts.append(stream.decompress(data))
                    used += len(data) - len(stream.unused_data)
                    data = stream.unused_data if stream.eof else file.read(_CHUNK_BYTES)
            except zlib.error:
                return
            if not stream.eof:
                return
            yield offset, offset + used, b"".join(parts)
            offset += used
            data = data or file.read(_CHUNK_BYTES)


def write_member(size: int, *contents: bytes) -> bytes | None:
    """Return a member of exactly this size, so that it can replace another one in its place; None if none fits.

    What is left is filled with a comment, or with empty blocks where that would be long: a reader of the first bytes
    must find content there. Zopfli is slow, and finds shorter encodings than zlib. See D299.

    :param size: in bytes
    :param contents: the first one that fits is taken
    """
    for deflate in (_deflate, _deflate_slowly):
        for content in contents:
            if member := _member(content, size, deflate):
                return member
    return None


def _member(content: bytes, size: int, deflate: Callable[[bytes], bytes]) -> bytes | None:
    trailer = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    data = deflate(content)
    left = size - len(_header(0)) - len(data) - len(trailer)
    if left < 0:
        return None
    if left <= _MAX_COMMENT_BYTES:
        return _header(left) + data + trailer
    first, rest = content[:_FIRST_BYTES], content[_FIRST_BYTES:]
    data, stored = deflate(rest), _stored(first, is_last=False)
    blocks, comment = divmod(size - len(_header(0)) - len(stored) - len(data) - len(trailer), len(_EMPTY_BLOCK))
    return _header(comment) + stored + blocks * _EMPTY_BLOCK + data + trailer


def _deflate(content: bytes) -> bytes:
    # With the parameters of the writer: what stays as it is takes the same room.
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


def _deflate_slowly(content: bytes) -> bytes:
    from zopfli.zopfli import compress  # noqa: PLC0415 - it takes 1.7 MB, and only takedowns need it

    return bytes(compress(content, numiterations=_ZOPFLI_ITERATIONS)[_ZLIB_HEAD:-_ZLIB_TRAILER])


def _stored(content: bytes, *, is_last: bool) -> bytes:
    """Return a block of deflate that is not compressed."""
    return bytes([is_last]) + struct.pack("<HH", len(content), len(content) ^ _MAX_STORED) + content


def write_zeros(begin: bytes, count: int, end: bytes, size: int) -> bytes | None:
    """Return a member of exactly this size, whose content is some zeros between two texts; None if it is too small.

    The zeros are stored as they are, so that a disk need not store them: see :mod:`archive.files.sparse`.

    :param size: in bytes; at most 1,024 more than needed
    """
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    parts = [stream.compress(begin) + stream.flush(zlib.Z_SYNC_FLUSH)]
    for length in (*[_MAX_STORED] * (count // _MAX_STORED), count % _MAX_STORED):
        parts.append(_stored(bytes(length), is_last=False))
    parts.append(_stored(end, is_last=True))
    crc = zlib.crc32(end, zlib.crc32(bytes(count), zlib.crc32(begin)))
    parts.append(struct.pack("<II", crc, (len(begin) + count + len(end)) & 0xFFFFFFFF))
    left = size - len(_header(0)) - sum(map(len, parts))
    return b"".join([_header(left), *parts]) if 0 <= left <= _MAX_COMMENT_BYTES else None


def _header(comment: int) -> bytes:
    """Return the header of a member, with a comment of some bytes; its end is one of them."""
    flags = b"\x10" if comment else b"\0"
    return _MAGIC + flags + bytes(4) + b"\x02\xff" + (b" " * (comment - 1) + b"\0" if comment else b"")


def first_member(path: Path, start: int) -> int | None:
    """The offset of the first record that begins at ``start`` or later; None if there is none."""
    with path.open("rb") as file:
        while True:
            file.seek(start)
            data = file.read(_CHUNK_BYTES)
            at = data.find(_MAGIC)
            while at >= 0:
                if _is_record(path, start + at):
                    return start + at
                at = data.find(_MAGIC, at + 1)
            if len(data) < _CHUNK_BYTES:
                return None
            start += len(data) - len(_MAGIC) + 1


def end_of_last_member(path: Path) -> int | None:
    """The offset at which the last complete record of a file ends; 0 if the file is empty.

    Reads only the end of the file, back to the start of a record.

    :return: None if the file is damaged before its end, or has no complete record
    """
    size = path.stat().st_size
    searched = _FIRST_SEARCH_BYTES
    while True:
        start = max(size - searched, 0)
        first = first_member(path, start)
        if first is not None:
            break
        if not start:
            return 0 if not size else None
        searched *= 4
    end = first
    for _, end, _ in _members_until_damage(path, first):  # noqa: B007 - the last value is used
        pass
    # Complete records after an unreadable one: the file is damaged, and not only cut off at its end.
    return None if end < size and first_member(path, end + 1) is not None else end


def _is_record(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        try:
            return zlib.decompressobj(_GZIP).decompress(file.read(4096), 64).startswith(b"WARC/1.")
        except zlib.error:
            return False

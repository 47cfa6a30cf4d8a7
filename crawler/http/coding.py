"""Content codings: from the bytes of a response as sent to those of the page. Pure, and free of Scrapy. See D161."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from crawler.errors import CodingError, TooLargeError, TornError, UnknownCodingError

ACCEPTED = "gzip, deflate"  # codings whose truncation can be detected
ZLIB_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_MAX_CODINGS = 4  # of one response
_MAX_MEMBERS = 10_000  # of a gzip stream: servers that send several send one for each part that they flush
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 16
_WINDOWS = (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS)  # with a gzip or zlib header; raw, as some servers send it


def codings_of(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Return the content codings of a response in the order in which they were applied.

    A response may have several Content-Encoding lines, and several codings in each, in any case.
    """
    lines = (value for name, value in headers if name.lower() == "content-encoding")
    names = (name.strip().lower() for line in lines for name in line.split(","))
    return [name for name in names if name and name != "identity"]


def codings_of_list(body: bytes) -> list[str]:
    """Return the codings of a list's body, its content codings undone: a sitemap or feed may be a gzip file."""
    return ["gzip"] if body.startswith(_GZIP) else []


def undo(body: bytes, codings: Iterable[str], max_bytes: int, *, partly: bool = False) -> bytes:
    """Return a body without its content codings.

    An empty body stays as it is: redirects and errors may name a coding and have no body.

    :param codings: in the order in which they were applied
    :param max_bytes: maximum size, also between two codings; no more than this is unpacked
    :param partly: return the beginning of a body that is torn or too large, up to ``max_bytes``
    :raises UnknownCodingError: a coding was not asked for
    :raises TornError: a coding cannot be undone, or does not end
    :raises CodingError: it has too many gzip members
    :raises TooLargeError: it unpacks to more
    """
    names = list(codings)
    if unknown := [name for name in names if name not in ZLIB_CODINGS]:
        raise UnknownCodingError(f"its content coding is {unknown[0][:40]!r}, which was not asked for")
    if len(names) > _MAX_CODINGS:
        raise UnknownCodingError(f"it has {len(names)} content codings, more than {_MAX_CODINGS}")
    for _ in names:
        body = _unpacked(body, max_bytes, partly=partly) if body else body
    return body[:max_bytes] if partly else body


def _unpacked(body: bytes, max_bytes: int, *, partly: bool) -> bytes:
    for wbits in _WINDOWS:
        try:
            return _all_members(memoryview(body), wbits, max_bytes, partly=partly)
        except zlib.error:
            continue
    raise TornError("the content coding of the answer cannot be undone")


def first_member(body: bytes, max_bytes: int) -> bytes:
    """Return the content of the first member of a stream; of a torn one, what is there.

    :raises CodingError: the coding cannot be undone
    :raises TooLargeError: it unpacks to more
    """
    for wbits in _WINDOWS:
        try:
            data = zlib.decompressobj(wbits).decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(data) > max_bytes:
            raise TooLargeError("the answer unpacks to more than network.max_body")
        return data
    raise CodingError("its content coding cannot be undone")


def _all_members(body: memoryview, wbits: int, max_bytes: int, *, partly: bool) -> bytes:
    """Return the content of all members of a stream; what follows the last one is ignored, as by gzip."""
    parts: list[bytes] = []
    place = size = 0
    for _ in range(_MAX_MEMBERS):
        stream = zlib.decompressobj(wbits)
        while not stream.eof:
            chunk = body[place : place + _CHUNK_BYTES]
            if partly and (not chunk or size > max_bytes):
                return b"".join(parts)
            if not chunk:
                raise TornError("the answer ends in the middle of its content coding")
            part = stream.decompress(chunk, max_bytes - size + 1)
            place += len(chunk) - len(stream.unconsumed_tail) - len(stream.unused_data)
            size += len(part)
            parts.append(part)
            if size > max_bytes and not partly:
                raise TooLargeError("the answer unpacks to more than network.max_body")
        following = bytes(body[place : place + len(_GZIP)])
        if not following or wbits < 0 or bytes(body[:2]) != _GZIP or not _GZIP.startswith(following):
            return b"".join(parts)
    raise CodingError(f"it has more than {_MAX_MEMBERS} gzip members")

"""The part of HTTP/1.1 that the mock site needs: request heads to records, responses to bytes. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct


class MockRequest(Struct, frozen=True):
    method: str
    target: str  # path and query, even if the request line has a full URL: "/api/roll/get?lid=1686"
    host: str  # from the address in the request line, else from the Host header
    headers: dict[str, str]  # by lower-case name
    keep_alive: bool

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def address(self) -> str:
        """The whole address, as in a request to a proxy."""
        return f"http://{self.host}{self.target}"


class MockResponse(Struct, frozen=True):
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Delivery(Struct, frozen=True):
    """How a response is sent: bytes and pauses (float, seconds) in order, then the end of the connection."""

    status: int  # for the log; 0 when none is sent
    steps: Iterable[bytes | float]
    end: Literal["keep", "close", "reset"] = "keep"


def read_request(head: bytes) -> MockRequest | None:
    """Parse a request's head, without the empty line at its end; None when it is invalid."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    method, target, version = words
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.lower()] = value.strip()
    host = headers.get("host", "")
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        host = parts.netloc
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = headers.get("connection", "").lower()
    keep_alive = connection == "keep-alive" if version == "HTTP/1.0" else connection != "close"
    return MockRequest(method, target, host, headers, keep_alive)


def head_of(response: MockResponse, *headers: tuple[str, str]) -> bytes:
    """Status line, the headers of `response`, then `headers`, then the empty line. The caller adds lengths."""
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}", "Server: nginx"]
    if response.content_type:
        lines.append(f"Content-Type: {response.content_type}")
    lines += [f"{name}: {value}" for name, value in (*response.headers, *headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def complete(response: MockResponse, *, keep_alive: bool = True, with_body: bool = True) -> bytes:
    """The complete response with the correct length."""
    connection = "keep-alive" if keep_alive else "close"
    head = head_of(response, ("Content-Length", str(len(response.body))), ("Connection", connection))
    return head + response.body if with_body else head


def gzipped(response: MockResponse) -> MockResponse:
    """The same response, gzip-encoded."""
    extra = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return MockResponse(response.status, response.content_type, _gzip(response.body), (*response.headers, *extra))


# A bytes object caches its hash, and the site returns the same object each time: a cache hit costs nothing.
@lru_cache(maxsize=4096)
def _gzip(body: bytes) -> bytes:
    # Level 1: a benchmark measures the client, not this compressor. 31: gzip format, 32 kB window.
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


@lru_cache(maxsize=1)
def packed_spaces(size: int) -> bytes:
    """`size` spaces (a multiple of 2**18) as one valid gzip member, in a hundredth of a second for 512 MiB.

    A full flush resets the compressor's state, so one packed block can be repeated.
    """
    block = b" " * 2**18
    count = size // len(block)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    # CRC-32 is affine over GF(2): the effect of a block on each single bit gives its effect on any value.
    zero_crc = zlib.crc32(block)
    columns = [zlib.crc32(block, 1 << bit) ^ zero_crc for bit in range(32)]
    crc = 0
    for _ in range(count):
        step = zero_crc
        for bit in range(32):
            step ^= columns[bit] if crc >> bit & 1 else 0
        crc = step
    trailer = crc.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")
    last_block = b"\x03\x00"  # empty, marked as final
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + packed * count + last_block + trailer


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # 456 and others that only Sina sends
        return "Unknown"

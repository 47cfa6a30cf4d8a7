"""Hostile HTTP answers, by name: what a site could send in place of a page, a list, an image or a robots.txt. Pure.

Each answer is made from the bytes that the site would have sent. This module has those of HTTP itself; those of HTML,
JSON and XML are in `bench.torture.hostile_content`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from msgspec import Struct

from mocksite.wire import packed_spaces

Steps = Iterable[bytes | float]  # as in `mocksite.wire.Delivery`: bytes, and pauses in seconds
Make = Callable[[bytes], Steps]
ROLES = ("page", "image", "robots", "roll", "live", "column", "usstock", "rss")
EVERYWHERE = ("page", "image", "robots", "roll", "rss")  # for what is the same to every list
STALL = 60.0  # seconds, longer than any limit
MIB = 2**20


class Answer(Struct, frozen=True):
    """A hostile answer, and in place of what it is sent."""

    name: str
    roles: tuple[str, ...]
    make: Make
    end: Literal["keep", "close", "reset"] = "close"


def sent(body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/html; charset=utf-8") -> list[bytes]:
    """A correct answer with these headers."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *([f"Content-Type: {kind}"] if kind else [])]
    return [head(*lines, *headers), body]


def head(*lines: str) -> bytes:
    """A head of these lines."""
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes, extension: str = "") -> bytes:
    """One chunk of a chunked body."""
    return b"%x%s\r\n%s\r\n" % (len(data), extension.encode(), data)


OK = "HTTP/1.1 200 OK"
CHUNKED = head(OK, "Content-Type: text/html", "Transfer-Encoding: chunked")


def _slowly(data: bytes, seconds: float = 0.05) -> Iterator[bytes | float]:
    for byte in data:
        yield seconds
        yield bytes((byte,))


def _forever(first: bytes, again: bytes, total: int = 64 * MIB) -> Iterator[bytes]:
    yield first
    for _ in range(total // len(again)):
        yield again


def _heads() -> dict[str, Make]:
    """Status lines, headers and lengths."""
    plain: dict[str, Callable[[bytes], bytes]] = {
        "no bytes": lambda good: b"",
        "a line end": lambda good: b"\r\n",
        "no head": lambda good: good,
        "random bytes": lambda good: bytes(range(256)) * 500,
        "a status of letters": lambda good: head("HTTP/1.1 abc OK") + good,
        "status 0": lambda good: head("HTTP/1.1 0 OK", f"Content-Length: {len(good)}") + good,
        "status 999": lambda good: head("HTTP/1.1 999 Denied", f"Content-Length: {len(good)}") + good,
        "status 99999999999": lambda good: head("HTTP/1.1 99999999999 OK", f"Content-Length: {len(good)}") + good,
        "HTTP/9.9": lambda good: head("HTTP/9.9 200 OK", f"Content-Length: {len(good)}") + good,
        "HTTP/2 in the status line": lambda good: head("HTTP/2 200") + good,
        "204 with a body": lambda good: head("HTTP/1.1 204 No Content", f"Content-Length: {len(good)}") + good,
        "206 without a range": lambda good: head("HTTP/1.1 206 Partial", f"Content-Length: {len(good)}") + good,
        "304 without a condition": lambda good: head("HTTP/1.1 304 Not Modified"),
        "100,000 times 100 Continue": lambda good: head("HTTP/1.1 100 Continue") * 100_000 + head(OK) + good,
        "a header without a colon": lambda good: head(OK, "nonsense") + good,
        "a header with NUL": lambda good: head(OK, "X-Nul: \0\0") + good,
        "a header of 10 MiB": lambda good: head(OK, f"X-Long: {'x' * 10 * MIB}") + good,
        "100,000 headers": lambda good: head(OK, *(f"X-{number}: 1" for number in range(100_000))) + good,
        "a folded header": lambda good: head(OK, "X-Folded: a", " b", "\tc") + good,
        "heads with LF only": lambda good: b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n" + good,
        "heads with CR only": lambda good: b"HTTP/1.1 200 OK\rContent-Type: text/html\r\r" + good,
        "a negative length": lambda good: head(OK, "Content-Length: -1") + good,
        "a length in letters": lambda good: head(OK, "Content-Length: many") + good,
        "a length of 31 digits": lambda good: head(OK, f"Content-Length: {10**30}") + good,
        "two lengths": lambda good: head(OK, f"Content-Length: {len(good)}", "Content-Length: 3") + good,
        "a length too short": lambda good: head(OK, f"Content-Length: {len(good) // 2}") + good,
        "a length too long": lambda good: head(OK, f"Content-Length: {len(good) + 10}") + good,
        "a chunk size in letters": lambda good: CHUNKED + b"zz\r\n" + good,
        "a chunk size of 2**64": lambda good: CHUNKED + b"FFFFFFFFFFFFFFFF\r\n" + good,
        "a chunk size of 100,000 digits": lambda good: CHUNKED + b"0" * 100_000 + b"5\r\nabcde\r\n0\r\n\r\n",
        "a negative chunk size": lambda good: CHUNKED + b"-5\r\n" + good,
        "no last chunk": lambda good: CHUNKED + chunk(good),
        "a chunk extension of 1 MiB": lambda good: CHUNKED + chunk(good, f";{'x' * MIB}") + b"0\r\n\r\n",
        "chunks of one byte": lambda good: CHUNKED + b"".join(chunk(bytes((b,))) for b in good) + b"0\r\n\r\n",
        "trailers of 10 MiB": lambda good: CHUNKED + chunk(good) + b"0\r\n" + b"X-Trailer: 1\r\n" * 700_000,
        "chunked and a length": lambda good: (
            head(OK, "Content-Length: 5", "Transfer-Encoding: chunked") + chunk(good)
        ),
        "Transfer-Encoding of nonsense": lambda good: head(OK, "Transfer-Encoding: nonsense") + good,
        "cut after half": lambda good: head(OK) + good[: len(good) // 2],
    }
    steps: dict[str, Make] = {
        "endless headers": lambda good: _forever(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 4096),
        "an endless body": lambda good: _forever(head(OK), good + b" " * MIB),
        "a stall before the head": lambda good: [STALL, *sent(good)],
        "a stall in the head": lambda good: [b"HTTP/1.1 200 OK\r\nContent-", STALL],
        "a stall in the body": lambda good: [head(OK, f"Content-Length: {len(good)}"), good[:20], STALL],
        "a head that trickles": lambda good: _slowly(b"".join(sent(good))),
        "a body that trickles": lambda good: _chained(head(OK, f"Content-Length: {len(good)}"), _slowly(good)),
    }
    return {**{name: _whole(make) for name, make in plain.items()}, **steps}


def _whole(make: Callable[[bytes], bytes]) -> Make:
    return lambda good: [make(good)]


def _chained(first: bytes, then: Iterable[bytes | float]) -> Iterator[bytes | float]:
    yield first
    yield from then


def _codings() -> dict[str, Make]:
    """Content-Encoding."""
    packed = gzip.compress
    bodies: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "gzip of three members": ("gzip", lambda good: b"".join(packed(good[n::3]) for n in range(3))),
        "gzip and bytes after it": ("gzip", lambda good: packed(good) + b"after"),
        "half a gzip": ("gzip", lambda good: packed(good)[: len(packed(good)) // 2]),
        "gzip with a wrong sum": ("gzip", lambda good: packed(good)[:-8] + b"\0" * 8),
        "gzip with an endless name": ("gzip", lambda good: b"\x1f\x8b\x08\x08" + b"\0" * 6 + b"n" * 4 * MIB),
        "gzip that is plain": ("gzip", lambda good: good),
        "gzip of nothing": ("gzip", lambda good: packed(b"")),
        "gzip without bytes": ("gzip", lambda good: b""),
        "GZIP": ("GZIP", packed),
        "x-gzip": ("x-gzip", packed),
        "gzip twice": ("gzip, gzip", lambda good: packed(packed(good))),
        "gzip ten times": (", ".join(["gzip"] * 10), lambda good: _times(packed, 10, good)),
        "gzip named twice, done once": ("gzip, gzip", packed),
        "deflate": ("deflate", zlib.compress),
        "deflate without a head": ("deflate", lambda good: zlib.compress(good)[2:-4]),
        "deflate that is plain": ("deflate", lambda good: good),
        "br that is plain": ("br", lambda good: good),
        "br of random bytes": ("br", lambda good: bytes(range(256)) * 100),
        "zstd that is plain": ("zstd", lambda good: b"\x28\xb5\x2f\xfd" + good),
        "an unknown coding": ("x-lzma", lambda good: good),
        "identity": ("identity", lambda good: good),
        "a coding of 100,000 names": (", ".join(["gzip"] * 10_000), packed),
        "a bomb of 512 MiB": ("gzip", lambda good: packed_spaces(2**29)),
        "a bomb of 8 GiB": ("gzip", lambda good: packed_spaces(2**33)),
        "a bomb in a bomb": ("gzip, gzip", lambda good: packed(packed_spaces(2**32))),
        "a deflate bomb": ("deflate", lambda good: zlib.compress(b" " * 64 * MIB)),
    }
    answers: dict[str, Make] = {name: _coded(coding, make) for name, (coding, make) in bodies.items()}
    twice = ("Content-Encoding: gzip", "Content-Encoding: gzip")
    return answers | {"two lines of Content-Encoding": lambda good: sent(packed(packed(good)), *twice)}


def _times(change: Callable[[bytes], bytes], number: int, data: bytes) -> bytes:
    for _ in range(number):
        data = change(data)
    return data


def _coded(coding: str, make: Callable[[bytes], bytes]) -> Make:
    return lambda good: sent(make(good), f"Content-Encoding: {coding}")


LOCATIONS = {
    "itself": "?",
    "a private address": "http://10.255.255.1/",
    "the address of cloud metadata": "http://169.254.169.254/latest/meta-data/",
    "a file": "file:///etc/passwd",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "ftp": "ftp://127.0.0.1/",
    "an unfinished bracket": "http://[bad.png",
    "port 0": "http://127.0.0.1:0/",
    "port 99999": "http://127.0.0.1:99999/",
    "a port in letters": "http://127.0.0.1:port/",
    "a name with a password": "http://user:password@127.0.0.1:1/",
    "no host": "http:///x",
    "nothing": "",
    "a name of 300 letters": f"http://{'a' * 300}.example/",
    "an address of 1 MiB": f"/{'x' * MIB}",
    "bytes above 127": "/\xe4\xb8\xad\xff\xfe",
    "control characters": "/a\x01b\x7f",
    "surrogates": "http://\xed\xa0\x80/",
}
WAITS = {
    "0": "0", "-1": "-1", "1e999": "1e999", "a huge number": "9" * 30, "100,000 digits": "9" * 100_000,
    "soon": "soon", "nothing": "", "a date in the past": "Thu, 01 Jan 1970 00:00:00 GMT",
    "year 9999": "Fri, 31 Dec 9999 23:59:59 GMT",
    "year 0": "Sat, 01 Jan 0000 00:00:00 GMT", "day 99": "Sat, 99 Foo 2026 99:99:99 GMT",
}  # fmt: skip
KINDS = {
    "no type": "", "png": "image/png", "a stream of bytes": "application/octet-stream", "a type of nonsense": ";;=;",
    "an unknown charset": "text/html; charset=x-none", "utf-16": "text/html; charset=utf-16",
    "utf-7": "text/html; charset=utf-7", "utf-32": "text/html; charset=utf-32", "base64": "text/html; charset=base64",
    "zlib": "text/html; charset=zlib_codec", "rot13": "text/html; charset=rot13", "idna": "text/html; charset=idna",
    "undefined": "text/html; charset=undefined", "mbcs": "text/html; charset=mbcs",
    "unicode-escape": "text/html; charset=unicode_escape",
    "a charset of 50,000 letters": f"text/html; charset={'x' * 50_000}",
    "a charset with NUL": "text/html; charset=utf\0-8",
}  # fmt: skip
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda good: b"",
    "spaces": lambda good: b" " * 4 * MIB,
    "NUL": lambda good: b"\0" * 4 * MIB,
    "NUL in between": lambda good: good.replace(b"a", b"\0a"),
    "invalid UTF-8": lambda good: good.replace(b"a", b"\xff\xfe\xc0"),
    "surrogates in UTF-8": lambda good: good.replace(b"a", b"\xed\xa0\x80"),
    "UTF-16 with a mark": lambda good: good.decode("utf-8", "replace").encode("utf-16"),
    "UTF-32": lambda good: good.decode("utf-8", "replace").encode("utf-32"),
    "a mark of UTF-16 before UTF-8": lambda good: b"\xff\xfe" + good,
    "three marks of UTF-8": lambda good: b"\xef\xbb\xbf" * 3 + good,
    "itself a hundred times": lambda good: good * 100,
    "cut in a character": lambda good: good[: len(good) // 2] + b"\xe4\xb8",
    "one line of 7 MiB": lambda good: "没完没了".encode() * (7 * MIB // 12),
    "control characters": lambda good: good.replace(b"a", b"a\x01\x0b\x1b[31m\x7f"),
}


def http_answers() -> list[Answer]:
    """All answers of this module."""
    found = [Answer(name, EVERYWHERE, make) for name, make in (_heads() | _codings()).items()]
    found.append(Answer("a reset in the body", EVERYWHERE, lambda good: [head(OK), good[:50]], "reset"))
    redirects = {f"a redirect to {name}": _redirect(where) for name, where in LOCATIONS.items()}
    redirects["a redirect to nowhere"] = lambda good: sent(b"", status="302 Found")
    waits = {
        f"{status}, Retry-After {name}": _refusal(status, wait)
        for status in ("429 Too Many Requests", "503 Service Unavailable")
        for name, wait in WAITS.items()
    }
    kinds = {f"Content-Type: {name}": _typed(kind) for name, kind in KINDS.items()}
    found += [Answer(name, EVERYWHERE, make) for name, make in {**redirects, **waits, **kinds}.items()]
    return found + [Answer(f"the body: {name}", ROLES, _body(make)) for name, make in BYTES.items()]


def _redirect(where: str) -> Make:
    return lambda good: sent(b"", f"Location: {where}", status="302 Found")


def _refusal(status: str, wait: str) -> Make:
    return lambda good: sent(b"", f"Retry-After: {wait}", status=status)


def _typed(kind: str) -> Make:
    return lambda good: sent(good, kind=kind)


def _body(make: Callable[[bytes], bytes]) -> Make:
    return lambda good: sent(make(good))

"""What can go wrong on the way of an answer. Pure.

A fault turns an answer into a delivery: a small function in the registry, whose docstring says what a client sees.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from mocksite.listings import changed_roll
from mocksite.wire import Delivery, MockRequest, MockResponse, gzipped, head_of, packed_spaces, whole

FaultName = Literal[
    "status", "reset", "close",
    "truncate", "truncate-chunked", "truncate-silent", "drip", "stall",
    "charset", "gbk", "empty", "html", "soft-404",
    "empty-list", "empty-page", "error-list", "broken-item", "not-json",
    "huge", "bomb", "bad-gzip", "cut-gzip",
    "redirect", "redirect-loop",
]  # fmt: skip

HUGE, BOMB = 64 * 2**20, 512 * 2**20  # bytes: as sent; unpacked


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and the requests it befalls."""

    name: FaultName
    match: str  # a regular expression searched in path and query
    times: int | None = None  # so many matching requests suffer it; None: all
    skip: int = 0  # the first so many matching requests pass unharmed
    status: int | None = None  # "status": 503 unless given
    retry_after: int | str | None = None  # "status": seconds, or an HTTP date
    to: str | None = None  # "redirect": the Location
    seconds: float | None = None  # "drip": between two bytes; "stall": of silence

    def __post_init__(self) -> None:
        if self.name not in get_args(FaultName):
            raise ValueError(f"no fault is named {self.name!r}")
        if self.name == "redirect" and self.to is None:
            raise ValueError("the fault 'redirect' needs `to`")
        re.compile(self.match)  # a bad expression fails here, not in the server


@dataclass(slots=True)
class _Watch:
    fault: Fault
    met: int = 0  # matching requests that came to this fault so far


class FaultLine:
    """The faults in force, asked in the order they were added; a request meets one of them at most."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []

    def add(self, fault: Fault) -> None:
        self._watches.append(_Watch(fault))

    def clear(self) -> None:
        self._watches = []

    def pick(self, target: str) -> Fault | None:
        """The fault that befalls a request for `target` (path and query), counting it."""
        for watch in self._watches:
            fault = watch.fault
            last = math.inf if fault.times is None else fault.skip + fault.times
            if watch.met >= last or not re.search(fault.match, target):
                continue
            watch.met += 1
            if watch.met > fault.skip:
                return fault
        return None


_Spoil = Callable[[Fault, MockResponse, MockRequest], Delivery]
_FAULTS: dict[str, _Spoil] = {}


def spoil(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The delivery of `answer` (not yet gzip-encoded) as `fault` has it."""
    return _FAULTS[fault.name](fault, answer, request)


def _fault(name: FaultName) -> Callable[[_Spoil], _Spoil]:
    def register(function: _Spoil) -> _Spoil:
        _FAULTS[name] = function
        return function

    return register


def _deliver(answer: MockResponse) -> Delivery:
    return Delivery(answer.status, (whole(answer),))


def _page(title: str, status: int = 200) -> MockResponse:
    text = f'<html><head><meta charset="utf-8"><title>{title}</title></head><body><h1>{title}</h1></body></html>'
    return MockResponse(status, "text/html", text.encode())


def _half(answer: MockResponse) -> bytes:
    return answer.body[: len(answer.body) // 2]


def _length(answer: MockResponse) -> tuple[str, str]:
    return ("Content-Length", str(len(answer.body)))


@_fault("status")
def _status(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """Any status with a small HTML body; optionally Retry-After."""
    status = fault.status or 503
    extra = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
    return _deliver(replace(_page(f"Error {status}", status), headers=extra))


@_fault("reset")
def _reset(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """Half the body, then a TCP reset."""
    return Delivery(answer.status, (head_of(answer, _length(answer)), _half(answer)), end="reset")


@_fault("close")
def _close(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The connection closes before any byte."""
    return Delivery(0, (), end="close")


@_fault("truncate")
def _truncate(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """Content-Length tells the whole length; half the body comes, then the connection closes."""
    return Delivery(answer.status, (head_of(answer, _length(answer)), _half(answer)), end="close")


@_fault("truncate-chunked")
def _truncate_chunked(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """Chunked: half the body in one whole chunk, then the connection closes without the last chunk."""
    head = head_of(answer, ("Transfer-Encoding", "chunked"))
    return Delivery(answer.status, (head, _chunk(_half(answer))), end="close")


@_fault("truncate-silent")
def _truncate_silent(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """No length at all, `Connection: close`, half the body: nothing in HTTP tells that the rest is missing."""
    head = head_of(answer, ("Connection", "close"))
    return Delivery(answer.status, (head, _half(answer)), end="close")


@_fault("drip")
def _drip(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The headers, then one byte of the body every `seconds` (default 0.05)."""

    def steps() -> Iterator[bytes | float]:
        yield head_of(answer, _length(answer))
        for byte in answer.body:
            yield 0.05 if fault.seconds is None else float(fault.seconds)
            yield bytes((byte,))

    return Delivery(answer.status, steps())


@_fault("stall")
def _stall(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The headers, then nothing for `seconds` (default 60), then the body."""
    seconds = 60.0 if fault.seconds is None else float(fault.seconds)
    return Delivery(answer.status, (head_of(answer, _length(answer)), seconds, answer.body))


@_fault("charset")
def _charset(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The right UTF-8 body under a Content-Type that says utf-16."""
    kind = answer.content_type.partition(";")[0]
    return _deliver(replace(answer, content_type=f"{kind}; charset=utf-16"))


@_fault("gbk")
def _gbk(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The body in GBK with no charset anywhere, neither in the headers nor in a meta."""
    text = re.sub(r'<meta charset="?[\w-]+"?\s*/?>', "", answer.body.decode("utf-8", "replace"))
    kind = answer.content_type.partition(";")[0]
    # GBK lacks a few characters of Unicode (U+00A0 among them); as references they stay what they are.
    return _deliver(replace(answer, content_type=kind, body=text.encode("gbk", "xmlcharrefreplace")))


@_fault("empty")
def _empty(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """200 with no body."""
    return _deliver(MockResponse(200, answer.content_type, b""))


@_fault("html")
def _html(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """200 with a small HTML error page, whatever was asked."""
    return _deliver(_page("系统繁忙，请稍后再试"))


@_fault("soft-404")
def _soft_404(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """200 with an HTML page that says 页面没有找到."""
    return _deliver(_page("页面没有找到"))


@_fault("empty-list")
def _empty_list(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """A roll answer whose data is []; other answers as they are."""
    return _relisted(answer, lambda result: result | {"total": 0, "data": []})


@_fault("empty-page")
def _empty_page(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """A roll answer whose data is [], though its total says that there is more; other answers as they are."""
    return _relisted(answer, lambda result: result | {"data": []})


@_fault("error-list")
def _error_list(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """A roll answer whose status.code is 11, with a msg and no data; other answers as they are."""
    return _relisted(answer, lambda result: result | {"status": {"code": 11, "msg": "system busy"}, "data": []})


@_fault("broken-item")
def _broken_item(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """A roll answer whose third item has no docid, url or title, and wrong types; other answers as they are."""
    garbage: dict[str, Any] = {
        "ctime": [],
        "mtime": None,
        "intime": {"at": "soon"},
        "lids": 1686,
        "img": "none",
        "images": 7,
    }

    def spoilt(result: dict[str, Any]) -> dict[str, Any]:
        return result | {"data": [*result["data"][:2], garbage, *result["data"][3:]]}

    return _relisted(answer, spoilt)


@_fault("not-json")
def _not_json(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """200 and the right length, but the body is cut in the middle."""
    return _deliver(replace(answer, body=_half(answer)))


@_fault("huge")
def _huge(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """64 MiB of text, chunked, in place of the body."""
    piece = _chunk("　　没完没了的正文。\n".encode() * 2048)

    def steps() -> Iterator[bytes | float]:
        yield head_of(answer, ("Transfer-Encoding", "chunked"))
        for _ in range(HUGE // len(piece) + 1):
            yield piece
        yield b"0\r\n\r\n"

    return Delivery(answer.status, steps())


@_fault("bomb")
def _bomb(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """A valid gzip body of half a megabyte that unpacks to 512 MiB of spaces."""
    return _deliver(replace(answer, body=packed_spaces(BOMB), headers=(("Content-Encoding", "gzip"),)))


@_fault("bad-gzip")
def _bad_gzip(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """Content-Encoding says gzip; the body is plain."""
    return _deliver(replace(answer, headers=(("Content-Encoding", "gzip"),)))


@_fault("cut-gzip")
def _cut_gzip(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """The first half of a gzip body, with the right length for that half."""
    return _deliver(replace(answer, body=_half(gzipped(answer)), headers=(("Content-Encoding", "gzip"),)))


@_fault("redirect")
def _redirect(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """302 to the fault's `to`."""
    return _deliver(replace(_page("302 Found", 302), headers=(("Location", fault.to or "/"),)))


@_fault("redirect-loop")
def _redirect_loop(fault: Fault, answer: MockResponse, request: MockRequest) -> Delivery:
    """302 to the very address that was asked for."""
    return _deliver(replace(_page("302 Found", 302), headers=(("Location", request.address),)))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _relisted(answer: MockResponse, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Delivery:
    return _deliver(replace(answer, body=changed_roll(answer.body, change)))

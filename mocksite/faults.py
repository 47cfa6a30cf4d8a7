"""Faults of a server or a network, by name. Pure.

A fault turns a response into a delivery. Each is a small function in the registry; its docstring says what a client
sees.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from mocksite.listings import changed_roll
from mocksite.wire import Delivery, MockRequest, MockResponse, complete, gzipped, head_of, packed_spaces

FaultName = Literal[
    "status", "reset", "close", "truncate", "truncate-chunked", "truncate-silent", "drip", "stall",
    "charset", "gbk", "empty", "html", "soft-404",
    "empty-list", "empty-page", "error-list", "broken-item", "not-json",
    "huge", "bomb", "bad-gzip", "cut-gzip", "redirect", "redirect-loop",
]  # fmt: skip

HUGE = 64 * 2**20  # bytes, as sent
BOMB = 512 * 2**20  # bytes, decompressed


class Fault(Struct, frozen=True):
    """A fault, and the requests that it affects."""

    name: FaultName
    match: str  # a regular expression, searched in path and query
    times: int | None = None  # how many matching requests it affects; None: all
    skip: int = 0  # how many matching requests pass unchanged before that
    status: int | None = None  # "status": 503 by default; "redirect": 302
    retry_after: int | str | None = None  # "status": seconds, or an HTTP date
    to: str | None = None  # "redirect": the Location
    seconds: float | None = None  # "drip": between two bytes; "stall": before the body

    def __post_init__(self) -> None:
        if self.name not in get_args(FaultName):
            raise ValueError(f"no fault is named {self.name!r}")
        if self.name == "redirect" and self.to is None:
            raise ValueError("the fault 'redirect' needs `to`")
        re.compile(self.match)  # an invalid expression fails here, not in the server


class _ActiveFault(Struct):
    fault: Fault
    matched: int = 0  # matching requests so far


class FaultLine:
    """The active faults, in the order in which they were added. At most one of them affects a request."""

    def __init__(self) -> None:
        self._active: list[_ActiveFault] = []

    def add(self, fault: Fault) -> None:
        self._active.append(_ActiveFault(fault))

    def clear(self) -> None:
        self._active = []

    def pick(self, target: str) -> Fault | None:
        """The fault that affects a request for `target` (path and query), None if none does. Counts the request."""
        for active in self._active:
            fault = active.fault
            last = math.inf if fault.times is None else fault.skip + fault.times
            if active.matched >= last or not re.search(fault.match, target):
                continue
            active.matched += 1
            if active.matched > fault.skip:
                return fault
        return None


_Apply = Callable[[Fault, MockResponse, MockRequest], Delivery]
_FAULTS: dict[str, _Apply] = {}


def apply_fault(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The delivery of `response` (not gzip-encoded yet) under `fault`."""
    return _FAULTS[fault.name](fault, response, request)


def _fault(name: FaultName) -> Callable[[_Apply], _Apply]:
    def register(function: _Apply) -> _Apply:
        _FAULTS[name] = function
        return function

    return register


def _deliver(response: MockResponse) -> Delivery:
    return Delivery(response.status, (complete(response),))


def _page(title: str, status: int = 200) -> MockResponse:
    text = f'<html><head><meta charset="utf-8"><title>{title}</title></head><body><h1>{title}</h1></body></html>'
    return MockResponse(status, "text/html", text.encode())


def _half(response: MockResponse) -> bytes:
    return response.body[: len(response.body) // 2]


def _length(response: MockResponse) -> tuple[str, str]:
    return ("Content-Length", str(len(response.body)))


@_fault("status")
def _status(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """Any status, with a small HTML body and optionally Retry-After."""
    status = fault.status or 503
    extra = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
    return _deliver(replace(_page(f"Error {status}", status), headers=extra))


@_fault("reset")
def _reset(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """Half the body, then a TCP reset."""
    return Delivery(response.status, (head_of(response, _length(response)), _half(response)), end="reset")


@_fault("close")
def _close(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The connection closes before any byte."""
    return Delivery(0, (), end="close")


@_fault("truncate")
def _truncate(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """Content-Length is that of the whole body; half of it is sent, then the connection closes."""
    return Delivery(response.status, (head_of(response, _length(response)), _half(response)), end="close")


@_fault("truncate-chunked")
def _truncate_chunked(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """Chunked: half the body in one complete chunk, then the connection closes without the last chunk."""
    head = head_of(response, ("Transfer-Encoding", "chunked"))
    return Delivery(response.status, (head, _chunk(_half(response))), end="close")


@_fault("truncate-silent")
def _truncate_silent(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """No length, `Connection: close`, half the body: HTTP does not show that anything is missing."""
    head = head_of(response, ("Connection", "close"))
    return Delivery(response.status, (head, _half(response)), end="close")


@_fault("drip")
def _drip(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The headers, then one byte of the body every `seconds` (default 0.05)."""

    def steps() -> Iterator[bytes | float]:
        yield head_of(response, _length(response))
        for byte in response.body:
            yield 0.05 if fault.seconds is None else float(fault.seconds)
            yield bytes((byte,))

    return Delivery(response.status, steps())


@_fault("stall")
def _stall(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The headers, then nothing for `seconds` (default 60), then the body."""
    seconds = 60.0 if fault.seconds is None else float(fault.seconds)
    return Delivery(response.status, (head_of(response, _length(response)), seconds, response.body))


@_fault("charset")
def _charset(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The correct UTF-8 body, with a Content-Type that says utf-16."""
    kind = response.content_type.partition(";")[0]
    return _deliver(replace(response, content_type=f"{kind}; charset=utf-16"))


@_fault("gbk")
def _gbk(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The body in GBK without a charset, neither in the headers nor in a meta."""
    text = re.sub(r'<meta charset="?[\w-]+"?\s*/?>', "", response.body.decode("utf-8", "replace"))
    kind = response.content_type.partition(";")[0]
    # GBK lacks some characters of Unicode, such as U+00A0: these become character references.
    return _deliver(replace(response, content_type=kind, body=text.encode("gbk", "xmlcharrefreplace")))


@_fault("empty")
def _empty(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """200 with no body."""
    return _deliver(MockResponse(200, response.content_type, b""))


@_fault("html")
def _html(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """200 with a small HTML error page, for any request."""
    return _deliver(_page("系统繁忙，请稍后再试"))


@_fault("soft-404")
def _soft_404(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """200 with an HTML page that says 页面没有找到."""
    return _deliver(_page("页面没有找到"))


@_fault("empty-list")
def _empty_list(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """A roll response whose data is []; other responses are unchanged."""
    return _with_result(response, lambda result: result | {"total": 0, "data": []})


@_fault("empty-page")
def _empty_page(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """A roll response whose data is [] although its total says that there is more; others are unchanged."""
    return _with_result(response, lambda result: result | {"data": []})


@_fault("error-list")
def _error_list(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """A roll response whose status.code is 11, with a msg and no data; other responses are unchanged."""
    return _with_result(response, lambda result: result | {"status": {"code": 11, "msg": "system busy"}, "data": []})


@_fault("broken-item")
def _broken_item(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """A roll response whose third item has no docid, url or title, and wrong types; others are unchanged."""
    garbage: dict[str, Any] = {
        "ctime": [],
        "mtime": None,
        "intime": {"at": "soon"},
        "lids": 1686,
        "img": "none",
        "images": 7,
    }

    def with_garbage(result: dict[str, Any]) -> dict[str, Any]:
        return result | {"data": [*result["data"][:2], garbage, *result["data"][3:]]}

    return _with_result(response, with_garbage)


@_fault("not-json")
def _not_json(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """200 and the right length of a body that is cut in the middle."""
    return _deliver(replace(response, body=_half(response)))


@_fault("huge")
def _huge(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """64 MiB of text, chunked, instead of the body."""
    chunk = _chunk("　　没完没了的正文。\n".encode() * 2048)

    def steps() -> Iterator[bytes | float]:
        yield head_of(response, ("Transfer-Encoding", "chunked"))
        for _ in range(HUGE // len(chunk) + 1):
            yield chunk
        yield b"0\r\n\r\n"

    return Delivery(response.status, steps())


@_fault("bomb")
def _bomb(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """A valid gzip body of half a megabyte that decompresses to 512 MiB of spaces."""
    return _deliver(replace(response, body=packed_spaces(BOMB), headers=(("Content-Encoding", "gzip"),)))


@_fault("bad-gzip")
def _bad_gzip(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """Content-Encoding says gzip; the body is plain."""
    return _deliver(replace(response, headers=(("Content-Encoding", "gzip"),)))


@_fault("cut-gzip")
def _cut_gzip(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """The first half of a gzip body, with the right length for that half."""
    return _deliver(replace(response, body=_half(gzipped(response)), headers=(("Content-Encoding", "gzip"),)))


@_fault("redirect")
def _redirect(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """A redirect, 302 unless the fault says otherwise, to the fault's `to`."""
    return _deliver(replace(_page("Redirect", fault.status or 302), headers=(("Location", fault.to or "/"),)))


@_fault("redirect-loop")
def _redirect_loop(fault: Fault, response: MockResponse, request: MockRequest) -> Delivery:
    """302 to the address of the request."""
    return _deliver(replace(_page("302 Found", 302), headers=(("Location", request.address),)))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _with_result(response: MockResponse, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Delivery:
    return _deliver(replace(response, body=changed_roll(response.body, change)))

"""Requests, responses and errors as JSON, between keeper and fetchers. Bodies travel beside it, as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes

from archive.model.feed import FailureKind, HostBackoff
from cluster.errors import RequestFailedError
from crawler.http import ssrf
from crawler.http.backoff import HostBackedOffError, HostState
from crawler.http.failures import RefusedError, RobotsUnavailableError
from crawler.http.robots import ROBOTS

_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (
        CannotResolveHostError,
        DownloadCancelledError,
        DownloadConnectionRefusedError,
        DownloadTimeoutError,
        RefusedError,
        ResponseDataLossError,
        RobotsUnavailableError,
    )
}


def request_document(request: Request) -> dict[str, Any]:
    """Return what a fetcher needs to send a request."""
    return {"headers": _pairs(request.headers), "robots": bool(request.meta.get(ROBOTS))}


def read_request(url: str, document: Mapping[str, Any]) -> Request:
    """Return the request of a document."""
    meta = {ROBOTS: True} if document["robots"] else {}
    return Request(url, headers=_headers(document["headers"]), meta=meta, dont_filter=True)


def response_document(response: Response) -> dict[str, Any]:
    """Return everything of a response but its body."""
    return {
        "url": response.url,
        "status": response.status,
        "headers": _pairs(response.headers),
        "flags": [str(flag) for flag in response.flags],
        "latency": response.meta.get("download_latency"),
    }


def error_document(error: BaseException, host: str) -> dict[str, Any]:
    """Return an error of a request in place of a response.

    :param host: the request's host
    """
    if isinstance(error, HostBackedOffError):
        backoff = error.backoff
        return {"error": "HostBackedOffError", "backoff": _backoff_document(backoff)}
    # The fetcher's own check of addresses: its names resolve as on its machine.
    if isinstance(error, CannotResolveHostError) and (address := ssrf.refused.get(host)):
        error = RefusedError(f"{host} has the private address {address}, and network.allow_private is false")
    return {"error": type(error).__name__, "message": str(error)}


def read_outcome(request: Request, document: Mapping[str, Any], body: bytes | None) -> Response:
    """Return the response of a document.

    :param request: that it answers
    :raises Exception: the error of the document
    """
    name = document.get("error")
    if name == "HostBackedOffError":
        raise HostBackedOffError(_read_backoff(document["backoff"]))
    if name is not None:
        raise _ERRORS.get(name, RequestFailedError)(document["message"])
    headers, content = _headers(document["headers"]), body or b""
    response_class = responsetypes.from_args(headers=headers, url=document["url"], body=content)
    request.meta["download_latency"] = document["latency"]
    return response_class(
        url=document["url"], status=document["status"], headers=headers, body=content, flags=document["flags"]
    )


def state_document(state: HostState) -> dict[str, Any] | None:
    """Return the state of a host, without the remaining time of its back-off; None: there is nothing to say."""
    if state.backoff is None and not state.unreachable:
        return None
    return {"backoff": _backoff_document(state.backoff) if state.backoff else None, "unreachable": state.unreachable}


def read_state(document: Mapping[str, Any] | None, remaining: timedelta) -> HostState:
    """Return the state of a host.

    :param remaining: of its back-off
    """
    try:
        backoff = _read_backoff(document["backoff"]) if document and document["backoff"] else None
        unreachable = float(document["unreachable"]) if document else 0.0
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # a fetcher has written nonsense
        return HostState()
    return HostState(backoff, remaining if backoff else timedelta(0), unreachable)


def _backoff_document(backoff: HostBackoff) -> dict[str, Any]:
    return {
        "host": backoff.host,
        "until": backoff.until.timestamp(),  # by the clock of the fetcher, for messages only
        "failures": backoff.failures,
        "from_retry_after": backoff.from_retry_after,
        "reason": backoff.reason,
        "kind": str(backoff.kind),
    }


def _read_backoff(document: Mapping[str, Any]) -> HostBackoff:
    return HostBackoff(
        document["host"],
        datetime.fromtimestamp(document["until"], UTC),
        document["failures"],
        document["from_retry_after"],
        document["reason"],
        FailureKind(document["kind"]),
    )


# Headers are bytes: each is one character of Latin-1 in the text.
def _pairs(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, values in headers.items() for value in values]


def _headers(pairs: list[list[str]]) -> Headers:
    headers = Headers()
    for name, value in pairs:
        headers.appendlist(name.encode("latin-1"), value.encode("latin-1"))
    return headers

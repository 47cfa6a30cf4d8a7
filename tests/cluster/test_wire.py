"""What crosses the wire: requests, responses, errors and states come out as they went in, as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from scrapy.exceptions import CannotResolveHostError, DownloadTimeoutError, ResponseDataLossError
from scrapy.http import Headers, HtmlResponse, Response

from archive.model.feed import FailureKind, HostBackoff
from cluster.errors import RequestFailedError
from cluster.wire import (
    error_document,
    read_outcome,
    read_request,
    read_state,
    request_document,
    response_document,
    state_document,
)
from crawler.http import ssrf
from crawler.http.backoff import HostBackedOffError, HostState
from crawler.http.failures import RefusedError, RobotsUnavailableError, of_exception
from crawler.http.robots import ROBOTS

URL = "https://finance.sina.com.cn/a.html"
HOST = "finance.sina.com.cn"
BACKOFF = HostBackoff(HOST, datetime(2026, 9, 30, tzinfo=UTC), 3, True, "it answered 456", FailureKind.BLOCKED)
NAMES = st.text("abcXYZ-", min_size=1)
HEADERS = st.lists(st.tuples(NAMES, st.binary()), max_size=5)


def as_json(document: object) -> object:
    """Return a document as the other side reads it."""
    return json.loads(json.dumps(document))


@given(HEADERS, st.booleans())
def test_a_request_comes_out_as_it_went_in(headers: list[tuple[str, bytes]], is_robots: bool) -> None:
    request = Request(URL, headers=headers, meta={ROBOTS: True} if is_robots else {})
    again = read_request(URL, as_json(request_document(request)))  # type: ignore[arg-type]
    assert (again.url, again.headers, again.meta.get(ROBOTS, False)) == (URL, request.headers, is_robots)


@given(HEADERS, st.binary(), st.integers(100, 599), st.booleans())
def test_a_response_comes_out_as_it_went_in(
    headers: list[tuple[str, bytes]], body: bytes, status: int, is_partial: bool
) -> None:
    flags = ["partial"] if is_partial else []
    request = Request(URL)
    response = Response(URL, status=status, headers=Headers(headers), body=body, flags=flags, request=request)
    again = read_outcome(Request(URL), as_json(response_document(response)), body)  # type: ignore[arg-type]
    assert (again.url, again.status, again.headers, again.body, again.flags) == (
        *(URL, status, response.headers, body, flags),
    )


def test_a_response_has_the_class_that_scrapy_gives_it() -> None:
    response = Response(URL, headers={"Content-Type": "text/html"}, body=b"<p>", request=Request(URL))
    assert isinstance(read_outcome(Request(URL), response_document(response), b"<p>"), HtmlResponse)


@pytest.mark.parametrize(
    "error",
    [
        CannotResolveHostError("no such name"),
        DownloadTimeoutError("20 s"),
        ResponseDataLossError("cut"),
        RefusedError("a private address"),
        RobotsUnavailableError("robots.txt answers 503"),
        HostBackedOffError(BACKOFF),
        OSError("anything else"),
    ],
)
def test_an_error_means_the_same_on_the_other_side(error: Exception) -> None:
    kind = RequestFailedError if type(error) is OSError else type(error)
    with pytest.raises(kind) as caught:
        read_outcome(Request(URL), as_json(error_document(error, HOST)), None)  # type: ignore[arg-type]
    assert type(caught.value) is kind
    ours, theirs = of_exception(caught.value, "x", HOST), of_exception(error, "x", HOST)
    assert ours == theirs


def test_a_private_address_is_known_where_the_request_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ssrf.refused, HOST, "10.0.0.1")
    document = error_document(CannotResolveHostError("x"), HOST)
    monkeypatch.delitem(ssrf.refused, HOST)
    with pytest.raises(RefusedError, match=r"has the private address 10\.0\.0\.1"):
        read_outcome(Request(URL), document, None)


@pytest.mark.parametrize(
    "state", [HostState(), HostState(BACKOFF, timedelta(seconds=9), 0.5), HostState(None, timedelta(0), 2.0)]
)
def test_a_state_comes_out_as_it_went_in(state: HostState) -> None:
    assert read_state(as_json(state_document(state)), state.remaining) == state  # type: ignore[arg-type]

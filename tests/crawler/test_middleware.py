"""Which responses pass: whole ones in a content coding that was asked for, and not too large."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from scrapy import Request
from scrapy.exceptions import ResponseDataLossError, StopDownload
from scrapy.http import Response

from crawler.errors import RedirectError, UnknownCodingError
from crawler.http.failures import RefusedError
from crawler.http.middleware import DOCID, RAW_RESPONSE, RequestMiddleware, RobotsSizeLimit
from crawler.http.robots import MAX_ROBOTS_BYTES, ROBOTS

URL = "https://a.cn/list"
TEXT = "财经要闻，市场观察。".encode() * 500
MAX_BYTES = 100_000
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
MEMBERS = b"".join(gzip.compress(TEXT[place : place + 3000]) for place in range(0, len(TEXT), 3000))
STREAMS = {
    "gzip": (["gzip"], gzip.compress(TEXT)),
    "deflate": (["deflate"], zlib.compress(TEXT)),
    "bare deflate": (["deflate"], BARE.compress(TEXT) + BARE.flush()),
    "members": (["gzip"], MEMBERS),
    "upper case": (["GZIP"], gzip.compress(TEXT)),
    "old name": ([" X-Gzip "], MEMBERS),
    "two codings": (["gzip, gzip"], gzip.compress(MEMBERS)),
    "two lines": (["deflate", "gzip"], gzip.compress(zlib.compress(TEXT))),
    "identity": (["identity"], TEXT),
}


def passed(codings: list[str], body: bytes, **meta: Any) -> Response:
    """The response as the middleware passes it on."""
    response = Response(URL, headers={"Content-Encoding": codings}, body=body)
    return RequestMiddleware(MAX_BYTES).process_response(Request(URL, meta=meta), response)


@pytest.mark.parametrize("name", STREAMS)
def test_a_whole_list_is_read_in_each_coding(name: str) -> None:
    codings, body = STREAMS[name]
    response = passed(codings, body)
    assert response.body == TEXT
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "identity"])
def test_a_torn_response_is_a_loss_of_data(name: str) -> None:
    codings, body = STREAMS[name]
    for meta in ({}, {RAW_RESPONSE: None}, {ROBOTS: True}):
        for length in range(1, len(body), len(body) // 50 + 1):
            try:
                response = passed(codings, body[:length], **meta)
            except ResponseDataLossError:
                continue
            # Only between two members can nobody see that it is torn.
            assert "members" in name or "old name" in name, (meta, length)
            assert TEXT.startswith(gzip.decompress(body[:length])), response


def test_the_page_of_an_article_is_stored_as_sent_and_left_to_the_parser() -> None:
    request = Request(URL, meta={RAW_RESPONSE: None, DOCID: "a1"})
    response = Response(URL, headers={"Content-Encoding": "gzip"}, body=gzip.compress(TEXT)[:-9])
    assert RequestMiddleware(MAX_BYTES).process_response(request, response) is response
    assert request.meta[RAW_RESPONSE].body == response.body


def test_what_follows_the_last_member_does_not_count() -> None:
    assert passed(["gzip"], MEMBERS + bytes(512)).body == TEXT
    assert passed(["gzip"], MEMBERS + b"garbage").body == TEXT
    with pytest.raises(ResponseDataLossError):
        passed(["gzip"], MEMBERS + gzip.compress(b"x")[:1])


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "aes128gcm", ", ".join(["gzip"] * 5)])
def test_a_coding_that_was_not_asked_for_is_refused_with_its_name(coding: str) -> None:
    with pytest.raises(UnknownCodingError, match="coding"):
        passed([coding], TEXT)
    request = Request(URL, meta={RAW_RESPONSE: None})
    response = Response(URL, headers={"Content-Encoding": coding}, body=TEXT)
    assert RequestMiddleware(MAX_BYTES).process_response(request, response) is response
    assert request.meta[RAW_RESPONSE].body == TEXT  # it is stored


@pytest.mark.parametrize("codings", [["gzip"], ["gzip, gzip"]])
def test_a_bomb_is_not_unpacked(codings: list[str]) -> None:
    bomb = gzip.compress(bytes(30_000_000))
    bomb = gzip.compress(bomb) if codings == ["gzip, gzip"] else bomb
    with pytest.raises(RefusedError, match="unpacks to more than"):
        passed(codings, bomb)
    assert passed(codings, bomb, **{RAW_RESPONSE: None}).body == bomb


def test_no_body_is_whole_and_what_is_no_stream_is_not() -> None:
    assert passed(["gzip"], b"").body == b""
    with pytest.raises(ResponseDataLossError):
        passed(["gzip"], b"<html>plain</html>")


def test_a_large_robots_txt_is_read_up_to_its_limit() -> None:
    lines = b"User-agent: *\nDisallow: /private/\n" + b"Disallow: /x/\n" * MAX_ROBOTS_BYTES
    response = passed(["gzip"], gzip.compress(lines), **{ROBOTS: True})
    assert MAX_ROBOTS_BYTES - 20 < len(response.body) <= MAX_ROBOTS_BYTES
    assert response.body.startswith(b"User-agent: *\nDisallow: /private/\n")
    assert response.body.endswith(b"\n")  # no rule that is half there


def test_the_page_of_a_host_without_a_robots_txt_forbids_nothing() -> None:
    response = Response(URL, status=404, body=b"<html>User-agent: *\nDisallow: /\n</html>")
    middleware = RequestMiddleware(MAX_BYTES)
    assert middleware.process_response(Request(URL, meta={ROBOTS: True}), response).body == b""


def test_reading_a_robots_txt_stops_at_its_limit() -> None:
    middleware = RobotsSizeLimit()
    request = Request(URL, meta={ROBOTS: True})
    middleware.process_request(request)
    middleware.on_bytes(bytes(MAX_ROBOTS_BYTES - 1), request)
    with pytest.raises(StopDownload) as stop:
        middleware.on_bytes(b"x", request)
    assert not stop.value.fail
    middleware.on_bytes(bytes(MAX_ROBOTS_BYTES), Request(URL))


@pytest.mark.parametrize("location", ["http://[bad", "//[::1/x", "http://a]b/"])
def test_a_redirect_to_an_address_that_is_none_is_a_failure(location: str) -> None:
    response = Response(URL, status=302, headers={"Location": location})
    with pytest.raises(RedirectError, match="an address that is none"):
        RequestMiddleware(MAX_BYTES).process_response(Request(URL), response)

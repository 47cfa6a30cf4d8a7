"""Downloader middleware: rules for every request and response, redirects and robots.txt included."""

from __future__ import annotations

import zlib

from scrapy import Request
from scrapy.exceptions import ResponseDataLossError
from scrapy.http import Headers, Response

from archive.model.fetch import RawResponse
from crawler.http.robots import MAX_ROBOTS_BYTES, ROBOTS

# Key in the meta of a request whose response is to be stored as sent. The middleware puts the RawResponse there.
RAW_RESPONSE = "finarchive_answer"
_ZLIB_CODINGS = (b"gzip", b"x-gzip", b"deflate")
_CHUNK_BYTES = 1024 * 1024  # unpacked at a time: a decompression bomb must not fill the memory


class RequestMiddleware:
    """Prepares requests, stores raw responses and detects truncated ones."""

    def process_request(self, request: Request) -> None:
        """Prepare a request, before it enters the queue of its host."""
        # A redirect to another host belongs to that host's queue; the downloader keeps the first one in the meta.
        request.meta.pop("download_slot", None)
        if request.meta.get(ROBOTS):
            request.meta["download_maxsize"] = MAX_ROBOTS_BYTES

    def process_response(self, request: Request, response: Response) -> Response:
        """Check a response before its content coding is undone, because Scrapy takes a truncated one for complete.

        Stores the raw response if the request has the key :data:`RAW_RESPONSE`.

        :raises ResponseDataLossError: the response is truncated
        """
        if RAW_RESPONSE in request.meta:
            request.meta[RAW_RESPONSE] = _raw_response(request, response)
        if response.headers.get("Content-Encoding") in _ZLIB_CODINGS and not is_complete(response.body):
            raise ResponseDataLossError
        return response


def _raw_response(request: Request, response: Response) -> RawResponse:
    return RawResponse(
        url=response.url,
        status=response.status,
        headers=_pairs(response.headers),
        body=response.body,
        request_headers=_pairs(request.headers),
        # Undocumented in Scrapy 2.19: the flag of a body that ends with its connection.
        stated_length="partial" not in response.flags,
    )


def _pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values
    )


def is_complete(body: bytes) -> bool:
    """Return whether a gzip or deflate stream reaches its end; one that cannot be read does not.

    An empty body is complete: redirects and errors may name a coding and have no body.
    """
    if not body:
        return True
    for wbits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a gzip or zlib header; raw, as some servers send it
        stream = zlib.decompressobj(wbits)
        left = body
        try:
            while left and not stream.eof:
                stream.decompress(left, _CHUNK_BYTES)
                left = stream.unconsumed_tail
        except zlib.error:
            continue
        return stream.eof
    return False

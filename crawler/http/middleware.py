"""Rules that hold for every request and response, redirects and robots.txt included."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from scrapy import Request
from scrapy.exceptions import ResponseDataLossError
from scrapy.http import Headers, Response

from archive.model.fetch import RawResponse

if TYPE_CHECKING:
    pass
from crawler.http.robots import LARGEST_ROBOTS, ROBOTS

# In the meta of a request whose answer is wanted as it was sent; afterwards it holds it.
ANSWER = "finarchive_answer"
_ZLIB_CODINGS = (b"gzip", b"x-gzip", b"deflate")
_CHUNK = 1024 * 1024  # bytes unpacked at a time: a bomb must not fill the memory


class RequestMiddleware:
    """Downloader middleware: what holds for every request and answer, redirects and robots.txt included."""

    def process_request(self, request: Request) -> None:
        """Before the queue of its host."""
        # A redirect to another host counts there; the downloader keeps the first one's queue in the meta.
        request.meta.pop("download_slot", None)
        if request.meta.get(ROBOTS):
            request.meta["download_maxsize"] = LARGEST_ROBOTS

    def process_response(self, request: Request, response: Response) -> Response:
        """Before the content coding is undone: Scrapy takes one that is cut off for whole.

        The answer to a request for an article is kept as it was sent: see :data:`ANSWER`.

        :raises ResponseDataLossError: it is cut off
        """
        if ANSWER in request.meta:
            request.meta[ANSWER] = _answer(request, response)
        if response.headers.get("Content-Encoding") in _ZLIB_CODINGS and not ends(response.body):
            raise ResponseDataLossError
        return response


def _answer(request: Request, response: Response) -> RawResponse:
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


def ends(body: bytes) -> bool:
    """Whether a gzip or deflate stream comes to its end; one that cannot be read does not.

    No body at all is whole: redirects and errors may name a coding and have none.
    """
    if not body:
        return True
    for wbits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a gzip or zlib header; bare, as some servers send it
        stream, left = zlib.decompressobj(wbits), body
        try:
            while left and not stream.eof:
                stream.decompress(left, _CHUNK)
                left = stream.unconsumed_tail
        except zlib.error:
            continue
        return stream.eof
    return False

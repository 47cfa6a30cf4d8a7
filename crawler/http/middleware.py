"""Downloader middleware: rules for every request and response, redirects and robots.txt included."""

from __future__ import annotations

from typing import Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import ResponseDataLossError, StopDownload
from scrapy.http import Headers, Response

from archive.model.fetch import RawResponse
from crawler.errors import CodingError, RedirectError, TooLargeError, UnknownCodingError
from crawler.http.coding import codings_of, codings_of_list, undo
from crawler.http.failures import RefusedError
from crawler.http.robots import MAX_ROBOTS_BYTES, ROBOTS
from crawler.urls import absolute, is_url

# Key in the meta of a request whose response is to be stored as sent. The middleware puts the RawResponse there.
RAW_RESPONSE = "finarchive_answer"
DOCID = "finarchive_docid"  # key in the meta of a request for an article: its docid
_RECEIVED = "finarchive_received"  # bytes of a robots.txt so far
_STOPPED = "download_stopped"  # Scrapy's flag of a response that was not read to its end


class RobotsSizeLimit:
    """Stops reading a robots.txt at its limit."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Create the middleware. Scrapy calls this."""
        middleware = cls()
        crawler.signals.connect(middleware.on_bytes, signals.bytes_received)
        return middleware

    def process_request(self, request: Request) -> None:
        """Count the bytes of a robots.txt, in place of the limit of other responses."""
        if request.meta.get(ROBOTS):
            request.meta["download_maxsize"] = 0  # it is read up to its limit
            request.meta[_RECEIVED] = 0

    def on_bytes(self, data: bytes, request: Request) -> None:
        """Stop reading a robots.txt at its limit.

        :raises StopDownload: it is reached
        """
        if _RECEIVED in request.meta:
            request.meta[_RECEIVED] += len(data)
            if request.meta[_RECEIVED] >= MAX_ROBOTS_BYTES:
                raise StopDownload(fail=False)


class RequestMiddleware:
    """Prepares requests, stores raw responses, undoes content codings and detects truncated responses.

    :param max_bytes: maximum size of an unpacked response
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Create the middleware. Scrapy calls this."""
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def process_request(self, request: Request) -> None:
        """Prepare a request, before it enters the queue of its host."""
        # A redirect to another host belongs to that host's queue; the downloader keeps the first one in the meta.
        request.meta.pop("download_slot", None)

    def process_response(self, request: Request, response: Response) -> Response:
        """Undo the content coding of a response; one that is to be stored as sent keeps it.

        The codings of an article's page are undone once, by the parser process, which finds damage too. Those of an
        image are checked here.

        Stores the raw response if the request has the key :data:`RAW_RESPONSE`.

        :raises ResponseDataLossError: the response is truncated
        :raises RedirectError: it leads to an address that is none
        :raises UnknownCodingError: its coding was not asked for
        :raises RefusedError: it unpacks to more than is allowed
        """
        headers = _pairs(response.headers)
        if RAW_RESPONSE in request.meta:
            request.meta[RAW_RESPONSE] = _raw_response(request, response, headers)
        location = {name.lower(): value for name, value in headers}.get("location", "")
        if 300 <= response.status < 400 and not is_url(absolute(response.url, location)):
            raise RedirectError(
                f"status {response.status}: a redirect to an address that is none, {location[:200]!r}"
            )
        if request.meta.get(ROBOTS):
            return self._robots(response, codings_of(headers))
        if DOCID in request.meta:
            return response
        try:
            body = undo(response.body, codings_of(headers), self._max_bytes)
            if RAW_RESPONSE not in request.meta:
                body = undo(body, codings_of_list(body), self._max_bytes)
        except (UnknownCodingError, TooLargeError) as error:
            if RAW_RESPONSE in request.meta:
                return response  # it is stored; whoever reads it finds the reason
            raise RefusedError(str(error)) if isinstance(error, TooLargeError) else error from error
        except CodingError as error:
            raise ResponseDataLossError from error
        return response if RAW_RESPONSE in request.meta else _plain(response, body)

    def _robots(self, response: Response, codings: list[str]) -> Response:
        if 400 <= response.status < 500:  # RFC 9309, 2.3.1.3: everything is allowed, whatever the page says
            return _plain(response, b"")
        is_stopped = _STOPPED in response.flags
        try:
            body = undo(response.body, codings, MAX_ROBOTS_BYTES, partly=is_stopped)
        except TooLargeError:
            is_stopped = True
            body = undo(response.body, codings, MAX_ROBOTS_BYTES, partly=True)
        except CodingError as error:
            raise ResponseDataLossError from error
        whole_lines = body[: body.rfind(b"\n") + 1] if is_stopped else body
        return _plain(response, whole_lines)


def _plain(response: Response, body: bytes) -> Response:
    headers = Headers({name: values for name, values in response.headers.items() if name != b"Content-Encoding"})
    return response.replace(body=body, headers=headers)


def _raw_response(request: Request, response: Response, headers: tuple[tuple[str, str], ...]) -> RawResponse:
    return RawResponse(
        url=response.url,
        status=response.status,
        headers=headers,
        body=response.body,
        request_headers=_pairs(request.headers),
        # Undocumented in Scrapy 2.19: the flag of a body that ends with its connection.
        stated_length="partial" not in response.flags,
    )


def _pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values
    )

"""From a recorded fetch to its article, or why there is none. Pure, so stored fetches can be read again."""

from __future__ import annotations

import logging
import re
import zlib
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from selectolax.lexbor import SelectolaxError

from archive.model.article import Article, Page
from archive.model.feed import Entry, Failure, FailureKind
from archive.model.fetch import Fetch, RawResponse
from crawler.errors import ExtractionError, GoneError, MovedError, TooLargeError
from crawler.extract.article import extract, extract_from_listing, is_complete_page
from crawler.http.status import of_status, one_line

logger = logging.getLogger("finarchive")

_ZLIB_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
# Sites redirect requests for deleted articles to their front page, or that of a section.
_FRONT_PAGE = re.compile(r"/?(?:[a-z]+/?)?(?:index\.(?:s?html?|d\.html))?", re.IGNORECASE)


def parse_fetch(fetch: Fetch, max_bytes: int) -> Article | Failure:
    """Return the article of a fetch, or why there is none.

    :param max_bytes: maximum size of an unpacked page
    :raises MemoryError: the memory of this process does not suffice
    """
    entry = fetch.pending.entry
    if fetch.failure:
        return fetch.failure
    try:
        return _parse(fetch, entry, max_bytes)
    except MovedError as error:
        return Failure(entry.docid, FailureKind.GONE, one_line(str(error)), moved_to=error.docid)
    except (TooLargeError, ExtractionError) as error:
        return Failure(entry.docid, _kind(error), one_line(str(error)))
    except (MemoryError, SelectolaxError) as error:  # lexbor parses any text, if it has the memory
        raise MemoryError from error
    except Exception as error:  # a bug in code that only reads: it must not affect other articles
        logger.exception("bug docid=%s url=%s", entry.docid, entry.url)
        return Failure(entry.docid, FailureKind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")


def _kind(error: TooLargeError | ExtractionError) -> FailureKind:
    if isinstance(error, TooLargeError):
        return FailureKind.REFUSED
    return FailureKind.GONE if isinstance(error, GoneError) else FailureKind.UNREADABLE


def _parse(fetch: Fetch, entry: Entry, max_bytes: int) -> Article | Failure:
    response = fetch.response
    if entry.withdrawn:
        return Failure(entry.docid, FailureKind.GONE, "the listing says that it was deleted")
    if entry.content is not None:
        return extract_from_listing(entry, fetch.at, clean=fetch.rules.clean)
    if response is None:
        raise ExtractionError("no page was requested, and the listing contains no text")
    if failure := of_status(response.status, entry.docid, header(response, "location")):
        return failure
    if response.url != entry.url and _redirects_to_front_page(entry.url, response.url):
        return Failure(entry.docid, FailureKind.GONE, f"a redirect to a front page, {one_line(response.url)[:200]}")
    page = page_of(response, fetch.at, max_bytes)
    if not response.stated_length and not is_complete_page(page):
        return Failure(entry.docid, FailureKind.TEMPORARY, "the page ends in the middle")
    return extract(page, entry, clean=fetch.rules.clean, check_identity=fetch.rule > 1)


def page_of(response: RawResponse, fetched_at: datetime, max_bytes: int) -> Page:
    """Return a response's page, with the content coding undone.

    :param max_bytes: maximum size of the unpacked page
    :raises TooLargeError: it unpacks to more
    :raises ExtractionError: its content coding cannot be undone
    """
    page = Page(response.url, response.body, header(response, "content-type"), fetched_at)
    if header(response, "content-encoding").strip().lower() in _ZLIB_CODINGS and response.body:
        return replace(page, body=_unpack(response.body, max_bytes))
    return page


def _unpack(body: bytes, max_bytes: int) -> bytes:
    for wbits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a gzip or zlib header; raw, as some servers send it
        stream = zlib.decompressobj(wbits)
        try:
            data = stream.decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(data) > max_bytes:
            raise TooLargeError("the answer unpacks to more than network.max_body")
        return data
    raise ExtractionError("its content coding cannot be undone")


def _redirects_to_front_page(requested: str, final: str) -> bool:
    before, after = urlsplit(requested).path, urlsplit(final).path
    return before != after and bool(_FRONT_PAGE.fullmatch(after)) and not _FRONT_PAGE.fullmatch(before)


def header(response: RawResponse, name: str) -> str:
    """Return a header of a response; "" if it has none.

    :param name: in lower case
    """
    return next((value for key, value in response.headers if key.lower() == name), "")

"""From what came of a look to the article, or to why there is none. Pure: what is kept can be read once more."""

from __future__ import annotations

import logging
import re
import zlib
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from archive.model.article import Article, Page
from archive.model.feed import Entry, Failure, FailureKind
from archive.model.fetch import Fetch, RawResponse
from crawler.errors import ExtractionError, GoneError, TooLargeError
from crawler.extract.article import extract, extract_carried, is_whole
from crawler.http.status import of_status, one_line

logger = logging.getLogger("finarchive")

_ZLIB_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
# Where a site sends who asks for an article that is no more: its front page, or a section's.
_FRONT = re.compile(r"/?(?:[a-z]+/?)?(?:index\.(?:s?html?|d\.html))?", re.IGNORECASE)


def understand(fetch: Fetch, most: int) -> Article | Failure:
    """What a look has brought.

    :param most: bytes that a page may unpack to
    """
    entry = fetch.pending.entry
    if fetch.failure:
        return fetch.failure
    try:
        return _read(fetch, entry, most)
    except (TooLargeError, ExtractionError) as error:
        return Failure(entry.docid, _kind(error), one_line(str(error)))
    except Exception as error:  # a bug, in code that only reads: other articles must not suffer from it
        logger.exception("bug docid=%s url=%s", entry.docid, entry.url)
        return Failure(entry.docid, FailureKind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")


def _kind(error: TooLargeError | ExtractionError) -> FailureKind:
    if isinstance(error, TooLargeError):
        return FailureKind.REFUSED
    return FailureKind.GONE if isinstance(error, GoneError) else FailureKind.UNREADABLE


def _read(fetch: Fetch, entry: Entry, most: int) -> Article | Failure:
    answer = fetch.response
    if entry.withdrawn:
        return Failure(entry.docid, FailureKind.GONE, "the listing says that it was deleted")
    if entry.content is not None:
        return extract_carried(entry, fetch.at, clean=fetch.rules.clean)
    if answer is None:
        raise ExtractionError("no page was asked for, and the listing carries no text")
    if failure := of_status(answer.status, entry.docid, header(answer, "location")):
        return failure
    if answer.url != entry.url and _is_sent_to_the_front(entry.url, answer.url):
        return Failure(entry.docid, FailureKind.GONE, f"a redirect to a front page, {one_line(answer.url)[:200]}")
    page = page_of(answer, fetch.at, most)
    if not answer.stated_length and not is_whole(page):
        return Failure(entry.docid, FailureKind.TEMPORARY, "the page ends in the middle")
    return extract(page, entry, clean=fetch.rules.clean)


def page_of(answer: RawResponse, fetched_at: datetime, most: int) -> Page:
    """An answer's page, with the content coding undone.

    :param most: bytes that it may unpack to
    :raises TooLargeError: it unpacks to more
    :raises ExtractionError: its content coding cannot be undone
    """
    page = Page(answer.url, answer.body, header(answer, "content-type"), fetched_at)
    if header(answer, "content-encoding").strip().lower() in _ZLIB_CODINGS and answer.body:
        return replace(page, body=_unpacked(answer.body, most))
    return page


def _unpacked(body: bytes, most: int) -> bytes:
    for wbits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a gzip or zlib header; bare, as some servers send it
        stream = zlib.decompressobj(wbits)
        try:
            whole = stream.decompress(body, most + 1)
        except zlib.error:
            continue
        if len(whole) > most:
            raise TooLargeError("the answer unpacks to more than network.max_body")
        return whole
    raise ExtractionError("its content coding cannot be undone")


def _is_sent_to_the_front(asked: str, answered: str) -> bool:
    before, after = urlsplit(asked).path, urlsplit(answered).path
    return before != after and bool(_FRONT.fullmatch(after)) and not _FRONT.fullmatch(before)


def header(answer: RawResponse, name: str) -> str:
    """A header of an answer, named in small letters; "" when it has none."""
    return next((value for key, value in answer.headers if key.lower() == name), "")

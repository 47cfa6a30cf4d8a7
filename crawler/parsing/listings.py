"""Parse pages of lists in parser processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from archive.model.feed import Failure, FailureKind, Listing
from archive.model.fetch import RawResponse
from crawler.errors import GoneError, ListingError
from crawler.http.status import one_line
from crawler.listings.discovery import Discovery, discover
from crawler.listings.registry import READERS
from crawler.listings.source import ListSource
from crawler.parsing.articles import unreadable
from crawler.parsing.pool import Died, ParserPool

if TYPE_CHECKING:
    from config.model import Feed

logger = logging.getLogger("finarchive")


def parse_listing(pool: ParserPool, feed: Feed, body: bytes, content_type: str, at: datetime) -> Listing | Failure:
    """Return a page of a list, or why it cannot be read.

    :param content_type: the Content-Type header; "" if there is none
    :param at: when the poll or the backfill began
    :raises ParserUnavailableError: no parser process can be started, or the pool was closed
    """
    [parsed] = pool.run(
        _parse, feed.kind, _FeedSource(feed.id, feed.endpoint, feed.zone), _Answer(body, content_type, at)
    )
    return unreadable(feed.id, parsed) if isinstance(parsed, Died) else parsed


def discover_list(pool: ParserPool, response: RawResponse, at: datetime, max_bytes: int) -> Discovery:
    """Return what a response has of lists.

    :param at: when it was requested
    :param max_bytes: maximum size of the unpacked body
    :raises ParserUnavailableError: no parser process can be started, or the pool was closed
    """
    source = _FeedSource("list", response.url, "Asia/Shanghai")  # times do not matter here
    [found] = pool.run(_discover, response, source, at, max_bytes)
    return Discovery(None, reason=found.reason) if isinstance(found, Died) else found


def _discover(
    skip: int, response: RawResponse, source: ListSource, at: datetime, max_bytes: int
) -> Iterator[Discovery]:
    if not skip:
        yield discover(response, source, at, max_bytes)


class _FeedSource(NamedTuple):
    id: str
    endpoint: str
    zone: str


class _Answer(NamedTuple):
    body: bytes
    content_type: str
    at: datetime


def _parse(skip: int, kind: str, feed: ListSource, answer: _Answer) -> Iterator[Listing | Failure]:
    if not skip:
        yield _parse_page(kind, feed, answer)


def _parse_page(kind: str, feed: ListSource, answer: _Answer) -> Listing | Failure:
    try:
        return READERS[kind].read(answer.body, answer.content_type, feed, answer.at)
    except GoneError as error:
        return Failure(feed.id, FailureKind.GONE, one_line(str(error)))
    except ListingError as error:
        return Failure(feed.id, FailureKind.UNREADABLE, one_line(str(error)))
    except MemoryError:
        raise
    except Exception as error:  # a bug in code that only reads: it must not affect other lists
        logger.exception("bug feed=%s", feed.id)
        return Failure(feed.id, FailureKind.UNREADABLE, f"reading it failed with {type(error).__name__}: {error}")

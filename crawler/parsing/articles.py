"""Parse fetched articles in parser processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from archive.model.article import Article
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import Fetch
from crawler.extract.response import parse_fetch
from crawler.parsing.pool import Died, ParserPool

GROUP_BYTES = 16 << 20  # of responses that are sent to a process together; all of a common batch


def parse_articles(pool: ParserPool, fetches: Sequence[Fetch], max_body: int) -> Iterator[Article | Failure]:
    """Yield the article of each fetch, or why there is none, in order.

    :param max_body: maximum size of an unpacked page, in bytes
    :raises ParserUnavailableError: no parser process can be started, or the pool was closed
    """
    for group in _groups(fetches):
        for fetch, parsed in zip(group, pool.run(_parse, group, max_body), strict=True):
            yield unreadable(fetch.pending.entry.docid, parsed) if isinstance(parsed, Died) else parsed


def _groups(fetches: Sequence[Fetch]) -> Iterator[list[Fetch]]:
    """Divide fetches into groups of some megabytes: what a process gets must leave it memory to parse it."""
    group: list[Fetch] = []
    size = 0
    for fetch in fetches:
        length = len(fetch.response.body) if fetch.response else 0
        if group and size + length > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(fetch)
        size += length
    if group:
        yield group


def unreadable(subject: str, death: Died) -> Failure:
    """Return the failure of an article or a list that its parser process did not survive.

    :param subject: the docid or the feed id
    """
    return Failure(subject, FailureKind.UNREADABLE, death.reason)


def _parse(skip: int, fetches: Sequence[Fetch], max_body: int) -> Iterator[Article | Failure]:
    for fetch in islice(fetches, skip, None):
        yield parse_fetch(fetch, max_body)

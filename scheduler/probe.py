"""Read lists and pages once, requested as in a crawl and without an archive."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeVar

from msgspec import Struct

from archive.model.feed import Entry, Failure, FailureKind, HostBackoff, Poll, Validators
from archive.model.fetch import RawResponse
from archive.model.identity import Identities, IdentityQuery
from archive.model.titles import decoded_title
from config.model import Feed, Settings
from crawler import urls
from crawler.engine import Engine
from crawler.http.backoff import HostBackoffs
from crawler.interfaces import Fetcher
from crawler.listings.discovery import LinkedFeed
from crawler.paging.backfill import BackfillStep
from crawler.parsing.listings import discover_list
from crawler.parsing.pool import ParserPool

T = TypeVar("T")
_BACKED_OFF = "its host is backed off, after it refused requests or could not be reached"


class FoundFeed(Struct, frozen=True):
    """A list that was found at an address."""

    kind: Literal["rss", "sitemap"]
    address: str
    title: str  # of the feed; its host if it states none
    poll: Poll  # its first page
    others: tuple[str, ...]  # addresses of further feeds that the page names


class Probe:
    """A :class:`~crawler.interfaces.WorkQueue` that stores nothing; it must be created in the process's engine.

    :param parsers: parse what is read
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime], parsers: ParserPool) -> None:
        self.settings = settings
        self.now = now
        self.parsers = parsers
        self.feeds = _ListQueue()
        self.articles = _PageQueue()
        self.images = _NoImages()
        self._fetcher: Fetcher | None = None
        self._opened = asyncio.Event()

    async def poll(self, feed: Feed) -> Poll:
        """Read the first page of a feed's list."""
        await self._opened.wait()
        self.feeds.polls[feed.id] = asyncio.get_running_loop().create_future()
        if self._fetcher:
            self._fetcher.poll(feed)
        return await self.feeds.polls[feed.id]

    async def fetch(self, url: str) -> RawResponse | Failure:
        """Request a page. A response may have any status."""
        await self._opened.wait()
        self.articles.add(url)
        if self._fetcher:
            self._fetcher.refill(urls.host(url))
        return await self.articles.responses[url]

    # WorkQueue

    def spider_opened(self, fetcher: Fetcher) -> None:
        """Use this spider."""
        self._fetcher = fetcher
        self._opened.set()

    def spider_closed(self) -> None:
        """Nothing is leased that could be taken back."""

    async def drain(self) -> None:
        """Nothing is written."""


def run_probe(
    settings: Settings,
    now: Callable[[], datetime],
    main: Callable[[Probe], Awaitable[T]],
    backoffs: Iterable[HostBackoff] = (),
) -> T:
    """Run ``main`` with a probe, and return its result.

    Runs Scrapy's reactor, so it can be called once in a process.

    :param backoffs: of hosts that earlier runs backed off
    :raises KeyboardInterrupt: it was interrupted
    """
    one_page = settings.model_copy(update={"schedule": settings.schedule.model_copy(update={"pages": 1})})
    results: list[T] = []
    with ParserPool() as parsers:
        parsers.start()
        probe = Probe(one_page, now, parsers)

        async def run() -> None:
            results.append(await main(probe))

        engine = Engine(
            one_page, probe, HostBackoffs(settings.network.rest, now, backoffs), now, run, parsers=parsers
        )
        engine.run()
    if not results:
        raise KeyboardInterrupt
    return results[0]


def poll_lists(
    settings: Settings,
    feeds: Sequence[Feed],
    now: Callable[[], datetime],
    timeout: float,
    backoffs: Iterable[HostBackoff] = (),
) -> dict[str, Poll]:
    """Read the first page of each feed's list, and return what was read: id of the feed -> poll.

    :param timeout: seconds for all of them; lists that were not read in this time are missing from the result
    :param backoffs: of hosts that earlier runs backed off
    """

    async def poll_all(probe: Probe) -> dict[str, Poll]:
        tasks = [asyncio.ensure_future(probe.poll(feed)) for feed in feeds]
        done, _ = await asyncio.wait(tasks, timeout=timeout) if tasks else (set(), set())
        return {poll.feed: poll for task in done for poll in [task.result()]}

    return run_probe(settings, now, poll_all, backoffs)


def find_feed(settings: Settings, url: str, now: Callable[[], datetime]) -> FoundFeed | str:
    """Return the list at an address: the address's own, or the first that the page there names and that can be read.

    :return: why there is none, if there is none
    """

    async def find(probe: Probe) -> FoundFeed | str:
        response = await probe.fetch(url)
        if isinstance(response, Failure):
            return response.reason
        limit = settings.network.max_body
        found = await asyncio.to_thread(discover_list, probe.parsers, response, now(), limit)
        lists = [LinkedFeed(url, found.title)] if found.kind else list(found.links)
        reason = found.reason
        for place, each in enumerate(lists):
            kind: Literal["rss", "sitemap"] = "sitemap" if found.kind == "sitemap" else "rss"
            try:
                feed = Feed(id="new", kind=kind, categories=("new",), endpoint=each.address)
            except ValueError:  # an address with a user or a password
                continue
            poll = await probe.poll(feed)
            if poll.error is None:
                others = tuple(other.address for other in lists if other.address != each.address)
                return FoundFeed(kind, poll.moved_to or each.address, _title(each, poll), poll, others)
            reason = poll.error.reason if place == 0 else reason
        return reason

    return run_probe(settings, now, find)


def _title(found: LinkedFeed, poll: Poll) -> str:
    media = Counter(entry.media for entry in poll.entries if entry.media)
    return found.title or next((decoded_title(name) for name, _ in media.most_common(1)), urls.host(found.address))


class _ListQueue:
    """A :class:`~crawler.interfaces.FeedTasks` for polls of one page."""

    def __init__(self) -> None:
        self.polls: dict[str, asyncio.Future[Poll]] = {}

    def known_docids(self, feed: str, docids: Collection[str]) -> set[str]:
        """No entry is known."""
        return set()

    def identities(self, feed: str, query: IdentityQuery) -> Identities:
        """Nothing is known of any item."""
        return Identities()

    def validators(self, feed: str) -> Validators | None:
        """The whole list is requested."""
        return None

    def was_cut_off(self, feed: str) -> bool:
        """One page is enough."""
        return True

    def record_poll_page(self, page: Poll) -> None:
        """Nothing is recorded."""

    def record_poll(self, poll: Poll) -> bool:
        """Return a poll to the caller of :meth:`Probe.poll`."""
        if not self.polls[poll.feed].done():
            self.polls[poll.feed].set_result(poll)
        return True

    def record_peek(self, peek: Poll) -> bool:
        """There are no peeks."""
        return False

    def record_backfill_page(self, step: BackfillStep) -> bool:
        """There are no backfills."""
        return False


class _PageQueue:
    """An :class:`~crawler.interfaces.ArticleTasks` for single pages."""

    def __init__(self) -> None:
        self.responses: dict[str, asyncio.Future[RawResponse | Failure]] = {}
        self._waiting: list[Entry] = []

    def add(self, url: str) -> None:
        """Request a page."""
        self.responses[url] = asyncio.get_running_loop().create_future()
        self._waiting.append(Entry(urls.address_digest(url), url, "", None, None, None, None, None))

    def hosts(self) -> Iterable[str]:
        """The hosts of pages that wait."""
        return {urls.host(entry.url) for entry in self._waiting}

    def lease(self, host: str, limit: int) -> list[Entry]:
        """Lease the pages of a host."""
        leased = [entry for entry in self._waiting if urls.host(entry.url) == host][:limit]
        self._waiting = [entry for entry in self._waiting if entry not in leased]
        return leased

    def release(self, entry: Entry) -> None:
        """A page that was not requested is not requested later."""
        self._end(entry, Failure(entry.docid, FailureKind.BLOCKED, _BACKED_OFF))

    def record_response(self, entry: Entry, response: RawResponse, milliseconds: int) -> None:
        """Return a response to the caller of :meth:`Probe.fetch`."""
        self._end(entry, response)

    def record_failure(self, entry: Entry, failure: Failure) -> None:
        """Return a failure to the caller of :meth:`Probe.fetch`."""
        self._end(entry, failure)

    def backoff_wait(self, host: str) -> float | None:
        """A probe does not wait for a host that is backed off."""
        for entry in self.lease(host, len(self._waiting)):
            self.release(entry)
        return None

    def _end(self, entry: Entry, result: RawResponse | Failure) -> None:
        if not self.responses[entry.url].done():
            self.responses[entry.url].set_result(result)


class _NoImages:
    """An :class:`~crawler.interfaces.ImageTasks` without images."""

    def hosts(self) -> Iterable[str]:
        """None."""
        return ()

    def lease(self, host: str, limit: int) -> list[str]:
        """None."""
        return []

    def release(self, url: str) -> None:
        """Nothing was leased."""

    def record_response(self, url: str, response: RawResponse, milliseconds: int) -> None:
        """Nothing was requested."""

    def record_failure(self, url: str, failure: Failure) -> None:
        """Nothing was requested."""

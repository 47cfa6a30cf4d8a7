"""Reads each list that is on once, as a crawl reads it, and says which feeds cannot work."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import getproxies

import click

from archive.files.layout import index_path
from archive.files.paths import CHINA
from archive.model.errors import ArchiveError
from archive.model.feed import FailureKind, HostBackoff, Poll
from archive.model.secrets import mask_secrets
from archive.store import Store
from cli.context import CommandContext
from cli.doctor.check import Check
from config.model import Feed, Settings
from scheduler.exits import Exit

# For all lists together, beside the delays between the requests to one host: three slow answers of it.
BASE_TIMEOUT_SECONDS = 60.0
_ADVICE = {
    FailureKind.TEMPORARY: "try again later; if it lasts, check the network and the endpoint",
    FailureKind.BLOCKED: "wait; if it lasts, raise network.delay",
    FailureKind.REFUSED: "change that setting if the site agrees, or turn it off: finarchive feeds disable {}",
    FailureKind.GONE: "correct its endpoint, or turn it off: finarchive feeds disable {}",
    FailureKind.ENDED: "turn it off: finarchive feeds disable {}",
    FailureKind.UNREADABLE: "correct its endpoint or its kind, or turn it off: finarchive feeds disable {}",
}


def check_proxies() -> Iterator[Check]:
    """Name the proxies of the environment, without user and password."""
    if proxies := getproxies():
        places = ", ".join(f"{kind}: {_place(address)}" for kind, address in sorted(proxies.items()))
        yield Check("proxy", True, places)


def _place(proxy: str) -> str:
    """Return the address of a proxy without user and password. Environments may have them without a scheme."""
    return mask_secrets(proxy if "//" in proxy else f"//{proxy}").removeprefix("//")


def check_lists(context: CommandContext) -> Iterator[Check]:
    """Read the first page of each list that is on. Runs Scrapy's reactor, so it can be called once in a process."""
    settings = context.settings
    feeds = [feed for feed in settings.feeds if feed.enabled]
    if not feeds:
        return
    from scheduler.probe import poll_lists  # noqa: PLC0415 - Scrapy takes half a second to import

    seconds = _timeout(settings, feeds)
    if sys.stderr.isatty() and not context.is_quiet:
        click.echo(f"Reading {len(feeds)} lists, which takes {seconds:.0f} s at most ...", err=True)
    polls = poll_lists(settings, feeds, context.now, seconds, _backoffs(settings))
    works = {feed.id for feed in feeds if feed.id in polls and polls[feed.id].error is None}
    status = Exit.SOME_FAILED if works else Exit.NO_FEED
    for feed in feeds:
        message = _message(feed, polls.get(feed.id), seconds)
        yield Check("feed", feed.id in works, f"{feed.name} ({feed.id}): {message}", status)


def _timeout(settings: Settings, feeds: list[Feed]) -> float:
    """Return the seconds for all lists; each is one request of its host, and its robots.txt another."""
    [(_, most)] = Counter(urlsplit(feed.endpoint).hostname for feed in feeds).most_common(1)
    return BASE_TIMEOUT_SECONDS + 2 * settings.network.delay * most


def _backoffs(settings: Settings) -> list[HostBackoff]:
    """Return the back-offs that the archive has recorded; none if it cannot be read, which is reported elsewhere."""
    try:
        return Store.open_for_reading(index_path(settings.archive.root.absolute())).backoffs.all()
    except ArchiveError:
        return []


def _message(feed: Feed, poll: Poll | None, seconds: float) -> str:
    if poll is None:
        return f"not read within {seconds:.0f} s; {_ADVICE[FailureKind.TEMPORARY]}"
    if poll.error:
        return f"{poll.error.reason}; {_ADVICE[poll.error.kind].format(feed.id)}"
    number = len(poll.entries)
    newest = max((entry.published for entry in poll.entries if entry.published), default=None)
    age = f", the newest of {newest.astimezone(CHINA):%Y-%m-%d %H:%M}, China time" if newest else ""
    moved = f"; it has moved permanently to {poll.moved_to}: change its endpoint" if poll.moved_to else ""
    return f"{number} article{'s' * (number != 1)} listed{age}{moved}"

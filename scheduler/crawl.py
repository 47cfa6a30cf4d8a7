"""A one-off crawl: poll, archive everything due, stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.archive import Archive
from config.model import Feed, Settings
from crawler.engine import Engine
from scheduler.desk import Desk, FeedTally, Tally
from scheduler.exits import Exit


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """What a crawl did."""

    feeds: tuple[FeedTally, ...]
    archived: int
    revised: int
    failed: int
    pending: int  # in the whole archive, afterwards
    requests: int  # sent, robots.txt and redirects included
    left: int  # articles that were due and were not tried, although no limit kept them from it
    resting: tuple[str, ...]  # hosts left alone because they want rest
    interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """The document that ``crawl --json`` prints."""
        feeds = [
            {"id": f.id, "pages": f.pages, "listed": f.listed, "new": f.new, "error": f.error} for f in self.feeds
        ]
        names = ("archived", "revised", "failed", "pending", "requests")
        return {"feeds": feeds} | {name: getattr(self, name) for name in names}

    def exit_status(self) -> Exit:
        """The exit status that says the same in one number."""
        errors = [feed for feed in self.feeds if feed.error]
        if self.interrupted:
            return Exit.INTERRUPTED
        if errors and len(errors) == len(self.feeds):
            return Exit.NO_FEED
        return Exit.SOME_FAILED if self.failed or self.left or errors else Exit.DONE


def crawl(
    settings: Settings,
    feeds: Sequence[Feed],
    now: Callable[[], datetime],
    *,
    limit: int | None = None,
    on_change: Callable[[Tally], None] = lambda tally: None,
) -> CrawlResult:
    """Poll ``feeds`` and archive everything due. Runs Scrapy's reactor, so once in a process.

    :param limit: the most articles to archive
    :param on_change: called whenever there is something to show
    :raises ArchiveError: the archive cannot be opened or written; what was archived until then is safe
    """
    with Archive(settings.archive.root, "crawl", now()) as archive:
        desk = Desk(archive, settings, feeds, now, limit=limit, on_change=on_change)
        engine = Engine(settings, feeds, desk, desk.rests, now)
        engine.run()
        tally = desk.tally
        for feed in tally.feeds.values():
            if not feed.polled:
                feed.error = "not polled: the crawl was interrupted"
        return CrawlResult(
            feeds=tuple(tally.feeds.values()),
            archived=tally.archived,
            revised=0,
            failed=tally.failed,
            pending=archive.store.pending(),
            requests=engine.requests,
            left=tally.waiting if limit is None or tally.archived < limit else 0,
            resting=tuple(sorted(tally.resting)),
            interrupted=engine.interrupted,
        )

"""The desk: a :class:`~crawler.work.Work`, done with an archive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from archive.archive import Archive
from config.model import Settings
from crawler.work import Fetching
from scheduler.articles import Articles
from scheduler.lists import Lists
from scheduler.run import Manner, Run


class Desk:
    """Between the spider and the archive: what is to be done, and what came of it."""

    def __init__(self, archive: Archive, settings: Settings, now: Callable[[], datetime], manner: Manner) -> None:
        self.run = Run(archive, settings, now, manner)
        self.articles = Articles(self.run)
        self.lists = Lists(self.run, self.articles.expect)

    def reconfigure(self, settings: Settings) -> None:
        """Go on under other settings."""
        self.run.settings = settings
        self.articles.rests.first = settings.network.rest

    def start(self, fetching: Fetching) -> None:
        """See Work."""
        self.run.open(fetching)
        self.lists.ask_again()
        self.articles.look()

    def closed(self) -> None:
        """See Work."""
        self.run.fetching = None
        self.articles.let_go()

    async def stop(self) -> None:
        """See Work."""
        await self.articles.drain()

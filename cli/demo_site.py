"""The demo: crawls a small invented news site, with real HTTP on loopback and real files. Needs no network."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cli.output.crawl import announce_crawl, progress_bar, show_demo_archive, show_result
from config.model import ArchiveSettings, Feed, NetworkSettings, ScheduleSettings, Settings
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, make_stories
from scheduler.exits import Exit
from scheduler.one_off import crawl

ARTICLES = 60  # more than one page of a list, few enough to browse


def run_demo(folder: Path, now: Callable[[], datetime]) -> Exit:
    """Archive the articles of the mock site in ``folder`` and show the result.

    :raises ArchiveError: the folder cannot be written
    """
    stories = make_stories(ARTICLES, newest=int(now().timestamp()) - MAX_LAG)
    with MockSite(stories, now=lambda: int(now().timestamp())) as mocksite:
        settings = Settings(
            archive=ArchiveSettings(root=folder, min_free=0),  # it takes 1 MB, once
            # The mock site has a private address, and needs no delay.
            network=NetworkSettings(delay=0, concurrency=8, allow_private=True),
            # Articles of an earlier demo in this folder came from a mock site that no longer runs.
            schedule=ScheduleSettings(rechecks=0),
            feeds=tuple(
                Feed(
                    id=feed,
                    kind="roll",
                    categories=("金融", "新浪财经", name),
                    endpoint=mocksite.endpoint,
                    lid=lid,
                )
                for feed, name, lid in (
                    ("usstock", "美股", 2672),
                    ("macro", "宏观经济", 1687),
                    ("china", "新浪财经－国內", 1686),
                )
            ),
        )
        announce_crawl(settings, settings.feeds)
        began = time.monotonic()
        with progress_bar(len(settings.feeds), quiet=False) as on_change:
            result = crawl(settings, settings.feeds, now, on_change=on_change)
    show_result(result, time.monotonic() - began)
    show_demo_archive(folder)
    return result.exit_status()

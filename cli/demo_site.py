"""The main job, end to end, on a small invented news site: real HTTP on loopback, real files, no network needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cli.output import console
from config.model import ArchiveSettings, Feed, NetworkSettings, ScheduleSettings, Settings
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, make_stories
from scheduler.exits import Exit
from scheduler.one_off import crawl

ARTICLES = 60  # more than a page of a list, few enough to look through


def run_demo(folder: Path, now: Callable[[], datetime]) -> Exit:
    """Archive the replica's articles under ``folder`` and show what that gave.

    :raises ArchiveError: the folder cannot be written
    """
    stories = make_stories(ARTICLES, newest=int(now().timestamp()) - MAX_LAG)
    with MockSite(stories, now=lambda: int(now().timestamp())) as mocksite:
        settings = Settings(
            archive=ArchiveSettings(root=folder),
            # The replica is ours: it may be private, and asked without a pause.
            network=NetworkSettings(delay=0, concurrency=8, allow_private=True),
            # Those that an earlier demo has left in the folder came from a replica that is gone.
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
        console.announce(settings, settings.feeds)
        began = time.monotonic()
        with console.progress(len(settings.feeds), quiet=False) as on_change:
            result = crawl(settings, settings.feeds, now, on_change=on_change)
    console.summarise(result, time.monotonic() - began)
    console.show_folder(folder)
    return result.exit_status()

"""The demo: crawls a small invented news site, with real HTTP on loopback and real files. Needs no network."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from archive.files.atomic import wrap_os_errors
from archive.files.layout import demo_path
from cli.context import CommandError
from cli.output.crawl import announce_crawl, progress_bar, show_demo_archive, show_result
from config.model import ArchiveSettings, Feed, NetworkSettings, ScheduleSettings, Settings
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, make_stories
from scheduler.exits import Exit
from scheduler.one_off import crawl

ARTICLES = 60  # more than one page of a list, few enough to browse
SPACING = 7200  # seconds between two articles: five days, so that the charts show something


def run_demo(folder: Path, now: Callable[[], datetime], *, quiet: bool = False) -> Exit:
    """Archive the articles of the mock site in ``folder`` and show the result.

    :raises CommandError: the folder has something else than an earlier demo
    :raises ArchiveError: the folder cannot be written
    """
    stories = make_stories(ARTICLES, newest=_newest(folder, now()), every=SPACING)
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
        if not quiet:
            announce_crawl(settings, settings.feeds)
        began = time.monotonic()
        with progress_bar(len(settings.feeds), quiet=quiet) as on_change:
            result = crawl(settings, settings.feeds, now, on_change=on_change)
    if not quiet or result.exit_status() != Exit.DONE:
        show_result(result, settings, time.monotonic() - began)
    if not quiet:
        show_demo_archive(folder, _program())
    return result.exit_status()


def _newest(folder: Path, now: datetime) -> int:
    """Return the time of the site's newest article; that of the earlier demo in this folder, if there is one.

    :raises CommandError: the folder has something else than an earlier demo
    """
    mark = demo_path(folder)
    with wrap_os_errors(folder):
        if mark.is_file() and (text := mark.read_text(encoding="utf-8", errors="replace").strip()).isdecimal():
            return int(text)
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise CommandError(f"{folder} is not empty and has no demo: name a new folder")
        newest = int(now.timestamp()) - MAX_LAG
        mark.parent.mkdir(parents=True)
        mark.write_text(f"{newest}\n", encoding="utf-8")
    return newest


def _program() -> str:
    """Return how the user's shell finds this program."""
    path, found = Path(sys.argv[0]).absolute(), shutil.which("finarchive")
    if not os.access(path, os.X_OK) or (found and path.samefile(found)):
        return "finarchive"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

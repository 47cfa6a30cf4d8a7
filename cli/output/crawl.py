"""Output of ``crawl``, ``backfill`` and ``demo``: progress and result."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from archive.files.layout import INNER_FOLDER
from cli.output.console import many, progress, stdout_console
from cli.output.feed_names import FeedNames
from cli.times import full_time

if TYPE_CHECKING:
    from archive.model.feed import Span
    from config.model import Feed, Settings
    from scheduler.crawl.progress import CrawlProgress, CrawlResult, FeedProgress

MAX_DEMO_FILES = 6  # files that the demo lists
MAX_DEMO_LINES = 14  # lines of a file that the demo shows
MAX_DEMO_COLUMNS = 100


def announce_crawl(settings: Settings, feeds: Sequence[Feed]) -> None:
    """Print what a crawl will do."""
    root = settings.archive.root.absolute()
    stdout_console().print(f"Polling {many(len(feeds), 'feed')}, archiving to {root}")


def announce_backfill(settings: Settings, feed: Feed, span: Span) -> None:
    """Print what a backfill will do."""
    root = settings.archive.root.absolute()
    period = f"from {full_time(span.start)} to {full_time(span.end)}"
    stdout_console().print(f"Reading {FeedNames.of(settings).with_id(feed.id)} {period}, archiving to {root}")


@contextmanager
def progress_bar(feeds: int, *, quiet: bool) -> Iterator[Callable[[CrawlProgress], None]]:
    """A progress bar of a crawl, if stderr is a terminal; elsewhere the log shows the progress.

    :param feeds: how many feeds are polled
    :return: a function to call after each change of the progress
    """
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn  # noqa: PLC0415 - as for `progress`

    with progress(MofNCompleteColumn(), TimeRemainingColumn(), quiet=quiet) as bar:
        if bar is None:
            yield lambda crawl: None
            return
        task = bar.add_task("polling", total=feeds)

        def show(crawl: CrawlProgress) -> None:
            polled = sum(feed.polled for feed in crawl.feeds.values())
            if polled < feeds and crawl.walking:
                bar.update(task, completed=0, description=f"reading lists, back to {crawl.walking}")
            elif polled < feeds:
                articles = f", {many(crawl.archived, 'article')} archived" if crawl.archived else ""
                bar.update(task, completed=polled, description=f"polling{articles}")
            else:
                done = crawl.archived + crawl.failed
                bar.update(task, completed=done, total=done + crawl.waiting, description=_description(crawl))

        yield show


def _description(crawl: CrawlProgress) -> str:
    failed = f", {crawl.failed} failed" if crawl.failed else ""
    pictures = f", {many(crawl.pictures, 'picture')}" if crawl.pictures else ""
    return f"articles{failed}{pictures}"


def show_result(result: CrawlResult, settings: Settings, seconds: float) -> None:
    """Print what a crawl did, what failed, and what to do about it.

    :param seconds: how long it took
    """
    console = stdout_console()
    names = FeedNames.of(settings)
    errors = [feed for feed in result.feeds if feed.error]
    for reason in dict.fromkeys(feed.error for feed in errors):
        feeds = ", ".join(names.with_id(feed.id) for feed in errors if feed.error == reason)
        console.print(Text(f"✗ {feeds}: {reason}", style="red"))
    console.print(_polled(result.feeds))
    style = "green" if not result.failed else "yellow"
    counts = (("revised", result.revised), ("gone", result.gone))
    changed = "".join(f", {count} {name}" for name, count in counts if count)
    line = f"{many(result.archived, 'article')} archived{changed}, {result.failed} failed, {result.pending} waiting"
    console.print(Text(f"{line}; {many(result.requests, 'request')} in {seconds:.1f} s", style=style))
    if pictures := result.pictures:
        console.print(f"{many(pictures.kept, 'picture')} kept, {pictures.failed} failed, {pictures.waiting} waiting")
    for feed in result.feeds:
        if feed.oldest_available:
            reach = f"the list of {names.with_id(feed.id)} reaches back to {feed.oldest_available} only, China time"
            console.print(Text(f"{reach}: it has nothing older", style="yellow"))
    for host in result.resting:
        console.print(Text(f"{host} is backed off: a later crawl tries it again", style="yellow"))
    if result.interrupted:
        console.print("Interrupted: archived articles are safe; the next crawl fetches the others.")
    elif errors and len(errors) == len(result.feeds):
        console.print("No feed could be polled; finarchive doctor checks the network and the configuration.")
    elif result.failed or result.pending:
        console.print("The next crawl tries what failed or waits; finarchive status says why.")


def _polled(feeds: Sequence[FeedProgress]) -> str:
    listed = sum(feed.listed for feed in feeds)
    new = sum(feed.new for feed in feeds)
    good = sum(feed.polled and not feed.error for feed in feeds)
    polled = many(good, "feed") if good == len(feeds) else f"{good} of {many(len(feeds), 'feed')}"
    return f"{polled} polled: {many(listed, 'article')} listed, {new:,} new"


def show_demo_archive(folder: Path, program: str) -> None:
    """Print some files of an archive, the first lines of one, and commands to try.

    :param program: how the user calls the program
    """
    console = stdout_console()
    files = sorted(path for path in folder.rglob("*.md") if INNER_FOLDER not in path.parts)
    console.print(f"\n{many(len(files), 'file')} under {folder}, such as:")
    for path in files[:: max(len(files) // MAX_DEMO_FILES, 1)][:MAX_DEMO_FILES]:
        console.print(f"  {path.relative_to(folder)}")
    if files:
        console.print(f"\nThe first lines of {files[0].name}:")
        for line in files[0].read_text(encoding="utf-8").splitlines()[:MAX_DEMO_LINES]:
            console.print(Text("  " + line[:MAX_DEMO_COLUMNS], style="dim"))
    command = shlex.join((program, "--root", str(folder)))
    console.print(f"\nSearch it:      {command} search 消费", soft_wrap=True)
    console.print(f"In a browser:   {command} serve", soft_wrap=True)

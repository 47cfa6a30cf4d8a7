"""What people see: on a terminal with colours and a progress bar, elsewhere as plain lines."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)  # fmt: skip
from rich.table import Table
from rich.text import Text

from archive.files.layout import INNER_FOLDER
from archive.files.paths import CHINA
from archive.store import Store
from config.model import Feed, Settings

if TYPE_CHECKING:
    from archive.model.feed import Counts, Span
    from cli.diagnostics import Check
    from scheduler.crawl.progress import CrawlProgress, CrawlResult
    from scheduler.monitoring.reports import FeedReport
    from scheduler.policy.feed_state import OpenGap

_STATE_STYLES = {"ok": "green", "new": "cyan", "stale": "yellow", "failing": "red", "blocked": "red"}
MAX_REASONS = 5  # that `status` lists; --json and the index have them all
MAX_GAPS = 10  # the same of gaps; after a long outage each feed has a few
PIPE_WIDTH = 200  # columns of a table that goes to a file or a pipe
MAX_FILES = 6  # that the demo lists


def console_here() -> Console:
    """The console of stdout."""
    # Titles are other people's text: no markup, no emoji codes. Lines for pipes are not folded to a screen's width.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(markup=False, emoji=False, highlight=False, width=width, soft_wrap=width is not None)


def announce(settings: Settings, feeds: Sequence[Feed]) -> None:
    """Say what a crawl is about to do."""
    console_here().print(f"Polling {many(len(feeds), 'feed')}, archiving to {settings.archive.root.absolute()}")


def announce_backfill(settings: Settings, feed: Feed, stretch: Span) -> None:
    """Say what a backfill is about to do."""
    start, end = (f"{time.astimezone(CHINA):%Y-%m-%d %H:%M}" for time in (stretch.start, stretch.end))
    root = settings.archive.root.absolute()
    console_here().print(f"Reading {feed.id} from {start} to {end}, China time, archiving to {root}")


@contextmanager
def progress(feeds: int, *, quiet: bool) -> Iterator[Callable[[CrawlProgress], None]]:
    """A progress bar on stderr where that is a terminal; the log's lines say it elsewhere.

    :return: what is to be called with each new tally
    """
    console = Console(stderr=True, markup=False, emoji=False)
    if quiet or not console.is_terminal:
        yield lambda progress: None
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("polling", total=feeds)

        def show(progress: CrawlProgress) -> None:
            polled = sum(feed.polled for feed in progress.feeds.values())
            if polled < feeds and progress.walking:
                bar.update(task, completed=0, description=f"reading lists, back to {progress.walking}")
                return
            if polled < feeds:
                bar.update(task, completed=polled, description="polling")
                return
            done = progress.archived + progress.failed
            failed = f", {progress.failed} failed" if progress.failed else ""
            pictures = f", {many(progress.pictures, 'picture')}" if progress.pictures else ""
            bar.update(task, completed=done, total=done + progress.waiting, description=f"articles{failed}{pictures}")

        yield show


def summarise(result: CrawlResult, seconds: float) -> None:
    """What a crawl did, in how many seconds, and what to do about what it could not."""
    console = console_here()
    errors = [feed for feed in result.feeds if feed.error]
    for reason in dict.fromkeys(feed.error for feed in errors):
        ids = ", ".join(feed.id for feed in errors if feed.error == reason)
        console.print(Text(f"✗ {ids}: {reason}", style="red"))
    listed, new = sum(feed.listed for feed in result.feeds), sum(feed.new for feed in result.feeds)
    good = sum(feed.polled and not feed.error for feed in result.feeds)
    polled = many(good, "feed") if good == len(result.feeds) else f"{good} of {many(len(result.feeds), 'feed')}"
    console.print(f"{polled} polled: {many(listed, 'article')} listed, {new:,} new")
    style = "green" if not result.failed else "yellow"
    line = f"{many(result.archived, 'article')} archived, {result.failed} failed, {result.pending} waiting"
    console.print(Text(f"{line}; {many(result.requests, 'request')} in {seconds:.1f} s", style=style))
    if kept := result.pictures:
        console.print(f"{many(kept.kept, 'picture')} kept, {kept.failed} failed, {kept.waiting} waiting")
    for feed in result.feeds:
        if feed.oldest_available:
            reach = f"the list of {feed.id} reaches back to {feed.oldest_available} only, China time"
            console.print(Text(f"{reach}: what is older cannot be had from it", style="yellow"))
    for host in result.resting:
        console.print(Text(f"{host} wants rest: a later crawl asks it again", style="yellow"))
    if result.interrupted:
        console.print("Interrupted: what was archived is safe, the rest is fetched by the next crawl.")
    elif errors and len(errors) == len(result.feeds):
        console.print("No feed could be polled; finarchive doctor looks at the network and the configuration.")
    elif result.failed or result.pending:
        console.print("What failed or waits is tried by the next crawl; finarchive status says why.")


def show_folder(folder: Path) -> None:
    """The first files of an archive, and one of them."""
    console = console_here()
    files = sorted(path for path in folder.rglob("*.md") if INNER_FOLDER not in path.parts)
    console.print(f"\n{many(len(files), 'file')} under {folder}, such as:")
    for path in files[:: max(len(files) // MAX_FILES, 1)][:MAX_FILES]:
        console.print(f"  {path.relative_to(folder)}")
    if files:
        console.print(f"\nThe first lines of {files[0].name}:")
        for line in files[0].read_text(encoding="utf-8").splitlines()[:14]:
            console.print(Text("  " + line[:100], style="dim"))
    console.print(
        f"\nIn a browser: FINARCHIVE_ARCHIVE_ROOT={shlex.quote(str(folder))} finarchive serve", soft_wrap=True
    )


def show_feeds(settings: Settings, source: Path | None) -> None:
    """The configured feeds."""
    table = Table("feed", "", "list", "filed under")
    for feed in settings.feeds:
        number = "/".join(str(part) for part in (feed.pageid, feed.lid) if part) or feed.endpoint
        on = Text("on", style="green") if feed.enabled else Text("off", style="dim")
        table.add_row(feed.id, on, f"{feed.kind} {number}", Text("/".join(feed.categories)))
    console = console_here()
    console.print(table)
    console.print(f"from {source}" if source else "the built-in list; finarchive init writes a file to change it in")


def show_status(
    settings: Settings,
    reports: Sequence[FeedReport],
    gaps: Sequence[OpenGap],
    store: Store,
    now: datetime,
    *,
    daemon: bool,
) -> None:
    """How everything is doing.

    :param daemon: whether one runs
    """
    console, counts = console_here(), store.entries.counts()
    runs = "the daemon runs" if daemon else "no daemon runs"
    console.print(f"{settings.archive.root.absolute()}: {many(counts.archived, 'article')} archived; {runs}")
    table = Table(
        "feed", "state", "last poll", "newest", "archived", "waiting", "parked", caption="times are China's"
    )
    for report in reports:
        table.add_row(
            report.id,
            Text(report.state, style=_STATE_STYLES[report.state]),
            _when(report.last_poll),
            _when(report.newest),
            str(report.archived),
            str(report.pending),
            str(report.parked),
        )
    console.print(table)
    if settings.archive.images:
        _show_pictures(console, store)
    _show_troubles(console, reports)
    _show_waiting(console, store, counts, now)
    _show_gaps(console, gaps)


def _show_pictures(console: Console, store: Store) -> None:
    pictures, reasons = store.images.counts(), store.images.failures()
    stored = f"{many(pictures.files, 'file')} of {pictures.size / 1e6:,.1f} MB"
    console.print(
        f"{many(pictures.kept, 'picture')} kept in {stored}; {pictures.waiting:,} waiting, {pictures.parked:,} parked"
    )
    for reason, number in reasons[:MAX_REASONS]:
        console.print(Text(f"  {number} × {reason}"))
    if len(reasons) > MAX_REASONS:
        console.print(f"  … and {len(reasons) - MAX_REASONS} reasons more")


def _show_troubles(console: Console, reports: Sequence[FeedReport]) -> None:
    alike: dict[tuple[str, str, str], list[str]] = {}  # what goes wrong with one host goes wrong with all its feeds
    for report in reports:
        since = f" since {_when(report.since)}" if report.since else ""
        alike.setdefault((report.state, since, report.reason), []).append(report.id)
    for state in ("failing", "blocked", "stale"):
        for (each, since, reason), feeds in alike.items():
            if each == state:
                verb = "is" if len(feeds) == 1 else "are"
                console.print(Text(f"{', '.join(feeds)} {verb} {state}{since}: {reason}", _STATE_STYLES[state]))


def _show_gaps(console: Console, gaps: Sequence[OpenGap]) -> None:
    for found in gaps[:MAX_GAPS]:
        gap = found.gap
        console.print(f"gap in {gap.feed}: {_when(gap.start)} to {_when(gap.end)} may hold articles nobody saw")
        if found.why_not:
            console.print(Text(f"  {found.why_not}", style="yellow"))
        if found.command:
            backoff = "the rest of it" if found.why_not else "it"
            console.print(Text(f"  the daemon closes {backoff} by itself; this does so at once: {found.command}"))
    if len(gaps) > MAX_GAPS:
        console.print(f"… and {len(gaps) - MAX_GAPS} gaps more; --json lists them all")


def show_coverage(lines: Sequence[str]) -> None:
    """A chart, line by line: see :mod:`cli.output.coverage_chart`."""
    console = console_here()
    for line in lines:
        console.print(line)


def _show_waiting(console: Console, store: Store, counts: Counts, now: datetime) -> None:
    for status, words in (("pending", "waiting"), ("parked", "parked, given up")):
        total, reasons = getattr(counts, status), store.entries.failures(status)
        if total:
            console.print(f"{many(total, 'article')} {words}")
        for reason, number in reasons[:MAX_REASONS]:
            console.print(Text(f"  {number} × {reason}"))
        if len(reasons) > MAX_REASONS:
            console.print(f"  … and {len(reasons) - MAX_REASONS} reasons more")
    if due := store.entries.next_due():
        when = "now" if due <= now else f"at {_when(due)}, China time"
        console.print(f"the next of those that wait is due {when}")
    if counts.parked:
        console.print("finarchive retry --parked makes what was given up due again")


def show_article(found: dict[str, Any]) -> None:
    """An article: facts, then text."""
    console = console_here()
    console.print(Text(visible(found["title"] or ""), style="bold"))
    for name in ("docid", "published", "media", "url", "path", "status", "failure", "first_seen"):
        if found[name]:
            console.print(Text(f"{name:>10}  {visible(str(found[name]))}"))
    console.print(Text(f"{'feeds':>10}  {', '.join(found['feeds'])}"))
    if found["same_story"]:
        first = found["same_story"][0]
        who = f"{first['media'] or ''} {first['docid']} at {first['published']}".strip()
        console.print(Text(f"same story  {len(found['same_story'])} docids, first {visible(who)}"))
    if found["text"]:
        console.print(Text("\n" + "\n".join(map(visible, found["text"].split("\n")))))


def show_checks(checks: Sequence[Check]) -> None:
    """What the doctor found."""
    console = console_here()
    for check in checks:
        mark = Text("✓ ", style="green") if check.ok else Text("✗ ", style="red")
        console.print(mark + Text(f"{check.name:<14}{check.told}"))


def _when(time: datetime | None) -> str:
    return f"{time.astimezone(CHINA):%m-%d %H:%M}" if time else "-"


def many(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def visible(text: str) -> str:
    """Other people's text without what would steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)

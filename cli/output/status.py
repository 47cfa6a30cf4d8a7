"""Output of ``status``, ``feeds`` and ``doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from archive.files.disk_space import low_reason
from archive.model.secrets import mask_secrets
from cli.output.console import TableColumn, many, print_table, stdout_console, table_width
from cli.times import full_time, short_time, zone_name
from config.durations import format_duration
from scheduler.monitoring.formats import versions_written_otherwise
from scheduler.monitoring.reports import report_disk
from scheduler.policy.feed_state import OK_REASON

if TYPE_CHECKING:
    from archive.model.feed import Counts
    from archive.store import Store
    from cli.doctor.check import Check
    from config.model import Settings
    from scheduler.monitoring.reports import FeedReport
    from scheduler.policy.feed_state import OpenGap

MAX_REASONS = 5  # reasons of failures that are listed; --json and the index have all
MAX_GAPS = 10  # gaps that are listed; after a long outage each feed has a few
_STATE_STYLES = {"ok": "green", "new": "cyan", "stale": "yellow", "failing": "red", "blocked": "red"}


def show_status(
    settings: Settings,
    reports: Sequence[FeedReport],
    gaps: Sequence[OpenGap],
    store: Store,
    now: datetime,
    *,
    has_daemon: bool,
) -> None:
    """Print the state of the archive and of each feed.

    :param has_daemon: whether a daemon runs
    """
    console = stdout_console()
    counts = store.entries.counts()
    daemon = "the daemon runs" if has_daemon else "no daemon runs"
    console.print(f"{settings.archive.root.absolute()}: {many(counts.archived, 'article')} archived; {daemon}")
    if (disk := report_disk(settings))["low"]:
        reason = low_reason(settings.archive.root.absolute(), disk["free"], disk["min_free"])
        console.print(Text(f"crawling is paused: {reason}", style="red"))
    _show_table(console, reports)
    _show_sweeps(console, reports)
    if settings.archive.images:
        _show_pictures(console, store)
    _show_troubles(console, reports)
    _show_waiting(console, store, counts, now)
    _show_gaps(console, gaps)
    if number := versions_written_otherwise(store, settings):
        versions = f"{many(number, 'version')} written with another profile, body or categories than configured now"
        console.print(f"{versions}; finarchive rebuild --as-configured --dry-run shows what would change")


def show_feeds(settings: Settings, source: Path | None) -> None:
    """Print the configured feeds.

    :param source: the configuration file; None for the built-in feeds
    """
    console = stdout_console()
    columns = [TableColumn("feed"), TableColumn("state"), TableColumn("filed under"), TableColumn("list")]
    rows: list[list[str | Text]] = []
    for feed in settings.feeds:
        number = "/".join(str(part) for part in (feed.pageid, feed.lid) if part) or mask_secrets(feed.endpoint)
        state = Text("on", style="green") if feed.enabled else Text("off", style="dim")
        rows.append([feed.id, state, "/".join(feed.categories), f"{feed.kind} {number}"])
    if table_width(columns, rows) > console.width:  # the list below the folder
        columns.pop()
        rows = [[feed, state, f"{folder}\n{listed}"] for feed, state, folder, listed in rows]
    print_table(console, columns, rows)
    console.print(f"from {source}" if source else "the built-in list; finarchive init writes a file to change it in")


def show_checks(checks: Sequence[Check]) -> None:
    """Print the results of the doctor's checks."""
    console = stdout_console()
    for check in checks:
        mark = Text("✓ ", style="green") if check.ok else Text("✗ ", style="red")
        console.print(mark + Text(f"{check.name:<14}{check.message}"))


def _show_table(console: Console, reports: Sequence[FeedReport]) -> None:
    columns = (
        TableColumn("feed"),
        TableColumn("state"),
        TableColumn("last poll", is_optional=True),
        TableColumn("newest"),
        TableColumn("archived", is_number=True),
        TableColumn("waiting", is_number=True),
        TableColumn("parked", is_number=True),
    )
    rows = [
        (
            report.id,
            Text(report.state, style=_STATE_STYLES[report.state]),
            short_time(report.last_poll),
            short_time(report.newest),
            f"{report.archived:,}",
            f"{report.pending:,}",
            f"{report.parked:,}",
        )
        for report in reports
    ]
    print_table(console, columns, rows)
    console.print(Text(f"Times are {zone_name()}.", style="dim"))


def _show_sweeps(console: Console, reports: Sequence[FeedReport]) -> None:
    """Print when lists were swept, by day, and how late articles enter them."""
    days: dict[str, list[str]] = {}
    for report in sorted(reports, key=lambda report: str(report.last_sweep), reverse=True):
        if report.last_sweep:
            days.setdefault(short_time(report.last_sweep).split()[0], []).append(report.id)
    for day, feeds in days.items():
        console.print(Text(f"last swept on {day}: {', '.join(feeds)}"))
    late = [
        f"{report.id} {format_duration(timedelta(seconds=report.lateness['p99']))}"
        for report in reports
        if report.lateness
    ]
    if late:
        console.print(Text(f"99 % of the articles enter their list within: {', '.join(late)}"))


def _show_pictures(console: Console, store: Store) -> None:
    counts = store.images.counts()
    stored = f"{many(counts.files, 'file')} of {counts.size / 1e6:,.1f} MB"
    console.print(
        f"{many(counts.kept, 'picture')} kept in {stored}; {counts.waiting:,} waiting, {counts.parked:,} parked"
    )
    _show_reasons(console, store.images.failures())


def _show_troubles(console: Console, reports: Sequence[FeedReport]) -> None:
    # Trouble with a host affects all its feeds, so feeds with the same trouble share a line.
    groups: dict[tuple[str, str, str], list[str]] = {}
    for report in reports:
        since = f" since {short_time(report.since)}" if report.since else ""
        groups.setdefault((report.state, since, report.reason), []).append(report.id)
    for shown in ("failing", "blocked", "stale"):
        for (state, since, reason), feeds in groups.items():
            if state == shown:
                verb = "is" if len(feeds) == 1 else "are"
                console.print(Text(f"{', '.join(feeds)} {verb} {state}{since}: {reason}", _STATE_STYLES[state]))
    for (state, _, reason), feeds in groups.items():
        if state == "ok" and reason != OK_REASON:
            console.print(Text(f"{', '.join(feeds)}: {reason}", "yellow"))


def _show_waiting(console: Console, store: Store, counts: Counts, now: datetime) -> None:
    for status, label in (("pending", "waiting"), ("parked", "parked, given up")):
        if total := getattr(counts, status):
            console.print(f"{many(total, 'article')} {label}")
        _show_reasons(console, store.entries.failures(status))
    if due := store.entries.next_due():
        when = "now" if due <= now else f"at {full_time(due)}"
        console.print(f"the next waiting article is due {when}")
    if counts.parked:
        console.print("finarchive retry --parked makes what was given up due again")


def _show_reasons(console: Console, reasons: Sequence[tuple[str, int]]) -> None:
    for reason, number in reasons[:MAX_REASONS]:
        console.print(Text(f"  {number} × {reason}"))
    if len(reasons) > MAX_REASONS:
        console.print(f"  … and {len(reasons) - MAX_REASONS} reasons more")


def _show_gaps(console: Console, gaps: Sequence[OpenGap]) -> None:
    for each in gaps[:MAX_GAPS]:
        gap = each.gap
        start, end = short_time(gap.start), short_time(gap.end)
        if gap.lost:
            console.print(f"lost in {gap.feed}: articles from {start} to {end} may be missing for good")
        else:
            console.print(f"gap in {gap.feed}: articles from {start} to {end} may be missing")
        if each.why_not:
            console.print(Text(f"  {each.why_not}", style="yellow"))
        if each.command:
            part = "the remainder of it" if each.why_not else "it"
            console.print(Text(f"  the daemon will close {part}; this closes it now: {each.command}"))
    if len(gaps) > MAX_GAPS:
        console.print(f"… and {len(gaps) - MAX_GAPS} gaps more; --json lists them all")

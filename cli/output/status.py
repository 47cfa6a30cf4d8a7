"""Output of ``status``, ``feeds`` and ``doctor``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from archive.files.disk_space import low_reason
from archive.model.secrets import mask_secrets
from cli.output.console import TableColumn, many, print_prose, print_table, stdout_console, table_width
from cli.output.feed_names import FeedNames
from cli.output.mirror import show_mirror
from cli.times import full_time, short_time, zone_name
from config.durations import format_duration
from scheduler.monitoring.formats import versions_written_otherwise
from scheduler.monitoring.reports import report_backlog, report_disk, report_mirror, report_replica
from scheduler.policy.feed_state import OK_REASON
from scheduler.policy.listening import feed_of_list, off_lists_of

if TYPE_CHECKING:
    from archive.model.feed import Counts
    from archive.store import Store
    from cli.doctor.check import Check
    from config.model import Settings
    from scheduler.monitoring.reports import FeedReport
    from scheduler.policy.backlog import Backlog
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
    names = FeedNames.of(settings, store, (each.gap.feed for each in gaps))
    counts = store.entries.counts()
    daemon = "the daemon runs" if has_daemon else "no daemon runs"
    console.print(f"{settings.archive.root.absolute()}: {many(counts.archived, 'article')} archived; {daemon}")
    if (disk := report_disk(settings))["low"]:
        reason = low_reason(settings.archive.root.absolute(), disk["free"], disk["min_free"])
        console.print(Text(f"crawling is paused: {reason}", style="red"))
    show_mirror(console, report_mirror(settings, now), report_replica(settings))
    _show_table(console, reports, names)
    _show_sweeps(console, reports, names)
    if settings.schedule.listen:
        _show_heard(console, reports, names)
    if settings.archive.images:
        _show_pictures(console, store)
    _show_troubles(console, reports, names)
    _show_waiting(console, store, counts, report_backlog(settings, store, now), now)
    _show_gaps(console, gaps, names)
    if number := versions_written_otherwise(store, settings):
        versions = f"{many(number, 'version')} written with another profile, body or categories than configured now"
        console.print(f"{versions}; finarchive rebuild --as-configured --dry-run shows what would change")


def show_feeds(settings: Settings, source: Path | None) -> None:
    """Print the configured feeds.

    :param source: the configuration file; None for the built-in feeds
    """
    console = stdout_console()
    columns = [TableColumn("id"), TableColumn("state"), TableColumn("filed under"), TableColumn("list")]
    rows: list[list[str | Text]] = []
    for feed in settings.feeds:
        number = "/".join(str(part) for part in (feed.pageid, feed.lid) if part) or mask_secrets(feed.endpoint)
        state = Text("on", style="green") if feed.enabled else Text("off", style="dim")
        rows.append([feed.id, state, "/".join(feed.categories), f"{feed.kind} {number}"])
    if table_width(columns, rows) > console.width:  # the list below the folder
        columns.pop()
        rows = [[feed, state, f"{folder}\n{listed}"] for feed, state, folder, listed in rows]
    print_table(console, columns, rows)
    for feed in off_lists_of(settings):
        print_prose(
            console,
            f"{feed.id} is off and files nothing; a daemon reads it where that brings articles of other feeds sooner "
            "(schedule.listen)",
        )
    console.print(f"from {source}" if source else "the built-in list; finarchive init writes a file to change it in")


def show_checks(checks: Sequence[Check]) -> None:
    """Print the results of the doctor's checks."""
    console = stdout_console()
    for check in checks:
        mark = Text("✓ ", style="green") if check.ok else Text("✗ ", style="red")
        console.print(mark + Text(f"{check.name:<14}{check.message}"))


def _show_table(console: Console, reports: Sequence[FeedReport], names: FeedNames) -> None:
    columns = (
        TableColumn("feed"),
        TableColumn("id", optional=2),
        TableColumn("state"),
        TableColumn("last poll", optional=3),
        TableColumn("newest"),
        TableColumn("archived", is_number=True),
        TableColumn("waiting", is_number=True),
        TableColumn("parked", is_number=True, optional=1),
    )
    rows = [
        (
            names.by_id[report.id],
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
    shown = print_table(console, columns, rows)
    if reports and columns[1] not in shown:
        print_prose(console, names.ids(report.id for report in reports))
    console.print(Text(f"Times are {zone_name()}.", style="dim"))


def _show_sweeps(console: Console, reports: Sequence[FeedReport], names: FeedNames) -> None:
    """Print when lists were swept, by day, and how late articles enter them."""
    days: dict[str, list[str]] = {}
    for report in sorted(reports, key=lambda report: str(report.last_sweep), reverse=True):
        if report.last_sweep:
            days.setdefault(short_time(report.last_sweep).split()[0], []).append(names.name(report.id))
    for day, feeds in days.items():
        print_prose(console, Text(f"last swept on {day}: {', '.join(feeds)}"))
    late = [
        f"{names.name(report.id)} {format_duration(timedelta(seconds=report.lateness['p99']))}"
        for report in reports
        if report.lateness
    ]
    if late:
        print_prose(console, Text(f"99 % of the articles enter their list within: {', '.join(late)}"))


def _show_heard(console: Console, reports: Sequence[FeedReport], names: FeedNames) -> None:
    """Print which feeds are heard through a broad list, and which no longer are."""
    heard: dict[str, list[FeedReport]] = {}
    for report in reports:
        if report.heard_through:
            heard.setdefault(report.heard_through, []).append(report)
        elif miss := report.last_miss:
            what = "did not show" if miss["kind"] == "absent" else "showed too late"
            through, at = names.name(feed_of_list(miss["through"])), short_time(datetime.fromisoformat(miss["at"]))
            text = f"{names.name(report.id)} is polled by itself since {at}: {through} {what} {miss['docid']}"
            print_prose(console, Text(text, style="yellow"))
    for broad, feeds in heard.items():
        # Feeds of which each is verified at another time share a line: the oldest time is a promise for all.
        verified = min(report.heard_verified for report in feeds if report.heard_verified)
        text = f"heard through {names.name(feed_of_list(broad))}, verified {short_time(verified)} or later"
        print_prose(console, Text(f"{text}: {', '.join(names.name(report.id) for report in feeds)}"))


def _show_pictures(console: Console, store: Store) -> None:
    counts = store.images.counts()
    stored = f"{many(counts.files, 'file')} of {counts.size / 1e6:,.1f} MB"
    console.print(
        f"{many(counts.kept, 'picture')} kept in {stored}; {counts.waiting:,} waiting, {counts.parked:,} parked"
    )
    _show_reasons(console, store.images.failures())


def _show_troubles(console: Console, reports: Sequence[FeedReport], names: FeedNames) -> None:
    # Trouble with a host affects all its feeds, so feeds with the same trouble share a line.
    groups: dict[tuple[str, str, str], list[str]] = {}
    for report in reports:
        since = f" since {short_time(report.since)}" if report.since else ""
        groups.setdefault((report.state, since, report.reason), []).append(names.name(report.id))
    for shown in ("failing", "blocked", "stale"):
        for (state, since, reason), feeds in groups.items():
            if state == shown:
                verb = "is" if len(feeds) == 1 else "are"
                console.print(Text(f"{', '.join(feeds)} {verb} {state}{since}: {reason}", _STATE_STYLES[state]))
    for (state, _, reason), feeds in groups.items():
        if state == "ok" and reason != OK_REASON:
            console.print(Text(f"{', '.join(feeds)}: {reason}", "yellow"))


def _show_waiting(console: Console, store: Store, counts: Counts, backlog: Backlog | None, now: datetime) -> None:
    for status, label in (("pending", "waiting"), ("parked", "parked, given up")):
        if total := getattr(counts, status):
            console.print(f"{many(total, 'article')} {label}")
        _show_reasons(console, store.entries.failures(status))
    if backlog:
        _show_backlog(console, backlog, now)
    if due := store.entries.next_due():
        when = "now" if due <= now else f"at {full_time(due)}"
        console.print(f"the next waiting article is due {when}")
    if counts.parked:
        console.print("finarchive retry --parked makes what was given up due again")


def _show_backlog(console: Console, backlog: Backlog, now: datetime) -> None:
    """Print when the last of the waiting articles will be there, unless that is a matter of seconds."""
    needed = timedelta(minutes=math.ceil((backlog.until - now) / timedelta(minutes=1)))
    if needed <= timedelta(minutes=1):
        return
    about = format_duration(needed)
    if backlog.is_measured:
        rate = f"at {backlog.per_minute:.0f} articles a minute, as in the last minutes"
        console.print(f"all that is due will be there in about {about}, {full_time(backlog.until)}, {rate}")
    else:
        console.print(f"a crawl needs about {about} for all that is due, the newest of each feed first")


def _show_reasons(console: Console, reasons: Sequence[tuple[str, int]]) -> None:
    for reason, number in reasons[:MAX_REASONS]:
        console.print(Text(f"  {number} × {reason}"))
    if len(reasons) > MAX_REASONS:
        console.print(f"  … and {len(reasons) - MAX_REASONS} reasons more")


def _show_gaps(console: Console, gaps: Sequence[OpenGap], names: FeedNames) -> None:
    for each in gaps[:MAX_GAPS]:
        gap = each.gap
        start, end, feed = short_time(gap.start), short_time(gap.end), names.name(gap.feed)
        if gap.lost:
            console.print(f"lost in {feed}: articles from {start} to {end} may be missing for good")
        else:
            console.print(f"gap in {feed}: articles from {start} to {end} may be missing")
        if each.why_not:
            console.print(Text(f"  {each.why_not}", style="yellow"))
        if each.command:
            part = "the remainder of it" if each.why_not else "it"
            console.print(Text(f"  the daemon will close {part}; this closes it now: {each.command}"))
    if len(gaps) > MAX_GAPS:
        console.print(f"… and {len(gaps) - MAX_GAPS} gaps more; --json lists them all")

"""``finarchive coverage``."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from archive.union.lookup import feed_readers
from cli.context import CommandContext, CommandError
from cli.options import complete_feed, json_option, open_store, print_json
from cli.output.console import print_lines, stdout_console
from cli.output.coverage_chart import day_chart, recent_chart
from cli.output.feed_names import FeedNames
from scheduler.monitoring.reports import coverage_json, report_coverage
from scheduler.policy.coverage import parse_day

if TYPE_CHECKING:
    from archive.union.store import AnyStore


@click.command("coverage")
@click.option(
    "--feed",
    "names",
    multiple=True,
    metavar="ID",
    shell_complete=complete_feed,
    help="Show this feed. Can be repeated.",
)
@click.option("--day", "days", multiple=True, metavar="YYYY-MM-DD", help="Show this day (China) by the hour.")
@json_option
@click.pass_obj
def coverage_command(context: CommandContext, names: tuple[str, ...], days: tuple[str, ...], as_json: bool) -> None:
    """Show how much of each day is complete, for each feed that is on.

    Without --day the last 14 days are shown, with a character for each day.

    Example: finarchive coverage --feed china --day 2026-09-30
    """
    now = context.now()
    chosen_days = sorted({_day(text, now) for text in days})
    store = open_store(context)
    ids, readers = _feed_ids(context, store, names), feed_readers(store)
    if context.more_roots and not names:  # the configuration may be that of one of them
        ids = [feed for feed in ids if feed in readers]
        if not ids:
            known = ", ".join(sorted(readers))
            raise CommandError(f"the archives have no feed of the configuration, which -c names, but {known}")
    readers = dict.fromkeys(ids, store.stores[0]) | readers
    report = [
        day
        for each in store.stores
        for day in report_coverage(
            context.settings, each, [feed for feed in ids if readers[feed] is each], chosen_days, now
        )
    ]
    report.sort(key=lambda day: ids.index(day.feed))
    if as_json:
        print_json(coverage_json(report))
        return
    feed_names = FeedNames.of(context.settings, store.stores[0], (each.feed for each in report))
    width = stdout_console().width
    for day in chosen_days:
        print_lines(day_chart([each for each in report if each.day == day], feed_names, width, now))
    if not chosen_days:
        print_lines(recent_chart(report, feed_names, width))


def _feed_ids(context: CommandContext, store: AnyStore, names: tuple[str, ...]) -> list[str]:
    """The named feeds, which may be off or no longer configured; without names, all that are on."""
    unknown = set(names) - {feed for each in store.stores for feed in each.feeds.histories()}
    if unknown - {feed.id for feed in context.settings.feeds}:
        context.feeds(tuple(sorted(unknown)))  # raises, and lists the configured feeds
    return list(dict.fromkeys(names)) or [feed.id for feed in context.feeds(())]


def _day(text: str, now: datetime) -> date:
    try:
        return parse_day(text, now)
    except ValueError as error:
        raise CommandError(f"--day {text}: {error}") from error

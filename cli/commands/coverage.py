"""``finarchive coverage``."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from cli.context import CommandContext, CommandError
from cli.options import complete_feed, json_option, open_store, print_json
from cli.output.console import print_lines
from cli.output.coverage_chart import day_chart, recent_chart
from scheduler.monitoring.reports import coverage_json, report_coverage
from scheduler.policy.coverage import parse_day

if TYPE_CHECKING:
    from archive.store import Store


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
    report = report_coverage(context.settings, store, _feed_ids(context, store, names), chosen_days, now)
    if as_json:
        print_json(coverage_json(report))
    elif chosen_days:
        for day in chosen_days:
            print_lines(day_chart([each for each in report if each.day == day], now))
    else:
        print_lines(recent_chart(report))


def _feed_ids(context: CommandContext, store: Store, names: tuple[str, ...]) -> list[str]:
    """The named feeds, which may be off or no longer configured; without names, all that are on."""
    unknown = set(names) - store.feeds.histories().keys()
    if unknown - {feed.id for feed in context.settings.feeds}:
        context.feeds(tuple(sorted(unknown)))  # raises, and lists the configured feeds
    return list(dict.fromkeys(names)) or [feed.id for feed in context.feeds(())]


def _day(text: str, now: datetime) -> date:
    try:
        return parse_day(text, now)
    except ValueError as error:
        raise CommandError(f"--day {text}: {error}") from error

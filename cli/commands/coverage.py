"""``finarchive coverage``."""

from __future__ import annotations

import json
from datetime import date, datetime

import click

from archive.store import Store
from cli.context import CommandContext, CommandError
from cli.options import json_option, open_index_if_any
from cli.output import console
from cli.output.coverage_chart import day_chart, recent_chart
from scheduler.monitoring.reports import coverage_json, report_coverage
from scheduler.policy.coverage import parse_day


@click.command()
@click.option("--feed", "names", multiple=True, metavar="ID", help="Show this feed; may be given more than once.")
@click.option("--day", "days", multiple=True, metavar="YYYY-MM-DD", help="Show the hours of this day in China.")
@json_option
@click.pass_obj
def coverage(context: CommandContext, names: tuple[str, ...], days: tuple[str, ...], as_json: bool) -> None:
    """Show how much of each day is known complete, for each feed that is on: of the last 14 days, or by the hour.

    Example: finarchive coverage --feed china --day 2026-09-30
    """
    store, now = open_index_if_any(context), context.now()
    shown = sorted({_day(text, now) for text in days})
    found = report_coverage(store, _in_the_index(context, store, names), shown, now)
    if as_json:
        click.echo(json.dumps(coverage_json(found), ensure_ascii=False))
    elif shown:
        for day in shown:
            console.show_coverage(day_chart([f for f in found if f.day == day], now))
    else:
        console.show_coverage(recent_chart(found))


def _in_the_index(context: CommandContext, store: Store, names: tuple[str, ...]) -> list[str]:
    """Ids of the feeds of these names, configured or not, else of all that are on."""
    unknown = set(names) - store.feeds.histories().keys()
    if unknown - {feed.id for feed in context.settings.feeds}:
        context.chosen(tuple(sorted(unknown)))  # refuses, and names those there are
    return list(dict.fromkeys(names)) or [feed.id for feed in context.chosen(())]


def _day(text: str, now: datetime) -> date:
    try:
        return parse_day(text, now)
    except ValueError as error:
        raise CommandError(f"--day {text}: {error}") from error

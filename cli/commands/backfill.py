"""``finarchive backfill``."""

from __future__ import annotations

from datetime import datetime

import click

from archive.model.feed import Span
from cli.context import CommandContext, CommandError
from cli.daemon_client import run_crawl
from cli.options import complete_feed, json_option
from cli.output.crawl import announce_backfill
from cli.times import parse_time
from scheduler.exits import Exit

# From the web's first year to beyond any test's; near the ends of the calendar, date arithmetic fails.
_YEARS = range(1990, 2200)


@click.command("backfill")
@click.argument("feed", shell_complete=complete_feed)
@click.option("--from", "start", required=True, metavar="DATE", help="A day in China, a time with its zone, or now.")
@click.option("--to", "end", metavar="DATE", help="The same; a day is included. Default: now.")
@json_option
@click.pass_obj
def backfill_command(context: CommandContext, feed: str, start: str, end: str | None, as_json: bool) -> Exit:
    """Read a feed's list back through a period, and archive all its articles.

    Parts that are already complete are not read again: a second run does nothing, and a run after an interruption
    continues.

    Example: finarchive backfill china --from 2026-09-01 --to 2026-09-07
    """
    feeds = context.feeds((feed,))
    now = context.now()
    begin = _time(start, now, is_start=True)
    limit = _time(end, now) if end else now
    span = Span(begin, min(limit, now))
    if span.start >= span.end:
        raise CommandError(f"--from {start} is not before {f'--to {end}' if limit < now else 'the present'}")
    if not as_json and not context.is_quiet:
        announce_backfill(context.settings, feeds[0], span)
    request = {"command": "backfill", "feed": feed, "start": span.start.isoformat(), "end": span.end.isoformat()}
    return run_crawl(context, feeds, request, as_json=as_json, span=span)


def _time(text: str, now: datetime, *, is_start: bool = False) -> datetime:
    time = parse_time(text, now, is_start=is_start)
    if time.year not in _YEARS:
        raise CommandError(f"{text!r} is not a time that a list could have articles of")
    return time

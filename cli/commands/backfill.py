"""``finarchive backfill``."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from archive.files.paths import CHINA
from archive.model.feed import Span
from cli.context import CommandContext, CommandError
from cli.daemon_client import run_crawl
from cli.options import complete_feed, json_option, parse_time
from cli.output.crawl import announce_backfill
from scheduler.exits import Exit

# From the web's first year to beyond any test's; near the ends of the calendar, date arithmetic fails.
_YEARS = range(1990, 2200)


@click.command("backfill")
@click.argument("feed", shell_complete=complete_feed)
@click.option("--from", "start", required=True, metavar="DATE", help="A day in China, or a time with its zone.")
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
    span = Span(_time(start), min(_time(end, is_end=True), now) if end else now)
    if span.start >= span.end:
        is_past = end and _time(end) <= now
        raise CommandError(f"--from {start} is not before {f'--to {end}' if is_past else 'the present'}")
    if not as_json:
        announce_backfill(context.settings, feeds[0], span)
    request = {"command": "backfill", "feed": feed, "start": span.start.isoformat(), "end": span.end.isoformat()}
    return run_crawl(context, feeds, request, as_json=as_json, span=span)


def _time(text: str, *, is_end: bool = False) -> datetime:
    """A time given on the command line. A day means its beginning in China, or its end with ``is_end``."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{text!r} is neither a day such as 2026-09-30 nor a time such as 2026-09-30T09:30+08:00"
        ) from None
    if time.year not in _YEARS:
        raise CommandError(f"{text!r} is not a time that a list could have articles of")
    if len(text) == len("2026-09-30"):
        return time.replace(tzinfo=CHINA) + (timedelta(days=1) if is_end else timedelta(0))
    return parse_time(text)

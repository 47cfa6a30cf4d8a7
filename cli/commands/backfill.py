"""``finarchive backfill``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from archive.files.paths import CHINA
from archive.model.feed import Span
from cli.context import CommandContext, CommandError
from cli.output import console
from scheduler.exits import Exit

if TYPE_CHECKING:
    pass
from cli.commands.crawl import json_option, run_crawl
from cli.options import aware_time

_YEARS = range(1990, 2200)  # the web's, and those that a test may be of; arithmetic goes wrong at the calendar's ends


@click.command()
@click.argument("feed")
@click.option("--from", "start", required=True, metavar="DATE", help="A day in China, or a time with its zone.")
@click.option("--to", "end", metavar="DATE", help="The same; a day is meant to its end. Now, unless given.")
@json_option
@click.pass_obj
def backfill(context: CommandContext, feed: str, start: str, end: str | None, as_json: bool) -> Exit:
    """Walk through the past of a feed's list, and archive everything it had.

    What is known complete already is not read again, so a second run does nothing, and one that was interrupted is
    carried on by the next.

    Example: finarchive backfill china --from 2026-09-01 --to 2026-09-07
    """
    feeds, now = context.chosen((feed,)), context.now()
    stretch = Span(_time(start), min(_time(end, is_end=True), now) if end else now)
    if stretch.start >= stretch.end:
        raise CommandError(
            f"--from {start} is not before {f'--to {end}' if end and _time(end) <= now else 'the present'}"
        )
    if not as_json:
        console.announce_backfill(context.settings, feeds[0], stretch)
    span = {"start": stretch.start.isoformat(), "end": stretch.end.isoformat()}
    return run_crawl(context, feeds, {"command": "backfill", "feed": feed} | span, as_json, stretch=stretch)


def _time(text: str, *, is_end: bool = False) -> datetime:
    """A time as given on the command line; a day begins, or with ``is_end`` ends, in China."""
    try:
        time = datetime.fromisoformat(text)
        if time.year not in _YEARS:
            raise CommandError(f"{text!r} is not a time that a list could have articles of")
    except ValueError:
        raise CommandError(
            f"{text!r} is neither a day such as 2026-09-30 nor a time such as 2026-09-30T09:30+08:00"
        ) from None
    if len(text) == len("2026-09-30"):
        return time.replace(tzinfo=CHINA) + (timedelta(days=1) if is_end else timedelta(0))
    return aware_time(text)

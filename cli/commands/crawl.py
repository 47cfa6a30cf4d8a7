"""``finarchive crawl``."""

from __future__ import annotations

import click

from cli.context import CommandContext
from cli.daemon_client import run_crawl
from cli.options import complete_feed, json_option
from cli.output.crawl import announce_crawl
from scheduler.exits import Exit


@click.command("crawl")
@click.argument("feed", nargs=-1, shell_complete=complete_feed)
@click.option(
    "--limit",
    type=click.IntRange(0, 1_000_000_000),
    metavar="N",
    help="Archive at most N articles and leave the others waiting.",
)
@json_option
@click.pass_obj
def crawl_command(context: CommandContext, feed: tuple[str, ...], limit: int | None, as_json: bool) -> Exit:
    """Poll feeds now, archive everything due, then stop.

    FEED is the id of a configured feed; without one, all feeds that are on are polled. Articles that still wait from
    earlier runs are fetched too. If the daemon holds the archive, it does the work.

    Example: finarchive crawl china usstock --limit 20
    """
    feeds = context.feeds(feed)
    if not as_json and not context.is_quiet:
        announce_crawl(context.settings, feeds)
    request = {"command": "crawl", "feeds": list(feed), "limit": limit}
    return run_crawl(context, feeds, request, as_json=as_json, limit=limit)

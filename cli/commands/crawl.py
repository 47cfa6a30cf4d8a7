"""The commands that work on the archive: in this process, or in the daemon that holds it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from cli.context import CommandContext
from cli.output import console
from scheduler.crawl.progress import CrawlResult
from scheduler.exits import Exit

if TYPE_CHECKING:
    from config.model import Feed
from cli.daemon_client import here_or_there, send_to_daemon

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout."
)


@click.command("crawl")
@click.argument("feed", nargs=-1)
@click.option(
    "--limit", type=click.IntRange(0, 1_000_000_000), metavar="N", help="Archive at most N articles; the rest waits."
)
@json_option
@click.pass_obj
def crawl_command(context: CommandContext, feed: tuple[str, ...], limit: int | None, as_json: bool) -> Exit:
    """Poll now, archive everything due, stop.

    FEEDs are ids from the configuration; without any, all feeds that are on are polled. What was found earlier and
    still waits is fetched too. Where the daemon holds the archive, it does the work.

    Example: finarchive crawl china usstock --limit 20
    """
    feeds = context.chosen(feed)
    if not as_json:
        console.announce(context.settings, feeds)
    request = {"command": "crawl", "feeds": list(feed), "limit": limit}
    return run_crawl(context, feeds, request, as_json, limit=limit)


def run_crawl(context: CommandContext, feeds: list[Feed], request: dict[str, Any], as_json: bool, **how: Any) -> Exit:
    def here() -> CrawlResult:
        from scheduler.one_off import crawl  # noqa: PLC0415 - Scrapy takes half a second that no other command should

        return crawl(context.settings, feeds, context.now, on_change=on_change, **how)

    began = time.monotonic()
    with console.progress(len(feeds), quiet=context.verbosity == -1) as on_change:
        result = here_or_there(
            here,
            lambda: CrawlResult.from_whole(send_to_daemon(context, request, on_change)),
        )
    if as_json:
        click.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        console.summarise(result, time.monotonic() - began)
    return result.exit_status()

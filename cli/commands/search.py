"""The command that finds articles, and what other commands that take a query share with it."""

from __future__ import annotations

import json

import click

from archive.query.parser import parse
from cli.context import CommandContext
from cli.options import AS_OF, asked, aware_time, reading
from cli.output import search
from scheduler.monitoring.reports import iso


@click.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, metavar="N", help="Show at most N articles.")
@click.option(
    "--sort", type=click.Choice(["relevance", "time"]), default="relevance", help="The best first, or the newest."
)
@click.option("--as-of", metavar="TIME", help=AS_OF)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def search_command(
    context: CommandContext, query: tuple[str, ...], *, limit: int, sort: str, as_of: str | None, as_json: bool
) -> None:
    """Find articles by what they say.

    QUERY is words, all of which must be there, in the title or the text; any part of a Chinese word will do. Phrases
    stand in quotation marks; AND, OR, NOT and parentheses join; symbol: feed: media: since: until: choose; CP* is how
    a word begins.

    Example: finarchive search '茅台 (业绩 OR "M2 增长") NOT 传闻 symbol:sh600519 since:2026-09-01'
    """
    time = aware_time(as_of) if as_of else None
    with asked(" ".join(query)):
        wanted = parse(" ".join(query))
    hits = reading(context).search.find(wanted, limit, time, by_time=sort == "time")
    if as_json:
        rows = [
            {
                "docid": hit.docid, "title": hit.title, "path": hit.path, "published": iso(hit.published),
                "feeds": hit.feeds, "snippet": hit.snippet,
            }
            for hit in hits
        ]  # fmt: skip
        click.echo(json.dumps(rows, ensure_ascii=False))
    else:
        search.show_hits(hits, limit)

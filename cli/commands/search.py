"""``finarchive search``."""

from __future__ import annotations

import click

from archive.query.parser import parse
from cli.context import CommandContext
from cli.options import as_of_option, json_option, open_store, print_json, wrap_query_errors
from cli.output.search import MAX_COUNTED, show_hits
from cli.times import parse_time
from scheduler.monitoring.reports import iso


@click.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, metavar="N", help="Show at most N articles.")
@click.option(
    "--sort", type=click.Choice(["relevance", "time"]), default="relevance", help="Best match first, or newest first."
)
@as_of_option
@json_option
@click.pass_obj
def search_command(
    context: CommandContext, query: tuple[str, ...], *, limit: int, sort: str, as_of: str | None, as_json: bool
) -> None:
    """Search the titles and texts of articles.

    QUERY is one or more words; an article must contain all of them. Any part of a Chinese word matches. Quotation
    marks enclose phrases; AND, OR, NOT and parentheses combine terms; CP* matches words that begin with CP. The
    filters are symbol: feed: media: since: until:.

    Example: finarchive search '茅台 (业绩 OR "M2 增长") NOT 传闻 symbol:sh600519 since:2026-09-01'
    """
    time = parse_time(as_of, context.now()) if as_of else None
    text = " ".join(query)
    with wrap_query_errors(text):
        parsed = parse(text)
    search = open_store(context).search
    hits = search.find(parsed, limit, time, by_time=sort == "time")
    if not as_json:
        show_hits(hits, search.count(parsed, MAX_COUNTED, time) if len(hits) == limit else len(hits))
        return
    print_json(
        [
            {
                "docid": hit.docid,
                "title": hit.title,
                "path": hit.path,
                "published": iso(hit.published),
                "feeds": hit.feeds,
                "snippet": hit.snippet,
            }
            for hit in hits
        ]
    )

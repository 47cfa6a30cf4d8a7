"""``finarchive search``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from archive.model.results import Hit
from archive.query.parser import parse
from cli.article_document import find_article, named_docid, with_names
from cli.context import CommandContext
from cli.options import (
    QueryCommand,
    as_of_option,
    check_names,
    json_option,
    open_store,
    print_json,
    wrap_query_errors,
)
from cli.output.search import MAX_COUNTED, show_hits
from cli.times import parse_time
from scheduler.monitoring.reports import iso


@click.command("search", cls=QueryCommand)
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
    marks enclose phrases; -词 excludes a word; and, or, not and parentheses combine terms; CP* matches words that
    begin with CP. The filters are symbol: feed: media: since: until: published: first_seen: observed: and
    is:revised, is:gone, is:moved. Days are such as 2026-09-30, 2026-09, 2026, today, 7d or a range A..B. A docid, an
    address or a path shows the article, as finarchive show does.

    Example: finarchive search '茅台 (业绩 or "M2 增长") -传闻 symbol:600519.SH since:2026-09'
    """
    time = parse_time(as_of, context.now()) if as_of else None
    text = " ".join(query)
    store = open_store(context)
    with wrap_query_errors(text):
        docid = named_docid(store, text)
        if docid and (article := find_article(store, docid, time)):
            from cli.output.article import show_article  # noqa: PLC0415 - most searches are for words

            if as_json:
                _print_json(store.search.named(docid, time))
            else:
                show_article(with_names(article, store, time))
            return
        parsed = parse(text, time or context.now())
        check_names(context, store, parsed)
    search = store.search
    hits = search.find(parsed, limit, time, by_time=sort == "time")
    if as_json:
        _print_json(hits)
    else:
        show_hits(hits, search.count(parsed, MAX_COUNTED, time) if len(hits) == limit else len(hits))


def _print_json(hits: Sequence[Hit]) -> None:
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

"""The command that finds articles, and what other commands that take a query share with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from archive.archive import index_path
from archive.errors import QueryError
from archive.query import parse
from archive.store import Store
from scheduler import find_screen
from scheduler.cli import Refusal, Session
from scheduler.reports import iso
from scheduler.work_commands import aware_time

AS_OF = "As the archive knew it then, and nothing of later, such as 2026-09-30T09:30+08:00."


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
    session: Session, query: tuple[str, ...], *, limit: int, sort: str, as_of: str | None, as_json: bool
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
    hits = reading(session).search.find(wanted, limit, time, by_time=sort == "time")
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
        find_screen.show_hits(hits, limit)


@contextmanager
def asked(query: str) -> Iterator[None]:
    """Around the understanding of what somebody typed.

    :raises Refusal: it cannot be understood
    """
    try:
        yield
    except QueryError as error:
        raise Refusal(f"cannot search for {query!r}: {error}" if query else str(error)) from error


def reading(session: Session) -> Store:
    """The index of the archive, to be read; where there is none, somebody may look in the wrong place."""
    root = session.settings.archive.root.absolute()
    if not (index := index_path(root)).exists():
        click.echo(f"There is no archive at {root} yet: finarchive crawl begins one.", err=True)
    return Store.open_for_reading(index)

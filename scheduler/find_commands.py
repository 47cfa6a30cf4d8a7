"""The commands that find articles, and take them elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from archive.archive import index_path
from archive.errors import QueryError
from archive.outputs.registry import OUTPUTS
from archive.query import All, Any, OfFeed, Query, parse, published, symbol
from archive.store import Store
from scheduler import find_screen
from scheduler.cli import Refusal, Session
from scheduler.reports import iso
from scheduler.work_commands import aware_time

_AS_OF = "As the archive knew it then, and nothing of later, such as 2026-09-30T09:30+08:00."


@click.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, metavar="N", help="Show at most N articles.")
@click.option(
    "--sort", type=click.Choice(["relevance", "time"]), default="relevance", help="The best first, or the newest."
)
@click.option("--as-of", metavar="TIME", help=_AS_OF)
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
    hits = _reading(session).search.find(wanted, limit, time, by_time=sort == "time")
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


@click.command("export")
@click.argument("format", type=click.Choice(list(OUTPUTS)))
@click.argument("query", nargs=-1)
@click.option("--since", metavar="DAY", help="Published on this day in China, or at this time, or later.")
@click.option("--until", metavar="DAY", help="Published on this day in China, or at this time, or before.")
@click.option(
    "--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Naming this stock; may be given more than once."
)
@click.option("--feed", "feeds", multiple=True, metavar="ID", help="Of this feed; may be given more than once.")
@click.option("--as-of", metavar="TIME", help=_AS_OF)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write into FILE, which appears when it is whole.",
)
@click.pass_obj
def export_command(
    session: Session,
    *,
    format: str,  # noqa: A002 - its name there
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    symbols: tuple[str, ...],
    feeds: tuple[str, ...],
    as_of: str | None,
    output: Path | None,
) -> None:
    """Write articles out, each with all that is known of it: all of them, or those that a QUERY finds.

    FORMAT is jsonl (JSON Lines) or csv (for spreadsheets); QUERY is as in finarchive search.

    Example: finarchive export jsonl 茅台 --since 2026-09-01 --as-of 2026-09-30T09:30+08:00 -o known.jsonl
    """
    time = aware_time(as_of) if as_of else None
    with asked(" ".join(query)):
        wanted: list[Query] = [parse(" ".join(query))] if query else []
        wanted += [published(since, until)]
        wanted += [Any(tuple(map(symbol, symbols)))] if symbols else []
    wanted += [Any(tuple(map(OfFeed, feeds)))] if feeds else []
    records = _reading(session).search.each(All(tuple(wanted)), time)
    with _opened(output) as file:
        for written in OUTPUTS[format](records):
            file.write(written)


@contextmanager
def asked(query: str) -> Iterator[None]:
    """A query is being understood.

    :raises Refusal: it cannot be
    """
    try:
        yield
    except QueryError as error:
        raise Refusal(f"cannot search for {query!r}: {error}" if query else str(error)) from error


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """Where to write to: stdout, or a file that takes its name when all is written."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    aside = path if path.exists() and not path.is_file() else path.with_name(f"{path.name}.unfinished")
    try:
        file = aside.open("wb")
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            if aside != path:
                os.fsync(file.fileno())
        if aside != path:
            aside.replace(path)
    except BaseException:
        if aside != path:
            aside.unlink(missing_ok=True)
        raise


def _reading(session: Session) -> Store:
    return Store.open_for_reading(index_path(session.settings.archive.root))

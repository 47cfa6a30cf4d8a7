"""The command that takes articles elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from archive.outputs.registry import OUTPUTS
from archive.query import All, Any, OfFeed, Query, parse, published, symbol
from scheduler.cli import Refusal, Session
from scheduler.find_commands import AS_OF, asked, reading
from scheduler.work_commands import aware_time


@click.command("export")
@click.argument("format", type=click.Choice(list(OUTPUTS)))
@click.argument("query", nargs=-1)
@click.option("--since", metavar="DAY", help="Published on this day in China, or at this time, or later.")
@click.option("--until", metavar="DAY", help="Published on this day in China, or at this time, or before.")
@click.option(
    "--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Naming this stock; may be given more than once."
)
@click.option("--feed", "feeds", multiple=True, metavar="ID", help="Of this feed; may be given more than once.")
@click.option("--as-of", metavar="TIME", help=AS_OF)
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

    FORMAT is jsonl (JSON Lines), csv (for spreadsheets) or parquet (typed, with the exchanges' parts of the day; an
    extra); QUERY is as in finarchive search.

    Example: finarchive export jsonl 茅台 --since 2026-09-01 --as-of 2026-09-30T09:30+08:00 -o known.jsonl
    """
    time = aware_time(as_of) if as_of else None
    with asked(" ".join(query)):
        wanted: list[Query] = [parse(" ".join(query))] if query else []
        wanted += [published(since, until)]
        wanted += [Any(tuple(map(symbol, symbols)))] if symbols else []
    wanted += [Any(tuple(map(OfFeed, feeds)))] if feeds else []
    records = reading(session).search.each(All(tuple(wanted)), time)
    with _opened(output) as file:
        for written in OUTPUTS[format](records):
            file.write(written)


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

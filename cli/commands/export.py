"""``finarchive export``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from archive.export.folder import fill
from archive.export.formats import Export, Folder, Output, Stream
from archive.export.registry import OUTPUTS
from archive.files.output import open_output
from archive.model.errors import ArchiveError
from archive.model.results import Record
from archive.query.parser import And, FeedFilter, Or, Query, date_filter, parse, symbol_filter
from archive.revision_files import RevisionFiles
from cli.context import CommandContext, CommandError, cannot_write
from cli.options import QueryCommand, as_of_option, check_names, complete_feed, open_store, wrap_query_errors
from cli.times import parse_time

logger = logging.getLogger("finarchive")


@click.command("export", cls=QueryCommand)
@click.argument("format", type=click.Choice(list(OUTPUTS)))
@click.argument("query", nargs=-1)
@click.option("--since", metavar="DAY", help="Published on or after this day in China, or at this time or later.")
@click.option("--until", metavar="DAY", help="Published on or before this day in China, or at this time or earlier.")
@click.option("--symbol", "symbols", multiple=True, metavar="SYMBOL", help="Names this stock. Can be repeated.")
@click.option(
    "--feed",
    "feeds",
    multiple=True,
    metavar="ID",
    shell_complete=complete_feed,
    help="Belongs to this feed. Can be repeated.",
)
@as_of_option
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Only the N newest articles. Default: all; atom: 100."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write to this file; hugo and hexo: to this folder. Default: stdout.",
)
@click.pass_obj
def export_command(
    context: CommandContext,
    *,
    format: str,  # noqa: A002 - its name on the command line
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    symbols: tuple[str, ...],
    feeds: tuple[str, ...],
    as_of: str | None,
    limit: int | None,
    output: Path | None,
) -> None:
    """Export all articles, or those that match QUERY, with their metadata.

    FORMAT is jsonl (JSON Lines), csv (for spreadsheets), parquet (typed columns and trading sessions; needs the
    extra parquet), atom (a feed), hugo or hexo (a folder of files for the site generator).

    QUERY is as in finarchive search.

    Example: finarchive export jsonl 茅台 --since 2026-09-01 --as-of 2026-09-30T09:30+08:00 -o known.jsonl
    """
    now = context.now()
    time = parse_time(as_of, now) if as_of else None
    text = " ".join(query)
    root = context.archive_root
    store = open_store(context)
    with wrap_query_errors(text):
        parts: list[Query] = [parse(text, time or now)] if query else []
        parts += [date_filter(since, until, time or now)]
        parts += [Or(tuple(map(symbol_filter, symbols)))] if symbols else []
        parts += [Or(tuple(map(FeedFilter, feeds)))] if feeds else []
        check_names(context, store, And(tuple(parts)))
    kind = OUTPUTS[format]
    missing = _MissingFiles()
    revision_files = RevisionFiles(store, root, missing.add)
    records = store.search.each(And(tuple(parts)), time, newest=_newest(format, limit))
    export = Export(records, revision_files.read, _query_text(query, since, until, symbols, feeds), time or now)
    _write(kind, export, output, root)
    missing.raise_if_any()


def _newest(format: str, limit: int | None) -> int | None:  # noqa: A002 - as above
    """How many of the newest articles to export; None for all.

    :raises CommandError: the format does not take that many
    """
    kind = OUTPUTS[format]
    if isinstance(kind, Folder):
        return limit
    if limit and kind.max_limit and limit > kind.max_limit:
        raise CommandError(f"--limit is {limit}, and {kind.max_limit} are the most that {format} takes")
    return limit or kind.default_limit


def _query_text(
    query: tuple[str, ...], since: str | None, until: str | None, symbols: tuple[str, ...], feeds: tuple[str, ...]
) -> str:
    """The query and the options as one query."""
    parts = [*query, *([f"since:{since}"] if since else []), *([f"until:{until}"] if until else [])]
    for field, values in (("symbol", symbols), ("feed", feeds)):
        unique = sorted(set(values))
        alternatives = " OR ".join(f"{field}:{value}" for value in unique)
        parts += [f"({alternatives})" if len(unique) > 1 else alternatives] if unique else []
    return " ".join(parts)


def _write(kind: Output, export: Export, output: Path | None, root: Path) -> None:
    match kind:
        case Stream(write):
            if kind.is_binary and output is None and sys.stdout.isatty():
                raise CommandError("this format is no text for a terminal: name a file with -o, or use a pipe")
            with _open_output(output, root) as file:
                for chunk in write(export):
                    file.write(chunk)
        case Folder(write):
            if output is None:
                raise CommandError("it is a folder of files: name the folder with -o")
            fill(output, root, write(export))


class _MissingFiles:
    """Counts the articles whose files are missing, or not as recorded."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, record: Record) -> None:
        self._count += 1
        logger.warning("no-file docid=%s revision=%d path=%s", record.docid, record.revision, record.path)

    def raise_if_any(self) -> None:
        """Report the missing files, after everything else is written.

        :raises ArchiveError: there are missing files
        """
        if self._count:
            raise ArchiveError(
                f"{self._count} files are missing or not as recorded, and not in the export: "
                "finarchive verify --repair may restore them"
            )


@contextmanager
def _open_output(path: Path | None, root: Path) -> Iterator[BinaryIO]:
    """The output: stdout, or a file that is replaced when the new one is complete."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.is_dir():
        raise CommandError(f"{path} is a folder: name a file")
    if root.resolve() in path.resolve().parents:
        raise CommandError(f"{path} lies in the archive, which has nothing but articles: name a file elsewhere")
    try:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(open_output(path))
            except OSError as error:
                raise cannot_write(path, error) from error
            yield file
    except OSError as error:
        if error.filename is not None:  # no write
            raise
        raise cannot_write(path, error) from error

"""The command that takes articles elsewhere."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from archive.export.folder import fill
from archive.export.formats import Export, Folder, Output, Stream
from archive.export.registry import OUTPUTS
from archive.model.errors import ArchiveError
from archive.model.results import Record
from archive.query.parser import And, FeedFilter, Or, Query, date_filter, parse, symbol_filter
from archive.revision_files import RevisionFiles
from cli.context import CommandContext, CommandError
from cli.options import AS_OF, asked, aware_time, reading

logger = logging.getLogger("finarchive")


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
    "--limit", type=click.IntRange(1), metavar="N", help="Only the N articles published last; atom: 100 unless given."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write into this file, which appears when it is whole; hugo and hexo: into this folder.",
)
@click.pass_obj
def export_command(
    context: CommandContext,
    *,
    format: str,  # noqa: A002 - its name there
    query: tuple[str, ...],
    since: str | None,
    until: str | None,
    symbols: tuple[str, ...],
    feeds: tuple[str, ...],
    as_of: str | None,
    limit: int | None,
    output: Path | None,
) -> None:
    """Write articles out, each with all that is known of it: all of them, or those that a QUERY finds.

    FORMAT is jsonl (JSON Lines), csv (for spreadsheets), parquet (typed, with the exchanges' parts of the day; an
    extra), atom (a feed), hugo or hexo (a folder of files); QUERY is as in finarchive search.

    Example: finarchive export jsonl 茅台 --since 2026-09-01 --as-of 2026-09-30T09:30+08:00 -o known.jsonl
    """
    time = aware_time(as_of) if as_of else None
    with asked(" ".join(query)):
        wanted: list[Query] = [parse(" ".join(query))] if query else []
        wanted += [date_filter(since, until)]
        wanted += [Or(tuple(map(symbol_filter, symbols)))] if symbols else []
    wanted += [Or(tuple(map(FeedFilter, feeds)))] if feeds else []
    kind, newest = OUTPUTS[format], _newest(format, limit)
    store, missing = reading(context), _Missing()
    revision_files = RevisionFiles(store, context.settings.archive.root, missing.note)
    records = store.search.each(And(tuple(wanted)), time, newest=newest)
    words = _in_words(query, since, until, symbols, feeds)
    _write(
        kind,
        Export(records, revision_files.read, words, time or context.now()),
        output,
        context.settings.archive.root,
    )
    missing.tell()


def _newest(format: str, limit: int | None) -> int | None:  # noqa: A002 - as above
    """How many articles are wanted; None: all."""
    kind = OUTPUTS[format]
    if isinstance(kind, Folder):
        return limit
    if limit and kind.max_limit and limit > kind.max_limit:
        raise CommandError(f"--limit is {limit}, and {kind.max_limit} are the most that {format} takes")
    return limit or kind.default_limit


def _in_words(
    query: tuple[str, ...], since: str | None, until: str | None, symbols: tuple[str, ...], feeds: tuple[str, ...]
) -> str:
    """What is asked for, as one query has it."""
    parts = [*query, *([f"since:{since}"] if since else []), *([f"until:{until}"] if until else [])]
    for field, values in (("symbol", symbols), ("feed", feeds)):
        some = " OR ".join(f"{field}:{value}" for value in sorted(set(values)))
        parts += [f"({some})" if len(set(values)) > 1 else some] if values else []
    return " ".join(parts)


def _write(kind: Output, export: Export, output: Path | None, root: Path) -> None:
    match kind:
        case Stream(write):
            with _opened(output, root) as file:
                for written in write(export):
                    file.write(written)
        case Folder(write):
            if output is None:
                raise CommandError("it is a folder of files: name the folder with -o")
            fill(output, root, write(export))


class _Missing:
    """Articles whose files are missing, or not as they were recorded."""

    def __init__(self) -> None:
        self._count = 0

    def note(self, record: Record) -> None:
        self._count += 1
        logger.warning("no-file docid=%s revision=%d path=%s", record.docid, record.revision, record.path)

    def tell(self) -> None:
        """Say so, when all else is written.

        :raises ArchiveError: there were any
        """
        if self._count:
            raise ArchiveError(
                f"{self._count} files are missing or not as recorded, and not in the export: "
                "finarchive verify --repair may mend them"
            )


@contextmanager
def _opened(path: Path | None, root: Path) -> Iterator[BinaryIO]:
    """Where to write to: stdout, or a file that takes its name when all is written."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.is_dir():
        raise CommandError(f"{path} is a folder: name a file")
    if root.resolve() in path.resolve().parents:
        raise CommandError(f"{path} lies in the archive, which has nothing but articles: name a file elsewhere")
    aside = path if path.exists() and not path.is_file() else path.with_name(f"{path.name}.unfinished")
    try:
        file = aside.open("wb")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
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

"""``export --versions``: the table of all versions, whole or since a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archive.export.cursor import parse_cursor
from archive.export.folder import ensure_apart
from archive.export.formats import PartitionedFormat, PartitionedTable, Table, TableFormat
from archive.model.results import ArticlePeriod
from archive.model.times import to_text
from archive.query.parser import Query
from cli.context import CommandContext, CommandError
from cli.export.cursor_file import CursorFile
from cli.export.options import ExportOptions
from cli.export.output import ensure_outside, write_stream

if TYPE_CHECKING:
    from archive.union.store import AnyStore


def table_metadata(store: AnyStore, query: str, as_of: datetime | None = None) -> dict[str, str]:
    """Return where a table comes from; the same for the same articles, whenever it is written.

    :param as_of: the time of the query; None: that of the newest observation
    """
    return {
        "query": query,
        "as_of": to_text(as_of or store.periods.observed_until()) or "",
        "cursor": str(store.periods.cursor()),
        "version": version("finarchive"),
    }


def write_versions(
    context: CommandContext, options: ExportOptions, kind: TableFormat, store: AnyStore, query: Query
) -> None:
    """Write the table, and say its cursor.

    :param store: within a snapshot
    :raises CommandError: the cursor, its file or the output cannot be used
    :raises CursorError: the cursor is not of this index as it is now
    """
    roots = [each.root for each in store.stores]
    cursor_file = _cursor_file(roots, options)
    after = parse_cursor(options.observed_since) if options.observed_since else None
    after = cursor_file.read() if cursor_file else after
    if cursor_file and cursor_file.is_complete and after:
        context.say(f"{options.output} was complete already: only {options.cursor_file} was not")
        cursor_file.finish(after)
        return
    if after:
        store.periods.ensure_valid(after)
    cursor = store.periods.cursor()
    table = Table(
        store.periods.each(query, after), ArticlePeriod, table_metadata(store, options.query_text()), context.warn
    )
    announce = partial(cursor_file.announce, cursor) if cursor_file else None
    write_stream(kind.write(table), options.output, roots, is_binary=kind.is_binary, announce=announce)
    if cursor_file:
        cursor_file.finish(cursor)
    elif not context.is_quiet:
        click.echo(f"cursor: {cursor}", err=True)


def _cursor_file(roots: Sequence[Path], options: ExportOptions) -> CursorFile | None:
    if options.cursor_file is None:
        return None
    ensure_outside(options.cursor_file, roots)
    if options.output and options.output.resolve() == options.cursor_file.resolve():
        raise CommandError(f"{options.output} cannot be the output and the cursor file")
    return CursorFile(options.cursor_file, options.query_text(), options.output)


def update_dataset(
    context: CommandContext, options: ExportOptions, kind: PartitionedFormat, store: AnyStore, query: Query
) -> None:
    """Write what has changed into the folder of a dataset.

    :param store: within a snapshot
    :raises NotWritableError: the folder is not one for this dataset, or cannot be written
    """
    if options.output is None:
        raise AssertionError(options)  # ExportOptions.check refuses it
    metadata = table_metadata(store, options.query_text())
    metadata["sequence"] = str(store.periods.cursor().sequence)
    table = PartitionedTable(
        options.query_text(),
        lambda after: store.periods.months(query, parse_cursor(after) if after else None),
        lambda month: store.periods.of_month(query, month),
        metadata,
    )
    root, *others = [each.root for each in store.stores]
    for other in others:
        ensure_apart(options.output, other)
    changes = kind.write(table, options.output, root)
    written = f"{len(changes.written)} months written" if len(changes.written) != 1 else "1 month written"
    removed = f", {len(changes.removed)} removed" if changes.removed else ""
    context.say(f"{written}, {len(changes.unchanged)} unchanged{removed}: {options.output}")

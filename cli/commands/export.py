"""``finarchive export``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archive.export.formats import PartitionedFormat, Table, TableFormat
from archive.export.registry import OUTPUTS
from cli.context import CommandContext
from cli.export.articles import write_articles
from cli.export.options import ExportOptions
from cli.export.output import write_stream
from cli.export.period_table import table_metadata, update_dataset, write_versions
from cli.options import QueryCommand, as_of_option, check_names, complete_feed, open_store, wrap_query_errors


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
    "--versions", is_flag=True, help="All that was ever known, with the times at which it was; for a table format."
)
@click.option(
    "--observed-since",
    metavar="CURSOR",
    help="With --versions: only the rows that are new or changed since the export that printed this cursor.",
)
@click.option(
    "--cursor-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --versions: the same, with the cursor in this file, which is made, and moved on when all is written.",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="atom: where the folder of PATH is served. Links of kept images are relative to the feed without it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write to this file; dataset, hugo, hexo: to this folder. Default: stdout.",
)
@click.pass_obj
def export_command(context: CommandContext, /, **given: Any) -> None:
    """Export all articles, or those that match QUERY, with their metadata.

    FORMAT is jsonl (JSON Lines), csv (for spreadsheets), parquet (typed columns and trading sessions; needs the
    extra parquet), dataset (a folder of Parquet files with all versions, by month: its first argument is the folder),
    atom (a feed), hugo or hexo (a folder of files for the site generator).

    QUERY is as in finarchive search.

    Example: finarchive export jsonl 茅台 --since 2026-09-01 --as-of 2026-09-30T09:30+08:00 -o known.jsonl
    """
    options = ExportOptions(**given).with_folder()
    time = options.time(context.now())
    query, newest = options.parsed(time or context.now()), options.newest()
    options.check()
    store = open_store(context)
    with wrap_query_errors(options.query_text()):
        check_names(context, store, query)
    kind = OUTPUTS[options.format]
    with store.snapshot():
        if isinstance(kind, PartitionedFormat):
            update_dataset(context, options, kind, store, query)
        elif isinstance(kind, TableFormat) and options.versions:
            write_versions(context, options, kind, store, query)
        elif isinstance(kind, TableFormat):
            metadata = table_metadata(store, options.query_text(), time)
            chunks = kind.write(
                Table(store.search.each(query, time, newest=newest), metadata=metadata, warn=context.warn)
            )
            roots = [each.root for each in store.stores]
            write_stream(chunks, options.output, roots, is_binary=kind.is_binary)
        else:
            write_articles(context, options, kind, store, query)

"""``finarchive rebuild``."""

from __future__ import annotations

import click

from archive.files.replica_mark import refuse_replica
from archive.records import as_dict
from cli.context import CommandContext
from cli.options import existing_root, json_option, print_json
from cli.output.console import bytes_progress
from cli.output.verify import show_rebuilt
from pipeline.rebuild import rebuild
from scheduler.exits import Exit
from scheduler.monitoring.formats import formatting_of


@click.command("rebuild")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--as-configured", is_flag=True, help="Write all files with the present profile, body and categories.")
@json_option
@click.pass_obj
def rebuild_command(context: CommandContext, dry_run: bool, as_configured: bool, as_json: bool) -> Exit:
    """Recreate all files and the index, using only the raw pages.

    If this version of finarchive reads a page or writes a file differently, the results differ: use --dry-run first.
    Files of which there are no raw pages stay. Without --as-configured, each file is written with the settings of the
    time when it was archived.

    Example: finarchive rebuild --dry-run
    """
    settings = context.settings
    root = existing_root(context)
    if as_configured:
        refuse_replica(root)  # its files are written as those of the archive
    with bytes_progress("reading raw pages", quiet=as_json or context.is_quiet) as on_progress:
        result = rebuild(
            settings.archive.root,
            settings.network.max_body,
            context.now(),
            dry_run=dry_run,
            formatting=formatting_of(settings) if as_configured else None,
            on_progress=on_progress,
        )
    if as_json:
        print_json(as_dict(result) | {"dry_run": dry_run})
    elif dry_run or result.damaged or not context.is_quiet:
        show_rebuilt(result, settings.archive.root, dry_run=dry_run)
    return Exit.PROBLEMS if result.damaged else Exit.DONE

"""``finarchive rebuild``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from cli.context import CommandContext
from cli.options import archive_root
from cli.output import verify
from pipeline.rebuild import rebuild
from scheduler.exits import Exit


@click.command("rebuild")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def rebuild_command(context: CommandContext, dry_run: bool, as_json: bool) -> Exit:
    """Make all files and the index anew, from the raw pages alone.

    Where this version of finarchive understands a page or writes a file otherwise, they come out otherwise: see what
    would change with --dry-run first. Files that the raw pages know nothing of stay.

    Example: finarchive rebuild --dry-run
    """
    settings = context.settings
    archive_root(settings.archive.root)
    with verify.bytes_progress("reading raw pages", quiet=as_json or context.verbosity == -1) as on_progress:
        result = rebuild(
            settings.archive.root,
            settings.network.max_body,
            context.now(),
            dry_run=dry_run,
            on_progress=on_progress,
        )
    if as_json:
        click.echo(json.dumps(asdict(result) | {"dry_run": dry_run}, ensure_ascii=False))
    else:
        verify.show_rebuilt(result, settings.archive.root, dry_run=dry_run)
    return Exit.PROBLEMS if result.damaged else Exit.DONE

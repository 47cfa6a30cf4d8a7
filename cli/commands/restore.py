"""``finarchive restore``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from archive.backup.create import snapshots
from archive.backup.restore import restore_backup
from archive.backup.storage import open_storage
from archive.integrity.verify import verify
from archive.records import as_dict
from cli.commands.backup import chosen_snapshot
from cli.context import CommandContext, CommandError
from cli.options import json_option, print_json
from cli.output.backup import show_restored
from cli.output.console import bytes_progress, files_progress
from cli.output.verify import show_verified
from pipeline.recovery import unapplied_files
from scheduler.exits import Exit


@click.command("restore")
@click.argument("place")
@click.argument("folder", type=click.Path(path_type=Path), metavar="ROOT")
@click.option("--snapshot", metavar="NAME", help="Which snapshot: a name of backup --list. Default: the newest.")
@json_option
@click.pass_obj
def restore_command(context: CommandContext, place: str, folder: Path, snapshot: str | None, as_json: bool) -> Exit:
    """Restore an archive from a backup into the new folder ROOT, and verify it.

    Example: finarchive restore /mnt/disk/finarchive ./news
    """
    root = folder.absolute()
    if root.is_symlink() or (root.exists() and not (root.is_dir() and not any(root.iterdir()))):
        raise CommandError(f"{root} exists and is not empty: name a new folder, such as {root}.restored")
    storage = open_storage(place)
    name = chosen_snapshot(storage, snapshots(storage), snapshot)
    quiet = as_json or context.is_quiet
    with files_progress("restoring", quiet=quiet) as on_progress:
        result = restore_backup(storage, root, name, on_progress)
    unapplied = partial(unapplied_files, root, context.settings.network.max_body)
    with bytes_progress("verifying", quiet=quiet) as on_progress:
        report = verify(root, on_progress, unapplied=unapplied)
    if as_json:
        problems = [as_dict(problem) for problem in report.problems]
        print_json(as_dict(result) | {"articles": report.articles, "problems": problems})
    elif result.damaged or report.problems or not quiet:
        show_restored(result, root, storage.place)
        show_verified(report, report.problems, ())
    return Exit.PROBLEMS if result.damaged or report.problems else Exit.DONE

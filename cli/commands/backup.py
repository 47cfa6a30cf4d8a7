"""``finarchive backup``."""

from __future__ import annotations

from pathlib import Path

import click

from archive.backup.create import create_backup, snapshots
from archive.backup.restore import check_backup
from archive.backup.storage import BackupStorage, FolderStorage, open_storage
from archive.records import as_dict
from cli.context import CommandContext, CommandError
from cli.options import existing_root, json_option, print_json
from cli.output.backup import count_progress, show_backup, show_checked, show_snapshots
from cli.output.console import files_progress
from scheduler.exits import Exit


@click.command("backup")
@click.argument("place")
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Then remove all snapshots but the newest N.")
@click.option("--list", "as_list", is_flag=True, help="List the snapshots instead.")
@click.option("--verify", "as_check", is_flag=True, help="Read a snapshot and check every byte instead.")
@click.option("--snapshot", metavar="NAME", help="Which snapshot --verify reads; by default the newest.")
@json_option
@click.pass_obj
def backup_command(
    context: CommandContext,
    *,
    place: str,
    keep: int | None,
    as_list: bool,
    as_check: bool,
    snapshot: str | None,
    as_json: bool,
) -> Exit:
    """Back up the archive, also while the daemon runs. Only what has changed is written.

    PLACE is a folder, or an address such as s3://BUCKET/PATH and sftp://USER@HOST/PATH. Addresses need
    pip install 'finarchive[backup]'.

    Example: finarchive backup /mnt/disk/finarchive --keep 30

    Example: finarchive backup s3://bucket/news --verify
    """
    if (as_list and as_check) or (keep and (as_list or as_check)) or (snapshot and not as_check):
        raise CommandError("--list, --verify and --keep exclude each other; --snapshot belongs to --verify")
    if as_list or as_check:
        storage = open_storage(place)
        names = snapshots(storage)
        if as_check:
            return _check(context, storage, chosen_snapshot(storage, names, snapshot), as_json=as_json)
        print_json(names) if as_json else show_snapshots(names, storage.place)
        return Exit.DONE
    root = existing_root(context)
    storage = open_storage(place)
    _refuse_inside(storage, root)
    with count_progress("backing up", quiet=as_json or context.is_quiet) as on_progress:
        result = create_backup(root, storage, context.now(), keep=keep, on_progress=on_progress)
    if as_json:
        print_json(as_dict(result))
    elif not context.is_quiet:
        show_backup(result, storage.place)
    return Exit.DONE


def chosen_snapshot(storage: BackupStorage, names: list[str], name: str | None) -> str:
    """The snapshot of a name, or the newest.

    :raises CommandError: there is none
    """
    if not names:
        raise CommandError(f"there is no backup at {storage.place}: finarchive backup makes one")
    if name and name not in names:
        raise CommandError(f"{storage.place} has no snapshot {name}; the newest are {', '.join(names[-5:])}")
    return name or names[-1]


def _check(context: CommandContext, storage: BackupStorage, name: str, *, as_json: bool) -> Exit:
    with files_progress("verifying", quiet=as_json or context.is_quiet) as on_progress:
        result = check_backup(storage, name, on_progress)
    if as_json:
        print_json(as_dict(result))
    else:
        show_checked(result, storage.place)
    return Exit.PROBLEMS if result.damaged else Exit.DONE


def _refuse_inside(storage: BackupStorage, root: Path) -> None:
    if isinstance(storage, FolderStorage):
        folder, archive = storage.folder.resolve(), root.resolve()
        if folder.is_relative_to(archive) or archive.is_relative_to(folder):
            raise CommandError(f"{storage.place} and the archive {root} are inside one another: name another folder")

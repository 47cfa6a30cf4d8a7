"""``finarchive forget``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from archive.archive import Archive
from archive.integrity.forget import SecretsOfFile, find_secrets, forget_secrets
from archive.journal.tombstones import Rewrite, dump_rewritten
from cli.context import CommandContext, CommandError
from cli.options import existing_root, json_option, print_json
from cli.output.console import many, stdout_console, visible
from cli.output.verify import describe
from crawler.parsing.pool import ParserPool
from pipeline.recovery import recover
from scheduler.exits import Exit


@click.command("forget")
@click.option("--secrets", is_flag=True, help="Remove values of headers such as Cookie, and passwords in addresses.")
@click.option("--dry-run", is_flag=True, help="Report what would be removed without removing it.")
@json_option
@click.pass_obj
def forget_command(context: CommandContext, secrets: bool, dry_run: bool, as_json: bool) -> Exit:
    """Remove from the raw pages what this version does not record, and say so in the journal.

    Earlier versions recorded cookies and passwords of proxies. Each file that has some is written again without them;
    all other bytes and positions stay. verify then reports the file as rewritten, and what was removed.

    Example: finarchive forget --secrets --dry-run
    """
    if not secrets:
        raise CommandError("say what to forget: --secrets")
    root = existing_root(context)
    if dry_run:
        found, done = list(find_secrets(root)), list[Rewrite]()
    else:
        now = context.now()
        with Archive(root, "forget", now) as archive, ParserPool() as parsers:
            recover(archive, context.settings, now, parsers)
            found = list(find_secrets(root))
            done = forget_secrets(archive, found, now)
    if as_json:
        print_json(_document(found, done, dry_run=dry_run))
    else:
        _show(found, done)
    return Exit.SOME_FAILED if any(each.stuck for each in found) else Exit.DONE


def _document(found: Sequence[SecretsOfFile], done: Sequence[Rewrite], *, dry_run: bool) -> dict[str, object]:
    return {
        "found": [
            {"file": each.path.name, "records": len(each.members), "headers": dict(sorted(each.headers.items()))}
            for each in found
        ],
        "rewritten": [dump_rewritten(each) for each in done],
        "failed": [{"file": each.path.name, "offset": offset} for each in found for offset in each.stuck],
        "dry_run": dry_run,
    }


def _show(found: Sequence[SecretsOfFile], done: Sequence[Rewrite]) -> None:
    console = stdout_console()
    for rewrite in done:
        console.print(visible(describe(rewrite)))
    for each in found if not done else ():
        headers = ", ".join(f"{name} {count}" for name, count in sorted(each.headers.items()))
        console.print(visible(f"{each.path.name}: {many(len(each.members), 'record')} with secrets ({headers})"))
    for each in found:
        for offset in each.stuck:
            console.print(visible(f"{each.path.name}: the record at byte {offset} cannot be written in its place"))
    if not found:
        console.print("The raw pages have no secrets.")

"""The commands about the record itself: verifying it, and making it anew from the journal."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from archive.files.layout import index_path
from archive.integrity.verify import Report, verify
from cli.context import CommandContext, CommandError
from cli.options import archive_root
from cli.output import verify as verify_module
from pipeline.deep_verify import verify_deep
from pipeline.rebuild import restore_files
from scheduler.exits import Exit


@click.command("verify")
@click.option("--repair", is_flag=True, help="Put back, from the raw pages, what is missing or tampered with.")
@click.option("--deep", is_flag=True, help="Compare the rows of the index with the raw pages, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on stdout.")
@click.pass_obj
def verify_command(context: CommandContext, repair: bool, deep: bool, as_json: bool) -> Exit:
    """Read the whole archive and name every file that is not as it was recorded.

    With --deep the raw pages are understood anew, on all cores, and rows of the index that do not follow from them
    are named too. The archive must not be in use then.

    Example: finarchive verify --repair
    """
    settings, root = context.settings, archive_root(context.settings.archive.root)
    if not index_path(root).exists():
        raise CommandError(f"there is no {index_path(root)}: finarchive rebuild makes it anew from the raw pages")
    report, unproven = _verified(context, root, deep=deep, quiet=as_json or context.verbosity == -1)
    mended: list[str] = []
    wanted = {each.path: report.recorded[each.path] for each in report.problems if each.path in report.recorded}
    if repair and wanted:
        mended = restore_files(root, settings.network.max_body, context.now(), wanted)
    left = [each for each in report.problems if each.path not in mended]
    if as_json:
        told = {"articles": report.articles, "files": report.files, "problems": [asdict(each) for each in left]}
        more = ({"repaired": mended} if repair else {}) | ({"unproven": unproven} if deep else {})
        click.echo(json.dumps(told | more, ensure_ascii=False))
    else:
        verify_module.show_verified(report, left, mended, unproven)
    return Exit.PROBLEMS if left else Exit.DONE


def _verified(context: CommandContext, root: Path, *, deep: bool, quiet: bool) -> tuple[Report, int]:
    """What was found, and how many articles the raw pages know nothing of."""
    if not deep:
        with verify_module.files_progress("verifying", quiet=quiet) as on_progress:
            return verify(root, on_progress), 0
    with verify_module.bytes_progress("reading raw pages", quiet=quiet) as on_progress:
        return verify_deep(root, context.settings.network.max_body, context.now(), on_progress)

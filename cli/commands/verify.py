"""``finarchive verify``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from archive.backup.storage import open_storage
from archive.integrity.anchor_check import Trust
from archive.integrity.manifest_check import Problem
from archive.integrity.verify import Report, verify
from archive.journal.tombstones import dump_rewritten
from archive.mirror.compare import compare_with_mirror
from archive.records import as_dict
from cli.context import CommandContext, CommandError
from cli.options import existing_index, existing_root, json_option, print_json
from cli.output.console import bytes_progress
from cli.output.mirror import show_comparison
from cli.output.verify import show_verified
from cli.proof_document import proof_json, read_trust
from pipeline.deep_verify import verify_deep
from pipeline.raw_check import check_in_processes
from pipeline.rebuild import restore_files
from pipeline.recovery import unapplied_files
from scheduler.exits import Exit


@click.command("verify")
@click.option("--repair", is_flag=True, help="Restore missing and changed files from the raw pages.")
@click.option("--deep", is_flag=True, help="Also compare the rows of the index with the raw pages.")
@click.option("--kept-root", "roots", metavar="DAY=SHA256", multiple=True, help="A root that was kept elsewhere.")
@click.option("--against", metavar="URL", help="Compare with a mirror instead: roots, and raw pages byte for byte.")
@json_option
@click.pass_obj
def verify_command(
    context: CommandContext,
    *,
    repair: bool,
    deep: bool,
    roots: tuple[str, ...],
    against: str | None,
    as_json: bool,
) -> Exit:
    """Read the whole archive and list every file that is not as recorded.

    With --deep the raw pages are parsed again, on all cores, and each row of the index that does not follow from them
    is listed too. The archive must not be in use meanwhile.

    Anchors and signatures are checked with the files of [proof] in the configuration. Each --kept-root is compared
    with the manifest of its day.

    Example: finarchive verify --repair

    Example: finarchive verify --against s3://bucket/news
    """
    if against is not None:
        return _compare(context, against, is_alone=not (repair or deep or roots), as_json=as_json)
    existing_index(context)
    root = existing_root(context)
    trust = read_trust(context.settings.proof, roots)
    report, unproven = _verify(context, root, trust, deep=deep, quiet=as_json or context.is_quiet)
    repaired: list[str] = []
    repairable = {each.path: report.recorded[each.path] for each in report.problems if each.path in report.recorded}
    if repair and repairable:
        repaired = restore_files(root, context.settings.network.max_body, context.now(), repairable)
    problems = [each for each in report.problems if each.path not in repaired]
    if as_json:
        more = ({"repaired": repaired} if repair else {}) | ({"unproven": unproven} if deep else {})
        print_json(_document(report, problems) | more)
    elif problems or not context.is_quiet:
        show_verified(report, problems, repaired, unproven)
    return Exit.PROBLEMS if problems else Exit.DONE


def _compare(context: CommandContext, place: str, *, is_alone: bool, as_json: bool) -> Exit:
    if not is_alone:
        raise CommandError("--against only compares with a mirror: give it without --repair, --deep and --kept-root")
    comparison = compare_with_mirror(existing_root(context), open_storage(place))
    if as_json:
        print_json(as_dict(comparison))
    elif comparison.difference or not context.is_quiet:
        show_comparison(comparison)
    return Exit.PROBLEMS if comparison.difference else Exit.DONE


def _document(report: Report, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "articles": report.articles,
        "files": report.files,
        "problems": [as_dict(problem) for problem in problems],
        "rewritten": [dump_rewritten(each) for each in report.rewritten],
        "forgotten": [
            {
                "docid": each["docid"],
                "at": each["at"],
                "reason": each["reason"],
                "versions": [{"number": n, "sha256": sha256, "at": at} for n, sha256, at in each["versions"]],
            }
            for each in report.forgotten
        ],
        **proof_json(report.proof),
    }


def _verify(context: CommandContext, root: Path, trust: Trust, *, deep: bool, quiet: bool) -> tuple[Report, int]:
    """The report, and the number of articles without raw pages, whose rows nothing proves."""
    if not deep:
        with bytes_progress("verifying", quiet=quiet) as on_progress:
            unapplied = partial(unapplied_files, root, context.settings.network.max_body)
            return verify(root, on_progress, trust, unapplied, check_in_processes), 0
    with bytes_progress("reading raw pages", quiet=quiet) as on_progress:
        return verify_deep(root, context.settings.network.max_body, context.now(), on_progress, trust)

"""Output of ``verify`` and ``rebuild``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from archive.integrity.anchor_check import PROVEN
from cli.output.console import many, stdout_console, visible
from cli.times import full_time

if TYPE_CHECKING:
    from rich.console import Console

    from archive.integrity.anchor_check import ProofReport, ProvenDay
    from archive.integrity.manifest_check import Problem
    from archive.integrity.verify import Report
    from archive.journal.tombstones import Rewrite
    from pipeline.rebuild import RebuildResult

MAX_PATHS = 20  # paths that are listed; --json has all


def show_verified(report: Report, problems: Sequence[Problem], repaired: Sequence[str], unproven: int = 0) -> None:
    """Print the result of a verification.

    :param problems: those that remain after a repair
    :param repaired: paths of the files that were repaired
    :param unproven: number of articles whose rows the raw pages do not fully prove
    """
    console = stdout_console()
    console.print(f"{many(report.articles, 'article')} in the index, {many(report.files, 'file')} read")
    for path in repaired:
        console.print(f"repaired  {visible(path)}")
    if repaired:
        console.print("The replaced files are in .finarchive/quarantine.")
    for problem in problems:
        console.print(f"{problem.kind:<9} {visible(problem.path)}: {visible(problem.detail)}")
    for rewrite in report.rewritten:
        console.print(
            visible(f"rewritten .finarchive/warc/{describe(rewrite)}, at {full_time(rewrite.at, seconds=True)}")
        )
    if report.forgotten:
        console.print(f"Removed on request, with tombstones: {many(len(report.forgotten), 'article')}")
    _show_proof(console, report.proof)
    if unproven:
        console.print(f"Archived without raw pages, so that nothing proves their rows: {many(unproven, 'article')}")
    console.print(f"{many(len(problems), 'problem')}." if problems else "Everything is as recorded.")


def describe(rewrite: Rewrite) -> str:
    """Return what was removed from a journal file."""
    headers = ", ".join(f"{name} {count}" for name, count in rewrite.headers.items())
    if not headers:
        return f"{rewrite.file}: forgotten articles were removed from {many(rewrite.records, 'record')}"
    return f"{rewrite.file}: secrets were removed from {many(rewrite.records, 'record')} ({headers})"


def _show_proof(console: Console, proof: ProofReport) -> None:
    """Print which days are anchored since when, newest first, and the places whose newest anchor proves nothing."""
    lines = []
    for group in _groups(proof.days):
        first, last = group[-1], group[0]
        days = first.day if first is last else f"{first.day} to {last.day}"
        since = f"since {full_time(first.since, seconds=True)} by {first.by}" if first.since else "not anchored"
        lines.append(
            f"{days}: {since}"
            + (f", signed: {first.signed_by}" if first.signed_by else "")
            + (f", as in the root of {first.kept}" if first.kept else "")
        )
    newest = {each.anchor: each for each in proof.anchors}  # of each place; those before it are covered by it
    lines += [f"{each.state} {each.path}: {each.detail}" for each in newest.values() if each.state != PROVEN]
    if not proof.anchors and not any(day.kept for day in proof.days):
        lines = [
            "No manifest is anchored: who can write this folder could have made all of it: finarchive help proof"
        ]
    for line in lines[:MAX_PATHS] if proof.days else ():
        console.print(visible(line))
    if len(lines) > MAX_PATHS:
        console.print(f"... and {len(lines) - MAX_PATHS} more lines about anchors (--json lists all)")


def _groups(days: Sequence[ProvenDay]) -> Iterator[list[ProvenDay]]:
    """Yield runs of days of which the same is proven, newest first."""
    for _, group in groupby(reversed(days), lambda day: (day.since, day.by, day.signed_by, day.kept)):
        yield list(group)


def show_rebuilt(result: RebuildResult, root: Path, *, dry_run: bool) -> None:
    """Print what a rebuild did, or would do."""
    console = stdout_console()
    console.print(
        f"{'Would make' if dry_run else 'Made'} {many(result.articles, 'version')} of articles from "
        f"{many(result.events, 'record')} of {root.absolute()}"
    )
    would = "would be " if dry_run else ""
    for paths, change in (
        (result.made, f"{would}made: no such file existed"),
        (result.changed, f"{would}changed: this version writes them differently, or they were damaged"),
        (result.removed, f"{would}removed: their articles have other categories now"),
        (result.unknown, "not touched: there are no raw pages of them"),
    ):
        if paths:
            console.print(f"{many(len(paths), 'file')} {change}")
            for path in paths[:MAX_PATHS]:
                console.print(f"  {visible(path)}")
            if len(paths) > MAX_PATHS:
                console.print(f"  ... and {len(paths) - MAX_PATHS} more (--json lists all)")
    if result.taken_over:
        console.print(f"{many(result.taken_over, 'article')} without raw pages kept as the index has them")
    for table, number in result.rows.items():
        console.print(f"index: {many(number, 'row')} of {table} differ")
    for damage in result.damaged:
        console.print(f"DAMAGED: {damage}")
    if not (result.made or result.changed or result.rows):
        console.print("Nothing differs from the existing files and index.")

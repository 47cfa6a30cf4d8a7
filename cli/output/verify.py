"""Output of ``verify`` and ``rebuild``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.output.console import many, stdout_console, visible

if TYPE_CHECKING:
    from archive.integrity.manifest_check import Problem
    from archive.integrity.verify import Report
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
    if unproven:
        console.print(f"Archived without raw pages, so that nothing proves their rows: {many(unproven, 'article')}")
    console.print(f"{many(len(problems), 'problem')}." if problems else "Everything is as recorded.")


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

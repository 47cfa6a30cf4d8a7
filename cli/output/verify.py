"""What people see of the commands about the record itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)  # fmt: skip

from archive.integrity.manifest_check import Problem
from archive.integrity.verify import Report
from cli.output.console import console_here, many, visible
from pipeline.rebuild import RebuildResult

MAX_PATHS = 20  # named on the screen; --json names all


@contextmanager
def bytes_progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of bytes on stderr where that is a terminal.

    :return: what is to be called with how many bytes of how many are done
    """
    console = Console(stderr=True, markup=False, emoji=False)
    if quiet or not console.is_terminal:
        yield lambda done, whole: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


@contextmanager
def files_progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of files on stderr where that is a terminal.

    :return: what is to be called with how many files of how many are done
    """
    console = Console(stderr=True, markup=False, emoji=False)
    if quiet or not console.is_terminal:
        yield lambda done, whole: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


def show_verified(report: Report, left: Sequence[Problem], mended: Sequence[str], unproven: int = 0) -> None:
    """What a look at the whole archive has found.

    :param unproven: articles of which the raw pages do not know all
    """
    console = console_here()
    console.print(f"{many(report.articles, 'article')} in the index, {many(report.files, 'file')} read")
    for path in mended:
        console.print(f"mended    {visible(path)}")
    if mended:
        console.print("What stood there before is in .finarchive/quarantine.")
    for problem in left:
        console.print(f"{problem.kind:<9} {visible(problem.path)}: {visible(problem.detail)}")
    if unproven:
        console.print(f"Archived without raw pages, so that nothing proves their rows: {many(unproven, 'article')}")
    console.print(f"{many(len(left), 'problem')}." if left else "All is as it was recorded.")


def show_rebuilt(result: RebuildResult, root: Path, *, dry_run: bool) -> None:
    """What a rebuild did, or would do."""
    console = console_here()
    console.print(
        f"{'Would make' if dry_run else 'Made'} {many(result.articles, 'version')} of articles from "
        f"{many(result.events, 'record')} of {root.absolute()}"
    )
    would = "would be " if dry_run else ""
    for paths, what in (
        (result.made, f"{would}made: no such file was there"),
        (result.changed, f"{would}changed: this version writes them otherwise, or they were damaged"),
        (result.unknown, "left alone: the raw pages know nothing of them"),
    ):
        if paths:
            console.print(f"{many(len(paths), 'file')} {what}")
            for path in paths[:MAX_PATHS]:
                console.print(f"  {visible(path)}")
            if len(paths) > MAX_PATHS:
                console.print(f"  ... and {len(paths) - MAX_PATHS} more (--json names all)")
    if result.taken_over:
        console.print(f"{many(result.taken_over, 'article')} without raw pages kept as the index has them")
    for table, number in result.rows.items():
        console.print(f"index: {many(number, 'row')} of {table} differ")
    for words in result.damaged:
        console.print(f"DAMAGED: {words}")
    if not (result.made or result.changed or result.rows):
        console.print("Nothing differs from what is there.")

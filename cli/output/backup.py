"""Output of ``backup`` and ``restore``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import TextColumn

from cli.output.console import many, progress, stdout_console, visible
from cli.output.verify import MAX_PATHS

if TYPE_CHECKING:
    from archive.backup.create import BackupResult
    from archive.backup.restore import RestoreResult


@contextmanager
def count_progress(description: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show how many files are done, on a terminal; how many there are is not known before."""
    with progress(TextColumn("{task.description}: {task.completed:,} files"), quiet=quiet) as bar:
        task = bar.add_task(description, total=None) if bar else None

        def show(done: int) -> None:
            if bar and task is not None:
                bar.update(task, completed=done)

        yield show


def show_backup(result: BackupResult, place: str) -> None:
    """Print what a backup did."""
    console = stdout_console()
    console.print(
        visible(
            f"{place}: snapshot {result.snapshot} of {many(result.files, 'file')}, {_size(result.size)}; "
            f"{_size(result.new_size)} of it were new"
        )
    )
    if result.was_in_use:
        console.print("Another process writes to the archive: a start of the restored one applies the last minutes.")
    if result.removed_snapshots or result.removed_objects:
        console.print(
            f"removed {many(result.removed_snapshots, 'snapshot')} and {many(result.removed_objects, 'object')}"
        )


def show_snapshots(names: Sequence[str], place: str) -> None:
    """Print the names of the snapshots."""
    console = stdout_console()
    if not names:
        console.print(visible(f"There is no backup at {place}."))
    for name in names:
        console.print(name)


def show_checked(result: RestoreResult, place: str) -> None:
    """Print the result of reading a snapshot."""
    console = stdout_console()
    console.print(
        visible(f"{place}: {many(result.files, 'file')} of snapshot {result.snapshot} read, {_size(result.size)}")
    )
    _show_damaged(result)
    if not result.damaged:
        console.print("Everything is as it was backed up.")


def show_restored(result: RestoreResult, root: Path, place: str) -> None:
    """Print what was restored."""
    text = f"{root}: {many(result.files, 'file')} of snapshot {result.snapshot} restored, {_size(result.size)}"
    stdout_console().print(visible(f"{text}, from {place}"))
    _show_damaged(result)


def _show_damaged(result: RestoreResult) -> None:
    console = stdout_console()
    for path in result.damaged[:MAX_PATHS]:
        console.print(visible(f"DAMAGED: {path} is not whole in the backup"))
    if len(result.damaged) > MAX_PATHS:
        console.print(f"... and {len(result.damaged) - MAX_PATHS} more (--json lists all)")


def _size(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"

"""What all output shares: the console, progress bars, and the format of numbers, times and untrusted text.

On a terminal the output has colours and progress bars; elsewhere it is plain lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console

from archive.files.paths import CHINA

if TYPE_CHECKING:  # most commands show no progress
    from rich.progress import Progress, ProgressColumn

PIPE_WIDTH = 200  # columns of a table that goes to a file or a pipe


def stdout_console() -> Console:
    """The console of stdout."""
    # Titles are untrusted text: no markup, no emoji codes. Lines for pipes are not wrapped to a screen's width.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(markup=False, emoji=False, highlight=False, width=width, soft_wrap=width is not None)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines as they are."""
    console = stdout_console()
    for line in lines:
        console.print(line)


@contextmanager
def progress(*columns: ProgressColumn, quiet: bool) -> Iterator[Progress | None]:
    """A progress bar on stderr; None if stderr is no terminal, or ``quiet`` is set.

    :param columns: shown between a spinner and the description, and the end of the line
    """
    console = Console(stderr=True, markup=False, emoji=False)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415 - see above

    description = TextColumn("{task.description}")
    with Progress(SpinnerColumn(), description, BarColumn(), *columns, console=console, transient=True) as bar:
        yield bar


@contextmanager
def bytes_progress(description: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of bytes.

    :return: a function to call with the bytes done and the bytes in total
    """
    from rich.progress import DownloadColumn, TimeRemainingColumn  # noqa: PLC0415 - see above

    with _counting_progress(description, DownloadColumn(), TimeRemainingColumn(), quiet=quiet) as on_progress:
        yield on_progress


@contextmanager
def files_progress(description: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of files.

    :return: a function to call with the files done and the files in total
    """
    from rich.progress import MofNCompleteColumn  # noqa: PLC0415 - see above

    with _counting_progress(description, MofNCompleteColumn(), quiet=quiet) as on_progress:
        yield on_progress


@contextmanager
def _counting_progress(
    description: str, *columns: ProgressColumn, quiet: bool
) -> Iterator[Callable[[int, int], None]]:
    with progress(*columns, quiet=quiet) as bar:
        if bar is None:
            yield lambda done, total: None
        else:
            task = bar.add_task(description, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def short_time(time: datetime | None) -> str:
    """A time in China, without its year; ``-`` for None."""
    return f"{time.astimezone(CHINA):%m-%d %H:%M}" if time else "-"


def many(number: int, noun: str) -> str:
    """A number and its noun in singular or plural: ``1 file``, ``2,000 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def visible(text: str) -> str:
    """Untrusted text with a space for each character that could steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)

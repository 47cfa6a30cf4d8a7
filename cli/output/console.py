"""What all output shares: the console, progress bars, and tables, and the format of numbers and untrusted text.

On a terminal the output has colours and progress bars; elsewhere it is plain lines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from rich import filesize
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:  # most commands show no progress
    from rich.progress import Progress, ProgressColumn

PIPE_WIDTH = 200  # columns of a table that goes to a file or a pipe
# Between two lines of progress that go to a file or a pipe: few lines in the log of a job that takes an hour.
LINE_SECONDS = 30.0
_GUTTER = 2  # columns between those of a table


class TableColumn(Struct, frozen=True):
    """A column of a table."""

    title: str
    is_number: bool = False  # aligned to the right
    optional: int = 0  # left out where the table is too wide for the screen, the highest number first; 0: never
    wraps: bool = False  # prose, that may go on in the next line


def stdout_console() -> Console:
    """The console of stdout. It breaks no line: the terminal does, which copies paths and commands whole."""
    # Titles are untrusted text: no markup, no emoji codes.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(markup=False, emoji=False, highlight=False, width=width, soft_wrap=True)


def print_prose(console: Console, text: str | Text) -> None:
    """Print text without paths and commands: on a terminal it is wrapped between words."""
    console.print(text, soft_wrap=not console.is_terminal)


def print_lines(lines: Sequence[str]) -> None:
    """Print lines as they are."""
    console = stdout_console()
    for line in lines:
        print_prose(console, line)


def print_table(
    console: Console, columns: Sequence[TableColumn], rows: Sequence[Sequence[str | Text]]
) -> Sequence[TableColumn]:
    """Print a table that fits the screen: without optional columns if need be.

    :return: the columns that were printed
    """
    from rich.table import Table  # noqa: PLC0415 - many commands print none

    is_too_wide = table_width(columns, rows) > console.width
    omitted = max(range(len(columns)), key=lambda number: columns[number].optional)
    if is_too_wide and columns[omitted].optional:
        kept = [number for number in range(len(columns)) if number != omitted]
        return print_table(console, [columns[n] for n in kept], [[row[n] for n in kept] for row in rows])
    table = Table(box=None, pad_edge=False, padding=(0, _GUTTER, 0, 0))
    for column in columns:
        # In a table that is still too wide, the widest columns are folded: nothing is cut.
        no_wrap = not column.wraps and not is_too_wide
        table.add_column(
            column.title, justify="right" if column.is_number else "left", no_wrap=no_wrap, overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    console.print(table, soft_wrap=False)
    return columns


def table_width(columns: Sequence[TableColumn], rows: Sequence[Sequence[str | Text]]) -> int:
    """The screen columns that a table needs; one that wraps needs those of its title."""
    widths = [
        max([cell_len(column.title), *(_cell_width(row[number]) for row in rows if not column.wraps)])
        for number, column in enumerate(columns)
    ]
    return sum(widths) + _GUTTER * (len(widths) - 1)


def _cell_width(cell: str | Text) -> int:
    return max(map(cell_len, str(cell).split("\n")))


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
    """A progress bar of bytes; where stderr is no terminal, a line now and then.

    :return: a function to call with the bytes done and the bytes in total
    """
    from rich.progress import DownloadColumn, TimeRemainingColumn  # noqa: PLC0415 - see above

    columns = (DownloadColumn(), TimeRemainingColumn())
    with _counting_progress(description, *columns, of=file_size, quiet=quiet) as on_progress:
        yield on_progress


@contextmanager
def files_progress(description: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar of files; where stderr is no terminal, a line now and then.

    :return: a function to call with the files done and the files in total
    """
    from rich.progress import MofNCompleteColumn  # noqa: PLC0415 - see above

    with _counting_progress(description, MofNCompleteColumn(), of="{:,}".format, quiet=quiet) as on_progress:
        yield on_progress


@contextmanager
def _counting_progress(
    description: str, *columns: ProgressColumn, of: Callable[[int], str], quiet: bool
) -> Iterator[Callable[[int, int], None]]:
    """Show progress.

    :param of: the format of a number
    """
    with progress(*columns, quiet=quiet) as bar:
        if bar is not None:
            task = bar.add_task(description, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        elif quiet:
            yield lambda done, total: None
        else:
            yield PlainProgress(lambda done, total: f"{description}: {of(done)} of {of(total)}").show


class PlainProgress:
    """Progress in lines on stderr: none of what is done soon, and then one each :data:`LINE_SECONDS`.

    :param line: the line for what is done, and all there is
    :param now: a monotonic clock, in seconds
    """

    def __init__(self, line: Callable[[int, int], str], now: Callable[[], float] = time.monotonic) -> None:
        self._line = line
        self._now = now
        self._last = now()

    def show(self, done: int, total: int) -> None:
        """Print a line, if it is time for one."""
        if done < total and self._now() - self._last >= LINE_SECONDS:
            self._last = self._now()
            print(self._line(done, total), file=sys.stderr, flush=True)


def many(number: int, noun: str) -> str:
    """A number and its noun in singular or plural: ``1 file``, ``2,000 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def file_size(number: int) -> str:
    """A number of bytes, for people: ``36.1 kB``."""
    return filesize.decimal(number)


def visible(text: str) -> str:
    """Untrusted text with a space for each character that could steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)

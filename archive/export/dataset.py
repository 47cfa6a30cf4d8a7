"""Export as a dataset: a folder of Parquet files, one for each month, which readers open as one table. See D245.

The metadata of each file says of which export it is. So the folder has nothing but tables: some readers accept no
other files. A file that is being written has no name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from archive.export.folder import ensure_apart
from archive.export.formats import DatasetChanges, PartitionedTable, Table
from archive.export.parquet import column_names, read_header, to_parquet
from archive.files.atomic import wrap_os_errors
from archive.files.output import open_output
from archive.model.errors import CursorError, NotWritableError
from archive.model.results import ArticlePeriod

_MARK = ".finarchive-dataset"  # an empty file: the folder is ours. Readers pass over it
_FILE = "part-0.parquet"


class WrittenMonth(Struct, frozen=True):
    """The file of a month, and the export that wrote it."""

    month: str
    columns: list[str]
    query: str
    sequence: int
    cursor: str
    previous_cursor: str  # of the export before; "": there was none
    changed: list[str]  # all months that the export has written or removed
    months: list[str]  # all months of the dataset after it


def write_dataset(table: PartitionedTable, folder: Path, archive: Path) -> DatasetChanges:
    """Write what has changed since the last export into a folder of its own.

    Each file is replaced whole, after all are written. If an export is killed while it replaces them, the next one
    writes all of them again.

    :param archive: the archive's root; the export refuses to write there
    :raises NotWritableError: the folder is not one for this table, or cannot be written
    :raises MissingExtraError: the libraries of the extra ``parquet`` are not installed
    """
    ensure_apart(folder, archive)
    _check_own(folder)
    with wrap_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder):
            (folder / _MARK).touch()
            return _update(table, folder, _read(folder))


def _update(table: PartitionedTable, folder: Path, known: Mapping[str, WrittenMonth]) -> DatasetChanges:
    for each in known.values():
        if each.query != table.query:
            raise NotWritableError(
                f"{folder} has the query {each.query!r}, and this one is {table.query!r}: name another folder"
            )
    cursor = _cursor(known)
    changed = _changed_months(table, known, cursor)
    # Months without rows, such as one whose only article was forgotten, have no file.
    empty = [month for month in changed if next(iter(table.rows(month)), None) is None]
    removed = [month for month in empty if (folder / f"month={month}").is_dir()]
    written = [month for month in changed if month not in empty]
    months = sorted({*known, *written} - set(empty))
    metadata = {
        **table.metadata,
        "previous_cursor": cursor or "",
        "changed_months": " ".join([*written, *removed]),
        "months": " ".join(months),
    }
    with ExitStack() as files:
        # They get their names in the opposite order, the oldest month first. So at every moment, old and new files
        # together have the same rows as of every time before the last export.
        for month in sorted(written, reverse=True):
            file = files.enter_context(_month_file(folder, month))
            _write(file, to_parquet(Table(table.rows(month), ArticlePeriod, metadata)))
    for month in removed:
        (folder / f"month={month}" / _FILE).unlink(missing_ok=True)
        with suppress(OSError):  # somebody else has put something there
            (folder / f"month={month}").rmdir()
    return DatasetChanges(written, removed, [month for month in months if month not in written])


def _changed_months(table: PartitionedTable, known: Mapping[str, WrittenMonth], cursor: str | None) -> list[str]:
    """Return the months to write: those that have changed, and those whose file is missing or damaged."""
    columns = column_names(ArticlePeriod)
    if cursor and all(each.columns == columns for each in known.values()):
        lost = set(_newest(known).months) - known.keys()
        with suppress(CursorError):  # after a rebuild, or when articles were forgotten
            return sorted({*table.months(cursor), *lost})
    return sorted({*table.months(None), *known})


def _cursor(known: Mapping[str, WrittenMonth]) -> str | None:
    """Return up to which cursor the dataset is complete; None if there is none."""
    if not known:
        return None
    newest = _newest(known)
    # Of a killed export, some months have new files, and others have the old one, or one that was to be removed.
    replaced = [month for month in newest.changed if month in known]
    is_complete = all(month in newest.months and known[month].cursor == newest.cursor for month in replaced)
    return newest.cursor if is_complete else newest.previous_cursor or None


def _newest(known: Mapping[str, WrittenMonth]) -> WrittenMonth:
    return max(known.values(), key=lambda each: each.sequence)


def _read(folder: Path) -> dict[str, WrittenMonth]:
    """Return the months that the folder has; a file that cannot be read counts as missing."""
    found = {}
    for path in sorted(folder.glob(f"month=*/{_FILE}")):
        month = path.parent.name.removeprefix("month=")
        if header := read_header(path):
            columns, metadata = header
            with suppress(KeyError, ValueError):
                found[month] = WrittenMonth(
                    month,
                    columns,
                    metadata["query"],
                    int(metadata["sequence"]),
                    metadata["cursor"],
                    metadata["previous_cursor"],
                    metadata["changed_months"].split(),
                    metadata["months"].split(),
                )
    return found


@contextmanager
def _month_file(folder: Path, month: str) -> Iterator[BinaryIO]:
    """Open the new file of a month, which replaces the old one when the block ends without an exception."""
    (folder / f"month={month}").mkdir(exist_ok=True)
    with open_output(folder / f"month={month}" / _FILE) as file:
        yield file


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())  # a full disk is noticed before any file is replaced


def _check_own(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise NotWritableError(f"{folder} is not a folder: name a folder or a new path")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise NotWritableError(f"{folder} is not empty and no export of a dataset created it: name another folder")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Keep other exports out of the folder; the kernel releases the lock when the process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise NotWritableError(f"another export is writing to {folder}: wait for it to end") from None
    finally:
        os.close(descriptor)

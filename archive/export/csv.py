"""Export as CSV for spreadsheets. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import attrgetter

from archive.export.formats import Table

_BOM = "\ufeff"  # without it Excel reads UTF-8 as the system's legacy code page and garbles Chinese
# The first characters of a formula in various spreadsheets. Text from the site must not become a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


# The characters that Excel reads of a cell: UTF-16 code units.
MAX_CELL = 32_767
_SHORT_CELL = MAX_CELL // 2  # characters that always fit: each has one code unit or two


def to_csv(table: Table) -> Iterator[bytes]:
    """Write a table with a header row: RFC 4180, UTF-8 with a byte order mark.

    Times are as in JSON Lines; list items are separated by "; "; a missing value is an empty cell; text that a
    spreadsheet would read as a formula is prefixed with an apostrophe. Cells that are longer than Excel reads are
    reported at the end.
    """
    long_cells, first = 0, ""
    row = io.StringIO(newline="")
    writer = csv.writer(row)
    row.write(_BOM)
    names = table.columns.__struct_fields__
    values = attrgetter(*names)
    writer.writerow(names)
    for each in table.rows:
        yield _flush(row)
        cells = [_cell(value) for value in values(each)]
        if max(map(len, cells)) > _SHORT_CELL and (found := sum(map(_is_long, cells))):
            long_cells, first = long_cells + found, first or each.docid
        writer.writerow(cells)
    yield _flush(row)
    if long_cells:
        which = f"{long_cells} cells have" if long_cells > 1 else "1 cell has"
        which += f" more than {MAX_CELL:,} characters, and Excel holds no more in a cell (first of {first})"
        table.warn(f"{which}: the file has them whole; export jsonl or parquet for a program that reads them")


def _is_long(cell: str) -> bool:
    return len(cell) > _SHORT_CELL and len(cell.encode("utf-16-le")) > 2 * MAX_CELL


def _flush(row: io.StringIO) -> bytes:
    data = row.getvalue().encode()
    row.seek(0)
    row.truncate()
    return data


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds")
        case tuple():
            text = "; ".join(map(str, value))
        case _:
            text = str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

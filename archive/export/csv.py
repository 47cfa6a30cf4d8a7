"""CSV that spreadsheets open as it is meant. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from datetime import UTC, datetime

from archive.model.results import Record

_BOM = "\ufeff"  # without it Excel takes UTF-8 for the system's old code page, and Chinese for noise
# How a formula begins, in one spreadsheet or another. A cell of somebody else's text must not be one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_csv(records: Iterable[Record]) -> Iterator[bytes]:
    """A table with a head, RFC 4180, UTF-8 with a byte order mark.

    Times are as in JSON Lines; lists stand with "; " between; what the site did not say is empty; a text that a
    spreadsheet would take for a formula has an apostrophe before it.
    """
    row = io.StringIO(newline="")
    writer = csv.writer(row)
    row.write(_BOM)
    writer.writerow([column.name for column in fields(Record)])
    for record in records:
        yield _taken(row)
        writer.writerow([_cell(value) for value in astuple(record)])
    yield _taken(row)


def _taken(row: io.StringIO) -> bytes:
    written = row.getvalue().encode()
    row.seek(0)
    row.truncate()
    return written


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
    return f"'{text}" if text.startswith(_FORMULA) else text

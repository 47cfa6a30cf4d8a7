"""Parquet: typed columns, written a row group at a time. Pure, but for the libraries of an extra."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from archive.export.calendars import exchanges
from archive.export.extras import needed_by
from archive.export.trading_sessions import Exchange, part_of
from archive.model.results import Record

# A row group is held in memory whole: so many articles, or so many characters of text, whichever comes first.
_ROWS, _CHARACTERS = 2_000, 4_000_000
_SESSIONS = ("published", "first_seen")  # the times of which the part of the exchange's day is told


def to_parquet(records: Iterable[Record]) -> Iterator[bytes]:
    """A table with a column for each fact, and the part of the exchange's day for two of the times.

    Times are timestamps in UTC with milliseconds, lists are lists, null is what nobody has said or knows.

    :raises MissingExtraError: the libraries for it are not installed
    """
    with needed_by("parquet", "parquet"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    known, schema = exchanges(), _schema(pyarrow)
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in _batches(records):
            rows = [_row(record, known) for record in batch]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            yield sink.taken()
    yield sink.taken()


def _schema(pyarrow: Any) -> Any:
    text, time = pyarrow.string(), pyarrow.timestamp("ms", "UTC")
    special = {"revision": pyarrow.int32()}
    special |= dict.fromkeys(("published", "first_seen", "observed", "updated", "gone"), time)
    special |= dict.fromkeys(("feeds", "keywords", "symbols"), pyarrow.list_(text))
    columns = [(field.name, special.get(field.name, text)) for field in fields(Record)]
    columns += [(f"{time}_{name}", text) for time in _SESSIONS for name in exchanges()]
    return pyarrow.schema(columns)


def _row(record: Record, known: dict[str, Exchange]) -> dict[str, object]:
    row: dict[str, object] = {field.name: getattr(record, field.name) for field in fields(Record)}
    for time in _SESSIONS:
        moment: datetime | None = getattr(record, time)
        row |= {f"{time}_{name}": part_of(moment, each) if moment else None for name, each in known.items()}
    return row


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += len(record.text or "")
        if len(batch) == _ROWS or characters >= _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class _Sink(io.RawIOBase):
    """What the writer takes for a file: its bytes are handed on, and only their number is kept."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._written += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._written

    def taken(self) -> bytes:
        written = b"".join(self._parts)
        self._parts.clear()
        return written

"""Export as Parquet: typed columns, written one row group at a time. Pure; needs the extra ``parquet``."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from archive.export.calendars import exchanges
from archive.export.extras import requires_extra
from archive.export.trading_sessions import Exchange, session_part
from archive.model.results import Record

# A row group is held in memory. It ends at this number of articles, or of characters of text, whichever comes first.
_MAX_ROWS = 2_000
_MAX_CHARACTERS = 4_000_000
_SESSION_TIMES = ("published", "first_seen")  # times with columns for the part of each exchange's trading day


def to_parquet(records: Iterable[Record]) -> Iterator[bytes]:
    """Write a table with a column for each field of a record, and the part of the trading day for two of the times.

    Times are timestamps in UTC with milliseconds, tuples are lists, an unknown value is null.

    :raises MissingExtraError: the libraries of the extra ``parquet`` are not installed
    """
    with requires_extra("parquet", "parquet"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    calendars, schema = exchanges(), _schema(pyarrow)
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in _batches(records):
            rows = [_row(record, calendars) for record in batch]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            yield sink.take()
    yield sink.take()


def _schema(pyarrow: Any) -> Any:
    text, time = pyarrow.string(), pyarrow.timestamp("ms", "UTC")
    special = {"revision": pyarrow.int32()}
    special |= dict.fromkeys(("published", "first_seen", "observed", "updated", "gone"), time)
    lists = ("feeds", "keywords", "symbols", "settled_feeds", "provisional_feeds", "authors", "enclosures")
    special |= dict.fromkeys(lists, pyarrow.list_(text))
    columns = [(field.name, special.get(field.name, text)) for field in fields(Record)]
    columns += [(f"{time}_{name}", text) for time in _SESSION_TIMES for name in exchanges()]
    return pyarrow.schema(columns)


def _row(record: Record, calendars: dict[str, Exchange]) -> dict[str, object]:
    row: dict[str, object] = {field.name: getattr(record, field.name) for field in fields(Record)}
    for time in _SESSION_TIMES:
        moment: datetime | None = getattr(record, time)
        row |= {f"{time}_{name}": session_part(moment, each) if moment else None for name, each in calendars.items()}
    return row


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    characters = 0
    for record in records:
        batch.append(record)
        characters += len(record.text or "")
        if len(batch) == _MAX_ROWS or characters >= _MAX_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


class _Sink(io.RawIOBase):
    """A file-like object for the Parquet writer: holds bytes until they are taken, and counts them."""

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

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data

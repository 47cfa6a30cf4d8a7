"""Export as Parquet: typed columns, written one row group at a time. Pure; needs the extra ``parquet``."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.export.calendars import exchanges
from archive.export.extras import requires_extra
from archive.export.formats import Table
from archive.export.trading_sessions import Exchange, session_part, trade_date
from archive.model.results import ArticlePeriod, Record
from archive.model.symbols import ticker_of

# A row group is held in memory. It ends at this number of articles, or of characters of text, whichever comes first.
_MAX_ROWS = 2_000
_MAX_CHARACTERS = 4_000_000
# Times with columns for the part of each exchange's trading day, and for the trade date.
_SESSION_TIMES = {Record: ("published", "first_seen"), ArticlePeriod: ("published", "first_seen", "valid_from")}
_PREFIX = "finarchive."  # of our keys in a file's metadata
_Row = Record | ArticlePeriod


def to_parquet(table: Table) -> Iterator[bytes]:
    """Write a table with a column for each field of a row, the tickers of its symbols, and for some of the times the
    part of the trading day and the trade date.

    Times are timestamps in UTC with milliseconds, tuples are lists, an unknown value is null. The file's metadata
    has that of the table, with ``finarchive.`` before each name.

    :raises MissingExtraError: the libraries of the extra ``parquet`` are not installed
    """
    with requires_extra("parquet", "parquet"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    calendars = exchanges()
    metadata = {f"{_PREFIX}{name}": value for name, value in table.metadata.items()}
    schema = _schema(pyarrow, table.columns).with_metadata(metadata)
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in _batches(table.rows):
            rows = [_row(each, calendars) for each in batch]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            yield sink.take()
    yield sink.take()


def column_names(columns: type[_Row]) -> list[str]:
    """Return the names of a table's columns.

    :raises MissingExtraError: the libraries of the extra ``parquet`` are not installed
    """
    times, names = _SESSION_TIMES[columns], exchanges()
    sessions = [f"{time}_{name}" for time in times for name in names]
    dates = [_trade_date_column(time, name) for time in times for name in names]
    return [*columns.__struct_fields__, "tickers", *sessions, *dates]


def _trade_date_column(time: str, exchange: str) -> str:
    return f"trade_date_{exchange}" if time == "published" else f"{time}_trade_date_{exchange}"


def read_header(path: Path) -> tuple[list[str], dict[str, str]] | None:
    """Return the names of a file's columns, and the metadata of its table; None if it is damaged.

    :raises MissingExtraError: the libraries of the extra ``parquet`` are not installed
    """
    with requires_extra("parquet", "parquet"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    try:
        schema = pyarrow.parquet.read_schema(path)
        texts = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    except (pyarrow.ArrowInvalid, OSError, UnicodeDecodeError):
        return None
    return schema.names, {key.removeprefix(_PREFIX): value for key, value in texts.items() if key.startswith(_PREFIX)}


def _schema(pyarrow: Any, columns: type[_Row]) -> Any:
    text, time = pyarrow.string(), pyarrow.timestamp("ms", "UTC")
    special = {"revision": pyarrow.int32(), "sequence": pyarrow.int64()}
    times = ("published", "first_seen", "observed", "updated", "modified", "gone")
    special |= dict.fromkeys((*times, "valid_from", "valid_to", "gone_from", "gone_to"), time)
    lists = (
        "images",
        "feeds",
        "keywords",
        "symbols",
        "settled_feeds",
        "provisional_feeds",
        "authors",
        "enclosures",
        "tickers",
    )
    special |= dict.fromkeys(lists, pyarrow.list_(text))
    special |= {
        _trade_date_column(time, name): pyarrow.date32() for time in _SESSION_TIMES[columns] for name in exchanges()
    }
    return pyarrow.schema([(name, special.get(name, text)) for name in column_names(columns)])


def _row(each: _Row, calendars: dict[str, Exchange]) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(each, name) for name in each.__struct_fields__}
    row["tickers"] = [ticker_of(symbol) for symbol in each.symbols]
    for time in _SESSION_TIMES[type(each)]:
        moment: datetime | None = getattr(each, time)
        for name, exchange in calendars.items():
            row[f"{time}_{name}"] = session_part(moment, exchange) if moment else None
            row[_trade_date_column(time, name)] = trade_date(moment, exchange) if moment else None
    return row


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.text or "")
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

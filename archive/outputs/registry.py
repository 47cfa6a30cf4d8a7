"""The formats of exports, by name. A new one is one file here and one line below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from archive.found import Record
from archive.outputs.parquet import to_parquet
from archive.outputs.spreadsheet import to_csv
from archive.outputs.stream import to_jsonl

Output = Callable[[Iterable[Record]], Iterator[bytes]]  # reads records one by one, and gives what is to be written

OUTPUTS: dict[str, Output] = {
    "jsonl": to_jsonl,
    "csv": to_csv,
    "parquet": to_parquet,
}

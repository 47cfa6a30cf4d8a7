"""The formats of exports, by name. A new one is one file here and one line below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from archive.found import Record
from archive.outputs.atom import MOST, NEWEST, to_atom
from archive.outputs.export import Folder, Output, Stream
from archive.outputs.parquet import to_parquet
from archive.outputs.sites import to_hexo, to_hugo
from archive.outputs.spreadsheet import to_csv
from archive.outputs.stream import to_jsonl


def _of_records(write: Callable[[Iterable[Record]], Iterator[bytes]]) -> Stream:
    """A stream that needs no more than the index has."""
    return Stream(lambda export: write(export.records))


OUTPUTS: dict[str, Output] = {
    "jsonl": _of_records(to_jsonl),
    "csv": _of_records(to_csv),
    "parquet": _of_records(to_parquet),
    "atom": Stream(to_atom, NEWEST, MOST),
    "hugo": Folder(to_hugo),
    "hexo": Folder(to_hexo),
}

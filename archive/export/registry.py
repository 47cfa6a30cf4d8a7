"""The formats of exports, by name. A new one is one file here and one line below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from archive.export.atom import MOST, NEWEST, to_atom
from archive.export.csv import to_csv
from archive.export.formats import Folder, Output, Stream
from archive.export.jsonl import to_jsonl
from archive.export.parquet import to_parquet
from archive.export.sites import to_hexo, to_hugo
from archive.model.results import Record


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

"""The export formats by name. A new format is one module in this folder and one line below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from archive.export.atom import DEFAULT_ENTRIES, MAX_ENTRIES, to_atom
from archive.export.csv import to_csv
from archive.export.formats import Folder, Output, Stream
from archive.export.jsonl import to_jsonl
from archive.export.parquet import to_parquet
from archive.export.sites import to_hexo, to_hugo
from archive.model.results import Record


def _of_records(write: Callable[[Iterable[Record]], Iterator[bytes]], *, is_binary: bool = False) -> Stream:
    """Return a stream made of records alone, without the files of articles."""
    return Stream(lambda export: write(export.records), is_binary=is_binary)


OUTPUTS: dict[str, Output] = {
    "jsonl": _of_records(to_jsonl),
    "csv": _of_records(to_csv),
    "parquet": _of_records(to_parquet, is_binary=True),
    "atom": Stream(to_atom, DEFAULT_ENTRIES, MAX_ENTRIES),
    "hugo": Folder(to_hugo),
    "hexo": Folder(to_hexo),
}

"""The export formats by name. A new format is one module in this folder and one line below."""

from __future__ import annotations

from archive.export.atom import DEFAULT_ENTRIES, MAX_ENTRIES, to_atom
from archive.export.csv import to_csv
from archive.export.dataset import write_dataset
from archive.export.formats import Folder, Output, PartitionedFormat, Stream, TableFormat
from archive.export.jsonl import to_jsonl
from archive.export.parquet import to_parquet
from archive.export.sites import to_hexo, to_hugo

OUTPUTS: dict[str, Output] = {
    "jsonl": TableFormat(to_jsonl),
    "csv": TableFormat(to_csv),
    "parquet": TableFormat(to_parquet, is_binary=True),
    "dataset": PartitionedFormat(write_dataset),
    "atom": Stream(to_atom, DEFAULT_ENTRIES, MAX_ENTRIES),
    "hugo": Folder(to_hugo),
    "hexo": Folder(to_hexo),
}

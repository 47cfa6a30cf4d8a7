"""The input of an export, and the kinds of output: a table, a stream, a folder of files or of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field

from archive.model.article import Post, Revision
from archive.model.results import ArticlePeriod, Record


class Archived(Struct, frozen=True):
    """A version of an article and its file."""

    revision: Revision
    data: bytes  # the file's bytes; they have the recorded sha256


class Export(Struct, frozen=True):
    """The articles to export."""

    records: Iterable[Record]  # in the order of publication, read one at a time
    archived: Callable[[Record], Archived | None]  # reads a record's file; None: it differs from its record
    query: str  # the query as typed; "" for all articles
    at: datetime  # the time of --as-of, or now
    image: Callable[[str], Path | None] = lambda url: None  # the file of an image by its address; None: not kept then
    image_link: Callable[[str], str | None] = lambda url: None  # for a stream: the link of a kept image's copy
    folder: Path | None = None  # where a folder of files is written


class Table(Struct, frozen=True):
    """Rows of one kind, read one at a time."""

    rows: Iterable[Record] | Iterable[ArticlePeriod]
    columns: type[Record] | type[ArticlePeriod] = Record  # the class of all rows
    metadata: Mapping[str, str] = field(default_factory=dict)  # where the export comes from; for formats that take it
    warn: Callable[[str], None] = lambda message: None  # reports what a reader of the format will not get


class TableFormat(Struct, frozen=True):
    """An output that is a table, in one stream of bytes."""

    write: Callable[[Table], Iterator[bytes]]
    is_binary: bool = False  # not for a terminal


class Stream(Struct, frozen=True):
    """An output that is one stream of bytes, made of articles and their files."""

    write: Callable[[Export], Iterator[bytes]]
    default_limit: int | None = None  # the number of newest articles to export without --limit; None: all
    max_limit: int | None = None  # the highest --limit; None: no bound


class Folder(Struct, frozen=True):
    """An output that is a folder of files; their paths are relative to it."""

    write: Callable[[Export], Iterator[Post]]


class DatasetChanges(Struct, frozen=True):
    """What an export has changed in a dataset: months, YYYY-MM."""

    written: list[str]
    removed: list[str]
    unchanged: list[str]


class PartitionedTable(Struct, frozen=True):
    """Rows by month in China, YYYY-MM, and which months have changed."""

    query: str  # as text; "" for all articles
    months: Callable[[str | None], Sequence[str]]  # those that changed since a cursor; None: all
    rows: Callable[[str], Iterable[ArticlePeriod]]  # of a month
    metadata: Mapping[str, str]  # with the cursor and the sequence of the rows


class PartitionedFormat(Struct, frozen=True):
    """An output that is a folder of tables; a later export replaces those that have changed."""

    write: Callable[[PartitionedTable, Path, Path], DatasetChanges]  # the folder, and the archive's root


Output = TableFormat | Stream | Folder | PartitionedFormat

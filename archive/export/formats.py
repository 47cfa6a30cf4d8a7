"""What an export is: which articles, and in which shape they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from archive.model.article import Post, Revision
from archive.model.results import Record


@dataclass(frozen=True, slots=True)
class Archived:
    """A version of an article with its file."""

    revision: Revision
    data: bytes  # of the file, as recorded


@dataclass(frozen=True, slots=True)
class Export:
    """Articles to be written out."""

    records: Iterable[Record]  # by the time of their publication, read one by one
    archived: Callable[[Record], Archived | None]  # its version with the file; None: the file is not as recorded
    asked: str  # what was asked for, in words, as a query has them; "" for everything
    at: datetime  # as of when: the time that was asked about, or now


@dataclass(frozen=True, slots=True)
class Stream:
    """An output that is one stream of bytes: for a file, or a pipe."""

    write: Callable[[Export], Iterator[bytes]]
    newest: int | None = None  # so many articles, unless another number is asked for; None: all
    most: int | None = None  # no more of them than this; None: no bound


@dataclass(frozen=True, slots=True)
class Folder:
    """An output that is a folder of files, whose paths are relative to it."""

    write: Callable[[Export], Iterator[Post]]


Output = Stream | Folder

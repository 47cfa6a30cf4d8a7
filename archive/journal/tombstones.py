"""Tombstones: journal documents that say what was removed from a journal file. Pure. See D184."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.journal.document_values import checked, dump_time, moment, number, text
from archive.journal.documents import Document


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A tombstone: what was removed from a journal file."""

    file: str  # its name
    before: str  # sha256 of the file that was replaced, hex
    after: str  # sha256 of the file that replaced it
    records: int  # that were changed
    headers: Mapping[str, int]  # name in lower case -> number of values that were removed
    at: datetime  # aware


def dump_rewritten(rewrite: Rewrite) -> Document:
    """Return a tombstone as a document."""
    return {
        "file": rewrite.file,
        "before": rewrite.before,
        "after": rewrite.after,
        "records": rewrite.records,
        "headers": dict(rewrite.headers),
        "at": dump_time(rewrite.at),
    }


@checked
def load_rewritten(document: Any) -> Rewrite:
    """Return the tombstone of a "rewritten" document.

    :raises ValueError: the document is not valid
    """
    headers = {text(name): number(count) for name, count in document["headers"].items()}
    return Rewrite(
        text(document["file"]),
        text(document["before"]),
        text(document["after"]),
        number(document["records"]),
        headers,
        moment(document["at"]),
    )

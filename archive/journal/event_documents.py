"""Journal documents, version 1: their kinds and fields. The rules of archive.journal.documents apply. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from archive.journal.document_values import array, checked, dump_index_time, flag, number, text, texts, time
from archive.journal.documents import (
    Document,
    dump_entry,
    dump_failed_image,
    dump_failure,
    dump_stored_image,
    load_entry,
    load_failed_image,
    load_failure,
    load_stored_image,
)
from archive.model.feed import Entry, Failure
from archive.model.image import FailedImage, StoredImage

# A program that finds a higher version does not know what its documents mean.
VERSION = 1
# The tables that a "ledger" document holds whole. All are small: they grow with the feeds, and with their gaps.
LEDGER_TABLES = ("feeds", "sources", "spans", "gaps", "rhythms", "rests")


class EventKind(StrEnum):
    """The kind of a journal document."""

    LOOK = "look"  # one attempt to fetch an article
    SIGHTED = "sighted"  # what a list said that was new
    SETTLED = "settled"  # a feed reads another list
    RELEASED = "released"  # what waited became due
    BROUGHT_TO_DATE = "brought-to-date"  # times in the future were clamped
    IMAGES = "images"  # pictures were stored or failed
    LEDGER = "ledger"  # how far all lists were read


@dataclass(frozen=True, slots=True)
class SightedDocument:
    """What a list said that was new."""

    feed: str
    entries: Sequence[Entry]
    failures: Sequence[Failure]
    hosts: Mapping[str, str]  # by docid
    listings: Sequence[tuple[str, str, int]]  # feed, docid, and 1 where later polls of the feed may stop
    moved: Sequence[str] | None = None  # docids with a new address; None: the document is older than this key


def encode(kind: str, document: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document in the journal."""
    return json.dumps({"version": VERSION, kind: document}, ensure_ascii=False).encode("utf-8", "replace")


def decode(kind: str, data: bytes) -> Any:
    """Return the document that :func:`encode` was given; None if a newer version wrote it.

    :raises ValueError: the bytes hold no such document
    """
    whole = json.loads(data)
    if not isinstance(whole, dict) or "version" not in whole:
        raise ValueError("no version is stated")
    if whole["version"] != VERSION:
        return None
    if whole.get(kind) is None:
        raise ValueError(f"no document of kind {kind!r}")
    return whole[kind]


def dump_sighted(entry_changes: SightedDocument) -> Document:
    """Return what a list said that was new as a document."""
    document: Document = {
        "feed": entry_changes.feed,
        "entries": [dump_entry(entry) for entry in entry_changes.entries],
        "failures": [dump_failure(failure) for failure in entry_changes.failures],
        "hosts": dict(entry_changes.hosts),
    }
    if entry_changes.moved is not None:
        document["moved"] = list(entry_changes.moved)
    return document | {"listings": [list(row) for row in entry_changes.listings]}


@checked
def load_sighted(document: Any) -> SightedDocument:
    """Return what a "sighted" document says.

    :raises ValueError: the document is none
    """
    moved = document.get("moved")
    return SightedDocument(
        text(document["feed"]),
        [load_entry(entry) for entry in array(document["entries"])],
        [load_failure(failure) for failure in array(document["failures"])],
        {text(docid): text(host) for docid, host in document["hosts"].items()},
        [(text(feed), text(docid), number(caught_up)) for feed, docid, caught_up in array(document["listings"])],
        None if moved is None else texts(moved),
    )


def dump_settled(feed: str, source: str) -> Document:
    """Return as a document that a feed reads another list."""
    return {"feed": feed, "source": source}


@checked
def load_settled(document: Any) -> tuple[str, str]:
    """Return the feed and the source of a "settled" document.

    :raises ValueError: the document is none
    """
    return text(document["feed"]), text(document["source"])


def dump_released(*, parked: bool) -> Document:
    """Return as a document that what waited became due."""
    return {"parked": parked}


@checked
def load_released(document: Any) -> bool:
    """Return whether a "released" document includes what had been given up.

    :raises ValueError: the document is none
    """
    return flag(document["parked"])


def dump_brought_to_date(now: datetime, latest: datetime) -> Document:
    """Return as a document that times in the future were clamped.

    :param now: the limit of times of attempts
    :param latest: the limit of due times
    """
    return {"now": dump_index_time(now), "latest": dump_index_time(latest)}


@checked
def load_brought_to_date(document: Any) -> tuple[datetime, datetime]:
    """Return the two limits of a "brought-to-date" document.

    :raises ValueError: the document is none
    """
    return time(document["now"]), time(document["latest"])


def dump_images(kept: Sequence[StoredImage], missed: Sequence[FailedImage]) -> Document:
    """Return what came of pictures as a document."""
    return {
        "kept": [dump_stored_image(each) for each in kept],
        "missed": [dump_failed_image(each) for each in missed],
    }


@checked
def load_images(document: Any) -> tuple[list[StoredImage], list[FailedImage]]:
    """Return what an "images" document says came of pictures.

    :raises ValueError: the document is none
    """
    return (
        [load_stored_image(each) for each in array(document["kept"])],
        [load_failed_image(each) for each in array(document["missed"])],
    )


def dump_ledger(tables: Mapping[str, Sequence[Sequence[Any]]]) -> Document:
    """Return how far all lists were read as a document: by table, its columns' names and then its rows."""
    return {table: tables[table] for table in LEDGER_TABLES}


@checked
def load_ledger(document: Any) -> dict[str, Sequence[Sequence[Any]]]:
    """Return the tables of a "ledger" document.

    :raises ValueError: the document is none
    """
    return {table: [array(row) for row in array(document[table])] for table in LEDGER_TABLES}

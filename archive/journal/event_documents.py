"""Journal documents, version 1: their kinds and keys. The rules of archive.journal.documents apply. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from archive.journal.document_values import (
    array,
    cell,
    checked,
    dump_index_time,
    flag,
    load_json,
    moment,
    number,
    text,
    texts,
)
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
from archive.journal.formatted import load_formatted
from archive.journal.misses import load_missed
from archive.journal.tombstones import load_forgetting_done, load_forgotten, load_removed, load_rewritten
from archive.model.feed import Entry, Failure, Unlisting
from archive.model.image import FailedImage, StoredImage

# A program refuses documents of a higher version, because it cannot interpret them.
VERSION = 1
# Tables that a "ledger" document contains in full. All are small: they grow with the number of feeds and gaps.
LEDGER_TABLES = (
    "feeds",
    "sources",
    "spans",
    "settled",
    "gaps",
    "lateness",
    "rhythms",
    "rests",
    "containments",
    "unconfirmed",
)


class EventKind(StrEnum):
    """The kind of a journal document."""

    LOOK = "look"  # one attempt to fetch an article
    CONFIRMED = "confirmed"  # such an attempt: its page, which confirmed a version, was removed after some years
    SIGHTED = "sighted"  # new facts from a listing
    SETTLED = "settled"  # a feed has another source
    RELEASED = "released"  # waiting articles became due now
    BROUGHT_TO_DATE = "brought-to-date"  # times in the future were clamped
    UNLISTED = "unlisted"  # entries left a list while their neighbours stayed, or came back
    MISSED = "missed"  # a broad list turned out not to contain another one
    IMAGES = "images"  # images were stored or failed
    LEDGER = "ledger"  # state of all feeds: polls, spans, gaps, back-offs
    FORMATTED = "formatted"  # all earlier fetches are written with other settings than those of their time
    REWRITTEN = "rewritten"  # a tombstone: a journal file was replaced, to remove something
    FORGOTTEN = "forgotten"  # a tombstone: articles are removed on request
    FORGETTING_DONE = "forgetting-done"  # nothing of them is left
    REMOVED = "removed"  # stands in the place of a fetch of such an article


class SightedDocument(Struct, frozen=True):
    """New facts from a listing."""

    feed: str  # its id
    entries: Sequence[Entry]
    failures: Sequence[Failure]
    hosts: Mapping[str, str]  # by docid
    listings: Sequence[tuple[str, str, int]]  # feed, docid, and 1 if later polls of the feed may stop at it
    moved: Sequence[str] | None = None  # docids with a new address; None: the document is older than this key
    tells_shown: bool = False  # the rows of `feed` are entries that its list has shown; False: the document is older


def encode(kind: str, document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON in UTF-8, with its version and kind."""
    return json.dumps({"version": VERSION, kind: document}, ensure_ascii=False).encode("utf-8", "replace")


def decode(kind: str, data: bytes) -> Any:
    """Return the document that :func:`encode` wrote; None if a newer version wrote it.

    :raises ValueError: the bytes are not a document of this kind
    """
    whole = load_json(data)
    version = whole.get("version") if isinstance(whole, dict) else None
    if type(version) is not int or version < VERSION:
        raise ValueError("its document has no version")
    if version > VERSION:
        return None
    if whole.get(kind) is None:
        raise ValueError(f"it has no document of kind {kind[:40]!r}")
    return whole[kind]


def check_document(kind: str, document: Any) -> None:
    """Check a document of any kind but those of fetches, so that it can be replayed.

    A document of an unknown kind is one of a newer program, and is not checked.

    :raises ValueError: the document is not valid
    """
    if load := _LOADERS.get(kind):
        load(document)


def dump_sighted(sighted: SightedDocument) -> Document:
    """Return new facts from a listing as a document."""
    document: Document = {
        "feed": sighted.feed,
        "entries": [dump_entry(entry) for entry in sighted.entries],
        "failures": [dump_failure(failure) for failure in sighted.failures],
        "hosts": dict(sighted.hosts),
    }
    if sighted.moved is not None:
        document["moved"] = list(sighted.moved)
    if sighted.tells_shown:
        document["shown"] = True
    return document | {"listings": [list(row) for row in sighted.listings]}


@checked
def load_sighted(document: Any) -> SightedDocument:
    """Return the new facts of a "sighted" document.

    :raises ValueError: the document is not valid
    """
    moved = document.get("moved")
    return SightedDocument(
        text(document["feed"]),
        [load_entry(entry) for entry in array(document["entries"])],
        [load_failure(failure) for failure in array(document["failures"])],
        {text(docid): text(host) for docid, host in document["hosts"].items()},
        [(text(feed), text(docid), number(caught_up)) for feed, docid, caught_up in array(document["listings"])],
        None if moved is None else texts(moved),
        flag(document.get("shown", False)),
    )


def dump_unlisted(feed: str, unlisted: Sequence[Unlisting], back: Sequence[str]) -> Document:
    """Return the entries that left a feed's list, and those that came back, as a document.

    :param back: docids
    """
    return {"feed": feed, "gone": [[each.docid, each.newer, each.older] for each in unlisted], "back": list(back)}


@checked
def load_unlisted(document: Any) -> tuple[str, list[Unlisting], list[str]]:
    """Return the feed, the entries that left its list, and the docids that came back, of an "unlisted" document.

    :raises ValueError: the document is not valid
    """
    gone = [Unlisting(text(docid), text(newer), text(older)) for docid, newer, older in array(document["gone"])]
    return text(document["feed"]), gone, list(texts(document["back"]))


def dump_settled(feed: str, source: str) -> Document:
    """Return a feed's change of source as a document.

    :param source: as of config.model.Feed.source
    """
    return {"feed": feed, "source": source}


@checked
def load_settled(document: Any) -> tuple[str, str]:
    """Return the feed and the new source of a "settled" document.

    :raises ValueError: the document is not valid
    """
    return text(document["feed"]), text(document["source"])


def dump_released(*, parked: bool) -> Document:
    """Return as a document that all waiting articles became due.

    :param parked: parked articles too
    """
    return {"parked": parked}


@checked
def load_released(document: Any) -> bool:
    """Return whether a "released" document includes parked articles.

    :raises ValueError: the document is not valid
    """
    return flag(document["parked"])


def dump_brought_to_date(now: datetime, latest: datetime, *, keeps_delays: bool = False) -> Document:
    """Return a clamp of future times as a document.

    :param now: the upper limit of times of attempts
    :param latest: the upper limit of due times
    :param keeps_delays: rows tried in the future keep their delay
    """
    document = {"now": dump_index_time(now), "latest": dump_index_time(latest)}
    return document | ({"keeps_delays": True} if keeps_delays else {})


@checked
def keeps_delays(document: Any) -> bool:
    """Return whether rows tried in the future keep their delay, in a "brought-to-date" document.

    :raises ValueError: the document is not valid
    """
    return flag(document.get("keeps_delays", False))


@checked
def load_brought_to_date(document: Any) -> tuple[datetime, datetime]:
    """Return the two limits of a "brought-to-date" document.

    :raises ValueError: the document is not valid
    """
    return moment(document["now"]), moment(document["latest"])


def dump_images(stored: Sequence[StoredImage], failed: Sequence[FailedImage]) -> Document:
    """Return the results of image downloads as a document."""
    return {
        "kept": [dump_stored_image(each) for each in stored],
        "missed": [dump_failed_image(each) for each in failed],
    }


@checked
def load_images(document: Any) -> tuple[list[StoredImage], list[FailedImage]]:
    """Return the stored and the failed images of an "images" document.

    :raises ValueError: the document is not valid
    """
    return (
        [load_stored_image(each) for each in array(document["kept"])],
        [load_failed_image(each) for each in array(document["missed"])],
    )


def dump_ledger(tables: Mapping[str, Sequence[Sequence[Any]]]) -> Document:
    """Return the state of all feeds as a document.

    :param tables: by table, the names of its columns followed by its rows
    """
    return {table: tables[table] for table in LEDGER_TABLES if table in tables}


@checked
def load_ledger(document: Any) -> dict[str, Sequence[Sequence[Any]]]:
    """Return the tables of a "ledger" document, as :func:`dump_ledger` takes them.

    :raises ValueError: the document is not valid
    """
    return {table: _rows(array(document[table])) for table in LEDGER_TABLES if table in document}


def _rows(table: list[Any]) -> list[list[Any]]:
    columns, *rows = table
    if not columns or len(set(texts(columns))) != len(columns):
        raise ValueError("a table has no columns, or two of one name")
    if any(len(array(row)) != len(columns) for row in rows):
        raise ValueError("a row has another number of values than its table has columns")
    return [columns, *([cell(value) for value in row] for row in rows)]


_LOADERS: dict[str, Callable[[Any], Any]] = {
    EventKind.SIGHTED: load_sighted,
    EventKind.SETTLED: load_settled,
    EventKind.RELEASED: load_released,
    EventKind.BROUGHT_TO_DATE: lambda document: (load_brought_to_date(document), keeps_delays(document)),
    EventKind.UNLISTED: load_unlisted,
    EventKind.MISSED: load_missed,
    EventKind.IMAGES: load_images,
    EventKind.LEDGER: load_ledger,
    EventKind.FORMATTED: load_formatted,
    EventKind.REWRITTEN: load_rewritten,
    EventKind.FORGOTTEN: load_forgotten,
    EventKind.FORGETTING_DONE: load_forgetting_done,
    EventKind.REMOVED: load_removed,
}

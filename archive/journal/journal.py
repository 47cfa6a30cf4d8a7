"""The journal: all that was ever seen, in the order it was seen, so that index and files can be made from it anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from archive.journal.documents import dump_fetch, load_fetch
from archive.journal.event_documents import EventKind, decode, encode
from archive.journal.warc import WarcWriter, original_at, read
from archive.journal.warc_records import Group, Original, digest
from archive.model.errors import ArchiveError
from archive.model.fetch import Fetch, JournalPosition

_REMEMBERED = 256  # bodies of this run that identical ones are referred to without asking the index


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the journal."""

    place: JournalPosition
    kind: str  # an EventKind, unless a newer program wrote it
    at: datetime
    fetch: Fetch | None = None
    document: dict[str, Any] | None = None  # of all but looks


class Journal:
    """The journal in a folder, opened for writing; to be used by several threads.

    :param known: the place of the last event that is known to have been written, though it may be lost
    :raises ArchiveError: it cannot be written
    """

    def __init__(self, folder: Path, known: JournalPosition | None = None) -> None:
        self._folder = folder
        self._writer = WarcWriter(folder, _software(), known=known)
        self._lock = threading.Lock()
        self._originals: dict[str, Original] = {}

    def append(self, kind: str, at: datetime, document: Mapping[str, Any]) -> JournalPosition:
        """Write an event; when this returns it is on the disk.

        :param document: what JSON can hold
        """
        group = Group(kind, at, encode(kind, document))
        with self._lock:
            return self._writer.append([(group, None)])[0]

    def append_fetches(
        self, fetches: Sequence[Fetch], bodies: Mapping[str, JournalPosition]
    ) -> list[JournalPosition]:
        """Write looks; when this returns they are on the disk.

        :param bodies: where the journal has bodies already, by their digest
        :return: where each of them is
        """
        groups = [(_group(fetch), self._original(fetch, bodies)) for fetch in fetches]
        with self._lock:
            return self._writer.append(groups)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._writer.close()

    def _original(self, fetch: Fetch, bodies: Mapping[str, JournalPosition]) -> Original | None:
        if fetch.response is None or not fetch.response.body:
            return None
        name = digest(fetch.response.body)
        known = name in self._originals or name not in bodies
        if not known and (found := original_at(self._folder, bodies[name], name)):
            if len(self._originals) >= _REMEMBERED:
                del self._originals[next(iter(self._originals))]
            self._originals[name] = found
        return self._originals.get(name)


def events(folder: Path, since: JournalPosition | None = None) -> Iterator[Event]:
    """What the journal in a folder holds, in the order it was written.

    :param since: the place of the last event to leave out; None for all
    :raises ArchiveError: a newer program has written it
    """
    for place, group in read(folder, since):
        yield event_of(place, group)


def event_of(place: JournalPosition, group: Group) -> Event:
    """A group of records as an event.

    :raises ArchiveError: a newer program has written it, or it is none of ours
    """
    try:
        document = decode(group.kind, group.document)
        if document is None:
            raise ArchiveError(f"the journal {place.file} was written by a newer finarchive: upgrade finarchive")
        if group.kind != EventKind.LOOK:
            return Event(place, group.kind, group.at, document=document)
        return Event(place, group.kind, group.at, replace(load_fetch(document), response=group.response))
    except ValueError as error:
        raise ArchiveError(f"the record at {place.offset} of {place.file} cannot be understood: {error}") from error


def _group(fetch: Fetch) -> Group:
    return Group(EventKind.LOOK, fetch.at, encode(EventKind.LOOK, dump_fetch(fetch)), fetch.response)


def _software() -> str:
    try:
        return f"finarchive/{version('finarchive')}"
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "finarchive/0"

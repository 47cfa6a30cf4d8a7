"""The journal: every fetch and listing in the order of observation. Index and files can be rebuilt from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from archive.journal.confirmed import load_confirmed
from archive.journal.documents import dump_fetch, load_fetch
from archive.journal.event_documents import EventKind, check_document, decode, encode
from archive.journal.warc import WarcWriter, original_at, read
from archive.journal.warc_records import Group, Original, digest
from archive.model.errors import ArchiveError
from archive.model.fetch import Fetch, JournalPosition

_MAX_CACHED_ORIGINALS = 256  # bodies of this run that identical ones refer to without a query of the index


class Event(Struct, frozen=True):
    """One event of the journal."""

    position: JournalPosition
    kind: str  # the value of an EventKind, unless a newer program wrote it
    at: datetime  # aware, UTC
    fetch: Fetch | None = None  # of the kinds "look" and "confirmed"
    document: dict[str, Any] | None = None  # of all other kinds


class Journal:
    """The journal in a folder, open for writing. Thread-safe.

    :param last_known: position of the last event that was written for certain, even if it is lost now
    :param sealed: names of files that are not changed any more
    :raises ArchiveError: the folder or the file cannot be written
    """

    def __init__(self, folder: Path, last_known: JournalPosition | None = None, sealed: Collection[str] = ()) -> None:
        self._folder = folder
        self._writer = WarcWriter(folder, _software(), last_known=last_known, sealed=sealed)
        self._lock = threading.Lock()
        self._originals: dict[str, Original] = {}  # by digest
        self._oldest_original = ""  # name of a file: records in those before it are not referred to

    def end(self) -> JournalPosition | None:
        """Return up to where the newest file is on the disk; None: no file is appended to now."""
        with self._lock:
            return self._writer.end

    def leave(self, files: Collection[str]) -> None:
        """Append no more to the newest file if its name is one of ``files``: a new file follows."""
        with self._lock:
            self._writer.leave(files)

    def refer_only_to(self, file: str) -> None:
        """Refer to no body in a file before ``file``: it may be removed. Such a body is written again."""
        self._oldest_original = file

    def append(self, kind: str, at: datetime, document: Mapping[str, Any]) -> JournalPosition:
        """Write an event; when this returns it is on the disk.

        :param document: a JSON object
        :raises ArchiveError: it cannot be written
        """
        group = Group(kind, at, encode(kind, document))
        with self._lock:
            return self._writer.append([(group, None)])[0]

    def append_fetches(
        self, fetches: Sequence[Fetch], bodies: Mapping[str, JournalPosition]
    ) -> list[JournalPosition]:
        """Write fetches; when this returns they are on the disk.

        :param bodies: positions of bodies that the journal has already, by digest
        :return: the position of each fetch
        :raises ArchiveError: they cannot be written
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
        needs_lookup = name not in self._originals and name in bodies
        if needs_lookup and (original := original_at(self._folder, bodies[name], name)):
            if len(self._originals) >= _MAX_CACHED_ORIGINALS:
                del self._originals[next(iter(self._originals))]
            self._originals[name] = original
        found = self._originals.get(name)
        return found if found and found.position.file >= self._oldest_original else None


def events(
    folder: Path,
    since: JournalPosition | None = None,
    on_damage: Callable[[JournalPosition], None] = lambda position: None,
) -> Iterator[Event]:
    """Yield the events of the journal in a folder, in the order they were written.

    :param since: yield only events after this position; None for all
    :param on_damage: called with the position of each part, record and event that cannot be read
    :raises ArchiveError: a newer program wrote an event
    """
    for position, group in read(folder, since, on_damage):
        try:
            event = event_of(position, group)
        except ValueError:
            on_damage(position)
        else:
            yield event


def event_of(position: JournalPosition, group: Group) -> Event:
    """Parse a group of records as an event.

    :raises ValueError: it is damaged; the message says how
    :raises ArchiveError: a newer program wrote it
    """
    document = decode(group.kind, group.document)
    if document is None:
        raise ArchiveError(f"a newer finarchive wrote the journal file {position.file}: upgrade finarchive")
    if group.kind == EventKind.LOOK:
        return Event(position, group.kind, group.at, replace(load_fetch(document), response=group.response))
    if group.kind == EventKind.CONFIRMED:
        return Event(position, group.kind, group.at, load_confirmed(document))
    check_document(group.kind, document)
    return Event(position, group.kind, group.at, document=document)


def _group(fetch: Fetch) -> Group:
    return Group(EventKind.LOOK, fetch.at, encode(EventKind.LOOK, dump_fetch(fetch)), fetch.response)


def _software() -> str:
    try:
        return f"finarchive/{version('finarchive')}"
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "finarchive/0"

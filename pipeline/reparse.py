"""The journal's looks, understood once more on all cores.

A module of its own because each process that reads imports it: what only the writing needs would cost each of them.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context, parent_process
from multiprocessing.reduction import ForkingPickler
from operator import attrgetter
from pathlib import Path

from archive.journal.journal import Event, event_of
from archive.journal.warc import WarcPart, parts, read_part
from archive.journal.warc_records import digest
from archive.model.article import Article, ArticleImage
from archive.model.feed import Entry, Failure, Filing, PendingEntry
from archive.model.fetch import ArchiveRules, Fetch, JournalPosition, RawResponse
from crawler.extract.response import parse_fetch

# Bytes of the journal, packed, that one process reads at a time: some hundred pages, a fifth of a second's work. Of
# larger ones the other processes have more to wait for at the beginning, and at the end.
PART = 1 << 20


@dataclass(frozen=True, slots=True)
class ReparseOptions:
    """How a journal is read."""

    most: int  # bytes that a page may unpack to
    processes: int  # that read pages
    on_progress: Callable[[int, int], None]  # told how many bytes of how many are done


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event of the journal, and what a look has brought."""

    event: Event  # without the body of its answer
    read: Article | Failure | None = None  # of a look
    digest: str | None = None  # of the body of its answer


def read_journal(folder: Path, reading: ReparseOptions, on_damage: Callable[[str], None]) -> Iterator[ParsedEvent]:
    """The journal's events in their order, their pages understood by other processes.

    :param on_damage: told, in words, what of the journal cannot be read
    """
    todo = deque(parts(folder, PART))
    whole = sum(path.stat().st_size for path in {part.path for part in todo})
    done = 0
    # Started anew and not forked: the progress display has a thread, and a copy of half a lock never opens.
    with ProcessPoolExecutor(reading.processes, get_context("spawn"), initializer=_end_with_the_parent) as pool:
        waiting: deque[tuple[WarcPart, Future[tuple[list[ParsedEvent], list[str]]]]] = deque()
        while todo or waiting:
            while todo and len(waiting) < 2 * reading.processes:
                part = todo.popleft()
                waiting.append((part, pool.submit(_understand_part, part, reading.most)))
            part, future = waiting.popleft()
            found, damaged = future.result()
            for each in damaged:
                on_damage(each)
            yield from found
            done += min(part.end, part.path.stat().st_size) - part.start
            reading.on_progress(done, whole)


def _end_with_the_parent() -> None:
    """Have this process end when the one that it reads for is killed: else it would wait for more, for ever."""

    def wait_and_end() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()


def _understand_part(part: WarcPart, most: int) -> tuple[list[ParsedEvent], list[str]]:
    damaged: list[str] = []
    found = []
    told = f"{part.path.name} cannot be read at byte "
    for place, group in read_part(part, lambda offset: damaged.append(f"{told}{offset}")):
        event = event_of(place, group)
        fetch = event.fetch
        if fetch is None:
            found.append(ParsedEvent(event))
            continue
        body = digest(fetch.response.body) if fetch.response else None
        read = parse_fetch(fetch, most)
        if fetch.response:
            bare = RawResponse(
                fetch.response.url, fetch.response.status, (), b""
            )  # what is sent to another process costs
            event = Event(event.place, event.kind, event.at, replace(fetch, response=bare))
        found.append(ParsedEvent(event, read, body))
    return found, damaged


def _send_by_fields(kind: type) -> None:
    """Have records of a kind go to another process as their fields: Python's own way takes twice as long."""
    stated = attrgetter(*(field.name for field in fields(kind)))
    ForkingPickler.register(kind, lambda record: (kind, stated(record)))


for _kind in (
    ParsedEvent,
    Event,
    JournalPosition,
    Fetch,
    PendingEntry,
    Entry,
    Filing,
    ArchiveRules,
    RawResponse,
    Article,
    ArticleImage,
    Failure,
):
    _send_by_fields(_kind)

"""Parse the fetches of the journal again, on all cores.

A separate module because every worker process imports it: imports that only the parent needs would slow each worker.
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

# Compressed bytes of the journal that a worker reads at a time: some hundred pages, a fifth of a second. Larger parts
# leave the other workers idle for longer at the beginning and at the end.
PART_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReparseOptions:
    """Options for reading a journal."""

    max_body: int  # bytes that a page may decompress to
    processes: int  # number of workers
    on_progress: Callable[[int, int], None]  # called with the bytes read so far, and all of them


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """An event of the journal; for a fetch, with the parsed response."""

    event: Event  # without the response body
    parsed: Article | Failure | None = None  # None: not a fetch
    digest: str | None = None  # of the response body


def read_journal(folder: Path, options: ReparseOptions, on_damage: Callable[[str], None]) -> Iterator[ParsedEvent]:
    """Yield the events of the journal in order; worker processes parse the pages.

    :param on_damage: called with a message for each part that cannot be read
    """
    pending = deque(parts(folder, PART_BYTES))
    total = sum(path.stat().st_size for path in {part.path for part in pending})
    done = 0
    # Spawned, not forked: the progress display has a thread, and a lock copied while held is never released.
    with ProcessPoolExecutor(options.processes, get_context("spawn"), initializer=_exit_with_parent) as pool:
        futures: deque[tuple[WarcPart, Future[tuple[list[ParsedEvent], list[str]]]]] = deque()
        while pending or futures:
            while pending and len(futures) < 2 * options.processes:
                part = pending.popleft()
                futures.append((part, pool.submit(_parse_part, part, options.max_body)))
            part, future = futures.popleft()
            parsed, damaged = future.result()
            for message in damaged:
                on_damage(message)
            yield from parsed
            done += min(part.end, part.path.stat().st_size) - part.start
            options.on_progress(done, total)


def _exit_with_parent() -> None:
    """Exit when the parent process is killed: a worker would otherwise wait for work forever."""

    def wait_and_exit() -> None:
        if parent := parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=wait_and_exit, daemon=True).start()


def _parse_part(part: WarcPart, max_body: int) -> tuple[list[ParsedEvent], list[str]]:
    damaged: list[str] = []
    events = []
    message = f"{part.path.name} cannot be read at byte "
    for position, group in read_part(part, lambda offset: damaged.append(f"{message}{offset}")):
        try:
            event = event_of(position, group)
        except ValueError:
            damaged.append(f"{message}{position.offset}")
            continue
        fetch = event.fetch
        if fetch is None:
            events.append(ParsedEvent(event))
            continue
        body = digest(fetch.response.body) if fetch.response else None
        parsed = parse_fetch(fetch, max_body)
        if fetch.response:
            # Without headers and body: sending them to the parent takes time.
            bare = RawResponse(fetch.response.url, fetch.response.status, (), b"")
            event = Event(event.position, event.kind, event.at, replace(fetch, response=bare))
        events.append(ParsedEvent(event, parsed, body))
    return events, damaged


def _pickle_by_fields(kind: type) -> None:
    """Pickle records of a class as their field values: twice as fast as the default."""
    values_of = attrgetter(*(field.name for field in fields(kind)))
    ForkingPickler.register(kind, lambda record: (kind, values_of(record)))


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
    _pickle_by_fields(_kind)

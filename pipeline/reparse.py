"""Parse the fetches of the journal again, on all cores.

A separate module because every worker process imports it: imports that only the parent needs would slow each worker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from archive.journal.event_documents import EventKind
from archive.journal.formatted import load_formatted
from archive.journal.groups import may_have_event
from archive.journal.journal import Event, event_of
from archive.journal.warc import WarcPart, parts, read_file, read_part, warc_files
from archive.journal.warc_records import digest_of
from archive.model.article import Article
from archive.model.feed import Failure
from archive.model.fetch import Fetch, JournalPosition, RawResponse
from archive.model.formatting import Formatting
from crawler.extract.response import parse_fetch
from crawler.parsing.articles import unreadable
from crawler.parsing.pool import Died, ParserPool

# Compressed bytes of the journal that a worker reads at a time: some hundred pages, a fifth of a second. Larger parts
# leave the other workers idle for longer at the beginning and at the end.
PART_BYTES = 1 << 20


class ReparseOptions(Struct, frozen=True):
    """Options for reading a journal."""

    max_body: int  # bytes that a page may decompress to
    processes: int  # number of workers
    on_progress: Callable[[int, int], None]  # called with the bytes read so far, and all of them


class ParsedEvent(Struct, frozen=True):
    """An event of the journal; for a fetch, with the parsed response."""

    event: Event  # without the response body
    parsed: Article | Failure | None = None  # None: not a fetch
    digest: str | None = None  # of the response body


class FormatChange(Struct, frozen=True):
    """Settings for the files of the fetches before an event of the journal."""

    formatting: Formatting
    position: JournalPosition | None = None  # of the event; None: for all fetches

    def applied_to(self, event: Event) -> Event:
        """Return a fetch with these settings, if it is before the event; any other event unchanged."""
        is_before = self.position is None or _order(event.position) < _order(self.position)
        return replace(event, fetch=self.formatting.applied_to(event.fetch)) if event.fetch and is_before else event


def _order(position: JournalPosition) -> tuple[str, int]:
    return position.file, position.offset


def last_format_change(folder: Path) -> FormatChange | None:
    """Return the last change of settings in a journal: it holds for all fetches before it."""
    found = None
    for path in warc_files(folder):
        for position, group in read_file(path) if may_have_event(path, EventKind.FORMATTED) else ():
            if group.kind == EventKind.FORMATTED:
                with suppress(ValueError):  # damaged, which is reported where the journal is read
                    found = FormatChange(load_formatted(event_of(position, group).document), position)
    return found


def read_journal(
    folder: Path, options: ReparseOptions, on_damage: Callable[[str], None], change: FormatChange | None = None
) -> Iterator[ParsedEvent]:
    """Yield the events of the journal in order; parser processes parse the pages.

    :param change: settings for files; None: the last change in the journal
    :param on_damage: called with a message for each part that cannot be read
    """
    change = change or last_format_change(folder)
    pending = deque(parts(folder, PART_BYTES))
    total = sum(path.stat().st_size for path in {part.path for part in pending})
    done = 0
    # A thread for each process, which waits for it. The pool is closed first: this ends their waiting.
    with ThreadPoolExecutor(options.processes) as threads, ParserPool(options.processes, patience=0) as parsers:
        futures: deque[tuple[WarcPart, Future[list[ParsedEvent | str]]]] = deque()
        while pending or futures:
            while pending and len(futures) < 2 * options.processes:
                part = pending.popleft()
                futures.append((part, threads.submit(_read_part, parsers, part, options.max_body, change)))
            part, future = futures.popleft()
            for each in future.result():
                if isinstance(each, str):
                    on_damage(each)
                else:
                    yield each
            done += min(part.end, part.path.stat().st_size) - part.start
            options.on_progress(done, total)


def _read_part(
    parsers: ParserPool, part: WarcPart, max_body: int, change: FormatChange | None
) -> list[ParsedEvent | str]:
    """Return the events of a part, and a message for each unreadable part of it."""
    results: list[ParsedEvent | str] = []
    for number, result in enumerate(parsers.run(_parse_part, part, max_body, change)):
        results.append(_unreadable(part, change, number, result) if isinstance(result, Died) else result)
    return results


def _unreadable(part: WarcPart, change: FormatChange | None, number: int, death: Died) -> ParsedEvent | str:
    """Return an event whose page cannot be parsed.

    :param number: of the result, from 0
    """
    each = next(islice(_events(part, change), number, None))
    if isinstance(each, str) or each.fetch is None:
        return f"{part.path.name} cannot be read after byte {part.start}: {death.reason}"
    return _parsed(each, each.fetch, unreadable(each.fetch.pending.entry.docid, death))


def _parse_part(skip: int, part: WarcPart, max_body: int, change: FormatChange | None) -> Iterator[ParsedEvent | str]:
    for each in islice(_events(part, change), skip, None):
        if isinstance(each, str):
            yield each
        elif each.fetch is None:
            yield ParsedEvent(each)
        else:
            yield _parsed(each, each.fetch, parse_fetch(each.fetch, max_body))


def _parsed(event: Event, fetch: Fetch, parsed: Article | Failure) -> ParsedEvent:
    if fetch.response is None:
        return ParsedEvent(event, parsed, digest_of(fetch))
    # Without headers and body: sending them to the parent takes time.
    bare = replace(fetch, response=RawResponse(fetch.response.url, fetch.response.status, (), b""))
    return ParsedEvent(replace(event, fetch=bare), parsed, digest_of(fetch))


def _events(part: WarcPart, change: FormatChange | None) -> Iterator[Event | str]:
    """Yield the events of a part, and a message for each unreadable part of it, where they are."""
    damaged: list[int] = []
    message = f"{part.path.name} cannot be read at byte "
    for position, group in read_part(part, damaged.append):
        yield from (f"{message}{offset}" for offset in damaged)
        damaged.clear()
        try:
            event = event_of(position, group)
            yield change.applied_to(event) if change else event
        except ValueError:
            yield f"{message}{position.offset}"
    yield from (f"{message}{offset}" for offset in damaged)

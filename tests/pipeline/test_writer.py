"""The writer, on a disk that refuses writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.archive import Archive
from archive.model.article import Article
from archive.model.feed import Failure
from archive.model.fetch import Fetch
from crawler.extract.response import parse_fetch
from pipeline import writer
from pipeline.writer import WriteItem, Writer, WriterCallbacks
from tests.support.fetches import make_fetch

NOW = datetime(2026, 9, 29, tzinfo=UTC)


def parse_here(fetches: Sequence[Fetch]) -> list[Article | Failure]:
    return [parse_fetch(fetch, 1000) for fetch in fetches]


def item(docid: str, path: str) -> WriteItem:
    fetch = make_fetch(docid, NOW)
    entry = replace(fetch.pending.entry, content="<p>x</p>")
    return WriteItem(replace(fetch, pending=replace(fetch.pending, entry=entry, path=path)), 1)


def test_a_writer_that_was_full_takes_more_after_a_path_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_QUEUED", 0)  # so that one article fills it
    (tmp_path / "in the way").write_text("a file")
    written: list[str] = []
    refused: list[str] = []
    room: list[bool] = []

    async def write() -> bool:
        with Archive(tmp_path, "test", NOW) as archive:
            callbacks = WriterCallbacks(
                lambda batch: written.extend(each.fetch.pending.entry.docid for each in batch),
                lambda error: pytest.fail(str(error)),
                lambda: room.append(True),
                lambda each, reason: refused.append(each.fetch.pending.entry.docid),
            )
            ours = Writer(archive, parse_here, callbacks, retry_forever=True)
            ours.put(item("bad", "in the way/bad.md"))
            assert ours.full()
            await ours.drain()
            return ours.full()

    assert not asyncio.run(write())
    assert (written, refused) == ([], ["bad"])
    assert room

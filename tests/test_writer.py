"""The writer: what it does when the disk refuses."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from archive.archive import Archive
from archive.records import Article, Entry, Post
from scheduler import writer
from scheduler.writer import Unwritten, Writer

NOW = datetime(2026, 9, 29, tzinfo=UTC)


def unwritten(docid: str, path: str) -> Unwritten:
    entry = Entry(docid, f"https://a.cn/{docid}", docid, NOW, None, None, None, None)
    article = Article(docid, entry.url, docid, NOW, "", None, NOW)
    return Unwritten(entry, article, Post(PurePosixPath(path), b"x"), "china", 1)


def test_a_writer_that_was_full_takes_more_after_a_path_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_UNWRITTEN", 0)  # so that one article fills it
    (tmp_path / "in the way").write_text("a file")
    written: list[str] = []
    refused: list[str] = []
    room: list[bool] = []

    async def write() -> bool:
        with Archive(tmp_path, "test", NOW) as archive:
            ours = Writer(
                archive,
                lambda batch: written.extend(revision.docid for _, revision in batch),
                lambda error: pytest.fail(str(error)),
                lambda: room.append(True),
                lambda each, reason: refused.append(each.entry.docid),
                steadfast=True,
            )
            ours.put(unwritten("bad", "in the way/bad.md"))
            assert ours.full()
            await ours.drain()
            return ours.full()

    assert not asyncio.run(write())
    assert (written, refused) == ([], ["bad"])
    assert room

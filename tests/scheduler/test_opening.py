"""The daemon opens its archive as soon as the system allows it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.files.layout import index_path
from archive.model.errors import DamagedIndexError, LockedError
from config.model import Settings
from scheduler.daemon.opening import open_archive
from tests.support.parsers import PARSERS

NOW = datetime(2026, 9, 29, tzinfo=UTC)


def settings(root: Path) -> Settings:
    return Settings.model_validate({"archive": {"root": str(root)}})


def mended_by(mend: Callable[[], object]) -> Callable[[float], None]:
    """A sleep after which the cause is gone."""

    def sleep(seconds: float) -> None:
        mend()

    return sleep


def test_a_folder_that_cannot_be_made_is_waited_for_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "news").write_text("in the way")
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            (tmp_path / "news").unlink()

    with (
        caplog.at_level(logging.ERROR),
        open_archive(settings(tmp_path / "news"), lambda: NOW, PARSERS, sleep) as archive,
    ):
        assert archive.store.entries.counts().entries == 0
    assert len(naps) == 3
    [message] = caplog.messages
    assert message.startswith("archive-refuses")
    assert "news" in message
    assert "cannot be written" in message


def test_a_folder_in_place_of_the_index_is_waited_for(tmp_path: Path) -> None:
    index = index_path(tmp_path)
    index.mkdir(parents=True)
    with open_archive(settings(tmp_path), lambda: NOW, PARSERS, mended_by(index.rmdir)):
        assert index.is_file()


def test_another_process_that_holds_the_archive_is_not_waited_for(tmp_path: Path) -> None:
    with Archive(tmp_path, "crawl", NOW), pytest.raises(LockedError):
        open_archive(settings(tmp_path), lambda: NOW, PARSERS, pytest.fail)


def test_a_damaged_index_is_not_waited_for(tmp_path: Path) -> None:
    index = index_path(tmp_path)
    index.parent.mkdir(parents=True)
    index.write_bytes(b"this is no database at all, " * 100)
    with pytest.raises(DamagedIndexError):
        open_archive(settings(tmp_path), lambda: NOW, PARSERS, pytest.fail)
    Archive(tmp_path / "other", "test", NOW).close()  # nothing of the first is left open

"""Copying to the mirror beside other work: it waits for nothing, says each error once, and knows what waits."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.backup.storage import open_storage
from archive.files.layout import journal_path
from archive.journal.warc import warc_files
from archive.mirror.reader import MirrorReader
from archive.mirror.status import MirrorStatus, read_mirror_status, waiting_since, write_mirror_status
from archive.model.errors import SystemRefusedError
from config.model import Settings
from scheduler import mirroring as module
from scheduler.clock import Clock
from scheduler.mirroring import mirroring, open_mirrored

CLOCK = Clock()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(module, "_MIN_RETRY_DELAY", timedelta(milliseconds=10))
    monkeypatch.setattr(module, "_MAX_RETRY_DELAY", timedelta(milliseconds=10))


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "news", "test", datetime.now(UTC)) as opened:
        opened.begin_journal()
        opened.log_lists()
        yield opened


def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {"archive": {"root": str(tmp_path / "news")}, "journal": {"mirror": f"file://{tmp_path}/mirror"}}
    )


def mirrored(tmp_path: Path) -> dict[str, bytes]:
    reader = MirrorReader(open_storage(str(tmp_path / "mirror")))
    state = reader.newest()
    assert state
    return {name: b"".join(reader.pieces(name, file)) for name, file in state.journal.items()}


def test_at_the_end_everything_is_copied(tmp_path: Path) -> None:
    with Archive(tmp_path / "news", "test", datetime.now(UTC)) as archive:
        archive.begin_journal()
        with mirroring(archive, settings(tmp_path), CLOCK) as mirror:
            assert mirror
            archive.store.feeds.register_source("a", "one", datetime.now(UTC))
            archive.store.feeds.register_source("a", "two", datetime.now(UTC))
        assert mirror.age() == timedelta(0)
    # Also the snapshot of all lists, which is the last event.
    assert mirrored(tmp_path) == {path.name: path.read_bytes() for path in warc_files(journal_path(archive.root))}
    status = read_mirror_status(archive.root)
    assert status
    assert (status.place, status.error) == (f"file://{tmp_path}/mirror", None)
    assert waiting_since(archive.root, status) is None


def test_nothing_waits_that_was_written_in_the_millisecond_of_the_last_copy(archive: Archive) -> None:
    copied = datetime(2026, 10, 1, 12, 0, 0, 957_700, tzinfo=UTC)
    for path in warc_files(journal_path(archive.root)):
        os.utime(path, ns=(0, round(copied.timestamp() * 1e9) - 100_000))
    write_mirror_status(archive.root, MirrorStatus("file:///mirror", copied))
    assert waiting_since(archive.root, read_mirror_status(archive.root)) is None


def test_without_the_setting_nothing_happens(archive: Archive) -> None:
    with mirroring(archive, Settings(), CLOCK) as mirror:
        assert mirror is None
    assert read_mirror_status(archive.root) is None


def test_an_error_is_said_once_and_what_waits_is_known(
    archive: Archive, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mirror").write_text("no folder")
    with caplog.at_level(logging.INFO, "finarchive"), mirroring(archive, settings(tmp_path), CLOCK) as mirror:
        assert mirror
        wait_for(lambda: mirror.failures >= 3)
        assert mirror.age() > timedelta(0)
        status = read_mirror_status(archive.root)
        assert status
        assert "mirror" in (status.error or "")
        assert status.failing_since
        assert waiting_since(archive.root, status) is not None
        (tmp_path / "mirror").unlink()
        wait_for(lambda: mirror.status.error is None)
        wait_for(lambda: mirror.age() == timedelta(0))
    said = [record.message.partition(" ")[0] for record in caplog.records]
    assert said == ["mirroring", "mirror-failed", "mirrored-again"]


def wait_for(condition: object) -> None:
    done = threading.Event()
    for _ in range(2000):
        if condition():  # type: ignore[operator]
            return
        done.wait(0.005)
    raise AssertionError("it did not happen")


def test_who_may_not_write_goes_on_archiving(archive: Archive, tmp_path: Path) -> None:
    leads = True
    with mirroring(archive, settings(tmp_path), CLOCK, may_write=lambda: leads) as mirror:
        assert mirror
        wait_for(lambda: mirror.age() == timedelta(0))
        before = mirrored(tmp_path)
        leads = False
        archive.store.feeds.register_source("a", "one", datetime.now(UTC))
        archive.store.feeds.register_source("a", "two", datetime.now(UTC))
        wait_for(lambda: "another process leads now" in (mirror.status.error or ""))
    assert mirrored(tmp_path) == before


def test_a_place_that_hangs_does_not_hold_up_the_end(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hangs = threading.Event()

    def open_slowly(address: str) -> None:
        hangs.wait(30)
        raise SystemRefusedError("no answer")

    monkeypatch.setattr(module, "open_storage", open_slowly)
    with mirroring(archive, settings(tmp_path), CLOCK, timeout=0.05):
        pass
    assert "takes longer than" in caplog.text
    hangs.set()


def test_a_bug_stops_nothing(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "open_storage", lambda address: 1 / 0)
    with mirroring(archive, settings(tmp_path), CLOCK) as mirror:
        assert mirror
        wait_for(lambda: mirror.failures > 1)
    assert mirror.status.error == "division by zero"


def test_a_command_that_removes_something_waits_for_the_mirror(tmp_path: Path) -> None:
    with open_mirrored(settings(tmp_path), "forget", lambda: datetime.now(UTC)) as opened:
        opened.archive.log_lists()
    assert opened.not_mirrored is None
    assert mirrored(tmp_path)
    (tmp_path / "mirror").rename(tmp_path / "away")
    (tmp_path / "mirror").write_text("no folder")
    with open_mirrored(settings(tmp_path), "forget", lambda: datetime.now(UTC)) as opened:
        pass
    assert "mirror" in (opened.not_mirrored or "")

"""One writer per archive, and a lock that no process can leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.files.lock import Lock
from archive.model.errors import ArchiveError, LockedError

NOW = datetime(2026, 9, 30, 2, 3, 4, 567, tzinfo=UTC)

HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from archive.files.lock import Lock
lock = Lock(Path(sys.argv[1]), "run", datetime(2026, 9, 30, tzinfo=UTC))
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "news" / ".finarchive").mkdir(parents=True)
    return tmp_path / "news" / ".finarchive" / "lock"


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock; a line to it lets the lock go."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_holder_learns_who_has_it(path: Path) -> None:
    with holder(path) as process, pytest.raises(LockedError) as caught:
        Lock(path, "crawl", NOW)
    assert str(caught.value) == (
        f"the archive {path.parent.parent} is in use by process {process.pid} "
        "(finarchive run, since 2026-09-30T00:00:00+00:00): wait for it to end, or stop it"
    )


def test_a_second_holder_in_the_same_process_is_refused_too(path: Path) -> None:
    with Lock(path, "crawl", NOW), pytest.raises(LockedError, match=f"process {os.getpid()} "):
        Lock(path, "run", NOW)


def test_a_refused_process_does_not_change_the_holders_text(path: Path) -> None:
    with holder(path) as process:
        before = path.read_text(encoding="utf-8")
        with pytest.raises(LockedError):
            Lock(path, "crawl", NOW)
        assert path.read_text(encoding="utf-8") == before
        assert json.loads(before)["pid"] == process.pid


def test_a_lock_given_back_is_free(path: Path) -> None:
    with holder(path) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
        Lock(path, "crawl", NOW).release()
    with Lock(path, "crawl", NOW):
        pass
    Lock(path, "crawl", NOW).release()


def test_the_lock_dies_with_its_holder(path: Path) -> None:
    with holder(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert json.loads(path.read_text(encoding="utf-8"))["pid"] == process.pid, (
            "its word is left, and means nothing"
        )
        with Lock(path, "crawl", NOW):
            assert json.loads(path.read_text(encoding="utf-8")) == {
                "pid": os.getpid(),
                "command": "crawl",
                "since": "2026-09-30T02:03:04+00:00",
            }


@pytest.mark.parametrize("word", ["", "{", "[]", "null", '{"pid": 1}', '"text"'])
def test_a_lock_file_that_cannot_be_read_names_another_process(path: Path, word: str) -> None:
    with holder(path):
        path.write_text(word, encoding="utf-8")
        with pytest.raises(LockedError, match="is in use by another process: wait for it"):
            Lock(path, "crawl", NOW)


def test_a_lock_file_that_is_not_text_names_another_process(path: Path) -> None:
    with holder(path):
        path.write_bytes(b"\xff\xfe\x00")
        # In a process of its own, as the file that is left open would be warned of here at some later time.
        done = subprocess.run([sys.executable, "-c", HOLD, path], capture_output=True, text=True, check=False)
        assert "LockedError: the archive" in done.stderr


def test_a_longer_text_of_an_earlier_holder_is_overwritten_completely(path: Path) -> None:
    path.write_text("x" * 1000, encoding="utf-8")
    with Lock(path, "crawl", NOW):
        assert json.loads(path.read_text(encoding="utf-8"))["command"] == "crawl"


def test_a_lock_that_cannot_be_made_is_an_archive_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="lock cannot be written"):
        Lock(tmp_path / "missing" / "lock", "crawl", NOW)


def test_a_disk_without_room_for_the_holder_is_reported(path: Path) -> None:
    tried = (
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        + HOLD.replace("lock = Lock", "try:\n    lock = Lock").partition("print")[0]
        + "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", tried, path], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (
        f"DiskFullError {path} cannot be written (File too large): free some space, then run this again\n",
        "",
    )

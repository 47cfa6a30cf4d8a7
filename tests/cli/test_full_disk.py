"""A disk without room: each command says so in one line, with the documented status, and changes nothing."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from mocksite.server import MockSite
from tests.conftest import Home

READERS = (
    ("status",), ("coverage",), ("show", "nreplica0000001"), ("search", "增长"), ("diff", "nreplica0000001"),
    ("export", "jsonl"), ("verify",), ("verify", "--repair"), ("alerts",), ("proof",),
    ("forget", "--secrets", "--dry-run"),
)  # fmt: skip
# Commands that write into the archive or, where {disk} is, beside it.
WRITERS = (
    ("crawl",), ("backfill", "feed1", "--from", "2026-09-01"), ("retry", "--parked"), ("rebuild",),
    ("rebuild", "--dry-run"), ("verify", "--deep"), ("forget", "--secrets"),
    ("forget", "nreplica0000001", "--reason", "x", "--yes"), ("add", "http://127.0.0.1:9/a"),
    ("demo", "{disk}/demo"), ("backup", "{disk}/backup"), ("init", "{disk}/finarchive.toml"),
    ("proof", "--new-key", "{disk}/key"), ("export", "csv", "-o", "{disk}/a.csv"),
    ("export", "hugo", "-o", "{disk}/hugo"), ("service", "install", "--to", "{disk}/units"),
)  # fmt: skip


def contents(root: Path) -> dict[str, str]:
    """The files of an archive with their digests, without those that SQLite and a lock need for a moment."""
    temporary = ("index.db-shm", "index.db-wal", "lock")
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in temporary]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(b"0" * 1024):
                pass
        except OSError:
            return


@pytest.mark.slow
def test_commands_on_a_full_disk_end_in_one_line_and_change_nothing(
    home: Home, mocksite: MockSite, small_disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    home.configure(mocksite.endpoint)
    home.env |= {"FINARCHIVE_ARCHIVE_ROOT": str(small_disk / "news"), "FINARCHIVE_ARCHIVE_MIN_FREE": "0"}
    crawled = home.run("crawl")
    assert crawled.status == 0, crawled
    fill(small_disk)
    before = contents(small_disk / "news")

    wrong = []
    for arguments in READERS:
        outcome = home.run("-q", *arguments)
        if (outcome.status, outcome.err) != (0, ""):
            wrong.append((arguments, outcome))
    for arguments in WRITERS:
        outcome = home.run("-q", *(each.format(disk=small_disk) for each in arguments))
        if outcome.status != 1 or len(outcome.err.splitlines()) != 1 or "free some space" not in outcome.err:
            wrong.append((arguments, outcome))
    assert not wrong
    assert contents(small_disk / "news") == before
    assert not (small_disk / "key").exists()

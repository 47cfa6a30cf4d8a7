"""Raw pages that several processes check: the same findings as in one process, and the progress."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from archive.files.layout import journal_path
from archive.integrity.raw_pages import CheckedRawFile, check_in_turn
from archive.integrity.verify import verify
from archive.journal.warc import warc_files
from crawler.errors import ParserUnavailableError
from crawler.parsing import pool
from pipeline import raw_check
from pipeline.raw_check import check_in_processes

PACKED = Path(__file__).parents[1] / "fixtures" / "archive_m018.tar.gz"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with two files of raw pages, so large that processes are started for it."""
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter="data")
    monkeypatch.setattr(raw_check, "MIN_BYTES", 1)
    return tmp_path / "news"


def damage(root: Path) -> None:
    """Change a byte in the middle of each file of raw pages."""
    for path in warc_files(journal_path(root)):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.slow  # starts processes
@pytest.mark.parametrize("is_damaged", [False, True])
def test_processes_find_what_one_process_finds(root: Path, is_damaged: bool) -> None:
    if is_damaged:
        damage(root)
    paths, read = warc_files(journal_path(root)), list[int]()
    expected = list(check_in_turn(paths, lambda number: None))
    assert list(check_in_processes(paths, read.append)) == expected
    assert any(each.damage for each in expected) == is_damaged
    assert all(each.events for each in expected)
    assert sum(read) == sum(path.stat().st_size for path in paths)


@pytest.mark.slow  # starts processes
def test_a_process_checks_one_file_after_the_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [path for path in warc_files(journal_path(root)) for _ in range(5)]
    started: list[object] = []
    popen = subprocess.Popen

    def counted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(arguments)
        return popen(*arguments, **options)

    monkeypatch.setattr(pool.subprocess, "Popen", counted)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert len(list(check_in_processes(paths, lambda number: None))) == len(paths)
    assert len(started) == 2


def test_progress_ends_with_all_bytes(root: Path) -> None:
    progress: list[tuple[int, int]] = []
    verify(root, lambda done, total: progress.append((done, total)))
    done = [each for each, _ in progress]
    assert done == sorted(done)
    assert {total for _, total in progress} == {done[-1]}
    names = [path for path in root.rglob("*") if path.suffix in (".md", ".gz", ".png", ".jpg")]
    assert 0 < done[-1] <= sum(path.stat().st_size for path in names)


def test_files_that_are_small_together_are_checked_without_processes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_check, "MIN_BYTES", 32 << 20)
    monkeypatch.setattr(pool.sys, "executable", "/nowhere/python")  # a process that is started would fail
    paths = warc_files(journal_path(root))
    assert all(isinstance(each, CheckedRawFile) for each in check_in_processes(paths, lambda number: None))
    monkeypatch.setattr(raw_check, "MIN_BYTES", 1)
    with pytest.raises(ParserUnavailableError):
        list(check_in_processes(paths, lambda number: None))

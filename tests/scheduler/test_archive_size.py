"""The disk space of an archive, by part."""

from __future__ import annotations

import threading
from pathlib import Path

from scheduler.monitoring.archive_size import PARTS, measure_archive


def test_each_file_counts_for_its_part_by_the_space_it_takes(tmp_path: Path) -> None:
    files = {
        "金融/新浪财经/2026/题_a.md": "articles",
        ".finarchive/warc/finarchive-20260928-0001.warc.gz": "journal",
        ".finarchive/history/金融/题_a.1.md": "history",
        ".finarchive/images/ab/ab.png": "images",
        ".finarchive/manifests/2026-09-28.tsv": "manifests",
        ".finarchive/index.db": "index",
        ".finarchive/index.db-wal": "index",
        ".finarchive/quarantine/x": "other",
        ".finarchive/lock": "other",
    }
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10_000)
    (tmp_path / "link").symlink_to("/nowhere")
    sizes = measure_archive(tmp_path, threading.Event())
    assert sizes is not None
    assert tuple(sizes) == PARTS
    taken = (tmp_path / ".finarchive" / "lock").stat().st_blocks * 512
    assert taken >= 10_000
    assert sizes == {part: taken * list(files.values()).count(part) for part in PARTS}


def test_a_measurement_ends_when_the_daemon_does(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert measure_archive(tmp_path, stop) is None


def test_an_archive_that_is_not_there_has_no_size(tmp_path: Path) -> None:
    assert measure_archive(tmp_path / "none", threading.Event()) == dict.fromkeys(PARTS, 0)

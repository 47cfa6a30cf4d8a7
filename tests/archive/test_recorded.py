"""What verify compares an archive with is held in temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from archive.integrity.recorded import RecordedEvents, RecordedFiles

FILES = [("新浪/b.md", "2"), ("a'.md", "1"), (".finarchive/history/a.1.md", "3"), ("a'.md", "4"), ("c.md", "2")]


def test_files_are_read_by_path_each_once_and_the_last_record_counts() -> None:
    with closing(RecordedFiles(FILES)) as recorded:
        batches = list(recorded.batches(2))
        assert [list(batch) for batch in batches] == [[".finarchive/history/a.1.md", "a'.md"], ["c.md", "新浪/b.md"]]
        assert batches[0] == {".finarchive/history/a.1.md": "3", "a'.md": "4"}
        assert recorded.of_paths(["a'.md", "新浪/b.md", "x.md"]) == {"a'.md": "4", "新浪/b.md": "2"}
        assert recorded.owners(["4", "2", "5"]).keys() == {"4", "2"}
        assert (len(recorded), recorded.number_of_articles()) == (4, 3)


def test_files_can_be_looked_up_while_they_are_read() -> None:
    with closing(RecordedFiles((f"{number}.md", str(number)) for number in range(1000))) as recorded:
        for batch in recorded.batches(7):
            assert recorded.of_paths(batch.keys()) == batch


def test_events_are_read_by_file() -> None:
    places = [("b.warc.gz", 7), ("a.warc.gz", 1 << 40), ("b.warc.gz", 9), ("b.warc.gz", 7)]
    with closing(RecordedEvents(places)) as events:
        assert events.offsets("b.warc.gz") == {7, 9}
        assert events.offsets("c.warc.gz") == set()
        assert events.files() == [("a.warc.gz", 1), ("b.warc.gz", 2)]


FILL = """
from archive.integrity.recorded import RecordedFiles
from archive.model.errors import DiskFullError
try:
    RecordedFiles((f"{number:0100}.md", f"{number:064}") for number in range(100_000))
except DiskFullError as error:
    print(error)
"""


def test_a_full_disk_for_temporary_files_is_named(small_disk: Path) -> None:
    # SQLite chooses the folder once in a process.
    command, environment = [sys.executable, "-c", FILL], os.environ | {"TMPDIR": str(small_disk)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"no room for temporary files in {small_disk}: free some space or set TMPDIR" in told

"""Records what the program does to files: a crawl, changed articles, the sealing of days, and rebuilds."""

from __future__ import annotations

import copy
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct, field

from archive.archive import Archive
from archive.files.layout import index_path, inner_path
from bench.torture.disk_model import Choice, Disk, Operation, read_record, write_state
from config.model import Settings
from crawler.parsing.pool import ParserPool
from mocksite.server import MockSite
from pipeline.recovery import recover
from tests.conftest import Home

REPOSITORY = Path(__file__).parents[2]
RECORDER = Path(__file__).with_name("recorder.c")
EDITED = 5
ROOT = "new/news"  # of the archive, in the folder that is recorded: the folder above it is new too
AHEAD = timedelta(days=2)  # of the sealing
SEAL = "import sys; from bench.torture.recording import seal_days; seal_days(sys.argv[1])"
# Ends like a process that is killed: the write-ahead log of the index stays.
LEAVE_LOG = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE entries SET docid = docid")
connection.execute("UPDATE revisions SET docid = docid")
connection.commit()
os._exit(0)
"""


class Recording(Struct, frozen=True):
    """What a process did to a folder."""

    name: str
    before: Disk
    operations: list[Operation]
    is_rebuild: bool
    quiet: list[int]  # numbers of operations after which nothing of the index waits to be synced
    reported: dict[int, set[tuple[str, int]]] = field(default_factory=dict)

    def disk_after(self, cut: int) -> Disk:
        """Return the disk after a number of operations."""
        disk = copy.deepcopy(self.before)
        for operation in self.operations[:cut]:
            disk.repeat(operation)
        return disk

    def committed(self, cut: int) -> set[tuple[str, int]]:
        """Return docid and number of the versions that the index had committed before a number of operations."""
        last = max((each for each in self.quiet if each <= cut), default=0)
        if last not in self.reported:
            with state_folder(self.disk_after(last).state(Choice(1, random.Random(0)))) as folder:
                self.reported[last] = versions(index_path(folder / ROOT))
        return self.reported[last]


def record(work: Path, site: MockSite) -> list[Recording]:
    """Record a crawl, a crawl with changed articles, the sealing of days, and a rebuild.

    :param work: an empty folder
    """
    disk = work / "disk"
    disk.mkdir()
    recorder = Recorder(work, disk)
    home = make_home(disk / ROOT, site)
    crawl = home.command("-q", "crawl")
    recordings = [recorder.record("crawl", home, crawl)]
    for story in site.site.stories[:EDITED]:
        site.clock += 60
        site.site.edit(story.docid, site.clock, body=f"<p>　　更正：数字有误，应为{story.docid[-3:]}。</p>")
    recordings.append(recorder.record("revision", home, crawl))
    recordings.append(recorder.record("sealing", home, [sys.executable, "-c", SEAL, str(home.root)]))
    first, second, *_ = home.files()
    first.unlink()
    second.write_bytes(b"changed")
    shutil.rmtree(inner_path(home.root) / "history")
    subprocess.run([sys.executable, "-c", LEAVE_LOG, index_path(home.root)], check=True)
    recordings.append(recorder.record("rebuild", home, home.command("-q", "rebuild"), is_rebuild=True))
    index_path(home.root).unlink()
    recordings.append(recorder.record("rebuild without index", home, home.command("-q", "rebuild"), is_rebuild=True))
    return recordings


def seal_days(root: str) -> None:
    """Open an archive two days later, which seals the days before."""
    now = datetime.now(UTC) + AHEAD
    with Archive(Path(root), "crawl", now) as archive, ParserPool() as parsers:
        recover(archive, Settings(), now, parsers)


class Recorder:
    """Runs commands, and records what they do in a folder.

    :param work: for the library and the records
    """

    def __init__(self, work: Path, disk: Path) -> None:
        self._record = work / "record"
        self._disk = disk
        self._library = work / "recorder.so"
        subprocess.run(
            [compiler() or "cc", "-O1", "-shared", "-fPIC", "-o", self._library, RECORDER, "-ldl"], check=True
        )

    def record(self, name: str, home: Home, command: list[str], *, is_rebuild: bool = False) -> Recording:
        """Run a command to its end and record it.

        :raises subprocess.CalledProcessError: it failed
        """
        before = Disk(self._disk)
        self._record.unlink(missing_ok=True)
        recording = {"LD_PRELOAD": str(self._library), "FILE_RECORD": str(self._record)}
        env = home.env | recording | {"PYTHONPATH": str(REPOSITORY)}
        subprocess.run(command, cwd=home.folder, env=env, check=True, stdout=subprocess.DEVNULL)
        seen, operations, quiet = copy.deepcopy(before), [], [0]
        for operation in read_record(self._record.read_bytes()):
            if seen.repeat(operation):
                operations.append(operation)
                if seen.is_synced(f"{ROOT}/.finarchive/index.db", f"{ROOT}/.finarchive/index.db-wal"):
                    quiet.append(len(operations))
        return Recording(name, before, operations, is_rebuild, [*quiet, len(operations)])


def compiler() -> str | None:
    """The path of a C compiler; None if there is none."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def make_home(root: Path, site: MockSite) -> Home:
    """A folder with a configuration for an archive elsewhere."""
    folder = Path(tempfile.mkdtemp(dir=root.parents[2], prefix="home-"))
    home = Home(folder)
    home.root = root
    home.configure(site.endpoint, more=f'[archive]\nroot = "{root}"\n[schedule]\nrecheck = []')
    return home


# Folders and indexes


@contextmanager
def state_folder(state: dict[str, bytes | None]) -> Iterator[Path]:
    """Write a state into a folder of its own, and remove it at the end."""
    with tempfile.TemporaryDirectory(dir=fast_folder(), prefix="finarchive-power-") as work:
        folder = Path(work) / "disk"
        folder.mkdir()
        write_state(state, folder)
        yield folder


def fast_folder() -> Path:
    """A folder for many small files, in memory where there is one."""
    memory = Path("/dev/shm")  # noqa: S108 - nothing is kept there
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def versions(index: Path) -> set[tuple[str, int]]:
    """Docid and number of the versions in an index."""
    if not index.exists():
        return set()
    with closing(sqlite3.connect(index)) as connection:
        try:
            return set(connection.execute("SELECT docid, number FROM revisions"))
        except sqlite3.DatabaseError:  # it has no tables yet
            return set()

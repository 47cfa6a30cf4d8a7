"""Power failures: operations on files are recorded, cut anywhere, and what a disk may have by then is recovered.

`python -m bench.torture.power_loss --seconds 60 --seed 1`. A crawl, a crawl with changed articles, the sealing of
days and two rebuilds are recorded, with all that SQLite does. Then, in random order and until the time is over, the
archive is left as a power failure after some operation may leave it (bench/torture/disk_model.py), is opened as at a
start, and is verified against the journal. What the index had committed must be there. Now and then a crawl follows.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import logging
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from unittest.mock import patch

from archive.archive import Archive
from archive.files.layout import index_path, inner_path
from archive.model.errors import ArchiveError
from bench.torture.disk_model import Choice, Disk, Operation, read_record, write_state
from config.model import Settings
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline import reparse
from pipeline.deep_verify import verify_deep
from pipeline.rebuild import rebuild
from pipeline.recovery import recover
from tests.conftest import NEWEST, Home

REPOSITORY = Path(__file__).parents[2]
RECORDER = Path(__file__).with_name("recorder.c")
ARTICLES = 12
EDITED = 5
ROOT = "new/news"  # of the archive, in the folder that is recorded: the folder above it is new too
SHARES = (0.0, 1.0, 0.2, 0.5, 0.8)  # of what is not synced and is on the disk nevertheless
# How early a cut is tried after an operation of this kind. Most are writes; most faults are in the order of names.
WEIGHTS = {"W": 1, "T": 1, "R": 30, "L": 30}
USUAL_WEIGHT = 6
CRAWL_EVERY = 12  # states; a crawl takes as long as some of them
AHEAD = timedelta(days=2)  # of the sealing
SEAL = "import sys; from bench.torture.power_loss import seal_days; seal_days(sys.argv[1])"
# Ends like a process that is killed: the write-ahead log of the index stays.
LEAVE_LOG = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE entries SET docid = docid")
connection.execute("UPDATE revisions SET docid = docid")
connection.commit()
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Recording:
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
                self.reported[last] = _versions(index_path(folder / ROOT))
        return self.reported[last]


def run(seconds: float, seed: int, report: Callable[[str], None]) -> list[str]:
    """Record, and check states until the time is over, at least one; return the failures.

    :param report: receives lines about the progress
    :return: what failed, and where the state is kept with which it failed again
    """
    if not _compiler():
        report("skipped: there is no C compiler to build the recorder")
        return []
    deadline = time.monotonic() + seconds
    randomness = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(dir=_fast_folder(), prefix="finarchive-power-") as work,
        MockSite(make_stories(ARTICLES, newest=NEWEST)) as site,
        patch.object(reparse, "ProcessPoolExecutor", _Threads),
    ):
        recordings = record(Path(work), site)
        for each in recordings:
            report(f"{each.name}: {len(each.operations)} operations")
        return _check_states(recordings, site, deadline, randomness, report)


class _Threads(ThreadPoolExecutor):
    """Parses pages in this process: to start others would take most of the time."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(1)


def _check_states(
    recordings: list[Recording],
    site: MockSite,
    deadline: float,
    randomness: random.Random,
    report: Callable[[str], None],
) -> list[str]:
    failures: list[str] = []
    checked: set[bytes] = set()
    for recording, cut, share in _plan(recordings, randomness):
        choice = Choice(share, random.Random(randomness.random()))
        state = recording.disk_after(cut).state(choice)
        digest = hashlib.sha256(repr(sorted(state.items())).encode()).digest()
        if digest in checked:
            continue
        checked.add(digest)
        with state_folder(state) as folder:
            follows = site if len(checked) % CRAWL_EVERY == 0 else None
            is_interrupted = recording.is_rebuild and cut < len(recording.operations)
            problem = check(folder / ROOT, recording.committed(cut), follows, is_rebuild=is_interrupted)
        if problem:
            kept = Path(tempfile.mkdtemp(prefix="finarchive-power-failed-"))
            write_state(state, kept)
            done = recording.operations[cut - 1] if cut else None
            last = f"{done.kind} {done.path or done.inode} {done.second}" if done else "nothing"
            failures.append(
                f"{recording.name}, cut after {cut} operations (the last: {last}), {share:.0%} of what was not "
                f"synced is there: {problem}. To see it again: python -m bench.torture.power_loss --state {kept}"
            )
        if time.monotonic() > deadline:
            break
    report(f"{len(checked)} states checked, {len(failures)} failures")
    return failures


def _plan(recordings: list[Recording], randomness: random.Random) -> Iterator[tuple[Recording, int, float]]:
    """Yield the ends of the recordings, then each cut of each recording with each share, again and again.

    The order is random, with weights.
    """

    def cuts_of(recording: Recording) -> Iterator[tuple[Recording, int, float]]:
        cuts = range(len(recording.operations) + 1)
        kinds = ["", *(operation.kind for operation in recording.operations)]
        weights = [WEIGHTS.get(kind, USUAL_WEIGHT) for kind in kinds]
        while True:
            states = [(randomness.random() ** (1 / weights[cut]), cut, share) for cut in cuts for share in SHARES]
            yield from ((recording, cut, share) for _, cut, share in sorted(states, reverse=True))

    ends = [(each, len(each.operations), share) for each in recordings for share in SHARES]
    return chain(ends, chain.from_iterable(zip(*map(cuts_of, recordings), strict=True)))


def check(root: Path, committed: set[tuple[str, int]], site: MockSite | None, *, is_rebuild: bool) -> str | None:
    """Recover an archive as the next start does, and verify it; return what is wrong.

    :param committed: docid and number of versions that must be there
    :param site: where to crawl from afterwards; None: not at all
    :param is_rebuild: the power failed during a rebuild, which is run again after the start
    """
    now = datetime.now(UTC) + AHEAD + timedelta(hours=1)
    settings = Settings()
    try:
        with Archive(root, "crawl", now) as archive:
            recover(archive, settings, now)
            if damage := archive.store.damage():
                return f"the index is damaged: {damage}"
        if is_rebuild:
            rebuild(root, settings.network.max_body, now, processes=1)
        if problem := _verify(root, now):
            return problem
        if lost := committed - _versions(index_path(root)):
            return f"versions that were committed are lost: {sorted(lost)}"
        return _crawl(root, site, now) if site else None
    except ArchiveError as error:
        return f"it cannot be opened: {error}"


def _verify(root: Path, now: datetime) -> str | None:
    report, _ = verify_deep(root, Settings().network.max_body, now)
    return "; ".join(f"{each.kind} {each.path}: {each.detail}" for each in report.problems) or None


def _crawl(root: Path, site: MockSite, now: datetime) -> str | None:
    home = _home(root, site)
    done = home.run("crawl", "--json")
    if done.status:
        return f"a crawl ends with {done.status}: {done.err}"
    if len({docid for docid, _ in _versions(index_path(root))}) != ARTICLES:
        return "a crawl does not complete it"
    return _verify(root, now)


# Recording


def record(work: Path, site: MockSite) -> list[Recording]:
    """Record a crawl, a crawl with changed articles, the sealing of days, and a rebuild.

    :param work: an empty folder
    """
    disk = work / "disk"
    disk.mkdir()
    recorder = Recorder(work, disk)
    home = _home(disk / ROOT, site)
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
    with Archive(Path(root), "crawl", now) as archive:
        recover(archive, Settings(), now)


class Recorder:
    """Runs commands, and records what they do in a folder.

    :param work: for the library and the records
    """

    def __init__(self, work: Path, disk: Path) -> None:
        self._record = work / "record"
        self._disk = disk
        self._library = work / "recorder.so"
        subprocess.run(
            [_compiler() or "cc", "-O1", "-shared", "-fPIC", "-o", self._library, RECORDER, "-ldl"], check=True
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


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def _home(root: Path, site: MockSite) -> Home:
    folder = Path(tempfile.mkdtemp(dir=root.parents[2], prefix="home-"))
    home = Home(folder)
    home.root = root
    home.configure(site.endpoint, more=f'[archive]\nroot = "{root}"\n[schedule]\nrecheck = []')
    return home


# Folders and indexes


@contextmanager
def state_folder(state: dict[str, bytes | None]) -> Iterator[Path]:
    """Write a state into a folder of its own, and remove it at the end."""
    with tempfile.TemporaryDirectory(dir=_fast_folder(), prefix="finarchive-power-") as work:
        folder = Path(work) / "disk"
        folder.mkdir()
        write_state(state, folder)
        yield folder


def _fast_folder() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - nothing is kept there
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


def _versions(index: Path) -> set[tuple[str, int]]:
    if not index.exists():
        return set()
    with closing(sqlite3.connect(index)) as connection:
        try:
            return set(connection.execute("SELECT docid, number FROM revisions"))
        except sqlite3.DatabaseError:  # it has no tables yet
            return set()


def main() -> None:
    """Run it alone."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--state", type=Path, metavar="FOLDER", help="check a state that was kept, without a recording"
    )
    options = parser.parse_args()
    logging.getLogger("finarchive").setLevel(logging.ERROR)
    if options.state:
        failures = [check(options.state / ROOT, set(), None, is_rebuild=False)]
    else:
        failures = list(run(options.seconds, options.seed, print))
    print(*filter(None, failures), sep="\n")
    sys.exit(any(failures))


if __name__ == "__main__":
    main()

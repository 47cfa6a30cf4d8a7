"""Compare `finarchive verify` with `cat` and `sha256sum` of the same files, read from the disk and from memory.

Each is a process of its own, and its time includes the start. "Cold" means that the files' pages were dropped from
the page cache; their names and inodes stay in memory. The archive has one journal file for each hundred articles, as
that of a small site has for each day.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from archive.archive import Archive
from archive.files.layout import journal_path
from archive.journal.journal import events
from archive.journal.warc_records import digest_of
from archive.model.fetch import Fetch
from bench.crawl import write_config
from bench.figures import record as record_figure
from crawler.extract.response import parse_fetch
from mocksite.server import MockSite
from mocksite.story import make_stories
from pipeline.commit import ParsedFetch, commit_batch
from tests.conftest import NEWEST, Home

MAX_BODY_BYTES = 8_388_608  # of a page, decompressed; the default of the configuration
ARTICLES_A_DAY = 100
POLL_SECONDS = 0.01
VERIFY = "finarchive verify"
FIRST_DAY = datetime(2020, 1, 1, 4, tzinfo=UTC)


class Run(Struct, frozen=True):
    """What a process took."""

    wall: float  # seconds
    cpu: float  # seconds
    memory: float  # MB, the most that it had


def fetches_of(folder: Path, articles: int) -> Iterator[Fetch]:
    """Yield the fetches of a crawl of a mock site, each day some of them."""
    home = Home(folder)
    home.folder.mkdir()
    with MockSite(make_stories(articles, newest=NEWEST)) as mocksite:
        write_config(home.folder, mocksite.endpoint)
        assert home.run("crawl", timeout=900).status == 0
    found = (each.fetch for each in events(journal_path(home.root)) if each.fetch)
    for number, fetch in enumerate(found):
        day, second = divmod(number, ARTICLES_A_DAY)
        yield replace(fetch, at=FIRST_DAY + timedelta(days=day, seconds=second))


def record(root: Path, fetches: Iterator[Fetch]) -> None:
    """Make an archive of fetches."""
    while batch := list(islice(fetches, ARTICLES_A_DAY)):
        with Archive(root, "bench", batch[-1].at) as archive:
            archive.begin_journal()
            positions = archive.append_fetches(batch, {})
            parsed = [
                ParsedFetch(fetch, parse_fetch(fetch, MAX_BODY_BYTES), digest_of(fetch), position)
                for fetch, position in zip(batch, positions, strict=True)
            ]
            commit_batch(archive.store, parsed, archive.write_posts)


def run(command: Sequence[str], paths: Sequence[Path] = ()) -> Run:
    """Run a command to its end.

    :param paths: what it reads from stdin, each with a zero byte at its end
    :raises SystemExit: it failed
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None
    process.stdin.write(b"".join(os.fsencode(path) + b"\0" for path in paths))
    process.stdin.close()
    memory = 0.0
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        memory = max(memory, peak(process.pid))
        time.sleep(POLL_SECONDS)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, memory)


def peak(pid: int) -> float:
    """Return the most memory that a process has had, in MB; 0 when it has ended. Without that of its parent."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM")), 0.0)


def drop(paths: Sequence[Path]) -> None:
    """Drop files from the page cache."""
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def compare(root: Path, articles: int, rounds: int) -> None:
    """Measure in turns, and print the quickest of each."""
    paths = sorted(path for path in root.rglob("*") if path.suffix in (".md", ".gz"))
    size = sum(path.stat().st_size for path in paths) / 1e6
    verify = [sys.executable, "-m", "cli", "--root", str(root), "-q", "verify"]
    commands: dict[str, Callable[[], Run]] = {
        "cat": lambda: run(["xargs", "-0", "cat"], paths),
        "sha256sum": lambda: run(["xargs", "-0", "sha256sum"], paths),
        VERIFY: lambda: run(verify),
    }
    print(f"{articles:,} articles, {len(paths):,} files, {size:.0f} MB")
    measured: dict[tuple[str, bool], list[Run]] = {}
    for _ in range(rounds):
        for name, measure in commands.items():
            for is_cold in (True, False):
                if is_cold:
                    drop(paths)
                measured.setdefault((name, is_cold), []).append(measure())
    for (name, is_cold), runs in measured.items():
        best = min(runs, key=lambda each: each.wall)
        print(
            f"  {name:<18}{'cold' if is_cold else 'warm'} {best.wall:6.2f} s {size / best.wall:6.0f} MB/s"
            f" {min(each.cpu for each in runs):6.2f} s CPU {best.memory:6.0f} MB of memory",
            flush=True,
        )
        name_of_run = f"{name} of {articles:,}, {'cold' if is_cold else 'warm'}"
        record_figure(name_of_run, size / best.wall, "MB/s")
        if name == VERIFY:
            record_figure(f"{name_of_run}: memory", best.memory, "MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, nargs="+", default=[8_000, 16_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores")
    for articles in options.articles:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "news")
            record(root, fetches_of(Path(folder, "home"), articles))
            compare(root, articles, options.rounds)


if __name__ == "__main__":
    main()

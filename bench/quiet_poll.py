"""Measure the CPU time and the requests of a poll that finds nothing new, in the running daemon.

CPU time is that of the whole process, from the kernel, over many polls of several feeds. The CPU time of the same
daemon without polls is measured separately and subtracted. The known articles are in the index only, as in
`bench.quiet`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from bench.figures import record
from bench.quiet import fill
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, Story, make_stories

ARTICLES = 350  # of the mock site; 150 in each of its lists
FIRST_LID = 2000
IN_LISTS = (0, 1, 3)  # each article is in three lists, as real ones are; offsets to its own number
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(Struct, frozen=True):
    """The cost of a period of the daemon."""

    seconds: float
    cpu: float  # seconds
    requests: int
    memory: float  # MB, at its end


def write_config(folder: Path, endpoint: str, feeds: int, schedule: str) -> None:
    """Write a configuration with a number of feeds and this schedule."""
    text = f"[network]\ndelay = 0\nconcurrency = 8\nallow_private = true\n[schedule]\n{schedule}\n"
    for number in range(feeds):
        name = "china" if number == 0 else f"feed{number}"
        text += f'[[feeds]]\nid = "{name}"\nkind = "roll"\ncategories = ["金融", "新浪财经", "{name}"]\n'
        text += f'endpoint = "{endpoint}"\nlid = {FIRST_LID + number}\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")


def cpu_of(process: int) -> float:
    """CPU seconds of a process so far, with all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_of(process: int) -> float:
    """MB that a process has in memory."""
    [resident] = re.findall(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    return int(resident) / 1000


def watch(folder: Path, mocksite: MockSite, seconds: float, until: int) -> Cost:
    """Run a daemon in a folder; after its first ``until`` requests, measure it for ``seconds``."""
    daemon = subprocess.Popen([sys.executable, "-m", "cli", "-q", "run"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        socket = folder / "news" / ".finarchive" / "daemon.sock"
        while len(mocksite.hits) < until or not socket.exists():
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon ended with {daemon.returncode}")
            time.sleep(0.1)
        time.sleep(3)  # by then its start-up work is done
        mocksite.clear_hits()
        cpu, began = cpu_of(daemon.pid), time.monotonic()
        time.sleep(seconds)
        taken, used = time.monotonic() - began, cpu_of(daemon.pid) - cpu
        return Cost(taken, used, len(mocksite.hits), memory_of(daemon.pid))
    finally:
        daemon.terminate()
        daemon.wait()
        mocksite.clear_hits()


def measure(folder: Path, mocksite: MockSite, feeds: int, seconds: float) -> tuple[Cost, Cost]:
    """The costs of a daemon that polls every second, and of one with nothing to do for an hour."""
    path = urlsplit(mocksite.endpoint).path
    write_config(folder, f"{mocksite.url}{path}", feeds, 'min = "1s"\nevery = "1s"\nmax = "1s"')
    busy = watch(folder, mocksite, seconds, until=ARTICLES + feeds * 8)
    # Nothing is polled: the last poll is recent and in the index. Any request would be an error.
    write_config(folder, f"{mocksite.url}{path}", feeds, 'min = "1h"\nevery = "1h"\nmax = "1h"')
    return busy, watch(folder, mocksite, seconds, until=0)


def make_lists(feeds: int) -> list[Story]:
    """The stories of a number of lists."""
    return [
        replace(story, lids=tuple(FIRST_LID + (number + offset) % feeds for offset in IN_LISTS))
        for number, story in enumerate(make_stories(ARTICLES, newest=int(time.time()) - MAX_LAG))
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--feeds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with MockSite(make_lists(options.feeds)) as mocksite:
        for known in options.known:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                fill(folder / "news", known)
                busy, idle = measure(folder, mocksite, options.feeds, options.seconds)
            idle_rate = idle.cpu / idle.seconds
            each = (busy.cpu - idle_rate * busy.seconds) / max(busy.requests, 1)
            record(f"a quiet poll, {known:,} known", 1000 * each, "ms CPU")
            record(f"daemon, {known:,} known: memory", busy.memory, "MB")
            print(
                f"{known:>9,} known: {1000 * each:.1f} ms CPU for each of {busy.requests} quiet polls of one request "
                f"each; idle {3600 * idle_rate:.1f} s CPU an hour, {idle.requests} requests; {busy.memory:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()

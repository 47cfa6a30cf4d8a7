"""What a quiet poll costs inside the running daemon: CPU time and requests, with more and more articles known.

CPU time is the whole process's, from the kernel, over many polls of several feeds that bring nothing; that of the
same daemon between polls is measured apart and taken off. The known articles are in the index only, as those of
`bench.quiet` are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.quiet import fill
from mocksite.server import MockSite
from mocksite.story import MAX_LAG, Story, make_stories

ARTICLES = 350  # of the replica; 150 in each of its lists
FIRST_LID = 2000
IN_LISTS = (0, 1, 3)  # each article is in three lists, as real ones are: this many places on from its own number
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What a stretch of the daemon's life took."""

    seconds: float
    cpu: float  # seconds
    requests: int


def write_config(folder: Path, endpoint: str, feeds: int, schedule: str) -> None:
    """So many feeds that are polled as the schedule says."""
    text = f"[network]\ndelay = 0\nconcurrency = 8\nallow_private = true\n[schedule]\n{schedule}\n"
    for number in range(feeds):
        name = "china" if number == 0 else f"feed{number}"
        text += f'[[feeds]]\nid = "{name}"\nkind = "roll"\ncategories = ["金融", "新浪财经", "{name}"]\n'
        text += f'endpoint = "{endpoint}"\nlid = {FIRST_LID + number}\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")


def cpu_of(process: int) -> float:
    """Seconds of CPU time that a process has taken so far, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def watch(folder: Path, mocksite: MockSite, seconds: float, until: int) -> Cost:
    """Run a daemon there; once it has sent ``until`` requests, watch it for so long."""
    daemon = subprocess.Popen([sys.executable, "-m", "cli", "-q", "run"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        socket = folder / "news" / ".finarchive" / "daemon.sock"
        while len(mocksite.hits) < until or not socket.exists():
            if daemon.poll() is not None:
                raise SystemExit(f"the daemon ended with {daemon.returncode}")
            time.sleep(0.1)
        time.sleep(3)  # what it does once is done then
        mocksite.clear_hits()
        cpu, began = cpu_of(daemon.pid), time.monotonic()
        time.sleep(seconds)
        return Cost(time.monotonic() - began, cpu_of(daemon.pid) - cpu, len(mocksite.hits))
    finally:
        daemon.terminate()
        daemon.wait()
        mocksite.clear_hits()


def measure(folder: Path, mocksite: MockSite, feeds: int, seconds: float) -> tuple[Cost, Cost]:
    """A daemon that polls every second, and one that has nothing to do until the next hour."""
    path = urlsplit(mocksite.endpoint).path
    write_config(folder, f"{mocksite.url}{path}", feeds, 'min = "1s"\nevery = "1s"\nmax = "1s"')
    busy = watch(folder, mocksite, seconds, until=ARTICLES + feeds * 8)
    # Nothing is polled: the last poll was a moment ago, and it is in the index. A request would be an error.
    write_config(folder, f"{mocksite.url}{path}", feeds, 'min = "1h"\nevery = "1h"\nmax = "1h"')
    return busy, watch(folder, mocksite, seconds, until=0)


def make_lists(feeds: int) -> list[Story]:
    """What so many lists show."""
    return [
        replace(story, lids=tuple(FIRST_LID + (number + on) % feeds for on in IN_LISTS))
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
            backoff = idle.cpu / idle.seconds
            each = (busy.cpu - backoff * busy.seconds) / max(busy.requests, 1)
            print(
                f"{known:>9,} known: {1000 * each:.1f} ms CPU for each of {busy.requests} quiet polls of one request "
                f"each; idle {3600 * backoff:.1f} s CPU an hour, {idle.requests} requests",
                flush=True,
            )


if __name__ == "__main__":
    main()

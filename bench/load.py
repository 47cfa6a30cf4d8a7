"""Measure the daemon under a heavy load: many lists on many hosts, many known articles, many new ones a second.

Nothing may be lost. Printed are the articles and their delays from the list to the disk, the memory of all processes
of the daemon, its CPU time, and the time of `finarchive status` meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from bench.load_site import FIRST_LIST, Traffic, docid
from bench.quiet import fill
from bench.torture.process_tree import cpu, memory

SAMPLE_SECONDS = 5.0  # between two measurements of the memory
STATUS_SECONDS = 30.0  # between two calls of `status`
QUIET_SECONDS = 90.0  # without a new article until the rest counts as lost; more than a poll's interval
OLD = 10  # articles that are in each list before the daemon starts
MIB = 2**20


class Figures(Struct):
    """Measured values."""

    archived: dict[str, float] = field(default_factory=dict)  # docid -> Unix seconds
    memory: list[int] = field(default_factory=list)  # bytes
    status: list[tuple[float, float]] = field(default_factory=list)  # seconds, and those of CPU
    cpu: float = 0.0  # seconds

    def lines(self, traffic: Traffic) -> Iterator[str]:
        """The figures as text."""
        old = OLD * traffic.feeds
        numbers = {docid(number): traffic.published(number) for number in range(old, traffic.total)}
        delays = sorted(self.archived[name] - at for name, at in numbers.items() if name in self.archived)
        missing = sum(name not in self.archived for name in numbers)
        yield f"{len(numbers):,} published, {len(delays):,} archived, {missing:,} missing; load average {_load()}"
        if len(delays) > 1:
            p95 = delays[int(len(delays) * 0.95)]
            yield f"delay: median {statistics.median(delays):.0f} s, 95 % {p95:.0f} s, longest {delays[-1]:.0f} s"
        seconds = max(self.archived.values(), default=0.0) - traffic.published(old)
        yield f"archived {len(self.archived) / seconds:.1f}/s over {seconds:.0f} s, {self.cpu:.0f} s of CPU"
        yield f"memory of the daemon: {max(self.memory, default=0) / MIB:.0f} MiB at most"
        yield "status, seconds and seconds of CPU: " + ", ".join(f"{wall:.2f} {cpu:.2f}" for wall, cpu in self.status)


def _cpu_of_ended() -> float:
    """CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _load() -> str:
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def write_config(folder: Path, traffic: Traffic, delay: float) -> list[str]:
    """Write the configuration; return the feeds."""
    names = [f"feed{number}" for number in range(traffic.feeds)]
    text = f'[network]\ndelay = {delay}\nallow_private = true\n[schedule]\nevery = "1m"\n'
    for number, name in enumerate(names):
        text += (
            f'[[feeds]]\nid = "{name}"\nkind = "roll"\ncategories = ["负载", "{name}"]\nlid = {FIRST_LIST + number}\n'
        )
        text += f'endpoint = "{traffic.base_url(number)}/api/roll/get"\n'
    (folder / "finarchive.toml").write_text(text, encoding="utf-8")
    return names


@contextmanager
def running(*command: str, folder: Path, stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process of ours, which is terminated in the end."""
    repository = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(repository)}
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, env=environment, text=True, stderr=stderr
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def measure(folder: Path, traffic: Traffic) -> Figures:
    """Run the daemon until everything is archived, or nothing more is."""
    figures, busy = Figures(), threading.Event()
    arguments = [traffic.begin, traffic.rate, traffic.seconds, traffic.hosts, traffic.feeds, traffic.port]
    with (
        running("bench.load_site", *map(str, arguments), folder=folder),
        running("cli", "run", folder=folder, stderr=subprocess.PIPE) as daemon,
    ):
        threads = [threading.Thread(target=_listen, args=(daemon, figures))]
        threads += [
            threading.Thread(target=each, args=(daemon.pid, folder, figures, busy)) for each in (_weigh, _ask)
        ]
        for thread in threads:
            thread.start()
        last = time.time()
        while len(figures.archived) < traffic.total and daemon.poll() is None:
            time.sleep(1)
            last = max(figures.archived.values(), default=last)
            if time.time() - max(last, traffic.begin + traffic.seconds) > QUIET_SECONDS:
                break
        figures.cpu = cpu(daemon.pid)
        busy.set()
        daemon.terminate()
        for thread in threads:
            thread.join()
    return figures


def _listen(daemon: subprocess.Popen[str], figures: Figures) -> None:
    assert daemon.stderr
    for line in daemon.stderr:
        if found := re.search(r" archived feed=\S+ docid=(\S+)", line):
            figures.archived[found[1]] = time.time()
        elif " WARNING " in line or " ERROR " in line or "Traceback" in line:
            print(line.rstrip(), file=sys.stderr)


def _weigh(process: int, folder: Path, figures: Figures, done: threading.Event) -> None:
    while not done.wait(SAMPLE_SECONDS):
        figures.memory.append(memory(process))


def _ask(process: int, folder: Path, figures: Figures, done: threading.Event) -> None:
    while not done.wait(STATUS_SECONDS):
        began, before = time.perf_counter(), _cpu_of_ended()
        command = [sys.executable, "-m", "cli", "status", "--json"]
        path = {"PYTHONPATH": str(Path(__file__).parents[1])}
        asked = subprocess.run(command, cwd=folder, env=os.environ | path, capture_output=True, check=True)
        figures.status.append((time.perf_counter() - began, _cpu_of_ended() - before))
        document = json.loads(asked.stdout)
        print(f"{document['articles']:,} archived, {document['pending']:,} pending", file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print; return 1 if an article is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--feeds", type=int, default=100)
    parser.add_argument("--known", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=50.0, help="new articles a second")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--delay", type=float, default=0.05, help="network.delay")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as free:
        folder, port = Path(name), free.getsockname()[1]
        before = OLD * options.feeds / options.rate  # seconds
        made = Traffic(0, options.rate, before + options.seconds, options.hosts, options.feeds, port)
        feeds = write_config(folder, made, options.delay)
        began = time.monotonic()
        fill(folder / "news", options.known, feeds)
        # A start of the program seals them. They would have been sealed day by day, not all in the daemon's start.
        with running("cli", "retry", folder=folder) as sealing:
            sealing.wait()
        print(f"{options.known:,} known articles put in, in {time.monotonic() - began:.0f} s", flush=True)
        traffic = replace(made, begin=time.time() + 2 - before)
        figures = measure(folder, traffic)
        for line in figures.lines(traffic):
            print(line)
        files = sum(1 for _ in (folder / "news" / "负载").rglob("*_nload*.md"))
        print(f"{files:,} files")
    return len(figures.archived) < traffic.total or files < traffic.total


if __name__ == "__main__":
    sys.exit(main())

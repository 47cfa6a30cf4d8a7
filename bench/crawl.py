"""Compare `finarchive crawl` with a bare Scrapy spider that fetches the same pages and drops them.

Both run against one mock site, in turns, each in its own process. Wall and CPU time are those of the whole process,
including its start. The figures in docs/performance.md come from this module.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from bench.figures import record

BENCH = Path(__file__).parent
CONCURRENCY = 32


class Run(Struct, frozen=True):
    """What a process took: seconds, and memory."""

    wall: float
    cpu: float
    memory: float = 0  # MB that the process had at most


def measure(command: list[str], cwd: Path) -> Run:
    """Run a command to its end.

    :raises SystemExit: it failed
    """
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {errors.decode()[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def write_config(folder: Path, endpoint: str) -> None:
    """Write a configuration that crawls the mock site's list as fast as possible."""
    Path(folder, "finarchive.toml").write_text(
        f"[network]\ndelay = 0\nconcurrency = {CONCURRENCY}\nallow_private = true\n[schedule]\npages = 1000\n"
        f'[[feeds]]\nid = "china"\nkind = "roll"\ncategories = ["金融", "新浪财经", "新浪财经－国內"]\n'
        f'endpoint = "{endpoint}"\nlid = 1686\n',
        encoding="utf-8",
    )


def bare(endpoint: str, items: int) -> Run:
    """Run the baseline.

    :param items: its CONCURRENT_ITEMS; Scrapy's default of 100 is expensive and useless to a spider without items
    """
    return measure([sys.executable, str(BENCH / "bare_spider.py"), endpoint, str(CONCURRENCY), str(items)], BENCH)


def finarchive(endpoint: str, articles: int) -> Run:
    """Run `finarchive crawl` into a new archive, which must then hold every article.

    :raises SystemExit: it does not
    """
    with tempfile.TemporaryDirectory() as folder:
        write_config(Path(folder), endpoint)
        run = measure([sys.executable, "-m", "cli", "-q", "crawl"], Path(folder))
        filed = sum(1 for _ in Path(folder, "news").rglob("*.md"))
        if filed != articles:
            raise SystemExit(f"{filed} files for {articles} articles")
        return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    mocksite = subprocess.Popen(
        [sys.executable, "-m", "mocksite", "--articles", str(options.articles)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert mocksite.stdout is not None
        endpoint = mocksite.stdout.readline().strip() + "/api/roll/get"
        bare(endpoint, 100)  # warm-up: the mock site renders each page once, on its first request
        rounds = [
            (bare(endpoint, 100), bare(endpoint, 1), finarchive(endpoint, options.articles))
            for _ in range(options.rounds)
        ]
    finally:
        mocksite.terminate()
        mocksite.wait()
    print(f"{options.articles} articles, {CONCURRENCY} at once, no delay, {options.rounds} rounds in turns, medians:")
    names = ("bare Scrapy spider", "the same, CONCURRENT_ITEMS = 1", "finarchive crawl")
    for name, runs in zip(names, zip(*rounds, strict=True), strict=True):
        wall, cpu = statistics.median(r.wall for r in runs), statistics.median(r.cpu for r in runs)
        rate, cost = options.articles / wall, cpu / options.articles * 1000
        print(f"  {name:<32}{rate:5.0f} articles/s  {cost:5.2f} ms CPU/article")
    for name, place in zip(names[:2], range(2), strict=True):
        ratio = statistics.median(times[place].wall / times[2].wall for times in rounds)
        print(f"  finarchive crawl runs at {ratio:.2f} of the rate of: {name}")
    record("crawl: rate, of a bare spider's", statistics.median(t[1].wall / t[2].wall for t in rounds), "")
    record("crawl: CPU, of a bare spider's", statistics.median(t[2].cpu / t[1].cpu for t in rounds), "")
    record("crawl: memory", max(each[2].memory for each in rounds), "MB")
    record("crawl: an article", 1000 * statistics.median(t[2].cpu for t in rounds) / options.articles, "ms CPU")


if __name__ == "__main__":
    main()

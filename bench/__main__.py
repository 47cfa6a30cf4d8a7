"""Run the benchmarks, and print one table: each figure, its aim, and the ratio of both.

A ratio of up to 1 means that the aim is met. ``change`` compares with the last commit that has figures in
docs/figures.csv; a figure that is worse by more than runs differ is marked, and then the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import (
    FIGURES_VARIABLE,
    Aim,
    Figure,
    Measured,
    append,
    change,
    is_worse,
    machine_milliseconds,
    read,
    recorded,
    table,
)  # fmt: skip

REPOSITORY = Path(__file__).parents[1]
FIGURES = REPOSITORY / "docs" / "figures.csv"
# The benchmarks, with the options for a run that takes minutes. docs/performance.md has larger runs.
RUNS: dict[str, tuple[str, ...]] = {
    "latency": (),
    "crawl": ("--rounds", "3"),
    "quiet": ("--known", "1000", "100000"),
    "quiet_poll": ("--known", "1000", "--seconds", "15"),
    "first_crawl": ("--seconds", "60"),
    "old_archive": ("--articles", "250000"),
    "list_requests": ("--a-day", "600"),
    "rebuild": ("--articles", "4000"),
    "verify": ("--articles", "6000", "--rounds", "2"),
    "search": ("--articles", "100000"),
    "pages": ("--articles", "100000"),
    "exporting": ("--articles", "10000"),
    "startup": ("--runs", "5"),
}
AIMS: dict[str, Aim] = {
    "freshness: p95": Aim(20),
    "freshness: list requests, of those without listening": Aim(1),
    "crawl: rate, of a bare spider's": Aim(0.8, is_least=True),
    "crawl: CPU, of a bare spider's": Aim(1.4),
    "crawl: memory": Aim(110),
    "daemon, 1,000 known: memory": Aim(95),
    "status, 250,000 articles": Aim(0.5),
    "coverage, 250,000 articles": Aim(0.5),
    "rebuild: 4,000, 2 reading": Aim(2500, is_least=True),
    "search of 100,000, all of them: p95": Aim(20),
    "search of 100,000: index, of the text": Aim(1.2),
}


def main() -> int:
    """Run the benchmarks; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", nargs="*", metavar="NAME", help=f"all without a name: {', '.join(RUNS)}")
    parser.add_argument("--save", action="store_true", help="append the figures to docs/figures.csv")
    options = parser.parse_args()
    if unknown := sorted(set(options.benchmark) - set(RUNS)):
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(RUNS)}")
    figures = _measure(options.benchmark or list(RUNS))
    now = Measured(f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", _commit(), figures)
    before = next(iter(read(FIGURES)[::-1]), None)
    if before:
        print(f"change: since {before.commit} of {before.date}, for times and rates as if on the same machine\n")
    print("\n".join(table(figures.values(), AIMS, before)))
    if options.save:
        append(FIGURES, now)
    if not before:
        return 0
    return int(any(is_worse(each, change(each, before), AIMS.get(each.name)) for each in figures.values()))


def _measure(names: list[str]) -> dict[str, Figure]:
    """Run benchmarks, each in its own process; return their figures by name. What they print goes to stderr.

    The speed of the machine is measured before and after each, because a shared machine changes within minutes.
    """
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder, name)
            path.touch()
            began, speed_before = time.monotonic(), machine_milliseconds()
            command = [sys.executable, "-m", f"bench.{name}", *RUNS[name]]
            print(" ".join(command[1:]), file=sys.stderr, flush=True)
            subprocess.run(
                command, cwd=REPOSITORY, env=os.environ | {FIGURES_VARIABLE: str(path)}, stdout=sys.stderr, check=True
            )
            print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            figures |= recorded(path, (speed_before + machine_milliseconds()) / 2)
    return figures


def _commit() -> str:
    """Return the short name of the present commit, with ``+`` if files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+"]
    return subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())

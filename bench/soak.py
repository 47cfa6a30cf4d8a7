"""Run the daemon for 28 hours of accelerated time, some twelve minutes, with outages: nothing may be lost.

``python -m bench.soak [--short] [--seed N] [--keep FOLDER]``; exit status 1 when a check fails.
The figures in docs/soak.md come from this module.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.soak_report import MAX_MEMORY_GROWTH, Findings, examine
from bench.soak_run import Soak
from bench.soak_schedule import Day, short_day, whole_day


def soak(
    day: Day,
    folder: Path,
    report: Callable[[str], None],
    *,
    max_growth: float = MAX_MEMORY_GROWTH,
    keep: Path | None = None,
) -> Findings:
    """Run a day in an empty folder and check the results.

    :param report: called with one line for each event
    :param max_growth: the share by which memory may grow
    :param keep: a folder for copies of the log and the index
    """
    with Soak(day, folder, report) as running:
        try:
            running.run()
            return examine(running, max_growth=max_growth)
        finally:
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / "log", keep)
                for part in (running.root / ".finarchive").glob("index.db*"):
                    shutil.copy(part, keep)


def main() -> int:
    """Run and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--short", action="store_true", help="five hours in one minute")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for copies of the daemon's log and the index")
    options = parser.parse_args()
    day = short_day(options.seed) if options.short else whole_day(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        found = soak(day, Path(folder), lambda line: print(line, file=sys.stderr, flush=True), keep=options.keep)
    width = max(map(len, found.figures))
    for name, figure in found.figures.items():
        print(f"{name:>{width}}  {figure}")
    for wrong in found.wrong:
        print(f"WRONG: {wrong}")
    print("something is wrong" if found.wrong else "nothing lost, nothing doubled, nothing left open")
    return bool(found.wrong)


if __name__ == "__main__":
    sys.exit(main())

"""A day and a morning of the daemon's life in some twelve minutes, with all that can go wrong: nothing may be lost.

``python -m bench.soak [--short] [--seed N] [--keep FOLDER]``; exit status 1 when something is not as it should be.
The figures in docs/soak.md come from this.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.findings import FLAT, Findings, look_into
from bench.soaking import Soak
from bench.weather import Day, short_day, whole_day


def soak(
    day: Day, folder: Path, tell: Callable[[str], None], *, flat: float = FLAT, keep: Path | None = None
) -> Findings:
    """Run a day in an empty folder and look into what it leaves.

    :param keep: where to put the log and the index
    """
    with Soak(day, folder, tell) as under_way:
        try:
            under_way.run()
            return look_into(under_way, flat=flat)
        finally:
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / "log", keep)
                for part in (under_way.root / ".finarchive").glob("index.db*"):
                    shutil.copy(part, keep)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--short", action="store_true", help="five hours in a minute")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the daemon's log and the index")
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

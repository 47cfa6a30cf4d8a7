"""What the parts of the torture have in common: how they are called, and where their work lies."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

# `run(seconds, seed, report)` of a part. It reports its progress in lines, the last of which says what was done and
# how often, and returns its failures: what failed, and how to repeat it.
Run = Callable[[float, int, Callable[[str], None]], list[str]]


def new_folder(part: str) -> Path:
    """An empty folder, which stays where a failure names it."""
    return Path(tempfile.mkdtemp(prefix=f"torture-{part}-"))


def main(run: Run, description: str | None) -> int:
    """Run one part from the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failures = run(options.seconds, options.seed, lambda line: print(line, flush=True))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return bool(failures)

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


def main(run: Callable[..., list[str]], description: str | None, *more: str) -> int:
    """Run one part from the command line; return the exit status.

    :param more: names of further options, which are passed on as text: "only" for ``--only TEXT``
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    for name in more:
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    failures = run(options.pop("seconds"), options.pop("seed"), lambda line: print(line, flush=True), **options)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return bool(failures)

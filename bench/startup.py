"""Measure what the start of a command costs: CPU seconds and imported modules.

Each command is run several times as a new process on an archive that the demo has made, with compiled modules. CPU
time is user and system time of the process from the kernel; the figure is the median.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import record

COMMANDS = (
    ("--version",),
    ("--help",),
    ("status",),
    ("show", "nreplica0000001"),
    ("search", "增长"),
    ("diff", "nreplica0000001"),
    ("coverage",),
    ("feeds",),
)
# Prints the number of modules to stderr when the command has ended.
_COUNT = (
    "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); import cli.__main__; "
)


def run(arguments: Sequence[str], folder: Path, code: str = "") -> str:
    """Run a command in a folder, with ``code`` before it; return what it writes to stderr."""
    program = f"{code}sys.argv = ['finarchive', *sys.argv[1:]]; cli.__main__.main()"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, cli.__main__; {program}", *arguments],
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stderr


def cpu_seconds(arguments: Sequence[str], folder: Path) -> float:
    """CPU seconds of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(arguments, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(("-q", "demo", "news"), folder)  # ./news is where commands without a configuration look
        print(f"{'command':<24}{'CPU s':>8}{'modules':>9}")
        for arguments in COMMANDS:
            modules = int(run(arguments, folder, _COUNT).splitlines()[-1])
            seconds = statistics.median(cpu_seconds(arguments, folder) for _ in range(options.runs))
            record(f"start of {' '.join(arguments)}", seconds, "s CPU")
            print(f"{' '.join(arguments):<24}{seconds:>8.3f}{modules:>9}", flush=True)


if __name__ == "__main__":
    main()

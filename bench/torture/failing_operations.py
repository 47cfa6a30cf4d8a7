"""Let one file operation fail, at every number and for each of ten errors: nothing is lost, doubled or left behind.

A library that is preloaded (shim.c) makes the operation fail, in a crawl and in the daemon. The daemon has to stay
alive and to archive everything; a crawl may end, with a message. Then a run without faults completes the archive,
every article is there once, `verify --deep` finds nothing, and no temporary file is left.

`python -m bench.torture.failing_operations --seconds N --seed S`; exit status 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import errno
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from msgspec import Struct

from bench.torture.failing_home import FailingHome
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.support.fork_server import import_program

REPOSITORY = Path(__file__).parents[2]
SHIM = Path(__file__).with_name("shim.c")
NEWEST = 1_790_613_243  # the publication time of the newest article
ARTICLES = 5
ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "EACCES", "EMLINK", "EPERM", "short")
# In an archive that exists and is empty; "new": in a new one. Half of the operations of a new one make the index.
COMMANDS = ("crawl", "run", "new-crawl", "new-run")
# One operation, as many as a retry needs, and a fault that lasts for a while.
TIMES = (1, 3, 25)


class NoCompilerError(Exception):
    """There is no C compiler, so nothing can be preloaded."""


class Case(Struct, frozen=True):
    """One fault."""

    command: str
    error: str  # the name of the error; "short": a write is short
    nth: int  # the number of the first operation that fails
    times: int  # how many fail

    def __str__(self) -> str:
        return f"{self.command}:{self.error}:{self.nth}:{self.times}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The case that :meth:`__str__` wrote."""
        command, error, nth, times = text.split(":")
        return cls(command, error, int(nth), int(times))

    def orders(self) -> dict[str, str]:
        """The environment variables that shim.c reads."""
        number = 0 if self.error == "short" else getattr(errno, self.error)
        return {"SHIM_NTH": str(self.nth), "SHIM_TIMES": str(self.times), "SHIM_ERRNO": str(number)}


def run(seconds: float, seed: int, report: Callable[[str], None], cases: list[Case] | None = None) -> list[str]:
    """Try cases in a seeded order for some time; return the failures.

    :param report: called with one line for each worker's count of operations, and one at the end
    :param cases: these cases only
    :raises NoCompilerError: there is no C compiler
    """
    with tempfile.TemporaryDirectory() as name, MockSite(make_stories(ARTICLES, newest=NEWEST)) as mocksite:
        folder = Path(name)
        env = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
        env |= {"LD_PRELOAD": str(compile_shim(folder)), "PYTHONPATH": str(REPOSITORY)}
        workers = []
        for number in range(os.cpu_count() or 1):
            order = {
                "folder": str(folder / str(number)), "endpoint": mocksite.endpoint, "seconds": seconds, "seed": seed,
                "share": [number, os.cpu_count() or 1], "cases": None if cases is None else list(map(str, cases)),
            }  # fmt: skip
            command = [sys.executable, "-m", "bench.torture.failing_operations", "--work", json.dumps(order)]
            workers.append(subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True))
        failures, tried = [], 0
        for worker in workers:
            for line in worker.communicate()[0].splitlines():
                kind, _, text = line.partition(" ")
                tried += kind == "tried"
                if kind == "FAILED":
                    failures.append(f"{text}; python -m bench.torture.failing_operations --case {text.split()[0]}")
                elif kind == "operations":
                    report(f"operations {text}")
            if worker.returncode:
                failures.append(f"a worker ended with status {worker.returncode}")
        report(f"failing operations: {tried} cases, {len(failures)} failures")
        return failures


def compile_shim(folder: Path) -> Path:
    """Compile shim.c into a folder; return the library.

    :raises NoCompilerError: there is no C compiler
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise NoCompilerError("there is no C compiler: apt-get install gcc libc6-dev")
    library = folder / "shim.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)
    return library


def all_cases(operations: dict[str, int], seed: int) -> list[Case]:
    """Every case, in a random order that follows from the seed: one from each command in turn.

    :param operations: the number of operations of each command
    """
    orders = []
    for command in COMMANDS:
        numbers = range(1, operations[command] + 1)
        cases = [Case(command, *each) for each in itertools.product(ERRORS, numbers, TIMES)]
        random.Random(f"{seed} {command}").shuffle(cases)
        orders.append(cases)
    return [each for pair in itertools.zip_longest(*orders) for each in pair if each]


def work(order: dict[str, Any]) -> None:
    """Try a worker's share of the cases; print a line for each. Runs with the library preloaded."""
    import_program()
    folder, (number, workers) = Path(order["folder"]), order["share"]
    empty = FailingHome(folder / "empty", order["endpoint"], ARTICLES)
    empty.make_archive()
    if order["cases"] is None:
        operations = {command: count_operations(empty, folder / command, command) for command in COMMANDS}
        if number == 0:
            for command, count in operations.items():
                print("operations", command, count)
        cases = all_cases(operations, order["seed"])
    else:
        cases = [Case.parse(text) for text in order["cases"]]
    deadline = time.monotonic() + order["seconds"]
    for each in cases[number::workers]:
        if time.monotonic() > deadline:
            break
        home = empty.copy(folder / "case", is_new=each.command.startswith("new-"))
        try:
            problem = home.try_fault(each.command.removeprefix("new-"), each.orders())
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        print(f"FAILED {each} {problem}" if problem else f"tried {each}", flush=True)
        if problem:
            print(home.log(), file=sys.stderr)
        shutil.rmtree(folder / "case", ignore_errors=True)


def count_operations(empty: FailingHome, folder: Path, command: str) -> int:
    """The number of file operations of a run without a fault."""
    home = empty.copy(folder, is_new=command.startswith("new-"))
    problem = home.try_fault(command.removeprefix("new-"), {"SHIM_NTH": "0"})
    if problem:
        raise SystemExit(f"a run without a fault is wrong: {problem}\n{home.log()}")
    return len(home.reported())


def main() -> int:
    """Run and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.torture.failing_operations", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=Case.parse, action="append", help="this case only: crawl:EIO:57:1")
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        with suppress(BrokenPipeError):
            work(options.work)
        return 0
    failures = run(options.seconds, options.seed, lambda line: print(line, flush=True), options.case)
    for failure in failures:
        print(f"WRONG: {failure}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())

"""Fuzz what reads foreign bytes: ``python -m bench.torture.fuzz --seconds 60 [--only pages]``.

Each target runs in a process of its own, which may crash or hang: its input is in a file before it is tried. Failures
are an exception that the interface does not document, the end of the process, more than ten seconds, and a value that
differs after it was written and read. The inputs that fail are kept, and the failures name them.
``python -m bench.torture.fuzz_worker TARGET FILE`` tries one again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from bench.torture import part
from bench.torture.fuzz_targets import TARGETS

REPOSITORY = Path(__file__).parents[2]
WORKERS = 2
INPUT_SECONDS = 10.0  # for one input
START_SECONDS = 60.0  # until the first input
MAX_FAILURES = 5  # of a target; it is not tried further


class Fuzzing(Struct):
    """One target's inputs so far, and its failures."""

    name: str
    folder: Path
    inputs: int = 0
    failures: int = 0

    def run(self, seconds: float, seed: int) -> list[str]:
        """Try inputs for a time; return the failures."""
        until, failures = time.monotonic() + seconds, list[str]()
        for life in range(MAX_FAILURES):
            left = until - time.monotonic()
            if left <= 0 or len(failures) >= MAX_FAILURES:
                break
            failures += self._live(left, f"{seed}-{life}")
        return failures[:MAX_FAILURES]

    def _live(self, seconds: float, seed: str) -> list[str]:
        """Run one process until it ends or hangs; return its failures."""
        place = self.folder / f"{self.name}-{seed}"
        place.mkdir()
        command = [sys.executable, "-m", "bench.torture.fuzz_worker", self.name, seed, str(seconds), str(place)]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        with (place / "found").open("wb") as found, (place / "stderr").open("wb") as stderr:
            process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=found, stderr=stderr)
            hangs = self._wait(process, place / "input")
        failures = []
        for line in (place / "found").read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            self.inputs += result.get("inputs", 0)
            if "failure" in result:
                failures.append(f"fuzz: {self.name}: {result['failure']} with {result['file']}")
        if hangs or process.returncode:
            kept = place / "last-input"
            if (place / "input").exists():
                (place / "input").rename(kept)
            what = f"takes more than {INPUT_SECONDS:.0f} s" if hangs else f"ended with {process.returncode}"
            words = (place / "stderr").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            failures.append(f"fuzz: {self.name}: the process {what} with {kept} {words}")
        if not failures:
            shutil.rmtree(place)
        return failures

    def _wait(self, process: subprocess.Popen[bytes], current: Path) -> bool:
        """Wait for the end of a process; kill it if it hangs, and return True then."""
        since, is_started = time.time() + START_SECONDS, False
        while True:
            try:
                process.wait(1)
                return False
            except subprocess.TimeoutExpired:
                if current.exists():
                    since, is_started = current.stat().st_mtime, True
                elif is_started:  # its time is over: it stops what it has started
                    since, is_started = time.time(), False
                if time.time() - since > INPUT_SECONDS * 2:
                    process.kill()
                    process.wait()
                    return True


def run(seconds: float, seed: int, report: Callable[[str], None], *, only: str = "") -> list[str]:
    """Fuzz all targets in equal times; see `bench.torture.part.Run`.

    :param only: the name of one target
    """
    folder = part.new_folder("fuzz")
    targets = [Fuzzing(name, folder) for name in TARGETS if only in ("", name)]
    each = seconds * WORKERS / max(len(targets), WORKERS)
    failures: list[str] = []

    def work(target: Fuzzing) -> None:
        failures.extend(target.run(each, seed))
        report(f"fuzz: {target.name}: {target.inputs:,} inputs")

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, targets))
    if not failures:
        shutil.rmtree(folder)
    report(", ".join(f"{target.name} {target.inputs:,}" for target in targets) + " inputs")
    return failures


if __name__ == "__main__":
    sys.exit(part.main(run, __doc__, "only"))

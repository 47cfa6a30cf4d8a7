"""Kill commands at random moments, `verify --deep` after each kill: ``python -m bench.torture.kills --seconds 60``.

An archive lives through several commands. Each is killed at a moment that is uniform over its duration, which is
measured before; one in four times a child process is killed instead. Then `verify --deep` must find nothing. At the
end of a life everything that the site has shown is archived once, and whole.

The moments follow from the seed, but where a command is at that moment depends on the machine: a failure names the
life's folder, which stays.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct, field

from bench.torture import part
from bench.torture.life import Life
from bench.torture.process_tree import descendants, outlived, workers
from tests.conftest import Home
from tests.support import processes

REPOSITORY = Path(__file__).parents[2]
COMMANDS = ("crawl", "rechecks", "daemon", "rebuild", "lost", "repair", "backfill", "export", "retry")
# What a kill leaves undone, and `verify` rightly reports until it is done.
UNFINISHED = {"repair": ("verify", "--repair"), "lost": ("rebuild",)}
KILLS_IN_A_LIFE = 10
WORKERS = 3  # lives at once; they wait for the disk and for each other's requests
MEASURED = 10  # one in this number of runs is not killed, but measured
CHILDREN = 0.25  # share of the kills that are of a child process, if there is one
SETTLE_SECONDS = 5.0  # for the daemon to archive everything, unless it waits for the time of a retry
END_SECONDS = 60.0  # for a command to end, after its child was killed
ORPHAN_SECONDS = 10.0  # for the children of a killed process to end


class Tally(Struct):
    """What was done so far, by all workers."""

    kills: Counter[str] = field(default_factory=Counter)  # by command; "... child" for those of a child process
    missed: int = 0  # the command had ended before its moment
    lives: int = 0
    failures: list[str] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)  # seconds, by command, as measured last
    lock: threading.Lock = field(default_factory=threading.Lock)

    def line(self) -> str:
        """One line that says what was done."""
        commands = ", ".join(f"{name} {number}" for name, number in sorted(self.kills.items()))
        return f"{self.kills.total()} kills in {self.lives} archives ({commands}); {self.missed} came too late"


class KilledLife:
    """One life with its kills.

    :param sabotage: a wrong order of commits from tests.support.kill_points; "-" for none
    """

    def __init__(self, folder: Path, seed: str, tally: Tally, sabotage: str) -> None:
        self._life = Life(folder, seed, lambda home: _prefix(home, sabotage))
        self._dice = random.Random(f"{seed} kills")
        self._tally = tally
        self._last = "its start"  # for the text of a failure

    def run(self, kills: int) -> str | None:
        """Live; return the failure."""
        life = self._life
        try:
            life.start()
            for step in range(kills):
                self._step(step, self._dice.choice(COMMANDS))
            self._last = f"{self._last}, and all commands run to their end"
            life.finish()
        except Exception as error:  # whatever it is, it is a finding
            return f"after {self._last}: {type(error).__name__}: {error}"
        finally:
            life.stop()
        return None

    def _step(self, step: int, name: str) -> None:
        arguments = getattr(self._life, name)()
        known = self._tally.durations.get(name)
        fraction, measured = self._dice.random(), self._dice.randrange(MEASURED) == 0
        at_child = self._dice.random() < CHILDREN
        if known is None or measured:
            self._last = f"step {step}, {name} to its end"
            self._measure(name, arguments)
        else:
            self._last = f"step {step}, {' '.join(arguments)} killed at {fraction:.3f} of {known:.2f} s"
            self._kill(name, arguments, fraction * known, at_child)
        if name in UNFINISHED:
            self._life.must(*UNFINISHED[name])
        self._life.must("verify", "--deep")

    def _popen(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        home = self._life.home
        with (home.folder / "stderr").open("wb") as stderr:
            return processes.popen(
                self._life.command(*arguments),
                cwd=home.folder,
                env=home.env | {"PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    def _measure(self, name: str, arguments: list[str]) -> None:
        began = time.monotonic()
        process = self._popen(arguments)
        is_settled = name != "daemon" or self._settle(process)
        process.wait(END_SECONDS)
        assert process.returncode in (0, 1), f"it ended with {process.returncode}: {self._stderr()}"
        if is_settled:
            with self._tally.lock:
                self._tally.durations[name] = time.monotonic() - began

    def _settle(self, process: subprocess.Popen[bytes]) -> bool:
        """Stop the daemon when everything is archived, or soon; return whether everything is."""
        until = time.monotonic() + SETTLE_SECONDS
        while not (is_settled := self._life.is_settled()) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        process.terminate()
        return is_settled

    def _kill(self, name: str, arguments: list[str], delay: float, at_child: bool) -> None:
        process = self._popen(arguments)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            children = descendants(process.pid)
            if at_child and (working := workers(process.pid)):
                name = f"{name} child"
                self._kill_child(name, process, self._dice.choice(working))
            else:
                process.kill()
                process.wait()
            orphans = outlived(children, ORPHAN_SECONDS)
            assert not orphans, f"its child processes {orphans} run on"
            with self._tally.lock:
                self._tally.kills[name] += 1
        else:
            with self._tally.lock:
                self._tally.missed += 1

    def _kill_child(self, name: str, process: subprocess.Popen[bytes], child: int) -> None:
        """Kill a child process: the command ends, and says why if it cannot go on."""
        self._last += ", its child"
        try:
            _signal(child)
            if name.startswith("daemon"):
                self._settle(process)
            process.wait(END_SECONDS)
        finally:
            process.kill()
        assert "Traceback" not in self._stderr(), self._stderr()

    def _stderr(self) -> str:
        return (self._life.home.folder / "stderr").read_text(encoding="utf-8", errors="replace")[-2000:]


def _signal(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:  # it has just ended
        return


def _prefix(home: Home, sabotage: str) -> list[str]:
    if sabotage == "-":
        return home.command()
    return [sys.executable, "-m", "tests.support.kill_points", "-", "1", sabotage]


def run(
    seconds: float, seed: int, report: Callable[[str], None], *, sabotage: str = "-", kills: int = KILLS_IN_A_LIFE
) -> list[str]:
    """Kill for a time, and let the lives that have begun end; see `bench.torture.part.Run`.

    :param sabotage: see `KilledLife`; shows that failures would be found
    :param kills: number of commands in a life
    """
    tally, folder = Tally(), part.new_folder("kills")
    processes.server()  # before there are threads, and before the time counts
    until = time.monotonic() + seconds

    def live(number: int) -> None:
        name = f"{seed}-{number}"
        (folder / name).mkdir()
        failure = KilledLife(folder / name, name, tally, sabotage).run(kills)
        with tally.lock:
            tally.lives += 1
            if failure:
                tally.failures.append(f"kills: seed {seed}, life {number} (kept in {folder / name}): {failure}")
            if tally.lives % 20 == 0:
                report(tally.line())
        if not failure:
            shutil.rmtree(folder / name)

    def work(worker: int) -> None:
        number = worker
        while time.monotonic() < until:
            live(number)
            number += WORKERS

    live(-1)  # measures most commands
    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, range(WORKERS)))
    if not tally.failures:
        shutil.rmtree(folder)
    report(tally.line())
    return tally.failures


if __name__ == "__main__":
    sys.exit(part.main(run, __doc__, "sabotage"))

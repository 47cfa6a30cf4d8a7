"""Keeps a daemon running, as systemd does, and measures it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK = 0.25  # seconds between two looks at the daemon
PATIENCE = 60.0  # seconds for it to become ready, or to end


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the daemon's process."""

    life: int  # how many times it was started before
    rss: int  # bytes
    descriptors: int
    cpu: float  # seconds so far in this life


class Kept:
    """A daemon that is started again whenever it ends.

    :param log: the file that its stderr goes to
    :param tell: told when it ended by itself
    """

    def __init__(
        self, command: Sequence[str], folder: Path, env: dict[str, str], log: Path, tell: Callable[[str], None]
    ) -> None:
        self.samples: list[Sample] = []
        self.endings: list[tuple[int, str]] = []  # exit statuses that nobody asked for, and the last line of the log
        self._command, self._folder, self._env, self._log, self._tell = command, folder, env, log, tell
        self._life = -1
        self.start()

    def start(self) -> None:
        """Start it."""
        self._life += 1
        with self._log.open("ab") as log:
            self._log_before = log.tell()
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._env, stdout=subprocess.DEVNULL, stderr=log
            )

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as systemd does; return its exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def fetch(self) -> None:
        """See whether it runs, and how much it takes."""
        status = self.process.poll()
        if status is not None:
            self.endings.append((status, self._lines()[-1]))
            self._tell(f"the daemon ended with {status}: {self._lines()[-1]}")
            self.start()
        self._measure()

    def hang_up(self) -> None:
        """Have it read its configuration again; once it is ready, as systemd has it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not any(" INFO started " in line for line in self._lines()):
            self.fetch()
            time.sleep(LOOK)
        self.process.send_signal(signal.SIGHUP)

    def _lines(self) -> list[str]:
        """Of this life."""
        return self._log.read_bytes()[self._log_before :].decode(errors="replace").splitlines() or [""]

    def _measure(self) -> None:
        proc = Path(f"/proc/{self.process.pid}")
        try:
            pages = int((proc / "statm").read_text().split()[1])
            times = (proc / "stat").read_text().rpartition(")")[2].split()
            descriptors = len(list((proc / "fd").iterdir()))
        except (OSError, IndexError):  # it has just ended
            return
        cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        self.samples.append(Sample(self._life, pages * os.sysconf("SC_PAGE_SIZE"), descriptors, cpu))

"""Keep a daemon running, as systemd does, and measure it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

POLL_INTERVAL_SECONDS = 0.25  # between two checks of the daemon
DAEMON_TIMEOUT_SECONDS = 60.0  # for the daemon to become ready, or to end


class Sample(Struct, frozen=True):
    """One measurement of the daemon's process."""

    life: int  # number of earlier starts
    rss: int  # bytes
    descriptors: int
    cpu: float  # seconds since its start


class SupervisedDaemon:
    """A daemon that is restarted whenever it ends.

    :param log: the file for its stderr
    :param report: called with one line when the daemon ended unexpectedly
    """

    def __init__(
        self, command: Sequence[str], folder: Path, env: dict[str, str], log: Path, report: Callable[[str], None]
    ) -> None:
        self.samples: list[Sample] = []
        self.endings: list[tuple[int, str]] = []  # unexpected exit statuses, with the last line of the log
        self._command = command
        self._folder = folder
        self._env = env
        self._log = log
        self._report = report
        self._life = -1
        self.start()

    def start(self) -> None:
        """Start the daemon."""
        self._life += 1
        with self._log.open("ab") as log:
            self._log_before = log.tell()
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._env, stdout=subprocess.DEVNULL, stderr=log
            )

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it with SIGTERM, as systemd does; return its exit status."""
        self.process.terminate()
        return self.process.wait(DAEMON_TIMEOUT_SECONDS)

    def check(self) -> None:
        """Restart the daemon if it has ended, and measure it."""
        status = self.process.poll()
        if status is not None:
            self.endings.append((status, self._lines()[-1]))
            self._report(f"the daemon ended with {status}: {self._lines()[-1]}")
            self.start()
        self._measure()

    def reload(self) -> None:
        """Send SIGHUP once it is ready, as systemd does."""
        deadline = time.monotonic() + DAEMON_TIMEOUT_SECONDS
        while time.monotonic() < deadline and not any(" INFO started " in line for line in self._lines()):
            self.check()
            time.sleep(POLL_INTERVAL_SECONDS)
        self.process.send_signal(signal.SIGHUP)

    def _lines(self) -> list[str]:
        """The log lines since the last start."""
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

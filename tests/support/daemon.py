"""A real ``finarchive run`` in a separate process, notified by and waited for as under systemd."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Self

from tests.conftest import Home
from tests.support import processes

TIMEOUT_SECONDS = 60.0  # without any news; a busy machine takes ten to start
WAIT_SECONDS = 150.0  # for one event, less than pytest-timeout allows a test


class Running:
    """A daemon over ``home``: started and ready when the block begins, stopped when it ends.

    :param command: what to run in place of ``finarchive run``
    """

    def __init__(self, home: Home, *options: str, command: Sequence[str] = (), **env: str) -> None:
        self.log: list[str] = []
        self.notified: list[str] = []
        self._news: Queue[str] = Queue()
        self._home = home
        self._env = env
        self._command = list(command) or home.command("run", *options)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def start(self) -> Self:
        """Start it, without waiting for it to be ready."""
        name = f"\0finarchive-test-{id(self)}-{self._home.folder.name}"
        self._socket.bind(name)
        self.process = processes.popen(
            self._command,
            cwd=self._home.folder,
            env=self._home.env | {"NOTIFY_SOCKET": "@" + name[1:], "PYTHONUNBUFFERED": "1"} | self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read_log, daemon=True).start()
        threading.Thread(target=self._read_notices, daemon=True).start()
        return self

    def __enter__(self) -> Self:
        self.start()
        self.wait_for("READY=1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill() if error else self.process.terminate()
            try:
                self.process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self._socket.close()

    def _read_log(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                self.log.append(line.rstrip("\n"))
                self._news.put(line)
        self._news.put("log ended\n")

    def _read_notices(self) -> None:
        while True:
            try:
                notice = self._socket.recv(4096).decode()
            except OSError as error:
                self.log.append(f"no further notices: {error}")
                return
            if not notice.startswith("STATUS="):
                self.notified.append(notice)
                self._news.put(notice)

    def wait_for(self, *patterns: str, times: int = 1) -> str:
        """Wait until each pattern has matched ``times`` further log lines or notices to systemd; return the last.

        A wait that is too long fails with the log, also when the daemon goes on to log other things.
        """
        give_up = time.monotonic() + WAIT_SECONDS
        left = dict.fromkeys(patterns, times)
        while True:
            try:
                news = self._news.get(timeout=min(TIMEOUT_SECONDS, max(0.0, give_up - time.monotonic())))
            except Empty:
                notified = "\n".join(["systemd was notified of:", *self.notified[-10:]])
                raise AssertionError("\n".join([f"no {list(left)} in:", *self.log[-40:], notified])) from None
            for pattern in [pattern for pattern in left if re.search(pattern, news)]:
                left[pattern] -= 1
                if not left[pattern]:
                    del left[pattern]
            if not left:
                return news
            if news == "log ended\n":
                raise AssertionError(f"ended without {list(left)}:\n" + "\n".join(self.log[-40:]))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """Have it end, as systemd does; return its exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_SECONDS)

    def proc(self, name: str) -> Path:
        """A file, or folder, that the kernel has about it."""
        return Path(f"/proc/{self.process.pid}/{name}")

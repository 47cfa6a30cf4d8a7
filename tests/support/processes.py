"""Runs of the program for tests: forked off a server that has imported everything, or as new processes.

`TEST_PROCESSES=spawn` in the environment makes every run a new process: it shows that forked ones behave the same.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
FORKED_MODULES = {"cli", "bench.fast_clock", "tests.support.kill_points"}
# What an interpreter reads of its environment when it starts: runs that set it need a new process.
START_VARIABLES = ("PYTHON", "LC_", "LANG", "LD_", "TZ", "MALLOC_")
NOT_FORKED = os.environ.get("TEST_PROCESSES") == "spawn" or not hasattr(os, "pidfd_open")


def base_environment() -> dict[str, str]:
    """The environment of runs: nothing that could be a setting or a proxy."""
    return {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}


class Server:
    """The process that forks; see `tests.support.fork_server`."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                cwd=REPOSITORY, env=base_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )  # fmt: skip
        if self.connection.recv(16) != b"ready":
            raise RuntimeError("the fork server did not start")
        atexit.register(self.close)

    def close(self) -> None:
        """End it. Its children go on."""
        self.connection.close()
        self._process.wait()

    def fork(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> int:
        """Fork a child; return its process id."""
        with self.lock:
            socket.send_fds(self.connection, [json.dumps(request).encode()], descriptors)
            return int.from_bytes(self.connection.recv(4), "little")


@cache
def server() -> Server:
    """The server of this process, started when it is first needed."""
    return Server()


class ForkedProcess(subprocess.Popen[Any]):
    """A `Popen` whose child is the fork server's: it ends, is waited for and gets signals like any other."""

    def _execute_child(self, args: Any, *others: Any) -> None:
        cwd, env = others[4:6]
        pipes = p2cread, _, _, c2pwrite, _, errwrite = others[9:15]  # -1 where a stream is inherited
        self._status, report = os.pipe()
        _, _, module, *arguments = map(str, args)
        os.umask(umask := os.umask(0o077))  # the only way to read it
        request = {
            "module": module, "arguments": arguments, "cwd": str(Path(cwd).absolute()), "env": dict(env),
            "umask": umask,
        }  # fmt: skip
        streams = [own if given == -1 else given for own, given in enumerate((p2cread, c2pwrite, errwrite))]
        try:
            self.pid = server().fork(request, [*streams, report])
        finally:
            os.close(report)
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if wait_flags & os.WNOHANG and not select.select([self._status], [], [], 0)[0]:
            return 0, 0
        status = os.read(self._status, 4)
        os.close(self._status)
        return self.pid, int.from_bytes(status, "little")

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                if self.returncode is None and (ended := self._try_wait(os.WNOHANG))[0]:
                    self._handle_exitstatus(ended[1])
            finally:
                self._waitpid_lock.release()
        return self.returncode


def popen(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], forked: bool = True, **streams: Any
) -> subprocess.Popen[Any]:
    """Start a command: forked if that makes no difference to it.

    :param forked: False for a new process in any case
    :param streams: as `subprocess.Popen` takes them
    """
    return (ForkedProcess if forked and _can_fork(command, env) else subprocess.Popen)(
        command, cwd=cwd, env=env, **streams
    )


def run(
    command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], timeout: float | None = None, **streams: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command to its end: like `subprocess.run`, without `check`."""
    if streams.pop("capture_output", False):
        streams |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with popen(command, cwd=cwd, env=env, **streams) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _can_fork(command: Sequence[str | Path], env: Mapping[str, str]) -> bool:
    if NOT_FORKED or list(command[:2]) != [sys.executable, "-m"] or command[2] not in FORKED_MODULES:
        return False
    same = base_environment() | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(REPOSITORY)}
    return all(same.get(key) == value for key, value in env.items() if key.startswith(START_VARIABLES))

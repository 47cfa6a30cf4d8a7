"""Child processes that parse what other sites send: an item that crashes or occupies the parser costs only itself.

See D191.
"""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from msgspec import Struct

from crawler.errors import CrawlerError, ParserUnavailableError
from crawler.parsing.limits import CPU_SECONDS, MEMORY_BYTES, OUT_OF_MEMORY_STATUS
from crawler.parsing.process import CHUNK, Answer, Task

_P = ParamSpec("_P")
_T = TypeVar("_T")

LIVE_PROCESSES = 2  # one parses articles, the other lists while the first is busy
# Before a further process is started: to start one takes 0.3 s of CPU time and 30 MB, and a batch of common pages a
# tenth of a second. So there is a second one only where a page takes long, or pages arrive faster than one can parse.
START_PATIENCE_SECONDS = 0.5


class Died(Struct, frozen=True):
    """The result of an item that its parser process did not survive."""

    reason: str  # for people


class ParserPool:
    """Parser processes, started when they are needed and kept until :meth:`close`. Thread-safe.

    :param processes: maximum number of processes
    :param cpu_seconds: CPU time that a process may use for one item
    :param memory_bytes: memory of a process
    :param patience: seconds to wait for a busy process before a further one is started
    """

    def __init__(
        self,
        processes: int = LIVE_PROCESSES,
        cpu_seconds: float = CPU_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
        patience: float = START_PATIENCE_SECONDS,
    ) -> None:
        self._processes = processes
        self._patience = patience
        self._limits = cpu_seconds, memory_bytes
        self._condition = threading.Condition()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._is_closed = False

    def start(self) -> None:
        """Start a process in advance, so that the first item need not wait until it is ready."""
        with suppress(ParserUnavailableError):  # the first item is told
            self._give_back(self._lease(), is_reusable=True)

    def run(
        self, function: Callable[Concatenate[int, _P], Iterator[_T]], *args: _P.args, **kwargs: _P.kwargs
    ) -> Iterator[_T | Died]:
        """Run a generator function in a process, and yield the result of each item, in order.

        When a process dies, another one repeats the items whose results are missing, one at a time. If it dies as
        well, the result of that item is :class:`Died`, and the items after it follow.

        :param function: of a module; its first argument is the number of items to skip, and it yields one result for
            each of the others, always in the same order
        :raises ParserUnavailableError: no process can be started, or the pool was closed
        :raises Exception: ``function`` raised it
        """
        done, chunk = 0, CHUNK
        while True:
            try:
                for result in self._run(Task(function, done, args, kwargs, chunk)):
                    done += 1
                    yield result
                return
            except _DeathError as death:
                if chunk > 1:
                    chunk = 1
                    continue
                done, chunk = done + 1, CHUNK
                yield Died(death.reason)

    def close(self) -> None:
        """Kill all processes, also those that are parsing."""
        with self._condition:
            self._is_closed = True
            for process in self._busy:
                process.kill()  # the thread that uses it closes it
            for process in self._idle:
                process.close()
            self._idle.clear()
            self._condition.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, task: Task) -> Iterator[Any]:
        process = self._lease()
        is_done = False
        try:
            yield from process.run(task)
            is_done = True
        except _DeathError:
            self._check_open()
            raise
        finally:
            self._give_back(process, is_reusable=is_done)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ParserUnavailableError("the parser processes were ended")

    def _lease(self) -> _Process:
        with self._condition:
            if self._busy:
                self._condition.wait_for(lambda: self._is_closed or self._idle, self._patience)
            self._condition.wait_for(lambda: self._is_closed or self._idle or len(self._busy) < self._processes)
            self._check_open()
            try:
                process = self._idle.pop() if self._idle else _Process(*self._limits)
            except OSError as error:
                raise ParserUnavailableError(f"no parser process can be started: {error.strerror}") from error
            self._busy.add(process)
            return process

    def _give_back(self, process: _Process, *, is_reusable: bool) -> None:
        with self._condition:
            self._busy.discard(process)
            if is_reusable and not self._is_closed:
                self._idle.append(process)
            else:
                process.close()
            self._condition.notify()


class _DeathError(CrawlerError):
    """A parser process died."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Process:
    """A parser process, and the connection to it."""

    def __init__(self, cpu_seconds: float, memory_bytes: int) -> None:
        self._limits = cpu_seconds, memory_bytes
        ours, its = socket.socketpair()
        with ours, its:
            # -P: do not import modules from the current folder. A session of its own, so that Ctrl-C goes to this
            # process only.
            arguments = map(str, (its.fileno(), cpu_seconds, memory_bytes))
            self._process = subprocess.Popen(  # noqa: S603 - a module of ours
                [sys.executable, "-P", "-m", "crawler.parsing", *arguments],
                pass_fds=[its.fileno()], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            self._connection: Connection[Task, Answer] = Connection(ours.detach())

    def run(self, task: Task) -> Iterator[Any]:
        """Yield the results of a task.

        :raises _DeathError: the process died
        :raises Exception: the task raised it
        """
        answer = self._exchange(task)
        while True:
            for record in answer.logs:
                logging.getLogger(record.name).handle(record)
            yield from answer.results
            if answer.error:
                raise answer.error
            if answer.is_last:
                return
            answer = self._exchange()

    def _exchange(self, task: Task | None = None) -> Answer:
        try:
            if task:
                self._connection.send(task)
            return self._connection.recv()
        except (EOFError, ConnectionError) as error:
            raise _DeathError(self._reason()) from error

    def kill(self) -> None:
        """Kill the process; a thread that waits for it gets :class:`_DeathError`."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process and close the connection."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._connection.close()

    def _reason(self) -> str:
        status = self._process.wait()
        cpu_seconds, memory_bytes = self._limits
        if status == -signal.SIGPROF:
            return f"reading it takes more than {cpu_seconds:g} s of CPU time"
        if status == OUT_OF_MEMORY_STATUS:
            return f"reading it takes more than {memory_bytes >> 20} MiB of memory"
        if status < 0:
            return f"it crashes the parser ({signal.Signals(-status).name})"
        return f"its parser process ended with status {status}"

"""Runs a reader's own SQL in processes that are killed when a query does not end. See :mod:`web.queries.process`."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from web.queries.process import QueryAnswer, UserQuery

PROCESSES = 2  # so that one slow query does not keep all others waiting
# After the time of a query: SQLite usually ends it by itself, and then the process need not start again.
GRACE_SECONDS = 0.5
MAX_WAIT_SECONDS = 3.0  # for a process that is busy, or starts


class QueryPool:
    """Processes that run queries on some indexes, started when they are needed. Thread-safe.

    The number of processes does not grow with that of the indexes: each reads all of them.
    """

    def __init__(self, indexes: Sequence[Path]) -> None:
        self._indexes = indexes
        self._free: queue.LifoQueue[_QueryProcess | None] = queue.LifoQueue()
        for _ in range(PROCESSES):
            self._free.put(None)
        self._lock = threading.Lock()
        self._running: set[_QueryProcess] = set()
        self._is_closed = False

    def run(self, query: UserQuery) -> QueryAnswer:
        """Run a query.

        :raises TimeoutError: it was killed, or no process was free in time
        :raises OSError: no process can be started
        """
        try:
            process = self._free.get(timeout=MAX_WAIT_SECONDS)
        except queue.Empty:
            raise TimeoutError from None
        kept = None
        try:
            process = process or self._start()
            answer = process.run(query)
            kept = process
            return answer
        finally:
            if kept is None and process is not None:
                self._kill(process)
            self._free.put(kept)

    def close(self) -> None:
        """Kill all processes, also those that run a query; queries that follow get a TimeoutError."""
        with self._lock:
            self._is_closed = True
            for process in self._running:
                process.kill()

    def _start(self) -> _QueryProcess:
        with self._lock:
            if self._is_closed:
                raise TimeoutError
            process = _QueryProcess(self._indexes)
            self._running.add(process)
            return process

    def _kill(self, process: _QueryProcess) -> None:
        with self._lock:
            process.kill()
            self._running.discard(process)


class _QueryProcess:
    """A process that runs queries, and the connection to it."""

    def __init__(self, indexes: Sequence[Path]) -> None:
        ours, its = socket.socketpair()
        with ours, its:
            # In a session of its own, so that Ctrl-C goes to the reader only.
            paths = [str(each.absolute()) for each in indexes]
            self._process = subprocess.Popen(  # noqa: S603 - a module of ours
                [sys.executable, "-P", "-m", "web.queries", str(its.fileno()), *paths],
                pass_fds=[its.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
            self._connection: Connection[UserQuery, QueryAnswer] = Connection(ours.detach())
        self._is_ready = False

    def run(self, query: UserQuery) -> QueryAnswer:
        """Run a query.

        :raises TimeoutError: it takes too long, or the process has died
        """
        seconds = query.milliseconds / 1000 + (GRACE_SECONDS if self._is_ready else MAX_WAIT_SECONDS)
        try:
            self._connection.send(query)
            if not self._connection.poll(seconds):
                raise TimeoutError
            self._is_ready = True
            return self._connection.recv()
        except (EOFError, OSError) as error:  # it has died, or the pool was closed
            raise TimeoutError from error

    def kill(self) -> None:
        """Kill the process; what waits for it gets a TimeoutError."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._connection.close()

"""A real PostgreSQL of the tests' own, on loopback."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

_USER = "postgres"


def _binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian has it outside of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Postgres:
    """A server, with a database for each test.

    :param folder: for its data; others may enter it
    """

    def __init__(self, folder: Path, port: int) -> None:
        binaries = _binaries()
        assert binaries
        self._binaries = binaries
        self._folder = folder
        self._port = port
        self._lock = folder / "data" / "postmaster.pid"
        self._as_user: dict[str, Any] = {"user": _USER, "group": _USER} if os.geteuid() == 0 else {}

    def create(self) -> None:
        """Create the server's files."""
        self._folder.mkdir(parents=True)
        if self._as_user:
            shutil.chown(self._folder, _USER, _USER)
        subprocess.run(
            [
                *(self._binaries / "initdb", "-D", self._folder / "data", "-U", _USER, "-A", "trust"),
                *("--no-sync", "-E", "UTF8", "--locale=C"),
            ],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as_user,
        )  # fmt: skip

        # A user whose password is checked; the others need none.
        rules = self._folder / "data" / "pg_hba.conf"
        rules.write_text("host all bob 127.0.0.1/32 scram-sha-256\n" + rules.read_text("utf-8"), "utf-8")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = f"-p {self._port} -h 127.0.0.1 -c unix_socket_directories='' -c max_connections=200"
        self._control("start", "-l", self._folder / "log", "-o", options)

    def stop(self) -> None:
        """Stop the server; connections are broken."""
        self._control("stop", "-m", "fast")

    def kill(self) -> None:
        """Kill the server and all its processes."""
        for process in self.process_ids():
            with suppress(ProcessLookupError):
                descriptor = os.pidfd_open(process)
                os.kill(process, signal.SIGKILL)
                select.select([descriptor], [], [])  # until it has ended
                os.close(descriptor)
        self._lock.unlink()  # the system may not have removed the process from its table yet

    def process_ids(self) -> list[int]:
        """The processes of the server, its own first."""
        server = int(self._lock.read_text("utf-8").split()[0])
        children = Path(f"/proc/{server}/task/{server}/children").read_text("ascii").split()
        return [server, *map(int, children)]

    def is_running(self) -> bool:
        """Return whether the server runs."""
        return self._run("status").returncode == 0

    def _control(self, *arguments: str | Path) -> None:
        done = self._run(*arguments)
        if done.returncode:
            raise RuntimeError(f"pg_ctl {arguments[0]}: {(self._folder / 'log').read_text()[-2000:]}")

    def _run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [self._binaries / "pg_ctl", "-D", self._folder / "data", "-w", *arguments]
        # The server keeps the descriptors of pg_ctl: a pipe would not end.
        return subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, cwd="/",
            **self._as_user,
        )  # fmt: skip

    def dsn(self, database: str, user: str = _USER) -> str:
        """Return the address of a database."""
        return f"postgresql://{user}@127.0.0.1:{self._port}/{database}"

    def new_database(self, name: str) -> str:
        """Create an empty database, in place of an earlier one of this name; return its address."""
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return self.dsn(name)


@contextmanager
def running_postgres(folder: Path, port: int) -> Iterator[Postgres]:
    """Run a server until the block ends; skip the test where there is none."""
    if _binaries() is None and "CI" not in os.environ:
        pytest.skip("PostgreSQL is not installed")
    server = Postgres(folder, port)
    server.create()
    server.start()
    try:
        yield server
    finally:
        if server.is_running():
            server.stop()

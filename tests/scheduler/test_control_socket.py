"""The daemon's socket: permissions, invalid requests, silent clients and locks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.files.layout import inner_path
from mocksite.server import MockSite
from scheduler.daemon.control_client import SOCKET_NAME, is_running
from scheduler.errors import RequestRefusedError
from scheduler.exits import Exit
from tests.conftest import Home
from tests.end_to_end.test_daemon import HOURLY
from tests.support.control import CRAWL, RETRY, connect, files_open, locked_index, send_to_daemon, settled
from tests.support.daemon import Running

pytestmark = pytest.mark.slow

NOBODY = 65_534


@pytest.fixture
def daemon(home: Home, mocksite: MockSite) -> Iterator[Running]:
    """A daemon that has archived the twelve articles and polls again in an hour."""
    home.configure(mocksite.endpoint, more=HOURLY)
    with Running(home) as running:
        running.wait_for("archived ", times=12)
        yield running


# Invalid requests


GARBAGE = [
    b"\n",
    b"\xff\xfe\x00 garbage \n",
    b"[]\n",
    b'"crawl"\n',
    b"{}\n",
    b"[" * 200_000 + b"\n",
    b"x" * 3_000_000 + b"\n",
    b'{"command": "crawl", "feeds": [1, {}], "limit": null}\n',
    b'{"command": "crawl", "feeds": [], "limit": "many"}\n',
    b'{"command": "retry", "parked": "yes"}\n',
    b'{"command": "backfill", "feed": "feed1", "start": "soon", "end": "later"}\n',
    b'{"command": "backfill", "feed": "feed1", "start": "2026-09-01T00:00", "end": "2026-09-02T00:00"}\n',
    b'{"command": "backfill", "feed": "feed1", "start": "2026-09-02T00:00Z", "end": "2026-09-01T00:00Z"}\n',
    b'{"command": "crawl", "feeds": [], "lim',
]


def test_garbage_is_refused_and_affects_no_other_client(home: Home, mocksite: MockSite, daemon: Running) -> None:
    before = files_open(daemon)
    for garbage in GARBAGE:
        with connect(home) as client:
            client.settimeout(20)
            try:
                client.sendall(garbage)
                if not garbage.endswith(b"\n"):
                    client.shutdown(socket.SHUT_WR)
                response = client.makefile("rb").read()
            except ConnectionError:
                continue  # it would hear no more of it
            # What cannot be read gets no answer.
            [refused] = [json.loads(line) for line in response.splitlines()] or [{"status": 2}]
            assert refused["status"] == 2, garbage[:80]

    assert send_to_daemon(home, CRAWL)["feeds"][0]["listed"] == 12
    assert settled(daemon, before) <= before
    assert "Traceback" not in "\n".join(daemon.log)
    assert "never retrieved" not in "\n".join(daemon.log)
    assert daemon.stop() == 0


def test_an_index_that_is_locked_is_reported_and_the_daemon_goes_on(
    home: Home, mocksite: MockSite, daemon: Running
) -> None:
    with locked_index(home):
        refused = home.run("retry")
    assert refused.status == 5
    assert "Traceback" not in refused.err
    assert "locked" in refused.err
    assert home.run("retry").status == 0


def test_silent_clients_block_nobody(home: Home, mocksite: MockSite, daemon: Running) -> None:
    silent = [connect(home) for _ in range(30)]
    assert send_to_daemon(home, CRAWL)["feeds"][0]["listed"] == 12
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 5
    for client in silent:
        client.close()


# The socket


def test_only_the_owner_may_hand_over(mocksite: MockSite) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)  # pytest's own folders are closed to others themselves
        home = Home(folder)
        home.configure(mocksite.endpoint, more=HOURLY)
        with Running(home):
            path = inner_path(home.root) / SOCKET_NAME
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert [p.name for p in home.root.rglob("*.sock")] == [SOCKET_NAME]
            if os.geteuid() == 0:
                for each in (home.root, inner_path(home.root)):
                    each.chmod(0o755)
                with as_unprivileged_user(), pytest.raises(PermissionError):
                    connect(home)
    finally:
        shutil.rmtree(folder)


class as_unprivileged_user:  # noqa: N801 - it is read as a word
    """Be another user for a while; not for the tests that run at the same time, which are in other processes."""

    def __enter__(self) -> None:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)

    def __exit__(self, *exc_info: object) -> None:
        os.seteuid(0)
        os.setegid(0)


def test_a_path_longer_than_the_address_of_a_socket_may_be(tmp_path: Path, mocksite: MockSite) -> None:
    folder = tmp_path / ("深" * 60) / "home"
    folder.mkdir(parents=True)
    home = Home(folder)
    home.configure(mocksite.endpoint, more=HOURLY)
    assert len(os.fsencode(inner_path(home.root) / SOCKET_NAME)) > 108

    with Running(home) as daemon:
        daemon.wait_for("archived ", times=12)
        assert home.run("crawl", "--json").json["feeds"][0]["listed"] == 12
        assert not any("locked" in line for line in daemon.log)


# Reading


def test_what_only_reads_never_waits(home: Home, mocksite: MockSite, daemon: Running) -> None:
    """For a writer in the middle of a commit, or a daemon that is stuck and has not taken a connection for days."""
    readers = [["status"], ["status", "--json"], ["coverage"], ["feeds"], ["show", "nreplica0000003"]]
    daemon.signal(signal.SIGSTOP)
    with locked_index(home):
        reading = threading.Thread(
            target=lambda: [is_running(inner_path(home.root)) for _ in range(300)], daemon=True
        )
        reading.start()
        reading.join(10)
        assert not reading.is_alive()
        for arguments in readers:
            began = time.monotonic()
            assert home.run(*arguments).status == 0, arguments
            assert time.monotonic() - began < 5, arguments
    daemon.signal(signal.SIGCONT)
    assert send_to_daemon(home, RETRY) == {"released": 0}


def test_a_refusal_is_an_error_with_its_status(home: Home, mocksite: MockSite, daemon: Running) -> None:
    with pytest.raises(RequestRefusedError, match="of another version") as refusal:
        send_to_daemon(home, {"command": "dance"})
    assert refusal.value.status is Exit.USAGE

"""Messages to systemd, over real datagram sockets."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.daemon.systemd import MAX_STATUS_CHARS, SEND_TIMEOUT_SECONDS, Notifier, watchdog_interval


class Manager:
    """A fake systemd: a bound socket and the messages it received."""

    def __init__(self, address: str) -> None:
        self.environ = {"NOTIFY_SOCKET": address}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(5)

    def heard(self) -> list[str]:
        return self.socket.recv(65_536).decode().split("\n")


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    running = Manager(str(tmp_path / "notify") if request.param == "path" else f"@finarchive-test-{os.getpid()}")
    yield running
    running.socket.close()


def test_each_message_is_one_datagram_of_assignments(manager: Manager) -> None:
    notifier = Notifier.from_environment(manager.environ)

    notifier.ready("14 feeds")
    assert manager.heard() == ["READY=1", "STATUS=14 feeds"]
    notifier.status("3 articles wait: 金融")
    assert manager.heard() == ["STATUS=3 articles wait: 金融"]
    notifier.reloading(1_234_567)
    assert manager.heard() == ["RELOADING=1", "MONOTONIC_USEC=1234567"]
    notifier.watchdog()
    assert manager.heard() == ["WATCHDOG=1"]
    notifier.stopping("2 in flight")
    assert manager.heard() == ["STOPPING=1", "STATUS=2 in flight"]


def test_a_status_cannot_inject_another_assignment(manager: Manager) -> None:
    Notifier.from_environment(manager.environ).status("failing:\nMAINPID=1\r\n\x1b[2J" + "x" * 1000)

    (line,) = manager.heard()
    assert line.startswith("STATUS=failing: MAINPID=1 [2Jxxx")
    assert len(line) == len("STATUS=") + MAX_STATUS_CHARS


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}])
def test_outside_systemd_nothing_is_sent(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier.from_environment(environ)
    notifier.ready("here")
    notifier.watchdog()
    assert caplog.records == []


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody-listens", "vsock:2:1234", "/a\0b", "/" + "x" * 200])
def test_what_cannot_be_sent_is_logged_once(address: str, caplog: pytest.LogCaptureFixture) -> None:
    notifier = Notifier(address)
    with caplog.at_level(logging.WARNING, "finarchive"):
        notifier.ready("here")
        notifier.watchdog()
        notifier.stopping("gone")
    (record,) = caplog.records
    assert record.getMessage().startswith("notify-failed socket=")


@pytest.mark.slow
def test_a_manager_that_does_not_read_blocks_nothing(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    """Its queue is full after some messages; each more may take SEND_TIMEOUT_SECONDS and no longer."""
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    sender.connect(manager.socket.getsockname())
    with sender, contextlib.suppress(BlockingIOError):
        while True:
            sender.send(b"WATCHDOG=1")

    Notifier.from_environment(manager.environ).watchdog()  # pytest's own time-out would end it

    assert [record.getMessage().partition(" ")[0] for record in caplog.records] == ["notify-failed"]
    assert SEND_TIMEOUT_SECONDS <= 1


def test_the_watchdog_is_fed_twice_in_its_time() -> None:
    assert watchdog_interval({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "42"}, 42) == 60.0
    assert watchdog_interval({"WATCHDOG_USEC": "1500000"}, 42) == 0.75


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "-5"},
     {"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "41"}],
)  # fmt: skip
def test_no_watchdog_is_fed_that_is_not_ours(environ: dict[str, str]) -> None:
    assert watchdog_interval(environ, 42) is None


def test_systemds_own_program_and_we_say_the_same(manager: Manager) -> None:
    try:
        subprocess.run(
            ["systemd-notify", "--no-block", "--ready", "--status=14 feeds"],
            env=os.environ | manager.environ,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no systemd-notify here")
    theirs = sorted(manager.heard())
    program = (
        "import os; from scheduler.daemon.systemd import Notifier; "
        "Notifier.from_environment(os.environ).ready('14 feeds')"
    )
    subprocess.run([sys.executable, "-c", program], env=os.environ | manager.environ, check=True)
    assert sorted(line for line in theirs if not line.startswith("MAINPID=")) == sorted(manager.heard())

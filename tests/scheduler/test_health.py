"""Health over real HTTP, from a real process."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from scheduler.monitoring.health import MAX_CONNECTIONS
from scheduler.monitoring.metrics import CONTENT_TYPE

ROOT = Path(__file__).parents[2]
UNHURRIED = 30.0  # seconds of patience: never felt
SHORT = 0.4
COMMAND = (sys.executable, "-W", "error", "-m", "tests.support.health_server")


class Site:
    """A process that serves health."""

    def __init__(self, folder: Path, port: int = 0, patience: float = UNHURRIED, access: Sequence[str] = ()) -> None:
        self.folder = folder
        self.reset()
        with (folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*COMMAND, str(port), str(patience), *access],
                cwd=folder,
                env={"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        port_line = self._read_line()
        self.port = int(port_line) if port_line else 0

    def reset(self) -> None:
        """All is well, and nothing logged."""
        (self.folder / "well").touch()
        (self.folder / "log").write_text("")
        for name in ("broken", "metrics"):
            (self.folder / name).unlink(missing_ok=True)

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def _read_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def fetch(
        self, path: str = "/healthz", method: str = "GET", host: str | None = None, **headers: str
    ) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers=headers | ({"Host": host} if host is not None else {}))
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def say(self, request: bytes) -> bytes:
        """Send bytes and return everything received until the connection ends."""
        with self.connect() as sock:
            sock.sendall(request)
            return drain(sock)

    def stop(self) -> None:
        """Stop serving; the process lives on."""
        self.process.send_signal(signal.SIGTERM)
        assert self._read_line() == "stopped"

    def peak_memory(self) -> int:
        """Peak resident memory of the process, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) * 1024


def drain(sock: socket.socket) -> bytes:
    """Everything until the other side ends it, politely or not."""
    got = b""
    try:
        while more := sock.recv(65536):
            got += more
    except ConnectionResetError:
        pass
    return got


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts a process of the test's own."""
    sites: list[Site] = []

    def started(port: int = 0, patience: float = UNHURRIED, access: Sequence[str] = ()) -> Site:
        folder = tmp_path / str(len(sites))
        folder.mkdir()
        sites.append(Site(folder, port, patience, access))
        return sites[-1]

    yield started
    for site in sites:
        site.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("health"))
    yield site
    site.end()


@pytest.fixture
def site(running: Site) -> Site:
    """A process that serves many tests, one after the other, so it must survive all of them."""
    running.reset()
    return running


# What it answers


def test_a_healthy_daemon_answers_200(site: Site) -> None:
    response, body = site.fetch()
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Connection"] == "close"
    assert response.headers["Server"] is None
    assert json.loads(body) == {"ok": True, "feeds": {"china": "一切正常"}, "loop_age": 0.5}


def test_an_unhealthy_daemon_answers_503(site: Site) -> None:
    (site.folder / "well").unlink()
    response, body = site.fetch()
    assert (response.status, json.loads(body)["ok"]) == (503, False)


def test_metrics_come_with_the_type_of_their_format(site: Site) -> None:
    (site.folder / "metrics").write_bytes(b"finarchive_articles_parked 7.0\n")
    response, body = site.fetch("/metrics")
    assert (response.status, response.headers["Content-Type"], body) == (
        200,
        CONTENT_TYPE,
        b"finarchive_articles_parked 7.0\n",
    )


def test_a_question_mark_changes_nothing(site: Site) -> None:
    assert site.fetch("/metrics?x=1")[0].status == 200


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/nothing"])
def test_head_is_get_without_the_body(site: Site, path: str) -> None:
    got, body = site.fetch(path)
    head, nothing = site.fetch(path, "HEAD")
    assert nothing == b""
    assert head.status == got.status
    assert head.headers.items() == got.headers.items()
    assert int(head.headers["Content-Length"]) == len(body) > 0


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz/", "/metrics/x", "//metrics", "/%6Detrics", "/../../etc/passwd", "*", "http://localhost/metrics"],
)
def test_there_is_nothing_else(site: Site, path: str) -> None:
    assert site.fetch(path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "X"])
def test_nothing_can_be_done(site: Site, method: str) -> None:
    response, _ = site.fetch("/metrics", method)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def test_a_failing_check_is_reported_and_logged_and_affects_nothing_else(site: Site) -> None:
    (site.folder / "broken").touch()
    response, body = site.fetch()
    assert response.status == 500
    assert b"locked" not in body
    assert "ERROR health-failed path=/healthz\nTraceback" in site.log
    assert "the index is locked" in site.log
    (site.folder / "broken").unlink()
    assert site.fetch()[0].status == 200


# Whom it answers


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9464", "localhost", "LocalHost:1"])
def test_it_answers_to_names_of_this_machine(site: Site, host: str) -> None:
    assert site.fetch(host=host)[0].status == 200


OTHER_NAMES = (
    "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.", "x@localhost", "localhost:",
    "localhost:8x", "[::1]", "0", "",
)  # fmt: skip


@pytest.mark.parametrize("host", OTHER_NAMES)
@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
def test_a_page_of_another_site_learns_nothing(site: Site, host: str, path: str) -> None:
    """DNS rebinding: the page's own name leads here."""
    response, body = site.fetch(path, host=host)
    assert response.status == 403
    assert b"feeds" not in body


@pytest.mark.parametrize(
    "request_",
    [b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"],
)
def test_a_name_is_resolved_once(site: Site, request_: bytes) -> None:
    assert site.say(request_).startswith((b"HTTP/1.0 403 ", b"HTTP/1.1 403 "))


def test_only_this_machine_is_listened_to(site: Site) -> None:
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [row[1] for row in listening if row[1].endswith(f":{site.port:04X}") and row[3] == "0A"]
    assert ours == [f"0100007F:{site.port:04X}"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", site.port), timeout=5)


TOKEN = "0123456789abcdef.~+/="  # noqa: S105


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A process that listens on all addresses, with a token."""
    site = Site(tmp_path_factory.mktemp("protected"), access=("0.0.0.0", TOKEN))  # noqa: S104
    yield site
    site.end()


@pytest.mark.parametrize("host", ["box.example:9464", "127.0.0.1", "evil.example"])
def test_with_the_token_it_answers_under_any_name(protected: Site, host: str) -> None:
    for path in ("/healthz", "/metrics"):
        assert protected.fetch(path, host=host, Authorization=f"Bearer {TOKEN}")[0].status == 200


WRONG = [
    {}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer "},
    {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN.upper()}"}, {"Authorization": "Bearer \xe4"}, {"Cookie": f"token={TOKEN}"},
]  # fmt: skip


@pytest.mark.parametrize("headers", WRONG)
def test_without_the_token_nobody_learns_anything(protected: Site, headers: dict[str, str]) -> None:
    for path in ("/healthz", "/metrics", f"/healthz?token={TOKEN}", "/nothing"):
        response, body = protected.fetch(path, **headers)
        assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert body == b"this needs a token\n"
    assert TOKEN not in protected.log


def test_two_authorizations_are_none(protected: Site) -> None:
    line = f"Authorization: Bearer {TOKEN}\r\n"
    assert b" 200 " in protected.say(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{line}\r\n".encode())
    assert b" 401 " in protected.say(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{line}{line}\r\n".encode())


def test_another_address_is_listened_on(protected: Site) -> None:
    with socket.create_connection(("127.0.0.2", protected.port), timeout=20) as sock:
        sock.sendall(f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert b" 200 " in drain(sock)


def test_an_address_that_is_not_of_this_machine_is_named(start: Callable[..., Site]) -> None:
    site = start(access=("192.0.2.1", TOKEN))
    assert site.process.wait(20) == 1
    assert site.log == (
        "HealthError: health.port: cannot listen on 192.0.2.1:0: this machine does not have this address "
        "(health.address)\n"
    )


# What it bears


def test_many_clients_at_once_are_served(site: Site) -> None:
    with ThreadPoolExecutor(MAX_CONNECTIONS // 2) as pool:
        statuses = list(pool.map(lambda n: site.fetch("/metrics" if n % 2 else "/healthz")[0].status, range(400)))
    assert statuses == [200] * 400


def test_a_connection_is_for_one_request(site: Site) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    assert site.say(one * 3).count(b"HTTP/1.1 ") == 1


def test_a_silent_client_is_disconnected(start: Callable[..., Site]) -> None:
    site = start(patience=SHORT)
    with site.connect() as sock:
        began = time.monotonic()
        assert drain(sock) == b""
        assert time.monotonic() - began < SHORT + 5


def test_a_slow_client_is_disconnected(start: Callable[..., Site]) -> None:
    """An idle timeout would restart with every byte."""
    site = start(patience=SHORT)
    with site.connect() as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        sock.settimeout(0.02)
        began, ended = time.monotonic(), False
        while not ended:
            assert time.monotonic() - began < SHORT + 5
            try:
                sock.sendall(b"x")
                ended = sock.recv(100) == b""
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                ended = True
    assert site.fetch()[0].status == 200


def test_a_client_that_does_not_read_is_disconnected(start: Callable[..., Site]) -> None:
    site = start(patience=SHORT)
    (site.folder / "metrics").write_bytes(b"x" * 20_000_000)  # more than the kernel holds for both sides
    with site.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with site.connect() as later:  # opened after it, and so cut off after it
            drain(later)
        assert len(drain(sock)) < 20_000_000


@pytest.mark.slow
def test_three_hundred_half_sent_requests_keep_nobody_out(site: Site) -> None:
    folder, idle = Path(f"/proc/{site.process.pid}/fd"), []
    before = len(list(folder.iterdir()))
    try:
        for _ in range(300):
            idle.append(site.connect())
            idle[-1].sendall(b"GET /healthz HTTP/1.1\r\n")
        began = time.monotonic()
        assert site.fetch()[0].status == 200
        assert time.monotonic() - began < 5
        assert len(list(folder.iterdir())) <= before + MAX_CONNECTIONS + 1
        assert drain(idle[0]) == b"", "the oldest is closed"
    finally:
        for sock in idle:
            sock.close()


def test_descriptors_stay_as_many_as_they_are(site: Site) -> None:
    folder = Path(f"/proc/{site.process.pid}/fd")
    site.fetch()
    before = len(list(folder.iterdir()))
    for _ in range(100):
        site.fetch()
        site.say(b"\0\r\n\r\n")
    site.fetch()
    assert len(list(folder.iterdir())) <= before + 1  # one that is about to be closed


@pytest.mark.parametrize("framing", ["Content-Length: 67108864", "Transfer-Encoding: chunked"])
def test_a_large_request_body_is_not_held_in_memory(site: Site, framing: str) -> None:
    site.fetch()
    before = site.peak_memory()
    piece = b"x" * 1_048_576
    with site.connect() as sock:
        sock.sendall(f"POST /healthz HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode())
        for _ in range(64):
            sock.sendall(b"100000\r\n" + piece + b"\r\n" if "chunked" in framing else piece)
        files = [str(link.readlink()) for link in Path(f"/proc/{site.process.pid}/fd").iterdir() if link.is_symlink()]
        assert [name for name in files if "deleted" in name] == []  # where Twisted would put it
        sock.sendall(b"0\r\n\r\n" if "chunked" in framing else b"")
        assert drain(sock).startswith(b"HTTP/1.1 405 ")
    assert site.peak_memory() - before < 16_000_000


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 600 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        random.Random(7).randbytes(5_000) + b"\r\n\r\n",
    ],
    ids=lambda garbage: repr(garbage[:40]),
)
def test_invalid_requests_are_refused(site: Site, garbage: bytes) -> None:
    with site.connect() as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        response = drain(sock)
    assert response == b"" or response.startswith((b"HTTP/1.1 4", b"HTTP/2.0 4")), response
    assert site.fetch()[0].status == 200
    assert site.log == ""


# Ports


def test_a_port_in_use_is_reported_with_what_to_do(site: Site, start: Callable[..., Site]) -> None:
    second = start(site.port)
    assert second.process.wait(20) == 1
    assert second.log == (
        f"PortInUseError: health.port: cannot listen on 127.0.0.1:{site.port}: another program does. "
        f"Choose another port, or see who holds it: ss -ltnp 'sport = :{site.port}'\n"
    )
    assert site.fetch()[0].status == 200


def test_stopping_releases_the_port_and_closes_connections(start: Callable[..., Site]) -> None:
    site = start()
    with site.connect() as idle:
        site.stop()
        assert drain(idle) == b""
    with pytest.raises(ConnectionRefusedError):
        site.connect()
    assert start(site.port).fetch()[0].status == 200
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(20) == 0
    assert site.log == ""

"""Clients of ``serve`` that do not go on: they are closed, and keep nobody out."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cli.listening import listen
from cli.web_server import MAX_REQUESTS, LimitedConnections

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
LARGE = b"x" * 20_000_000  # more than the buffers of a connection


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer / with a text, /large with a large one, and /body after the body has come."""
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    body = LARGE if scope["path"] == "/large" else b"here"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for begin in range(0, len(body), 1 << 16):
        await send({"type": "http.response.body", "body": body[begin : begin + (1 << 16)], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def serving(seconds: float) -> Iterator[str]:
    """Serve ``app`` as ``finarchive serve`` serves its pages; yield its address."""
    with listen(0) as listening:
        http: Any = LimitedConnections(H11Protocol, seconds)
        config = uvicorn.Config(
            app, http=http, limit_concurrency=MAX_REQUESTS, log_config=None, ws="none", lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


def connect(address: str, data: bytes, buffer: int | None = None) -> socket.socket:
    """A connection over which data was sent."""
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", int(address.rpartition(":")[2])))
    connection.sendall(data)
    return connection


def seconds_to_answer(address: str) -> float:
    began = time.monotonic()
    assert httpx.get(f"{address}/", trust_env=False, timeout=10).text == "here"
    return time.monotonic() - began


def is_closed(connection: socket.socket) -> bool:
    """Read until the server closes the connection; False if it does not."""
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


SLOW = {
    "half a head": HEAD,
    "nothing": b"",
    "half a body": b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
    "half a second head": HEAD + b"\r\n" + HEAD,
}


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.parametrize("data", SLOW.values(), ids=SLOW.keys())
def test_three_hundred_clients_that_do_not_go_on_keep_nobody_out(data: bytes) -> None:
    with serving(seconds=60) as address, ExitStack() as stack:
        clients = [stack.enter_context(connect(address, data)) for _ in range(300)]
        assert seconds_to_answer(address) < 1
        clients[0].settimeout(1)
        assert is_closed(clients[0]), "the oldest is closed"


@pytest.mark.slow
@pytest.mark.timing
def test_clients_that_do_not_read_keep_nobody_out() -> None:
    with serving(seconds=60) as address, ExitStack() as stack:
        request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for _ in range(MAX_REQUESTS + 10):
            assert stack.enter_context(connect(address, request, 4096)).recv(1)
        assert seconds_to_answer(address) < 5


@pytest.mark.parametrize("data", SLOW.values(), ids=SLOW.keys())
def test_a_client_that_does_not_go_on_is_closed(data: bytes) -> None:
    with serving(seconds=0.1) as address, connect(address, data) as client:
        assert is_closed(client)


def test_a_client_that_sends_its_head_byte_by_byte_is_closed() -> None:
    with serving(seconds=0.2) as address, connect(address, b"") as client:
        closed = threading.Event()
        threading.Thread(target=lambda: is_closed(client) and closed.set()).start()
        for _ in range(1000):
            try:
                client.send(b"a")
            except ConnectionError:
                break
            if closed.wait(0.01):
                break
        assert closed.wait(5)


def test_a_client_that_does_not_read_is_closed() -> None:
    request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(seconds=0.2) as address, connect(address, request, 4096) as client:
        for _ in range(2):  # each is closed after the time after which the first one is, too
            with connect(address, b"") as silent:
                assert is_closed(silent)
        received = 0
        while part := client.recv(1 << 16):
            received += len(part)
        assert received < len(LARGE)


def test_a_client_that_reads_slowly_gets_the_whole_answer() -> None:
    with serving(seconds=0.5) as address, httpx.stream("GET", f"{address}/large", trust_env=False) as response:
        assert sum(len(part) for part in response.iter_bytes()) == len(LARGE)


def test_a_connection_serves_several_requests() -> None:
    with serving(seconds=60) as address, httpx.Client(base_url=address, trust_env=False) as client:
        assert [client.get("/").text for _ in range(3)] == ["here"] * 3

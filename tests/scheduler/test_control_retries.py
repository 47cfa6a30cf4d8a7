"""A control socket that the system refuses does not keep the daemon from its work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from scheduler.daemon import control_socket
from scheduler.daemon.control_client import SOCKET_NAME
from scheduler.daemon.control_socket import ControlServer, Send


@pytest.fixture
def inner() -> Iterator[Path]:
    with TemporaryDirectory() as name:  # short: the path of a socket has at most 107 bytes
        yield Path(name)


async def refuse(request: dict[str, Any], send: Send) -> dict[str, Any]:
    raise AssertionError


def test_it_is_opened_once_the_system_allows_it(
    inner: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control_socket, "DISK_RETRY_SECONDS", 0.001)
    in_the_way = inner / SOCKET_NAME
    in_the_way.mkdir()

    async def main() -> None:
        server = ControlServer(inner, refuse)
        with caplog.at_level(logging.ERROR):
            await server.open()
        in_the_way.rmdir()
        async with asyncio.timeout(10):
            while not in_the_way.is_socket():  # noqa: ASYNC110 - the server notifies nobody
                await asyncio.sleep(0)
        await server.close()

    asyncio.run(main())
    [message] = caplog.messages
    assert message.startswith("control-refuses")
    assert list(inner.iterdir()) == []

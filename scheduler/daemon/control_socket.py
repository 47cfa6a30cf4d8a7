"""Server of the daemon's control socket: JSON lines over a Unix socket that only its owner may open.

A client sends one request. The daemon answers with any number of ``{"tally": …}`` documents, then one
``{"result": …}`` or ``{"refused": …, "status": …}``. If the client disconnects, its request is cancelled; what was
recorded by then is not undone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.writer import DISK_RETRY_SECONDS
from scheduler.daemon.control_client import SOCKET_NAME, socket_address
from scheduler.errors import RequestRefusedError
from scheduler.exits import Exit

logger = logging.getLogger("finarchive")

MAX_LINE_BYTES = 1024 * 1024  # a progress document of hundreds of feeds is far smaller
REQUEST_TIMEOUT_SECONDS = 10.0  # a client has its request ready when it connects
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ControlServer:
    """Accepts requests in the daemon.

    :param inner: the archive's ``.finarchive`` folder
    :param handle: executes one request, given a function that sends progress documents. Returns the result
        document, or raises RequestRefusedError
    """

    def __init__(self, inner: Path, handle: Callable[[dict[str, Any], Send], Awaitable[dict[str, Any]]]) -> None:
        self._inner = inner
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen; if the system refuses the socket, try again in the background.

        The caller holds the archive's lock, so an existing socket was left by a daemon that was killed.
        """
        if not await self._listen():
            self._opening = asyncio.ensure_future(self._keep_trying())

    async def _keep_trying(self) -> None:
        while True:
            await asyncio.sleep(DISK_RETRY_SECONDS)
            if await self._listen():
                return

    async def _listen(self) -> bool:
        listener = None
        try:
            with suppress(FileNotFoundError):
                (self._inner / SOCKET_NAME).unlink()
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with socket_address(self._inner) as address:
                old_umask = os.umask(0o177)  # only the owner may open the socket, from its first moment
                try:
                    listener.bind(address)
                finally:
                    os.umask(old_umask)
            self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_LINE_BYTES)
        except OSError as error:
            if not self._opening:  # log once
                logger.error("control-refuses reason=%r", f"the control socket cannot be opened: {error.strerror}")
        finally:
            if listener and not self._server:
                listener.close()
        return self._server is not None

    async def close(self) -> None:
        """Stop listening and cancel the requests in progress."""
        if self._opening:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            self._server.close()
        with suppress(OSError):  # the next daemon removes it
            (self._inner / SOCKET_NAME).unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(document: dict[str, Any]) -> None:
            writer.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
            await writer.drain()

        try:
            request = json.loads(await asyncio.wait_for(reader.readline(), REQUEST_TIMEOUT_SECONDS))
            responding = asyncio.ensure_future(self._respond(request, send))
            disconnected = asyncio.ensure_future(reader.read(1))  # a client sends no second request
            try:
                await asyncio.wait({responding, disconnected}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                responding.cancel()
                disconnected.cancel()
                await asyncio.gather(responding, disconnected, return_exceptions=True)
        except (ValueError, RecursionError, OSError):  # a time-out is an OSError
            pass  # not one of our clients, or it disconnected
        except asyncio.CancelledError:
            with suppress(OSError):
                await send({"refused": "the daemon is stopping: run this again", "status": Exit.INTERRUPTED})
            raise
        finally:
            writer.close()

    async def _respond(self, request: dict[str, Any], send: Send) -> None:
        try:
            await send({"result": await self._handle(request, send)})
        except RequestRefusedError as refusal:
            await send({"refused": str(refusal), "status": refusal.status})
        except OSError:
            raise  # the client disconnected
        except Exception as error:  # a bug in one request must not stop the daemon
            logger.exception("errand-failed reason=%r", str(error))
            reason = f"the daemon that holds the archive failed to execute this, see its log: {error}"
            await send({"refused": reason, "status": Exit.SOME_FAILED})

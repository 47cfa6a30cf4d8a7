"""Errands handed to the daemon that holds the archive: lines of JSON over a socket that only its owner may open.

A client sends one request; the daemon answers with any number of ``{"tally": …}`` and one last ``{"result": …}`` or
``{"refused": …, "status": …}``. A client that goes away takes its errand with it; what was recorded stays.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scheduler.exits import Exit

logger = logging.getLogger("finarchive")

NAME = "daemon.sock"
LONGEST = 1024 * 1024  # bytes of a line: a tally of hundreds of feeds is far smaller
PATIENCE = 10.0  # seconds for a client to say what it wants: it has it ready when it connects
Send = Callable[[dict[str, Any]], Awaitable[None]]


class NoDaemonError(Exception):
    """No daemon answers at the archive's socket."""


class RequestRefusedError(Exception):
    """The daemon will not do it; the message says why."""

    def __init__(self, reason: str, status: Exit) -> None:
        super().__init__(reason)
        self.status = status


@contextmanager
def _address(inner: Path) -> Iterator[str]:
    """The socket's address, by way of its folder's descriptor: a path may be longer than the 107 bytes of one."""
    folder = os.open(inner, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


class ControlServer:
    """Takes errands in, in the daemon.

    :param inner: the archive's ``.finarchive`` folder
    :param handle: carries one request out, given a way to send tallies; returns the result, or raises RefusedError
    """

    def __init__(self, inner: Path, handle: Callable[[dict[str, Any], Send], Awaitable[dict[str, Any]]]) -> None:
        self._inner, self._handle = inner, handle
        self._server: asyncio.Server | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen. The archive's lock is held: a socket that is there was left by a daemon that was killed."""
        with suppress(FileNotFoundError):
            (self._inner / NAME).unlink()
        with _address(self._inner) as address:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)  # from its first moment for the owner only
            try:
                listener.bind(address)
            finally:
                os.umask(before)
        self._server = await asyncio.start_unix_server(self._receive, sock=listener, limit=LONGEST)

    async def close(self) -> None:
        """Take no more in; the errands under way are given up."""
        for job in list(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if self._server:
            self._server.close()
            with suppress(FileNotFoundError):
                (self._inner / NAME).unlink()

    def _receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        job = asyncio.ensure_future(self._serve(reader, writer))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(document: dict[str, Any]) -> None:
            writer.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
            await writer.drain()

        try:
            request = json.loads(await asyncio.wait_for(reader.readline(), PATIENCE))
            carrying_out = asyncio.ensure_future(self._answer(request, send))
            gone = asyncio.ensure_future(reader.read(1))  # a client sends no more: it can only go away
            try:
                await asyncio.wait({carrying_out, gone}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                carrying_out.cancel()
                gone.cancel()
                await asyncio.gather(carrying_out, gone, return_exceptions=True)
        except (ValueError, RecursionError, OSError):  # a time-out is an OSError
            pass  # not one of ours, or gone
        except asyncio.CancelledError:
            with suppress(OSError):
                await send({"refused": "the daemon is stopping: run this again", "status": Exit.INTERRUPTED})
            raise
        finally:
            writer.close()

    async def _answer(self, request: dict[str, Any], send: Send) -> None:
        try:
            await send({"result": await self._handle(request, send)})
        except RequestRefusedError as refusal:
            await send({"refused": str(refusal), "status": refusal.status})
        except OSError:
            raise  # it is gone
        except Exception as error:  # a bug, in what one client asked for: the others' work goes on
            logger.exception("errand-failed reason=%r", str(error))
            reason = f"the daemon that holds the archive failed at it, its log says where: {error}"
            await send({"refused": reason, "status": Exit.SOME_FAILED})


def runs(inner: Path) -> bool:
    """Whether a daemon answers at the archive's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            with _address(inner) as address:
                connection.connect(address)
        except PermissionError:
            return True  # somebody else's; a socket that nobody listens at refuses its owner only
        except BlockingIOError:
            return True  # it is stuck, and so many have asked since that there is no room for another
        except OSError:
            return False
    return True


def hand_over(inner: Path, request: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Have the daemon do it, and wait until it is done.

    :param inner: the archive's ``.finarchive`` folder
    :return: the result
    :raises NoDaemonError: none answers
    :raises RefusedError: it will not do it, or it ended before it was done
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _address(inner) as address:
                connection.connect(address)
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise NoDaemonError(str(error)) from error
        try:
            for line in connection.makefile("r", encoding="utf-8"):
                document = json.loads(line)
                if "tally" in document:
                    on_progress(document["tally"])
                elif "result" in document:
                    return dict(document["result"])
                else:
                    raise RequestRefusedError(document["refused"], Exit(document["status"]))
        except (OSError, ValueError, KeyError):
            pass
    reason = "the daemon that holds the archive ended before it was done: nothing is lost, run this again"
    raise RequestRefusedError(reason, Exit.INTERRUPTED)

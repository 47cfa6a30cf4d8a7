"""Client of the daemon's control socket: checks whether a daemon runs, and sends it requests.

It does not import asyncio: read-only commands use it, and start faster without. The protocol is described in
:mod:`scheduler.daemon.control_socket`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scheduler.errors import NoDaemonError, RequestRefusedError
from scheduler.exits import Exit

SOCKET_NAME = "daemon.sock"


@contextmanager
def socket_address(inner: Path) -> Iterator[str]:
    """Yield the socket's address, through a descriptor of its folder: an address is limited to 107 bytes.

    :param inner: the archive's ``.finarchive`` folder
    """
    folder = os.open(inner, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    finally:
        os.close(folder)


def is_running(inner: Path) -> bool:
    """Return True if a daemon listens on the archive's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            with socket_address(inner) as address:
                connection.connect(address)
        except PermissionError:
            return True  # another user's daemon; a socket without a listener refuses only its owner
        except BlockingIOError:
            return True  # the daemon is stuck, and its queue of connections is full
        except OSError:
            return False
    return True


def send_request(
    inner: Path, request: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Send a request to the daemon, and wait until it is done.

    :param inner: the archive's ``.finarchive`` folder
    :param on_progress: called with each progress document
    :return: the result document
    :raises NoDaemonError: no daemon answers
    :raises RequestRefusedError: the daemon refused the request, or it ended before the request was done
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with socket_address(inner) as address:
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

"""Requests to a daemon, and what they leave behind."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from archive.files.layout import inner_path
from scheduler.daemon.control_client import SOCKET_NAME, send_request
from tests.conftest import Home
from tests.support.daemon import Running

CRAWL = {"command": "crawl", "feeds": [], "limit": None}
RETRY = {"command": "retry", "parked": False}


def send_to_daemon(home: Home, request: dict[str, Any]) -> dict[str, Any]:
    return send_request(inner_path(home.root), request, lambda progress: None)


def connect(home: Home) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(inner_path(home.root) / SOCKET_NAME))
    except OSError:
        connection.close()
        raise
    return connection


def files_open(daemon: Running) -> int:
    return len(list(daemon.proc("fd").iterdir()))


def settled(daemon: Running, max_files: int) -> int:
    """Number of open files, after it has closed those of ended requests."""
    until = time.monotonic() + 10
    while files_open(daemon) > max_files and time.monotonic() < until:
        pass
    return files_open(daemon)


@contextmanager
def locked_index(home: Home) -> Iterator[None]:
    """Another process is in the middle of a commit."""
    writer = sqlite3.connect(inner_path(home.root) / "index.db", isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE entries SET attempts = 7")
        yield
    finally:
        writer.close()

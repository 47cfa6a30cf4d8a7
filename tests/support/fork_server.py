"""A process that has imported the whole program and forks a child for each run: no child pays for the imports again.

`python -m tests.support.fork_server FD` serves the requests that come in over the socket FD; `Processes` is the other
end. A child is like a process that was started with `python -m MODULE ARGUMENT...`: it has its own arguments, working
directory, umask, environment, standard streams, signal handlers and exit status, and Python's ordinary end.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

# What the program imports late, when a command needs it. Not Twisted's reactor: each process chooses its own. Nor the
# extras (pyarrow, pandas): they start threads.
PACKAGES = ("cli.commands", "scrapy.downloadermiddlewares", "scrapy.spidermiddlewares", "web")
LATE_IMPORTS = (
    "apscheduler.executors.asyncio",
    "apscheduler.schedulers.asyncio",
    "apscheduler.triggers.cron",
    "archive.search.canned_queries",
    "cli.demo_site",
    "cli.main",
    "cli.web_server",
    "crawler.http.handler",
    "datasette.app",
    "encodings.idna",
    "encodings.utf_8_sig",
    "scheduler.daemon.daemon",
    "scheduler.one_off",
    "scrapy.dupefilters",
    "scrapy.logformatter",
    "scrapy.pqueues",
    "scrapy.resolver",
    "scrapy.squeues",
    "scrapy.statscollectors",
    "scrapy.utils.request",
    "trafilatura",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
)
# Of the extra `cluster`, if it is installed.
CLUSTER_IMPORTS = (
    "cluster.claim",
    "cluster.fetcher",
    "cluster.leadership",
    "cluster.request_queue",
    "cluster.schema",
    "cluster.status",
)
MAX_REQUEST_BYTES = 1_000_000


def import_program() -> None:
    """Import the modules that commands need."""
    modules = [
        module.name
        for package in PACKAGES
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
    ]
    for name in (*modules, *LATE_IMPORTS):
        importlib.import_module(name)
    with suppress(ImportError):
        for name in CLUSTER_IMPORTS:
            importlib.import_module(name)
    assert "twisted.internet.reactor" not in sys.modules


def become(request: dict[str, Any], streams: list[int]) -> None:
    """Turn this forked process into the requested one, up to its first line of code."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["-m", *request["arguments"]]
    sys.path[0] = request["cwd"]
    if path := request["env"].get("PYTHONPATH"):
        sys.path.insert(1, path)
    unbuffered = bool(request["env"].get("PYTHONUNBUFFERED"))
    sys.stdout = stream_of(1, sys.stdout, line_buffering=os.isatty(1), write_through=unbuffered)
    sys.stderr = stream_of(2, sys.stderr, line_buffering=True, write_through=unbuffered)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def stream_of(descriptor: int, old: Any, **how: bool) -> io.TextIOWrapper:
    """The text stream of a descriptor; the old one may believe that it can seek."""
    buffer = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding=old.encoding, errors=old.errors, **how)


def serve(connection: socket.socket) -> str:
    """Fork for each request, and report how each child ends. Return in the child only: the module to run."""
    children: dict[int, tuple[int, int]] = {}  # pidfd -> pid, where its status goes
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    listening = connection.fileno()
    while True:
        for ready, _ in poll.poll():
            if ready != listening:
                pid, report = children.pop(ready)
                _, status = os.waitpid(pid, 0)
                poll.unregister(ready)
                os.write(report, status.to_bytes(4, "little"))
                os.close(report)
                os.close(ready)
                continue
            data, descriptors, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 4)
            if not data:  # pytest has ended
                os._exit(0)
            *streams, report = descriptors
            request = json.loads(data)
            if not (pid := os.fork()):
                connection.detach()
                become(request, streams)
                return request["module"]
            for stream in streams:
                os.close(stream)
            pidfd = os.pidfd_open(pid)
            children[pidfd] = (pid, report)
            poll.register(pidfd, select.POLLIN)
            connection.send(pid.to_bytes(4, "little"))


if __name__ == "__main__":
    import_program()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the children and for pytest
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        requests.send(b"ready")
        name = serve(requests)
    runpy.run_module(name, run_name="__main__", alter_sys=True)

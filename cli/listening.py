"""The socket of the web reader: one of its own, or one that systemd hands to it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import MutableMapping
from ipaddress import ip_address

from cli.context import CommandError

LOOPBACK = "127.0.0.1"  # there is no password; access from elsewhere needs a tunnel or a proxy
_FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback.

    :param port: 0 takes any free port
    :raises CommandError: the port cannot be listened on
    """
    # asyncio sets TCP_NODELAY only on connections whose protocol is explicitly TCP. Without it the end of a page
    # waits until the browser has acknowledged its beginning, 40 ms later.
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        # As servers do: a port can be used again immediately after its server has ended.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen()
    except OSError as error:
        listening.close()
        problem = f"cannot listen on {LOOPBACK}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"{problem}: another program does. Choose another with --port, or 0 for any"
            ) from error
        if error.errno == errno.EACCES:
            raise CommandError(f"{problem}: not allowed to. Choose a port of 1024 or above") from error
        raise CommandError(f"{problem}: {error.strerror}") from error
    return listening


def inherited_socket(environ: MutableMapping[str, str]) -> socket.socket | None:
    """The socket that a service manager handed to this process (sd_listen_fds(3)); None: it handed over none.

    Its variables are removed from the environment, so that no child process takes the socket for its own.

    :raises CommandError: it is not one listening socket that only this machine can reach
    """
    pid, number = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()):  # none, or they are those of the process that started this one
        return None
    if number != "1":
        raise CommandError(f"systemd handed over {number or 'no'} sockets, and the reader takes one (ListenStream=)")
    os.set_inheritable(_FIRST_DESCRIPTOR, False)
    try:
        listening = socket.socket(fileno=_FIRST_DESCRIPTOR)
        accepts = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CommandError(f"systemd handed over no socket: {error.strerror}") from error
    if listening.type != socket.SOCK_STREAM or not accepts:
        raise CommandError("systemd handed over a socket that does not listen: use ListenStream= and Accept=no")
    if listening.family != socket.AF_UNIX and not ip_address(listening.getsockname()[0]).is_loopback:
        raise CommandError(
            f"the socket listens on {describe(listening)}, and the reader has no passwords: "
            f"ListenStream= must be an address such as {LOOPBACK}:8001, or the path of a Unix socket"
        )
    return listening


def describe(listening: socket.socket) -> str:
    """Where a socket listens: the address of the pages, or the path of a Unix socket."""
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

"""What systemd is told: ready, status, reload, stop, and that the loop still turns (sd_notify(3)).

Written here because it is one datagram for each message, and the packages for it are unkept or want a compiler.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping

logger = logging.getLogger("finarchive")

# systemd reads its socket at once; a second is for a machine that swaps. The loop must not wait longer for it.
SEND_TIMEOUT = 1.0
MAX_STATUS = 200  # characters; `systemctl status` shows one line

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Notifier:
    """Sends to the service manager, if there is one. What cannot be sent is logged once and never raised."""

    def __init__(self, address: str | None) -> None:
        """:param address: a path, or a name in the abstract namespace after ``@``; None: nobody listens"""
        self._address = address
        self._complained = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """For the manager that ``NOTIFY_SOCKET`` names, if one does."""
        return cls(environ.get("NOTIFY_SOCKET") or None)

    def ready(self, status: str) -> None:
        """Started, or done with reloading: systemd waits for it."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """One line on what is going on, for ``systemctl status``."""
        self._send(_status(text))

    def reloading(self, monotonic_usec: int) -> None:
        """Reading the configuration again; ``ready`` ends it.

        :param monotonic_usec: CLOCK_MONOTONIC now, microseconds
        """
        self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_usec}")

    def stopping(self, status: str) -> None:
        """On the way out."""
        self._send("STOPPING=1", _status(status))

    def watchdog(self) -> None:
        """Still alive. See :func:`watchdog_interval`."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        # "@name" stands for "\0name", the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_TIMEOUT)
                sender.sendto("\n".join(lines).encode(), address)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in a path
            if not self._complained:
                logger.warning("notify-failed socket=%r reason=%r", self._address, str(error))
            self._complained = True


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between two calls of :meth:`Notifier.watchdog`: half of what is allowed; None: no watchdog.

    :param pid: of this process; a watchdog that is set on another is none of ours
    """
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        allowed = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return allowed / 2 / 1_000_000 if allowed > 0 else None


def _status(text: str) -> str:
    # A line break would begin the next assignment: what a site said could set MAINPID.
    return f"STATUS={_CONTROL.sub(' ', text)[:MAX_STATUS]}"

"""Notifications to systemd: ready, status, reloading, stopping, watchdog (sd_notify(3)).

Implemented here because a notification is one datagram, and the packages for it are unmaintained or need a compiler.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping

logger = logging.getLogger("finarchive")

# systemd reads its socket immediately; a second allows for a machine that swaps. The loop must not block longer.
SEND_TIMEOUT_SECONDS = 1.0
MAX_STATUS_CHARS = 200  # `systemctl status` shows one line

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Notifier:
    """Sends notifications to the service manager, if there is one. A failure is logged once and never raised."""

    def __init__(self, address: str | None) -> None:
        """Create a notifier.

        :param address: a path, or ``@`` and a name in the abstract namespace; None: there is no service manager
        """
        self._address = address
        self._has_logged_failure = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """A notifier for the address in ``NOTIFY_SOCKET``, if it is set."""
        return cls(environ.get("NOTIFY_SOCKET") or None)

    def ready(self, status: str) -> None:
        """Startup or reloading is finished; systemd waits for this."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """One line on the current state, for ``systemctl status``."""
        self._send(_status(text))

    def reloading(self, monotonic_usec: int) -> None:
        """The configuration is being reloaded; :meth:`ready` ends it.

        :param monotonic_usec: the current CLOCK_MONOTONIC, in microseconds
        """
        self._send("RELOADING=1", f"MONOTONIC_USEC={monotonic_usec}")

    def stopping(self, status: str) -> None:
        """The daemon is stopping."""
        self._send("STOPPING=1", _status(status))

    def watchdog(self) -> None:
        """The daemon is alive. See :func:`watchdog_interval`."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        # "@name" means "\0name", in the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(SEND_TIMEOUT_SECONDS)
                sender.sendto("\n".join(lines).encode(), address)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in a path
            if not self._has_logged_failure:
                logger.warning("notify-failed socket=%r reason=%r", self._address, str(error))
            self._has_logged_failure = True


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """The seconds between two calls of :meth:`Notifier.watchdog`: half of what systemd allows; None: no watchdog.

    :param pid: this process's id; the environment may set a watchdog for another process
    """
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        allowed = int(environ.get("WATCHDOG_USEC", "0"))
    except ValueError:
        return None
    return allowed / 2 / 1_000_000 if allowed > 0 else None


def _status(text: str) -> str:
    # A line break would begin the next assignment: text from a site could set MAINPID.
    return f"STATUS={_CONTROL.sub(' ', text)[:MAX_STATUS_CHARS]}"

"""The errors of this package. Their messages are for people: what is wrong, why, and what to do."""

from __future__ import annotations

from scheduler.exits import Exit


class SchedulerError(Exception):
    """Root of this package's errors."""


class HealthError(SchedulerError):
    """The health port cannot be listened on. The message names the port, the reason and a remedy."""


class PortInUseError(HealthError):
    """Another program listens on the health port."""


class NoDaemonError(SchedulerError):
    """No daemon answers at the archive's socket."""


class RequestRefusedError(SchedulerError):
    """The daemon refused a request; the message says why.

    :param status: the exit status for the command that sent the request
    """

    def __init__(self, reason: str, status: Exit) -> None:
        super().__init__(reason)
        self.status = status


class StoppedError(SchedulerError):
    """A signal has ended a daemon that was waiting.

    :param number: of the signal
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by signal {number}")
        self.number = number

"""Leases of hosts: how long this process may send requests to a host."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

# A host whose fetcher does not renew its lease for so long goes to another one. With the time that it takes to
# notice, and the delay of the host, a host is taken over within 30 seconds.
LEASE = timedelta(seconds=20)
# Nothing is sent in the last moment of a lease: it has to arrive.
_MARGIN_SECONDS = 2.0


def elapsed() -> float:
    """Return seconds on a clock that cannot be set, and that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class HostLease:
    """This process's lease of a host.

    :param job: that has the host
    """

    def __init__(self, host: str, job: int) -> None:
        self.host = host
        self.job = job
        self.token: UUID | None = None  # None: the host was never claimed
        self._until = 0.0

    def extend(self, asked: float) -> None:
        """Extend the lease.

        :param asked: when PostgreSQL was asked, on :func:`elapsed`: the lease began no earlier
        """
        self._until = max(self._until, asked + LEASE.total_seconds() - _MARGIN_SECONDS)

    def end(self) -> None:
        """End the lease: another job has the host, or nobody knows."""
        self._until = 0.0

    def remaining(self) -> float:
        """Return the seconds for which requests may still be sent; 0 if the lease has ended."""
        return max(self._until - elapsed(), 0.0)

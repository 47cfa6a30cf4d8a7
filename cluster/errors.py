"""The errors of this package."""

from __future__ import annotations


class ClusterError(Exception):
    """A cluster cannot be used. The message is one line: the problem, and what to do."""


class UnavailableError(ClusterError):
    """PostgreSQL does not answer, or refuses for a reason that can pass."""


class StaleEpochError(ClusterError):
    """Another keeper leads by now, so nothing that this one does counts."""


class LeaderError(ClusterError):
    """Another keeper leads the cluster."""


class RequestFailedError(ClusterError):
    """A fetcher could not send a request, for a reason that has no class of its own."""

"""A few numbers about a cluster, for metrics."""

from __future__ import annotations

from msgspec import Struct


class ClusterNumbers(Struct, frozen=True):
    """The state of a cluster, as its keeper has read it last."""

    is_up: bool = False  # PostgreSQL answers
    leads: bool = False  # this keeper leads
    epoch: int = 0
    fetchers: int = 0  # seen within 30 seconds
    queued: int = 0  # requests that wait for a fetcher
    oldest: float = 0.0  # seconds since the oldest of them was queued
    responses: int = 0  # that wait for the keeper
    response_bytes: int = 0

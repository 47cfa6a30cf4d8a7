"""The daemon's clock: the current time, and the conversion of its spans to seconds of the system's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

# A smaller difference does not count as a change: it comes from slewing by a time daemon, or from a busy machine.
MIN_JUMP = timedelta(seconds=10)


def _utc() -> datetime:
    return datetime.now(UTC)


class Clock(Struct, frozen=True):
    """The system's clock, or one that runs faster, so that a simulated day passes in minutes."""

    now: Callable[[], datetime] = _utc  # the current time, timezone-aware
    speed: float = 1.0  # seconds of this clock for each second of the system's clock
    monotonic: Callable[[], float] = time.monotonic  # seconds of a clock that cannot be set

    @staticmethod
    def monotonic_usec() -> int:
        """CLOCK_MONOTONIC in microseconds; setting the clock does not change it."""
        return time.monotonic_ns() // 1000

    def elapsed(self) -> timedelta:
        """Return the time of this clock since any fixed moment; setting the clock does not change it."""
        return timedelta(seconds=self.monotonic() * self.speed)

    def seconds(self, span: timedelta) -> float:
        """Return the seconds of the system's clock that a span of this clock takes; 0 if the span is negative."""
        return max(span.total_seconds() / self.speed, 0.0)


class ClockWatch:
    """Detects that a clock was set, by comparing it with a monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_time = clock.now()
        self._last_elapsed = clock.elapsed()

    def jump(self) -> timedelta:
        """Return how far the clock was set forward since the last call (negative: back); zero below MIN_JUMP."""
        now = self._clock.now()
        elapsed = self._clock.elapsed()
        jump = (now - self._last_time) - (elapsed - self._last_elapsed)
        self._last_time = now
        self._last_elapsed = elapsed
        return jump if abs(jump) >= MIN_JUMP * max(self._clock.speed, 1.0) else timedelta(0)

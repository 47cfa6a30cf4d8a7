"""The daemon's clock: what time it is, and how long a stretch of it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """The system's clock; or one that runs ahead of it, so that a day passes in minutes."""

    now: Callable[[], datetime] = _utc  # aware
    speed: float = 1.0  # seconds of it in one of the system's

    @staticmethod
    def ticks() -> int:
        """CLOCK_MONOTONIC, microseconds: a clock that nobody sets."""
        return time.monotonic_ns() // 1000

    def seconds(self, span: timedelta) -> float:
        """How many of the system's seconds a stretch of this clock's time takes; 0 for one that is over."""
        return max(span.total_seconds() / self.speed, 0.0)


class Watch:
    """Notices when a clock is set, by comparing it with one that cannot be."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._then = clock.now(), monotonic()

    def moved(self) -> timedelta:
        """By how much the clock was set forward, or back, since the last call; zero for less than :data:`LEAST`."""
        now, ticks = self._clock.now(), self._monotonic()
        passed = timedelta(seconds=(ticks - self._then[1]) * self._clock.speed)
        moved = (now - self._then[0]) - passed
        self._then = now, ticks
        return moved if abs(moved) >= LEAST * max(self._clock.speed, 1.0) else timedelta(0)


# Slewing by a time daemon, or a busy machine, moves it by less.
LEAST = timedelta(seconds=10)

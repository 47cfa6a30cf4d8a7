"""How a feed is doing, as pages show it: handed in by whoever knows. Frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """How much of a day is known complete."""

    day: date  # in China
    share: float  # 0 to 1
    begun: bool  # False: it ends before the feed's record begins


@dataclass(frozen=True, slots=True)
class GapStatus:
    """A stretch in which a feed may have shown articles that nobody saw."""

    start: datetime
    end: datetime
    command: str | None  # that closes it, as far as it can be; None: it cannot be closed
    why_not: str | None  # what keeps it from being closed, or from being closed whole


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How a feed is doing, and why."""

    id: str
    name: str  # its last category
    state: str  # ok, stale, failing, blocked, new
    reason: str  # in words
    since: datetime | None  # when the state began
    last_poll: datetime | None
    newest: datetime | None
    archived: int
    pending: int
    parked: int
    arrival_rate: tuple[
        float, ...
    ]  # articles an hour to be expected: 24 hours of weekdays, 24 of weekends; () not known
    days: tuple[DayCoverage, ...]  # the last ones, the present one last
    holes: tuple[GapStatus, ...]

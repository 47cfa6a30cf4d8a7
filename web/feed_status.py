"""The status of a feed, as pages show it; the caller of the web package computes it. Frozen records."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct


class DayCoverage(Struct, frozen=True):
    """How much of a day a feed covers completely."""

    day: date  # in China
    share: float  # settled or provisional, 0 to 1
    settled: float  # the settled part of `share`
    begun: bool  # False: the day ends before the feed's record begins


class GapStatus(Struct, frozen=True):
    """A time span in which articles of a feed may have been missed."""

    start: datetime
    end: datetime
    lost: bool  # no list shows these articles any more
    command: str | None  # closes the gap as far as possible; None: it cannot be closed
    why_not: str | None  # why the gap cannot be closed, or not completely


class FeedStatus(Struct, frozen=True):
    """The state of a feed and the reason for it."""

    id: str
    name: str  # its last category
    state: str  # ok, stale, failing, blocked, new
    reason: str  # text for people
    since: datetime | None  # when the state began
    last_poll: datetime | None
    last_sweep: datetime | None
    newest: datetime | None  # publication time of its newest article
    archived: int
    pending: int
    parked: int
    arrival_rate: tuple[float, ...]  # expected articles per hour: 24 hours of weekdays, 24 of weekends; (): unknown
    days: tuple[DayCoverage, ...]  # recent days, the present one last
    gaps: tuple[GapStatus, ...]
    heard_through: str | None = None  # name of the feed with the broad list through which it is heard
    heard_verified: datetime | None = None  # when its own poll last proved that the broad list has its articles
    last_miss: datetime | None = None  # when the broad list last lacked an article
    prefix: str = ""  # of the store that reads it

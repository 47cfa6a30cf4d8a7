"""How much of each day a feed's list is known complete. Pure.

Days are China's, as in the folders. What is known are the spans of the ledger, less its open gaps; all else is open:
what nobody has read yet, what a poll has jumped over, what lies before the feed's record begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from archive.files.paths import CHINA
from archive.index.spans import merged, uncovered, without
from archive.model.feed import Gap, Span

RECENT = 14  # days that are shown unasked: two weeks show a weekly pattern, and fit a line of a terminal
FIRST_DAY = date(1990, 1, 1)  # the web is no older, and times before year 1 cannot be told
_NOTHING = timedelta(0)
_HOUR = timedelta(hours=1)
# Parts of one that a share is told in. Finer than anybody reads, coarse enough for a tidy number.
_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class CoverageState:
    """What is known of one stretch of a feed's time."""

    stretch: Span  # the one that is judged; of no length when it has not begun
    open: tuple[Span, ...]  # what of it is not known, the oldest first
    begin: datetime | None  # where the feed's whole record begins; None: there is none

    @property
    def length(self) -> timedelta:
        """Of the stretch."""
        return self.stretch.end - self.stretch.start

    @property
    def known(self) -> timedelta:
        """How much of the stretch is known complete."""
        return self.length - sum((hole.end - hole.start for hole in self.open), _NOTHING)

    @property
    def share(self) -> float:
        """How much of the stretch is known complete, 0 to 1; rounded, but to 1 only when nothing is open.

        Nor to 0 when something is known. Of a stretch that has not begun everything is known.
        """
        if not self.open:
            return 1.0
        steps = self.known * _STEPS // self.length
        return min(max(steps, 1 if self.known else 0), _STEPS - 1) / _STEPS

    @property
    def before(self) -> bool:
        """Does the stretch end before the feed's record begins?"""
        return self.begin is None or self.stretch.end <= self.begin

    def hours(self) -> list[CoverageState]:
        """The 24 hours of the day that this is the cover of."""
        starts = [self.stretch.start + number * _HOUR for number in range(24)]
        return [self._part(_until(self.stretch.end, Span(start, start + _HOUR))) for start in starts]

    def _part(self, stretch: Span) -> CoverageState:
        clipped = (Span(max(h.start, stretch.start), min(h.end, stretch.end)) for h in self.open)
        return CoverageState(stretch, tuple(hole for hole in clipped if hole.start < hole.end), self.begin)


@dataclass(frozen=True, slots=True)
class FeedDay:
    """What is known of one day of a feed."""

    feed: str
    day: date  # in China
    cover: CoverageState


def coverage(
    spans: Mapping[str, Sequence[Span]],
    gaps: Sequence[Gap],
    feeds: Sequence[str],
    days: Sequence[date],
    now: datetime,
) -> list[FeedDay]:
    """What is known of these days of these feeds: the first feed's days first, days in the order given.

    :param spans: feed -> what is known complete
    :param gaps: stretches that are open, whatever the spans say
    :param now: the present day is judged up to here
    """
    stretches = {day: _until(now, day_span(day)) for day in days}
    found = []
    for feed in feeds:
        open_gaps = [Span(gap.start, gap.end) for gap in gaps if gap.feed == feed]
        known = merged(spans.get(feed, ()))
        begin = min((span.start for span in [*known, *open_gaps]), default=None)
        for gap in open_gaps:
            known = without(known, gap)
        for day, stretch in stretches.items():
            # A hole of no length is a stretch that has not begun.
            found_open = tuple(hole for hole in uncovered(stretch, known) if hole.start < hole.end)
            found.append(FeedDay(feed, day, CoverageState(stretch, found_open, begin)))
    return found


def day_span(day: date) -> Span:
    """A whole day in China."""
    start = datetime.combine(day, time(), CHINA).astimezone(UTC)
    return Span(start, start + 24 * _HOUR)


def today(now: datetime) -> date:
    """The present day in China."""
    return now.astimezone(CHINA).date()


def read_day(text: str, now: datetime) -> date:
    """A day in China that has begun, written like 2026-09-30.

    :raises ValueError: with words that say what is wrong
    """
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA).date()
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise ValueError("there is no such day; write it like 2026-09-30")
    if not FIRST_DAY <= day <= today(now):
        raise ValueError(f"must be from {FIRST_DAY} to {today(now)}, the present day in China")
    return day


def recent_days(spans: Iterable[Sequence[Span]], now: datetime) -> list[date]:
    """The last days, the present one last: :data:`RECENT`, or fewer when no record goes back so far."""
    last = today(now)
    begin = min((span.start for of_feed in spans for span in of_feed), default=now)
    first = min(max(today(begin), last - timedelta(days=RECENT - 1)), last)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _until(now: datetime, stretch: Span) -> Span:
    return Span(stretch.start, max(stretch.start, min(stretch.end, now)))

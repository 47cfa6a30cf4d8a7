"""The share of each day for which a feed is known to be complete. Pure.

Days are in China time, as in the folders. The spans of the feed are known, except for its open gaps. All other time
is open: time that was not read yet, time that a poll skipped, time before the record of the feed begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from archive.files.paths import CHINA
from archive.index.spans import merged, uncovered, without
from archive.model.feed import Gap, Span

RECENT_DAYS = 14  # shown by default: two weeks show a weekly pattern and fit a line of a terminal
FIRST_DAY = date(1990, 1, 1)  # the web is not older, and times before year 1 are out of range
_NOTHING = timedelta(0)
_HOUR = timedelta(hours=1)
# Resolution of a share: finer than anybody reads, coarse enough for a short number.
_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class CoverageState:
    """Coverage of one span of a feed's time."""

    span: Span  # empty when it has not begun
    open: tuple[Span, ...]  # the parts that are not known, oldest first
    begin: datetime | None  # when the feed's record begins; None: there is no record

    @property
    def length(self) -> timedelta:
        """Length of the span."""
        return self.span.end - self.span.start

    @property
    def known(self) -> timedelta:
        """Time in the span that is known to be complete."""
        return self.length - sum((gap.end - gap.start for gap in self.open), _NOTHING)

    @property
    def share(self) -> float:
        """Share of the span that is known to be complete, 0 to 1.

        Rounded, but 1 only when nothing is open and 0 only when nothing is known. A span that has not begun is 1.
        """
        if not self.open:
            return 1.0
        steps = self.known * _STEPS // self.length
        return min(max(steps, 1 if self.known else 0), _STEPS - 1) / _STEPS

    @property
    def before(self) -> bool:
        """True if the span ends before the feed's record begins."""
        return self.begin is None or self.span.end <= self.begin

    def hours(self) -> list[CoverageState]:
        """Coverage of each of the 24 hours, if the span is a day."""
        starts = [self.span.start + number * _HOUR for number in range(24)]
        return [self._clipped(_until(self.span.end, Span(start, start + _HOUR))) for start in starts]

    def _clipped(self, span: Span) -> CoverageState:
        clipped = (Span(max(gap.start, span.start), min(gap.end, span.end)) for gap in self.open)
        return CoverageState(span, tuple(gap for gap in clipped if gap.start < gap.end), self.begin)


@dataclass(frozen=True, slots=True)
class FeedDay:
    """Coverage of one day of a feed."""

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
    """Return the coverage of ``days`` for each feed, ordered by feed, then day, as given.

    :param spans: feed -> spans known to be complete
    :param gaps: open gaps; they count even inside the spans
    :param now: end of the part of the present day that counts
    """
    day_spans = {day: _until(now, day_span(day)) for day in days}
    result = []
    for feed in feeds:
        open_gaps = [Span(gap.start, gap.end) for gap in gaps if gap.feed == feed]
        complete = merged(spans.get(feed, ()))
        begin = min((span.start for span in [*complete, *open_gaps]), default=None)
        for gap in open_gaps:
            complete = without(complete, gap)
        for day, span in day_spans.items():
            # An empty gap is a span that has not begun.
            open_spans = tuple(gap for gap in uncovered(span, complete) if gap.start < gap.end)
            result.append(FeedDay(feed, day, CoverageState(span, open_spans, begin)))
    return result


def day_span(day: date) -> Span:
    """Return the span of a day in China time."""
    start = datetime.combine(day, time(), CHINA).astimezone(UTC)
    return Span(start, start + 24 * _HOUR)


def today(now: datetime) -> date:
    """Return the present day in China."""
    return now.astimezone(CHINA).date()


def parse_day(text: str, now: datetime) -> date:
    """Parse a day in China that has begun, written like 2026-09-30.

    :raises ValueError: with a message for people
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
    """Return the last :data:`RECENT_DAYS` days, the present one last; fewer when the records begin later."""
    last = today(now)
    begin = min((span.start for feed_spans in spans for span in feed_spans), default=now)
    first = min(max(today(begin), last - timedelta(days=RECENT_DAYS - 1)), last)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _until(now: datetime, span: Span) -> Span:
    return Span(span.start, max(span.start, min(span.end, now)))

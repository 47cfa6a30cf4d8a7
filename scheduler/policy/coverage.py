"""How much of each day of a feed is settled, provisional, open and lost. Pure.

Days are in China time, as in the folders. Provisional is what polls and backfills have read; settled is what a
sweep has read after its articles had entered the list. All other time is open: time that was not read yet, time
that a poll skipped, time since a list died, time before the record of the feed begins. The lost part of it is in no
list any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from archive.files.paths import CHINA
from archive.index.spans import common, known_parts, uncovered
from archive.model.feed import Gap, Span

RECENT_DAYS = 14  # shown by default: two weeks show a weekly pattern and fit a line of a terminal
FIRST_DAY = date(1990, 1, 1)  # the web is not older, and times before year 1 are out of range
_NOTHING = timedelta(0)
_HOUR = timedelta(hours=1)
# Resolution of a share: finer than anybody reads, coarse enough for a short number.
_STEPS = 10_000


class KnownSpans(Struct, frozen=True):
    """What is known of a feed's list."""

    spans: Sequence[Span] = ()  # read by polls and backfills
    settled: Sequence[Span] = ()  # the parts of them that a sweep has read
    gaps: Sequence[Gap] = ()  # open and lost; they count even inside the spans
    dead_since: datetime | None = None  # the list answers, but shows nothing later than this; None: it is alive


class CoverageState(Struct, frozen=True):
    """Coverage of one span of a feed's time. The parts are in order of time and do not overlap, but for `lost`."""

    span: Span  # empty when it has not begun
    settled: tuple[Span, ...]
    provisional: tuple[Span, ...]
    open: tuple[Span, ...]  # the parts that are not known
    lost: tuple[Span, ...]  # the parts of `open` that no list shows any more
    begin: datetime | None  # when the feed's record begins; None: there is no record

    @property
    def length(self) -> timedelta:
        """Length of the span."""
        return self.span.end - self.span.start

    @property
    def known(self) -> timedelta:
        """Time in the span that is settled or provisional."""
        return self.length - _total(self.open)

    @property
    def share(self) -> float:
        """Share of the span that is settled or provisional, 0 to 1.

        Rounded, but 1 only when nothing is open and 0 only when nothing is known. A span that has not begun is 1.
        """
        return _share(self.known, self.length)

    @property
    def settled_share(self) -> float:
        """Share of the span that is settled, 0 to 1, rounded as :attr:`share`."""
        return min(_share(_total(self.settled), self.length), self.share) if self.settled else 0.0

    @property
    def before(self) -> bool:
        """True if the span ends before the feed's record begins."""
        return self.begin is None or self.span.end <= self.begin

    def hours(self) -> list[CoverageState]:
        """Coverage of each of the 24 hours, if the span is a day."""
        starts = [self.span.start + number * _HOUR for number in range(24)]
        return [self._clipped(_until(self.span.end, Span(start, start + _HOUR))) for start in starts]

    def _clipped(self, span: Span) -> CoverageState:
        settled, provisional = _inside(span, self.settled), _inside(span, self.provisional)
        return CoverageState(
            span, settled, provisional, _inside(span, self.open), _inside(span, self.lost), self.begin
        )


class FeedDay(Struct, frozen=True):
    """Coverage of one day of a feed."""

    feed: str
    day: date  # in China
    cover: CoverageState


def coverage(known: Mapping[str, KnownSpans], days: Sequence[date], now: datetime) -> list[FeedDay]:
    """Return the coverage of ``days`` for each feed, ordered by feed, then day, as given.

    :param known: by feed
    :param now: end of the part of the present day that counts
    """
    day_spans = {day: _until(now, day_span(day)) for day in days}
    return [
        FeedDay(feed, day, _coverage_of(span, *parts, each))
        for feed, each in known.items()
        for parts in [_known_parts(each)]
        for day, span in day_spans.items()
    ]


def _known_parts(known: KnownSpans) -> tuple[list[Span], list[Span]]:
    """Return the settled and the provisional time, without the time since the list died."""
    settled, provisional = known_parts(known.spans, known.settled, known.gaps)
    alive = Span(datetime.min.replace(tzinfo=UTC), known.dead_since or datetime.max.replace(tzinfo=UTC))
    return common(settled, [alive]), common(provisional, [alive])


def _coverage_of(
    span: Span, settled: Sequence[Span], provisional: Sequence[Span], known: KnownSpans
) -> CoverageState:
    gaps = [Span(gap.start, gap.end) for gap in known.gaps]
    open_spans = _inside(span, uncovered(span, [*settled, *provisional]))
    lost = [Span(gap.start, gap.end) for gap in known.gaps if gap.lost]
    return CoverageState(
        span=span,
        settled=_inside(span, settled),
        provisional=_inside(span, provisional),
        open=open_spans,
        lost=_inside(span, common(lost, open_spans)),
        begin=min((each.start for each in [*known.spans, *gaps]), default=None),
    )


def _inside(span: Span, parts: Iterable[Span]) -> tuple[Span, ...]:
    """Return the parts that lie in a span, without empty ones."""
    clipped = (Span(max(part.start, span.start), min(part.end, span.end)) for part in parts)
    return tuple(part for part in clipped if part.start < part.end)


def _total(parts: Iterable[Span]) -> timedelta:
    return sum((part.end - part.start for part in parts), _NOTHING)


def _share(part: timedelta, length: timedelta) -> float:
    if part >= length:
        return 1.0
    steps = part * _STEPS // length
    return min(max(steps, 1 if part else 0), _STEPS - 1) / _STEPS


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

"""Stretches of time in which a feed's list is known whole, and what a poll adds to them. Pure.

Ends belong to a span: spans that touch are one, and what is cut out of a span leaves its ends behind. See D21.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median_low

from archive.model.feed import Gap, Poll, Span

LAST_READ = 50  # entries: a page of a list
# Our clock may be behind the site's, by a zone at the most: a bound by it alone would see gaps where none are.
AHEAD = timedelta(days=1)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches in as few spans as can be, the earliest first."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def without(spans: Iterable[Span], hole: Span) -> list[Span]:
    """What the spans hold besides the inside of a hole, the earliest first."""
    left = []
    for span in spans:
        if span.end < hole.start or span.start > hole.end:
            left.append(span)
        if span.start < hole.start <= span.end:
            left.append(Span(span.start, hole.start))
        if span.start <= hole.end < span.end:
            left.append(Span(hole.end, span.end))
    return merged(left)


def holes(stretch: Span, spans: Iterable[Span]) -> list[Span]:
    """What of a stretch the spans leave open, the earliest first; told by the ends of the spans around it."""
    known = merged(spans)
    if stretch.start == stretch.end:
        return [] if any(span.start <= stretch.start <= span.end for span in known) else [stretch]
    left = [stretch]
    for span in known:
        left = without(left, span)
    return left


def gap_left(poll: Poll, known_to: datetime | None) -> Gap | None:
    """What a poll that did not reach back to known ground may have missed.

    :param known_to: publication time of the newest article of the feed's known ground; None when it has none
    """
    # Judged by the middle of what it read last, not by its oldest: one old article pinned there proves nothing.
    last = _last_read(poll)
    if not poll.caught_up or poll.reaches_known or known_to is None or not last:
        return None
    if median_low(last) <= known_to:
        return None
    return Gap(poll.feed, known_to, min(time for time in last if time > known_to))


def gap_untold(poll: Poll, complete_to: datetime | None) -> Gap | None:
    """What a list of one page whose articles have no times may have missed: when, nobody can say but by our clock.

    :param complete_to: when an earlier poll last left nothing unread; None at a feed's first
    """
    is_untold = poll.reaches_known is False and bool(poll.entries) and not _last_read(poll)
    if not is_untold or not poll.caught_up or complete_to is None or complete_to >= poll.at:
        return None
    return Gap(poll.feed, complete_to, poll.at)


def span_read(poll: Poll, complete_to: datetime | None, gap: Gap | None) -> Span | None:
    """The stretch that is known whole by a poll; None when it is none.

    :param complete_to: when an earlier poll last left nothing unread; None at a feed's first
    :param gap: that this one left
    """
    if not poll.caught_up:
        return None
    if gap:
        start = gap.end
    elif complete_to:
        start = complete_to
    else:
        # A record begins at the middle of what was read last: one old article pinned there must not claim years.
        start = min(median_low(_last_read(poll) or [poll.at]), poll.at)
    return Span(start, poll.at) if start <= poll.at else None  # else the clock has jumped back


def known_to(poll: Poll) -> datetime | None:
    """How far the known ground of a poll reaches; None where its entries have no times.

    To its newest article. But one that the site dates ahead of the time at which it entered the list, by a slip or an
    embargo, must not hide what comes until then; nor may one without such a time, by more than a day. See D38.
    """
    latest = poll.at + AHEAD
    times = [min(e.published, e.entered or e.published, latest) for e in poll.entries if e.published]
    return max(times, default=None)


def _last_read(poll: Poll) -> list[datetime]:
    return [entry.published for entry in poll.entries[-LAST_READ:] if entry.published]

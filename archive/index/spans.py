"""Spans of time in which a feed's list is complete, and what a poll adds to them. Pure.

Spans are closed intervals: spans that touch are one, and cutting a part out of a span keeps the ends of the cut. See
D21.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import median_low

from archive.model.feed import Gap, Poll, Span

LAST_ENTRIES = 50  # a page of a list
# Our clock may be behind the site's, by a time zone at most: without a margin, polls would report false gaps.
MAX_CLOCK_LAG = timedelta(days=1)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same time in as few spans as possible, the earliest first."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def without(spans: Iterable[Span], cut: Span) -> list[Span]:
    """Return spans without the inside of ``cut``, the earliest first."""
    left = []
    for span in spans:
        if span.end < cut.start or span.start > cut.end:
            left.append(span)
        if span.start < cut.start <= span.end:
            left.append(Span(span.start, cut.start))
        if span.start <= cut.end < span.end:
            left.append(Span(cut.end, span.end))
    return merged(left)


def known_parts(spans: Iterable[Span], settled: Iterable[Span], gaps: Iterable[Gap]) -> tuple[list[Span], list[Span]]:
    """Return the settled and the provisional time of a feed, each the earliest first.

    :param spans: what was read
    :param settled: what a sweep has read
    :param gaps: open and lost ones; they count even inside the spans
    """
    known = merged(spans)
    for gap in gaps:
        known = without(known, Span(gap.start, gap.end))
    firm = common(settled, known)
    for part in firm:
        known = without(known, part)
    return firm, known


def uncovered(wanted: Span, spans: Iterable[Span]) -> list[Span]:
    """Return the parts of ``wanted`` that spans do not cover, the earliest first; their ends may touch the spans."""
    covered = merged(spans)
    if wanted.start == wanted.end:
        return [] if any(span.start <= wanted.start <= span.end for span in covered) else [wanted]
    left = [wanted]
    for span in covered:
        left = without(left, span)
    return left


def common(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Return the time that is in both, the earliest first."""
    rights = merged(others)
    pairs = ((left, right) for left in merged(spans) for right in rights)
    return [
        Span(max(left.start, right.start), min(left.end, right.end))
        for left, right in pairs
        if max(left.start, right.start) <= min(left.end, right.end)
    ]


def contains(spans: Sequence[Span], time: datetime) -> bool:
    """Return True if a time is in one of ``spans``, which do not overlap and come earliest first."""
    place = bisect_right(spans, time, key=lambda span: span.start)
    return place > 0 and time <= spans[place - 1].end


def gap_left(poll: Poll, known_until: datetime | None, start: datetime | None) -> Gap | None:
    """Return the gap of a poll that did not reach the feed's known entries.

    :param known_until: publication time of the feed's newest known entry; None if it has none
    :param start: publication time up to which all articles had entered the list when it was last read
    """
    # The median of the last entries decides, not the oldest of them: one old article may be pinned there.
    last = _last_times(poll)
    if not poll.caught_up or poll.reaches_known or known_until is None or not last:
        return None
    if median_low(last) <= known_until:
        return None
    return Gap(poll.feed, min(start or known_until, known_until), min(time for time in last if time > known_until))


def gap_start(complete_to: datetime | None, lateness: timedelta, spans: Iterable[Span]) -> datetime | None:
    """Return where a gap begins: articles published until then had entered the list when it was last read.

    A gap does not reach back beyond the span that was known then: what is before it is open anyway.

    :param complete_to: when a poll last left nothing unread
    :param lateness: how late articles enter the list
    :param spans: the feed's spans
    """
    if complete_to is None:
        return None
    last = next((span for span in spans if span.start <= complete_to <= span.end), None)
    return max(complete_to - lateness, last.start) if last else complete_to - lateness


def gap_without_times(poll: Poll, complete_to: datetime | None) -> Gap | None:
    """Return the gap that a list may have if its articles have no times. Its ends are times of our clock.

    A list of one page has it if the page shows no known article, a longer one if its pages did not overlap.

    :param complete_to: when an earlier poll last left nothing unread; None at a feed's first poll
    """
    is_suspect = (poll.reaches_known is False and bool(poll.entries)) or poll.proven is not None
    may_have_gap = is_suspect and not _last_times(poll)
    if not may_have_gap or not poll.caught_up or complete_to is None or complete_to >= poll.at:
        return None
    return Gap(poll.feed, complete_to, poll.at)


def span_read(poll: Poll, complete_to: datetime | None, gap: Gap | None) -> Span | None:
    """Return the span that a poll has completed; None if there is none.

    :param complete_to: when an earlier poll last left nothing unread; None at a feed's first poll
    :param gap: that this poll left
    """
    if not poll.caught_up:
        return None
    if gap:
        start = gap.end
    elif complete_to:
        start = complete_to
    else:
        # The first span begins at the median of the last entries: one old article pinned there must not claim years.
        start = min(median_low(_last_times(poll) or [poll.at]), poll.at)
    return Span(start, poll.at) if start <= poll.at else None  # else the clock has jumped back


def known_until(poll: Poll) -> datetime | None:
    """Return the publication time up to which a poll knows its feed's list; None if its entries have no times.

    It is that of the newest article. But an article that the site dates later than the time at which it entered the
    list, by mistake or for an embargo, must not hide what is published until then. Nor may one without such a time
    hide more than a day. See D38.
    """
    latest = poll.at + MAX_CLOCK_LAG
    times = [min(e.published, e.entered or e.published, latest) for e in poll.entries if e.published]
    return max(times, default=None)


def span_walked(poll: Poll, complete_to: datetime | None) -> Span | None:
    """Return the span that a poll has walked over from the newest article down; None if it stopped at known ones.

    A feed's first poll does, and every poll of a list that has one page.

    :param complete_to: when an earlier poll last left nothing unread; None at a feed's first poll
    """
    is_walk = complete_to is None or poll.reaches_known is not None
    if not is_walk or not poll.caught_up or not (last := _last_times(poll)):
        return None
    return Span(median_low(last), poll.at) if median_low(last) <= poll.at else None


def _last_times(poll: Poll) -> list[datetime]:
    return [entry.published for entry in poll.proven_entries[-LAST_ENTRIES:] if entry.published]

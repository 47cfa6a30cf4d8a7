"""When a broad list counts as containing another one, and what ends that. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median_low

from archive.index.spans import LAST_ENTRIES
from archive.model.feed import Containment, Poll

# A proof needs two days, because other editors fill a list at night and at weekends, and twenty articles: if one
# article in seven were missing, twenty in a row would contain none of these once in twenty times.
MIN_TIME = timedelta(days=2)
MIN_ENTRIES = 20
# The lists of an article are filled one after another, and servers cache them for some seconds. The broad list must
# show an article when it is polled this long after the feed, and the times that the two state may differ by this.
TOLERANCE = timedelta(seconds=30)
# What the index knows when a containment is first examined counts too: this much of it, a week with its weekend.
HISTORY = timedelta(days=7)
# Of that the newest part does not count, because the broad list was polled before it. Articles enter a list up to
# eight minutes after the time that they show (shared by all measured lists), and here twice that is left out.
HISTORY_MARGIN = timedelta(minutes=16)


def is_proven(containment: Containment, now: datetime) -> bool:
    """Return whether a broad list counts as containing the list of a feed."""
    return containment.entries >= MIN_ENTRIES and now - containment.since >= MIN_TIME


def is_later(entered_broad: datetime | None, entered: datetime | None) -> bool:
    """Return whether the site states that an article entered the broad list later than the other one.

    :param entered_broad: as the broad list states it; None: it does not
    :param entered: as the list of the feed states it
    """
    return entered_broad is not None and entered is not None and entered_broad - entered > TOLERANCE


def reads_back_to(poll: Poll, newest: datetime | None) -> datetime | None:
    """Return the publication time from which on a poll of a broad list shows every article that the list has.

    An article that entered further down is not missing: the poll did not read there. None: nothing is known.

    :param newest: publication time of the newest article that the list has ever shown
    """
    if poll.unchanged and not poll.entries:
        return newest
    # The median, because one old article that is pinned to the end must not claim years.
    times = [entry.published for entry in poll.proven_entries[-LAST_ENTRIES:] if entry.published]
    return median_low(times) if times else None

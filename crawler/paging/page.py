"""A page of a list, in the place where it was seen, and what can be told from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from archive.model.feed import Listing

# Of a page's articles a quarter may be pinned or out of order: no time is taken from fewer.
ODD = 4
_SECOND = timedelta(seconds=1)  # lists know whole seconds


@dataclass(frozen=True, slots=True)
class ListingPage:
    """What a page showed. Places in the list are counted from 0, the newest."""

    place: int  # where it begins
    count: int  # articles it shows, understood or not
    is_short: bool  # it shows fewer than asked for, and that means that there are no more
    items: frozenset[tuple[str, datetime | None]]  # docid and publication time: an article that moved is another item
    times: tuple[datetime, ...]  # of publication, in its order
    total: int | None  # how many articles the list says it has
    shows_known: bool  # it shows an article that was looked for

    @property
    def low(self) -> datetime | None:
        """Articles of this time or later stand on this page or above it, though some on it be pinned."""
        return sorted(self.times)[len(self.times) // ODD] + _SECOND if self.times else None

    @property
    def high(self) -> datetime | None:
        """Its newest time, though some on it be pinned."""
        return sorted(self.times, reverse=True)[len(self.times) // ODD] if self.times else None

    @property
    def is_disordered(self) -> bool:
        """Whether its times do not fall, but for a few; such a list cannot be walked by time."""
        rises = sum(above < below for above, below in zip(self.times, self.times[1:], strict=False))
        return rises > max(2, len(self.times) // ODD)

    @property
    def ends_the_list(self) -> bool:
        """Whether nothing stands below it, as far as the list says itself."""
        return self.count > 0 and self.is_short and (self.total is None or self.place + self.count >= self.total)


def listing_page(page: int, size: int, listing: Listing, *, shows_known: bool) -> ListingPage:
    """What page ``page`` (from 1) showed, which was asked to hold ``size`` articles."""
    count = len(listing.entries) + len(listing.failures)
    items = {(entry.docid, entry.published) for entry in listing.entries}
    return ListingPage(
        place=(page - 1) * size,
        count=count,
        is_short=count < size and not listing.is_open,
        items=frozenset(items | {(failure.subject, None) for failure in listing.failures}),
        times=tuple(entry.published for entry in listing.entries if entry.published),
        total=listing.total,
        shows_known=shows_known,
    )

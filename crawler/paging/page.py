"""One page of a list at its place in the list, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime, timedelta

from msgspec import Struct

from archive.model.feed import Entry, Listing, Span

# Minimum number of places that a page repeats of the one before. One would do, but then a deletion between the two
# requests costs another request. With 2, a page brings 40 further articles on average; with 3, 39.
MIN_OVERLAP = 2
# How much smaller than the largest page a requested page may be. Among the eleven sizes from 40 to 50, one begins
# about where it should; smaller ones gain nothing (computed for places up to 90,000).
MAX_SIZE_DIFFERENCE = 10
# How many places further up to begin when a page does not overlap the one before; after these the reader gives up.
RETREATS = (10, 50, 250)
# One in this many articles of a page may be pinned or out of order. Bounds ignore that share of the times.
ODD_SHARE = 4
_SECOND = timedelta(seconds=1)  # lists report whole seconds


class ListingPage(Struct, frozen=True):
    """Content of a page. Places in the list are counted from 0, the newest."""

    place: int  # place of its first article
    count: int  # articles on it, readable or not
    is_short: bool  # fewer articles than requested, which means that there are no more
    items: frozenset[tuple[str, datetime | None]]  # docid and publication time: an article that moved is another item
    times: tuple[datetime, ...]  # publication times, in page order
    total: int | None  # number of articles that the list reports
    shows_known: bool  # it shows a known article at the old end of a backfill

    @property
    def low(self) -> datetime | None:
        """Lower bound: articles of this time or later are on this page or above it, even if some are pinned."""
        return sorted(self.times)[len(self.times) // ODD_SHARE] + _SECOND if self.times else None

    @property
    def high(self) -> datetime | None:
        """Newest time on the page, ignoring pinned articles."""
        return sorted(self.times, reverse=True)[len(self.times) // ODD_SHARE] if self.times else None

    @property
    def is_disordered(self) -> bool:
        """Whether the times do not fall, with few exceptions. Such a list cannot be read by time."""
        rises = sum(above < below for above, below in zip(self.times, self.times[1:], strict=False))
        return rises > max(2, len(self.times) // ODD_SHARE)

    def is_outside(self, start: datetime, end: datetime) -> bool:
        """Whether articles of other times are on it, with few exceptions."""
        return sum(not start <= time <= end for time in self.times) > len(self.times) // ODD_SHARE

    @property
    def next_target(self) -> int:
        """Place at which the next page begins at the latest, so that it repeats the last articles of this one."""
        return max(0, self.place + self.count - MIN_OVERLAP)

    @property
    def ends_the_list(self) -> bool:
        """Whether nothing follows below it, as far as the list reports."""
        return self.count > 0 and self.is_short and (self.total is None or self.place + self.count >= self.total)


class PageRequest(Struct, frozen=True):
    """The page to request."""

    page: int  # from 1
    window: Span | None  # publication times, for the history parameters; None: a page of the list itself
    size: int  # articles on a page


def page_at(target: int, max_size: int) -> tuple[int, int]:
    """Return the page, from 1, and its size: of the pages that begin at ``target`` or above, the one that ends last.

    :param max_size: largest number of articles that the list puts on a page
    """
    sizes = range(max(1, max_size - MAX_SIZE_DIFFERENCE), max_size + 1)
    size = max(sizes, key=lambda size: (target // size + 1) * size)
    return target // size + 1, size


def largest_size(page: ListingPage, listing: Listing, size: int) -> int:
    """Return the size of the largest page that a list gives: a first page that is shorter than requested tells.

    :param size: that was requested at most
    """
    has_more = listing.is_open if page.total is None else page.total > page.count
    return page.count if page.place == 0 and has_more and MIN_OVERLAP < page.count < size else size


def distinct(entries: Iterable[Entry], seen: Set[str] = frozenset()) -> dict[str, Entry]:
    """Return entries by docid, in their order; of equal docids the first. Docids in ``seen`` are left out."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.docid not in seen:
            found.setdefault(entry.docid, entry)
    return found


def listing_page(page: int, size: int, listing: Listing, *, shows_known: bool) -> ListingPage:
    """Return page ``page`` (from 1) of a list requested in pages of ``size`` articles."""
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

"""Rules for reading a list without missing anything. Pure.

Lists are ordered by ctime, but items arrive by intime: 37 % of new items first appear below known ones (measured on
62,644 polls), so the first known item proves nothing. A poll reads whole pages until enough of them hold only known
entries.

While a poll runs, articles are withdrawn, and others move up across a page boundary unseen. So each page repeats the
last articles of the one before, as in a backfill, and it counts only if it shows one of them. See D22.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from enum import Enum

from msgspec import Struct, field
from msgspec.structs import replace

from archive.model.feed import Entry, Failure, FailureKind, Listing, Poll, Validators
from crawler.listings.source import PAGE_SIZE
from crawler.paging.page import RETREATS, ListingPage, distinct, largest_size, listing_page, page_at

# New items appear below known ones at a median depth of 13 and a 95th percentile of 40. One page of 50 without a new
# item is nearly proof, two are proof. See D3.
KNOWN_PAGES = 2
# The last articles of a single-page list that count as its end: one of them may be out of order.
END_ARTICLES = 3
# Pages in a row that show nothing new before a list's end. Of 62,644 polls, 47 gave an empty list, so one such page
# may be a mistake of the server. After two the list is cut off there, for now at least.
MAX_IDLE_PAGES = 2


# The reason of the failure begins with this, by which the next poll recognises it in the feed's record.
CUT_OFF = "the list shows nothing after"


class NextPage(Enum):
    """What to do after a page."""

    CONTINUE = "read on"
    CAUGHT_UP = "known entries"  # an earlier poll listed everything older
    END = "the list's end"
    CUT = "nothing further, although the list states more articles"
    LIMIT = "page limit"
    UNPROVEN = "pages that do not overlap"  # what lies between them was not read


class PollState(Struct, frozen=True):
    """State of a poll after some pages. Places in the list are counted from 0, the newest."""

    feed: str
    at: datetime
    pages: int = 0  # read so far
    entries: tuple[Entry, ...] = ()  # read without a hole from the top
    loose_entries: tuple[Entry, ...] = ()  # on pages that do not overlap the others
    failures: tuple[Failure, ...] = ()
    seen: frozenset[str] = field(default=frozenset())  # docids of `entries`
    known_pages: int = 0  # number of last pages in a row that held only known docids
    idle_pages: int = 0  # pages in a row without anything new before the list's end
    stalled: int = 0  # pages in a row that did not overlap the last good one
    target: int = 0  # the next page must begin at this place, or above
    size: int = PAGE_SIZE  # the largest page that the list gives
    last_items: frozenset[tuple[str, datetime | None]] = frozenset()  # docid and publication time, last good page
    first_page: tuple[Entry, ...] = ()
    digest: bytes = b""  # of the first page
    validators: Validators | None = None  # of the first page
    is_conditional: bool = False  # the first page is requested only if it has changed
    met: bool | None = None  # see Poll
    moved_to: str | None = None  # see Poll

    def unchanged(self, first_page: tuple[Entry, ...]) -> Poll:
        """Return the poll of a list whose first page is identical to that of the poll before.

        A late arrival would have to appear below the first fifty articles; in an hour quiet enough for an identical
        page, no article there is that recent. So a quiet list costs one request. See D25.
        """
        return Poll(self.feed, self.at, 1, first_page, (), caught_up=True, unchanged=True, moved_to=self.moved_to)

    def cut_off(self) -> Failure:
        """Return the failure of a poll that ended at :attr:`NextPage.CUT`."""
        return Failure(self.feed, FailureKind.TEMPORARY, f"{CUT_OFF} article {len(self.seen)}, but states more")

    def poll(self, *, caught_up: bool, error: Failure | None = None) -> Poll:
        """Return the poll as it is now, to be recorded."""
        loose = tuple(distinct(self.loose_entries, self.seen).values())
        return Poll(
            self.feed, self.at, self.pages, self.entries + loose, self.failures, caught_up, error,
            reaches_known=self.met, validators=self.validators,
            proven=len(self.entries) if loose or self.stalled else None, moved_to=self.moved_to,
        )  # fmt: skip


def next_request(state: PollState) -> tuple[int, int]:
    """Return the page to request next, from 1, and its size."""
    return page_at(state.target, state.size)


def add_single_page(state: PollState, listing: Listing, known: Set[str]) -> PollState:
    """Add the page of a list that has only one.

    :param known: as for :func:`add_page`
    """
    fresh = tuple(distinct(listing.entries, state.seen).values())
    # Only the end counts: an old article pinned on top proves nothing.
    met = any(entry.docid in known for entry in listing.entries[-END_ARTICLES:])
    return replace(state, pages=1, entries=fresh, failures=listing.failures, first_page=listing.entries, met=met)


def add_page(state: PollState, listing: Listing, known: Set[str], max_pages: int) -> tuple[PollState, NextPage]:
    """Add the answer to :func:`next_request`; return the new state and what to do next.

    :param known: docids of the page below which an earlier poll of the feed left nothing unread
    :param max_pages: pages that one poll may read
    """
    number, size = next_request(state)
    page = listing_page(number, size, listing, shows_known=False)
    if page.count and page.place and not page.items & state.last_items:
        return _retreat(state, listing, max_pages)
    fresh = tuple(distinct(listing.entries, state.seen).values())
    docids = {entry.docid for entry in listing.entries}
    is_new = bool(fresh or (listing.failures and page.items != state.last_items))
    only_known = bool(docids & known) and docids <= known | state.seen
    after = replace(
        state,
        pages=state.pages + 1,
        entries=state.entries + fresh,
        failures=state.failures + listing.failures,
        seen=state.seen | docids,
        known_pages=state.known_pages + 1 if only_known else state.known_pages if not page.count else 0,
        idle_pages=0 if is_new else state.idle_pages + 1,
        stalled=0,
        target=page.next_target if page.count else state.target,
        size=largest_size(page, listing, state.size),
        last_items=page.items if page.count else state.last_items,
        first_page=state.first_page if state.pages else listing.entries,
    )
    return after, _next(after, page, max_pages)


def _retreat(state: PollState, listing: Listing, max_pages: int) -> tuple[PollState, NextPage]:
    """Begin further up after a page that does not overlap the last one. Its entries are kept, but prove nothing."""
    after = replace(
        state,
        pages=state.pages + 1,
        loose_entries=state.loose_entries + listing.entries,
        failures=state.failures + listing.failures,
        stalled=state.stalled + 1,
        target=max(0, state.target - RETREATS[min(state.stalled, len(RETREATS) - 1)]),
    )
    if state.stalled >= len(RETREATS):
        return after, NextPage.UNPROVEN
    return after, NextPage.LIMIT if after.pages >= max_pages else NextPage.CONTINUE


def _next(state: PollState, page: ListingPage, max_pages: int) -> NextPage:
    is_end = page.total is None or page.place + page.count >= page.total
    if state.idle_pages and is_end:
        return NextPage.END
    if state.idle_pages >= MAX_IDLE_PAGES:
        return NextPage.CUT
    if state.known_pages >= KNOWN_PAGES:
        return NextPage.CAUGHT_UP
    if page.total is not None and page.ends_the_list:
        return NextPage.END
    if state.pages >= max_pages:
        return NextPage.LIMIT
    return NextPage.CONTINUE

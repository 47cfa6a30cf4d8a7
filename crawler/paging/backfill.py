"""Rules for reading a span of a list's past that no poll has read. Pure.

There are two ways. The list's history parameters select a span of time, but nothing guarantees that the site honours
them, so any odd answer makes the backfill continue the other way: by page numbers, from the end of the span to its
start. See D23.

While a backfill runs, articles arrive (pages shift down and show articles again that were read) and are deleted
(pages shift up, and articles at the top of the next page move to a page that was read before). Comparing counts
cannot prove that nothing was missed: one arrival hides one deletion. So each page is requested with a size (``num``)
that makes it begin a few places above the end of the last one, and it counts only if it shows an article of that page
again. Then everything in between was on one of the two pages, whatever arrived or was deleted, because a list keeps
its order. A thousand articles take 25 pages this way; without overlap they would take 20. See D22.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from archive.model.feed import BackfillPage, Entry, Listing, Span
from crawler.listings.source import PAGE_SIZE
from crawler.paging import page as pages
from crawler.paging.bisect import PageBisection, is_close, next_probe, record_above
from crawler.paging.page import ListingPage, PageRequest

# Articles enter a list up to 469 s after the time that it orders them by (measured).
MARGIN = timedelta(minutes=10)
# If the history parameters leave this much at either end of the span empty, the list may not know that end. Page
# numbers can tell.
MAX_QUIET = timedelta(days=1)


class NextStep(Enum):
    """What to do after a page."""

    CONTINUE = "read on"
    DONE = "done"  # everything that the list has of the span is read
    LIMIT = "page limit"  # covered time stays covered; another backfill can read the remainder
    FAILED = "failed"  # the remainder cannot be read this way
    UNREACHABLE = "unreachable"  # a page could not be read: the remainder may be readable later


class Backfill(Struct, frozen=True):
    """State of a backfill. Places in the list are counted from 0, the newest."""

    feed: str
    start: datetime
    end: datetime
    at: datetime  # when it began
    must_meet_known: bool  # ``start`` counts as reached only if an article known from a poll appears there
    max_pages: int
    history: bool  # it uses the history parameters
    search: PageBisection | None  # it still searches for the page to begin with
    pages: int = 0  # pages requested so far
    covered: Span | None = None  # read without a gap so far
    last_items: frozenset[tuple[str, datetime | None]] = frozenset()  # docid and publication time, last good page
    target: int = 0  # the next page must begin at this place, or above
    size: int = PAGE_SIZE  # the largest page that the list gives
    deepest: int = 0  # the place up to which pages were read
    stalled: int = 0  # pages that brought nothing since the last that was deeper than all before
    caught_up: bool = False  # it met, at the old end, an article known before it began
    own_docids: frozenset[str] = frozenset()  # docids at the old end that this backfill was the first to see
    is_sweep: bool = False  # see begin_sweep


class BackfillStep(Struct, frozen=True):
    """Result of one page."""

    backfill: Backfill
    page: BackfillPage  # to be recorded, whatever comes next
    next_step: NextStep
    reason: str = ""  # for people: why it ended, or continues the other way


class _Move(Struct, frozen=True):
    backfill: Backfill
    next_step: NextStep = NextStep.CONTINUE
    reason: str = ""
    oldest_available: datetime | None = None


def begin_backfill(
    feed: str, start: datetime, end: datetime, at: datetime, *, must_meet_known: bool, history: bool, max_pages: int
) -> Backfill:
    """Return a backfill that reads a feed's list from ``end`` back to ``start``, both included.

    :param feed: the feed's id
    :param at: now; the span ends here at the latest
    :param must_meet_known: read on until an article known from a poll appears at ``start``, as a gap requires
    :param history: the list may know the history parameters
    :param max_pages: maximum number of page requests
    :raises ValueError: the span lies in the future, or ends before it starts
    """
    end = min(end, at)
    if start > end:
        raise ValueError(f"cannot backfill {feed} from {end.isoformat()} back to {start.isoformat()}")
    search = None if history else PageBisection(end + MARGIN)
    return Backfill(feed, start, end, at, must_meet_known, max_pages, history, search)


def begin_sweep(feed: str, start: datetime, at: datetime, *, max_pages: int) -> Backfill:
    """Return a walk by page numbers from a list's newest article back to ``start``, as for :func:`begin_backfill`."""
    return Backfill(
        feed, min(start, at), at, at,
        must_meet_known=False, max_pages=max_pages, history=False, search=None, is_sweep=True,
    )  # fmt: skip


def next_request(backfill: Backfill) -> PageRequest:
    """Return the page to request next."""
    if backfill.search:
        return PageRequest(next_probe(backfill.search), None, PAGE_SIZE)
    page, size = pages.page_at(backfill.target, backfill.size)
    window = Span(backfill.start - MARGIN, backfill.end + MARGIN) if backfill.history else None
    return PageRequest(page, window, size)


def apply_page(backfill: Backfill, listing: Listing, known: Set[str]) -> BackfillStep:
    """Apply the answer to :func:`next_request`.

    :param known: docids of the page that polls of this feed listed before. Docids that only an earlier backfill
        listed do not count, because they do not mark the old end.
    """
    request = next_request(backfill)
    entries = pages.distinct(listing.entries)
    old_end = _old_end(backfill)
    at_old_end = {docid for docid, each in entries.items() if each.published and each.published <= old_end}
    shows_known = bool(at_old_end & known - backfill.own_docids)
    page = pages.listing_page(request.page, request.size, listing, shows_known=shows_known)
    own, size = backfill.own_docids | (at_old_end - known), pages.largest_size(page, listing, backfill.size)
    backfill = replace(backfill, pages=backfill.pages + 1, own_docids=own, size=size)
    move = _move(backfill, request, page)
    after, next_step, reason = move.backfill, move.next_step, move.reason
    if next_step is NextStep.CONTINUE and after.pages >= after.max_pages:
        next_step = NextStep.LIMIT
        reason = f"the limit of {after.pages} pages is reached; run the backfill again to read the remainder"
    page_record = record_of(after, entries, listing, move.oldest_available, next_step)
    return BackfillStep(after, page_record, next_step, reason)


def record_of(
    backfill: Backfill,
    entries: dict[str, Entry],
    listing: Listing,
    oldest: datetime | None,
    next_step: NextStep,
) -> BackfillPage:
    """Return what is to be recorded of a page.

    :param backfill: after the page
    :param entries: of the page, by docid
    :param oldest: the time at which the list ends, if it does on this page
    """
    has_walked = next_step in (NextStep.DONE, NextStep.LIMIT) and not backfill.history
    return BackfillPage(
        backfill.feed, backfill.at, tuple(entries.values()), listing.failures, backfill.covered, oldest,
        backfill.covered if has_walked else None, backfill.is_sweep,
    )  # fmt: skip


def _old_end(backfill: Backfill) -> datetime:
    """Return the time at or before which articles are at the old end: in a short span, those nearer to it."""
    return backfill.start + min(MARGIN, (backfill.end - backfill.start) / 2)


def _move(backfill: Backfill, request: PageRequest, page: ListingPage) -> _Move:
    if page.is_disordered:
        return _fall_back(backfill, f"the list of {backfill.feed} is not ordered by time, newest first")
    if request.window and (problem := _history_problem(backfill, request.window, page)):
        return _fall_back(backfill, problem)
    return _bisect(backfill, backfill.search, request, page) if backfill.search else _read_on(backfill, page)


def _history_problem(backfill: Backfill, window: Span, page: ListingPage) -> str:
    """Return why a page of history cannot be trusted; "" if it can."""
    if page.is_outside(window.start - MARGIN, window.end + MARGIN):
        return "the history parameters return articles of other times"
    if page.place == 0 and (page.high is None or page.high < backfill.end - MAX_QUIET):
        return "the history parameters return nothing of the last day of the span"
    return ""


def _fall_back(backfill: Backfill, reason: str, oldest_available: datetime | None = None) -> _Move:
    """Continue by page numbers; fail if that is the way already taken."""
    if not backfill.history:
        return _Move(backfill, NextStep.FAILED, reason, oldest_available)
    search = PageBisection(_goal(backfill))
    after = replace(
        backfill,
        history=False,
        search=search,
        last_items=frozenset(),
        target=0,
        deepest=0,
        stalled=0,
        caught_up=False,
    )
    return _Move(after, reason=f"{reason}: continuing by page numbers")


def _goal(backfill: Backfill) -> datetime:
    """Return the time above which a page has nothing left to cover."""
    return (backfill.covered.start if backfill.covered else backfill.end) + MARGIN


def _bisect(backfill: Backfill, search: PageBisection, request: PageRequest, page: ListingPage) -> _Move:
    """Apply a page of the search. The last page above the goal is the first one that counts as read."""
    is_odd = page.count == 0 and page.place < max(page.total or 0, 1)
    if is_odd and not backfill.stalled:  # of 62,644 polls, 47 gave an empty list
        return _Move(replace(backfill, stalled=1))
    if is_odd and page.place == 0:
        return _fall_back(backfill, f"the list of {backfill.feed} is empty")
    # A list may return its last page again and again for higher page numbers.
    if page.low and page.high and page.low > search.goal and page.items - backfill.last_items:
        search = record_above(search, request.page, page.high, page.low, page.total)
        backfill = replace(backfill, last_items=page.items, target=page.next_target)
    elif page.place == 0:
        return _read_on(replace(backfill, search=None, stalled=0), page)  # the span begins on it
    else:
        search = replace(search, first_below=request.page)
    return _Move(replace(backfill, search=None if is_close(search) else search, stalled=0))


def _read_on(backfill: Backfill, page: ListingPage) -> _Move:
    """Apply a page that continues the last one."""
    low, is_new = page.low, bool(page.items - backfill.last_items)
    is_above = low is not None and low > _goal(backfill)
    if not (page.place == 0 or is_above or page.items & backfill.last_items):
        retreat = pages.RETREATS[min(backfill.stalled, len(pages.RETREATS) - 1)]
        return _retry(replace(backfill, target=max(0, backfill.target - retreat)), page)
    after = replace(
        backfill,
        covered=_covered(backfill, low),
        last_items=page.items,
        target=page.next_target,
        deepest=max(backfill.deepest, page.place + page.count),
        stalled=0 if is_new and page.place + page.count > backfill.deepest else backfill.stalled,
        caught_up=backfill.caught_up or page.shows_known,
    )
    if low is not None and low <= backfill.start - MARGIN:
        return _finish(after)
    if page.ends_the_list:
        return _finish_at_list_end(after, page)
    return _Move(after) if is_new else _retry(after, page)


def _covered(backfill: Backfill, low: datetime | None) -> Span | None:
    bottom = _old_end(backfill) if backfill.must_meet_known else backfill.start
    starts = [max(low, bottom)] if low else []
    starts += [backfill.covered.start] if backfill.covered else []
    return Span(min(starts), backfill.end) if starts and min(starts) <= backfill.end else backfill.covered


def _retry(backfill: Backfill, page: ListingPage) -> _Move:
    """Continue after a page that brought no progress, a limited number of times."""
    if backfill.stalled < len(pages.RETREATS):
        return _Move(replace(backfill, stalled=backfill.stalled + 1))
    place = f"article {backfill.target + 1}" + ("" if page.total is None else f" of {page.total}")
    reason = f"the list of {backfill.feed} returns nothing further from {place}"
    # A sweep claims what it has read; the next one begins with what is not settled.
    return _Move(backfill, NextStep.DONE, reason) if backfill.is_sweep else _fall_back(backfill, reason)


def _finish(backfill: Backfill, oldest_available: datetime | None = None) -> _Move:
    """Everything down to the start is read: done, if the known articles are met where that is required."""
    if backfill.must_meet_known and not backfill.caught_up:
        reason = f"the list of {backfill.feed} shows no known article at {backfill.start.isoformat()} or before"
        return _fall_back(backfill, reason, oldest_available)
    after = replace(backfill, covered=Span(backfill.start, backfill.end))
    return _Move(after, NextStep.DONE, oldest_available=oldest_available)


def _finish_at_list_end(backfill: Backfill, page: ListingPage) -> _Move:
    """The list has no more articles."""
    oldest = min(page.times, default=None)
    if backfill.history:
        if page.total is None:
            return _fall_back(backfill, "the history parameters do not report a total")
        if oldest is None or oldest > backfill.start + MAX_QUIET:
            return _fall_back(backfill, "the history parameters return nothing of the first day of the span")
        return _finish(backfill)
    if oldest is None:
        return _Move(backfill, NextStep.DONE, f"the list of {backfill.feed} ends with articles that have no time")
    if oldest <= backfill.start or (backfill.must_meet_known and backfill.caught_up):
        return _finish(backfill, oldest)
    reason = f"the list of {backfill.feed} reaches back to {oldest.isoformat()} only"
    return _Move(replace(backfill, covered=_covered(backfill, oldest)), NextStep.DONE, reason, oldest)

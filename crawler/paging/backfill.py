"""The rules for walking back through a list, to a stretch of the past that no poll has read. Pure.

Two ways. By the list's history parameters, which name a stretch of time; nobody vouches for them, so whatever looks
odd makes the walk go on the other way: by page numbers, from where the stretch ends to where it begins. See D23.

While a list is walked, articles arrive (the pages shift down, and show again what was read) and are deleted (they
shift up, and what stood on top of the next page slips onto one that was read before). Comparing counts cannot prove
that nothing slipped: one arrival hides one deletion. So each page is asked for with a size of its own (``num``) that
makes it begin a few places above the end of the last one, and it counts only when it shows an article of that one
again. Then all that stood between was on one of the two, whatever came and went: a list keeps its order. A thousand
articles take 25 pages so, and would take 20 edge to edge. See D22.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from archive.model.feed import BackfillPage, Entry, Listing, Span
from crawler.listings.roll import PAGE_SIZE
from crawler.paging.bisect import PageBisection, is_close, next_probe, record_above
from crawler.paging.page import ODD, ListingPage, listing_page

# Articles enter a list up to 469 s after the time it orders them by (measured).
MARGIN = timedelta(minutes=10)
# Places that a page repeats of the one before, at least: one would do, and then a deletion between the two requests
# cost another. With 2, a page brings 40 further articles on average; 3 would make it 39.
OVERLAP = 2
# The smallest page asked for. Among the eleven sizes up to the largest there is one that begins about where it
# should; smaller ones would bring nothing (computed for places to 90,000).
SMALLEST = 40
# How many places further up to begin when a page did not meet the one before: after that the walk gives up.
BACK = (10, 50, 250)
# History parameters that leave so much of a stretch's end empty may not know it; page numbers tell.
QUIET = timedelta(days=1)


class NextStep(Enum):
    """What to do after a page."""

    CONTINUE = "read on"
    DONE = "done"  # all that the list has of the stretch is read
    LIMIT = "page limit"  # the walk may go on: what is covered stays so, a new walk takes up the rest
    FAILED = "failed"  # the rest is not to be had this way


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page to ask for."""

    page: int  # from 1
    window: Span | None  # by the history parameters: publication times; None: a page of the list itself
    size: int = PAGE_SIZE  # how many articles a page has


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far a walk has come. Places in the list are counted from 0, the newest."""

    feed: str
    start: datetime
    end: datetime
    at: datetime  # when it began
    must_meet_known: bool  # the end at ``start`` counts only when an article known from a poll stands there
    max_pages: int
    history: bool  # it asks by the history parameters
    search: PageBisection | None  # it still looks for the page to begin with
    pages: int = 0  # so many were asked for
    covered: Span | None = None  # read without a hole so far
    edge: frozenset[tuple[str, datetime | None]] = frozenset()  # docid and publication time, of the last good page
    aim: int = 0  # the place where the next page is to begin, or above
    tries: int = 0  # so many pages in a row brought it no further
    caught_up: bool = False  # an article known before this walk was met at the old end
    ours: frozenset[str] = frozenset()  # docids at the old end that this walk was the first to see


@dataclass(frozen=True, slots=True)
class BackfillStep:
    """What came of one page."""

    backfill: Backfill
    page: BackfillPage  # to be recorded, whatever comes next
    next_step: NextStep
    reason: str = ""  # for people: why it ended, or goes on another way


@dataclass(frozen=True, slots=True)
class _Direction:
    backfill: Backfill
    what: NextStep = NextStep.CONTINUE
    reason: str = ""
    oldest_available: datetime | None = None


def begin_backfill(
    feed: str, start: datetime, end: datetime, at: datetime, *, must_meet_known: bool, history: bool, max_pages: int
) -> Backfill:
    """A walk that reads what a feed's list has from ``end`` back to ``start``, both included, as it stands at ``at``.

    :param feed: the feed's id
    :param must_meet_known: as for a gap, where the list must be followed down to what was known before
    :param history: the list may know the history parameters
    :param max_pages: pages that the walk may ask for
    :raises ValueError: the stretch is of the future, or ends before it starts
    """
    end = min(end, at)
    if start > end:
        raise ValueError(f"no walk of {feed} leads from {end.isoformat()} back to {start.isoformat()}")
    search = None if history else PageBisection(end + MARGIN)
    return Backfill(feed, start, end, at, must_meet_known, max_pages, history, search)


def next_request(backfill: Backfill) -> PageRequest:
    """The page to ask for next."""
    if backfill.search:
        return PageRequest(next_probe(backfill.search), None)
    # Of the pages that begin in time, the one that ends last.
    size = max(range(SMALLEST, PAGE_SIZE + 1), key=lambda size: (backfill.aim // size + 1) * size)
    window = Span(backfill.start - MARGIN, backfill.end + MARGIN) if backfill.history else None
    return PageRequest(backfill.aim // size + 1, window, size)


def apply_page(backfill: Backfill, listing: Listing, known: Set[str]) -> BackfillStep:
    """Take the answer to the walk's question.

    :param known: those of the page's docids that polls of this feed had listed before; of docids that only an earlier
        walk has listed the list's old end cannot be told
    """
    asked = next_request(backfill)
    entries: dict[str, Entry] = {}
    for entry in listing.entries:
        entries.setdefault(entry.docid, entry)
    at_old_end = {docid for docid, entry in entries.items() if _is_at_old_end(backfill, entry)}
    page = listing_page(asked.page, asked.size, listing, shows_known=bool(at_old_end & known - backfill.ours))
    backfill = replace(backfill, pages=backfill.pages + 1, ours=backfill.ours | (at_old_end - known))
    turn = _turn(backfill, asked, page)
    after, what, reason = turn.backfill, turn.what, turn.reason
    if what is NextStep.CONTINUE and after.pages >= after.max_pages:
        what, reason = NextStep.LIMIT, f"it has read {after.pages} pages, its limit; a new walk takes up the rest"
    kept = tuple(entries.values())
    return BackfillStep(
        after,
        BackfillPage(backfill.feed, backfill.at, kept, listing.failures, after.covered, turn.oldest_available),
        what,
        reason,
    )


def apply_single_page(backfill: Backfill, listing: Listing) -> BackfillStep:
    """Take the page of a list that has no other: what it does not show cannot be had from it."""
    entries: dict[str, Entry] = {}
    for entry in listing.entries:
        entries.setdefault(entry.docid, entry)
    oldest, reason = listing_page(1, PAGE_SIZE, listing, shows_known=False).low, ""
    backfill = replace(backfill, pages=backfill.pages + 1)
    if oldest is None:
        reason = f"the list of {backfill.feed} shows no article with a time"
    elif oldest > backfill.start:
        reason = f"the list of {backfill.feed} has one page, which reaches back to {oldest.isoformat()} only"
    if oldest and oldest <= backfill.end:
        backfill = replace(backfill, covered=Span(max(oldest, backfill.start), backfill.end))
    oldest_available = oldest if oldest and oldest > backfill.start else None
    stretch = BackfillPage(
        backfill.feed, backfill.at, tuple(entries.values()), listing.failures, backfill.covered, oldest_available
    )
    return BackfillStep(backfill, stretch, NextStep.DONE if oldest else NextStep.FAILED, reason)


def _old_end(backfill: Backfill) -> datetime:
    """What is at or before this lies at the stretch's old end; in a short one, nearer to it than to the other."""
    return backfill.start + min(MARGIN, (backfill.end - backfill.start) / 2)


def _is_at_old_end(backfill: Backfill, entry: Entry) -> bool:
    return entry.published is not None and entry.published <= _old_end(backfill)


def _turn(backfill: Backfill, asked: PageRequest, page: ListingPage) -> _Direction:
    if page.is_disordered:
        return _give_up(backfill, f"the list of {backfill.feed} is not ordered by time, newest first")
    if asked.window and (doubt := _doubt(backfill, asked.window, page)):
        return _give_up(backfill, doubt)
    return _look(backfill, backfill.search, asked, page) if backfill.search else _read(backfill, page)


# By the history parameters


def _doubt(backfill: Backfill, window: Span, page: ListingPage) -> str:
    """What is odd about a page of history."""
    strays = sum(not window.start - MARGIN <= time <= window.end + MARGIN for time in page.times)
    if strays > len(page.times) // ODD:
        return "the history parameters bring articles of other times"
    if page.place == 0 and (page.high is None or page.high < backfill.end - QUIET):
        return "the history parameters bring nothing of the last day asked for"
    return ""


def _give_up(backfill: Backfill, reason: str, oldest_available: datetime | None = None) -> _Direction:
    if not backfill.history:
        return _Direction(backfill, NextStep.FAILED, reason, oldest_available)
    by_pages = replace(backfill, history=False, edge=frozenset(), aim=0, tries=0, caught_up=False)
    return _Direction(
        replace(by_pages, search=PageBisection(_goal(backfill))), reason=f"{reason}: going on by page numbers"
    )


# By page numbers


def _goal(backfill: Backfill) -> datetime:
    """A page above this time has nothing left to cover above it."""
    return (backfill.covered.start if backfill.covered else backfill.end) + MARGIN


def _look(backfill: Backfill, search: PageBisection, asked: PageRequest, page: ListingPage) -> _Direction:
    """A page of the search; that of the last one above the goal is the first one read."""
    is_odd = page.count == 0 and page.place < max(page.total or 0, 1)
    if is_odd and not backfill.tries:  # of 62,644 polls 47 gave an empty list
        return _Direction(replace(backfill, tries=1))
    if is_odd and page.place == 0:
        return _give_up(backfill, f"the list of {backfill.feed} is empty")
    # A list may give its last page again and again to who asks for more.
    if page.low and page.high and page.low > search.goal and page.items - backfill.edge:
        search = record_above(search, asked.page, page.high, page.low, page.total)
        backfill = replace(backfill, edge=page.items, aim=_next_aim(page))
    elif page.place == 0:
        return _read(replace(backfill, search=None, tries=0), page)  # the stretch begins on it
    else:
        search = replace(search, far=asked.page)
    return _Direction(replace(backfill, search=None if is_close(search) else search, tries=0))


def _next_aim(page: ListingPage) -> int:
    return max(0, page.place + page.count - OVERLAP)


def _read(backfill: Backfill, page: ListingPage) -> _Direction:
    """A page to be read on from the last one."""
    low, is_new = page.low, bool(page.items - backfill.edge)
    is_above = low is not None and low > _goal(backfill)
    if not (page.place == 0 or is_above or page.items & backfill.edge):
        return _again(replace(backfill, aim=max(0, backfill.aim - BACK[min(backfill.tries, len(BACK) - 1)])), page)
    after = replace(
        backfill,
        covered=_covered(backfill, low),
        edge=page.items,
        aim=_next_aim(page),
        tries=0,
        caught_up=backfill.caught_up or page.shows_known,
    )
    if low is not None and low <= backfill.start - MARGIN:
        return _arrive(after)
    if page.ends_the_list:
        return _end(after, page)
    return _Direction(after) if is_new else _again(replace(after, tries=backfill.tries), page)


def _covered(backfill: Backfill, low: datetime | None) -> Span | None:
    bottom = _old_end(backfill) if backfill.must_meet_known else backfill.start
    starts = [max(low, bottom)] if low else []
    starts += [backfill.covered.start] if backfill.covered else []
    return Span(min(starts), backfill.end) if starts and min(starts) <= backfill.end else backfill.covered


def _again(backfill: Backfill, page: ListingPage) -> _Direction:
    """A page that brought the walk no further."""
    if backfill.tries < len(BACK):
        return _Direction(replace(backfill, tries=backfill.tries + 1))
    of_all = "" if page.total is None else f" of {page.total}"
    return _give_up(
        backfill, f"the list of {backfill.feed} brings nothing further from article {backfill.aim + 1}{of_all} on"
    )


def _arrive(backfill: Backfill, oldest_available: datetime | None = None) -> _Direction:
    """Everything down to the start is read."""
    if backfill.must_meet_known and not backfill.caught_up:
        reason = f"the list of {backfill.feed} shows nothing at {backfill.start.isoformat()} or before that was known"
        return _give_up(backfill, reason, oldest_available)
    return _Direction(
        replace(backfill, covered=Span(backfill.start, backfill.end)),
        NextStep.DONE,
        oldest_available=oldest_available,
    )


def _end(backfill: Backfill, page: ListingPage) -> _Direction:
    """The list has no more."""
    oldest = min(page.times, default=None)
    if backfill.history:
        if page.total is None:
            return _give_up(backfill, "the history parameters do not say how much there is")
        if oldest is None or oldest > backfill.start + QUIET:
            return _give_up(backfill, "the history parameters bring nothing of the first day asked for")
        return _arrive(backfill)
    if oldest is None:
        return _Direction(
            backfill, NextStep.DONE, f"the list of {backfill.feed} ends with articles that have no time"
        )
    if oldest <= backfill.start or (backfill.must_meet_known and backfill.caught_up):
        return _arrive(backfill, oldest)
    reason = f"the list of {backfill.feed} reaches back to {oldest.isoformat()} only"
    return _Direction(replace(backfill, covered=_covered(backfill, oldest)), NextStep.DONE, reason, oldest)

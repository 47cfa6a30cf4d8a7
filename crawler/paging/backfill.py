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
from crawler.paging.bisect import PageBisection, found_above, is_close, next_probe
from crawler.paging.page import ODD, ListingPage, sight

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

    ON = "read on"
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
    meets_ground: bool  # the end at ``start`` counts only when an article known from a poll stands there
    most_pages: int
    history: bool  # it asks by the history parameters
    search: PageBisection | None  # it still looks for the page to begin with
    pages: int = 0  # so many were asked for
    covered: Span | None = None  # read without a hole so far
    edge: frozenset[tuple[str, datetime | None]] = frozenset()  # docid and publication time, of the last good page
    aim: int = 0  # the place where the next page is to begin, or above
    tries: int = 0  # so many pages in a row brought it no further
    ground: bool = False  # an article known before this walk was met at the old end
    ours: frozenset[str] = frozenset()  # docids at the old end that this walk was the first to see


@dataclass(frozen=True, slots=True)
class BackfillStep:
    """What came of one page."""

    walk: Backfill
    stretch: BackfillPage  # to be recorded, whatever comes next
    what: NextStep
    reason: str = ""  # for people: why it ended, or goes on another way


@dataclass(frozen=True, slots=True)
class _Direction:
    walk: Backfill
    what: NextStep = NextStep.ON
    reason: str = ""
    floor: datetime | None = None


def begin(
    feed: str, start: datetime, end: datetime, at: datetime, *, meets_ground: bool, history: bool, most_pages: int
) -> Backfill:
    """A walk that reads what a feed's list has from ``end`` back to ``start``, both included, as it stands at ``at``.

    :param feed: the feed's id
    :param meets_ground: as for a gap, where the list must be followed down to what was known before
    :param history: the list may know the history parameters
    :param most_pages: pages that the walk may ask for
    :raises ValueError: the stretch is of the future, or ends before it starts
    """
    end = min(end, at)
    if start > end:
        raise ValueError(f"no walk of {feed} leads from {end.isoformat()} back to {start.isoformat()}")
    search = None if history else PageBisection(end + MARGIN)
    return Backfill(feed, start, end, at, meets_ground, most_pages, history, search)


def question(walk: Backfill) -> PageRequest:
    """The page to ask for next."""
    if walk.search:
        return PageRequest(next_probe(walk.search), None)
    # Of the pages that begin in time, the one that ends last.
    size = max(range(SMALLEST, PAGE_SIZE + 1), key=lambda size: (walk.aim // size + 1) * size)
    window = Span(walk.start - MARGIN, walk.end + MARGIN) if walk.history else None
    return PageRequest(walk.aim // size + 1, window, size)


def take(walk: Backfill, listing: Listing, known: Set[str]) -> BackfillStep:
    """Take the answer to the walk's question.

    :param known: those of the page's docids that polls of this feed had listed before; of docids that only an earlier
        walk has listed the list's old end cannot be told
    """
    asked = question(walk)
    entries: dict[str, Entry] = {}
    for entry in listing.entries:
        entries.setdefault(entry.docid, entry)
    at_old_end = {docid for docid, entry in entries.items() if _is_at_old_end(walk, entry)}
    page = sight(asked.page, asked.size, listing, meets=bool(at_old_end & known - walk.ours))
    walk = replace(walk, pages=walk.pages + 1, ours=walk.ours | (at_old_end - known))
    turn = _turn(walk, asked, page)
    after, what, reason = turn.walk, turn.what, turn.reason
    if what is NextStep.ON and after.pages >= after.most_pages:
        what, reason = NextStep.LIMIT, f"it has read {after.pages} pages, its limit; a new walk takes up the rest"
    kept = tuple(entries.values())
    return BackfillStep(
        after, BackfillPage(walk.feed, walk.at, kept, listing.failures, after.covered, turn.floor), what, reason
    )


def take_only_page(walk: Backfill, listing: Listing) -> BackfillStep:
    """Take the page of a list that has no other: what it does not show cannot be had from it."""
    entries: dict[str, Entry] = {}
    for entry in listing.entries:
        entries.setdefault(entry.docid, entry)
    oldest, reason = sight(1, PAGE_SIZE, listing, meets=False).low, ""
    walk = replace(walk, pages=walk.pages + 1)
    if oldest is None:
        reason = f"the list of {walk.feed} shows no article with a time"
    elif oldest > walk.start:
        reason = f"the list of {walk.feed} has one page, which reaches back to {oldest.isoformat()} only"
    if oldest and oldest <= walk.end:
        walk = replace(walk, covered=Span(max(oldest, walk.start), walk.end))
    floor = oldest if oldest and oldest > walk.start else None
    stretch = BackfillPage(walk.feed, walk.at, tuple(entries.values()), listing.failures, walk.covered, floor)
    return BackfillStep(walk, stretch, NextStep.DONE if oldest else NextStep.FAILED, reason)


def _old_end(walk: Backfill) -> datetime:
    """What is at or before this lies at the stretch's old end; in a short one, nearer to it than to the other."""
    return walk.start + min(MARGIN, (walk.end - walk.start) / 2)


def _is_at_old_end(walk: Backfill, entry: Entry) -> bool:
    return entry.published is not None and entry.published <= _old_end(walk)


def _turn(walk: Backfill, asked: PageRequest, page: ListingPage) -> _Direction:
    if page.is_disordered:
        return _give_up(walk, f"the list of {walk.feed} is not ordered by time, newest first")
    if asked.window and (doubt := _doubt(walk, asked.window, page)):
        return _give_up(walk, doubt)
    return _look(walk, walk.search, asked, page) if walk.search else _read(walk, page)


# By the history parameters


def _doubt(walk: Backfill, window: Span, page: ListingPage) -> str:
    """What is odd about a page of history."""
    strays = sum(not window.start - MARGIN <= time <= window.end + MARGIN for time in page.times)
    if strays > len(page.times) // ODD:
        return "the history parameters bring articles of other times"
    if page.place == 0 and (page.high is None or page.high < walk.end - QUIET):
        return "the history parameters bring nothing of the last day asked for"
    return ""


def _give_up(walk: Backfill, reason: str, floor: datetime | None = None) -> _Direction:
    if not walk.history:
        return _Direction(walk, NextStep.FAILED, reason, floor)
    by_pages = replace(walk, history=False, edge=frozenset(), aim=0, tries=0, ground=False)
    return _Direction(
        replace(by_pages, search=PageBisection(_goal(walk))), reason=f"{reason}: going on by page numbers"
    )


# By page numbers


def _goal(walk: Backfill) -> datetime:
    """A page above this time has nothing left to cover above it."""
    return (walk.covered.start if walk.covered else walk.end) + MARGIN


def _look(walk: Backfill, search: PageBisection, asked: PageRequest, page: ListingPage) -> _Direction:
    """A page of the search; that of the last one above the goal is the first one read."""
    is_odd = page.count == 0 and page.place < max(page.total or 0, 1)
    if is_odd and not walk.tries:  # of 62,644 polls 47 gave an empty list
        return _Direction(replace(walk, tries=1))
    if is_odd and page.place == 0:
        return _give_up(walk, f"the list of {walk.feed} is empty")
    # A list may give its last page again and again to who asks for more.
    if page.low and page.high and page.low > search.goal and page.items - walk.edge:
        search = found_above(search, asked.page, page.high, page.low, page.total)
        walk = replace(walk, edge=page.items, aim=_next_aim(page))
    elif page.place == 0:
        return _read(replace(walk, search=None, tries=0), page)  # the stretch begins on it
    else:
        search = replace(search, far=asked.page)
    return _Direction(replace(walk, search=None if is_close(search) else search, tries=0))


def _next_aim(page: ListingPage) -> int:
    return max(0, page.place + page.count - OVERLAP)


def _read(walk: Backfill, page: ListingPage) -> _Direction:
    """A page to be read on from the last one."""
    low, is_new = page.low, bool(page.items - walk.edge)
    is_above = low is not None and low > _goal(walk)
    if not (page.place == 0 or is_above or page.items & walk.edge):
        return _again(replace(walk, aim=max(0, walk.aim - BACK[min(walk.tries, len(BACK) - 1)])), page)
    after = replace(
        walk,
        covered=_covered(walk, low),
        edge=page.items,
        aim=_next_aim(page),
        tries=0,
        ground=walk.ground or page.meets,
    )
    if low is not None and low <= walk.start - MARGIN:
        return _arrive(after)
    if page.ends_the_list:
        return _end(after, page)
    return _Direction(after) if is_new else _again(replace(after, tries=walk.tries), page)


def _covered(walk: Backfill, low: datetime | None) -> Span | None:
    bottom = _old_end(walk) if walk.meets_ground else walk.start
    starts = [max(low, bottom)] if low else []
    starts += [walk.covered.start] if walk.covered else []
    return Span(min(starts), walk.end) if starts and min(starts) <= walk.end else walk.covered


def _again(walk: Backfill, page: ListingPage) -> _Direction:
    """A page that brought the walk no further."""
    if walk.tries < len(BACK):
        return _Direction(replace(walk, tries=walk.tries + 1))
    of_all = "" if page.total is None else f" of {page.total}"
    return _give_up(walk, f"the list of {walk.feed} brings nothing further from article {walk.aim + 1}{of_all} on")


def _arrive(walk: Backfill, floor: datetime | None = None) -> _Direction:
    """Everything down to the start is read."""
    if walk.meets_ground and not walk.ground:
        reason = f"the list of {walk.feed} shows nothing at {walk.start.isoformat()} or before that was known"
        return _give_up(walk, reason, floor)
    return _Direction(replace(walk, covered=Span(walk.start, walk.end)), NextStep.DONE, floor=floor)


def _end(walk: Backfill, page: ListingPage) -> _Direction:
    """The list has no more."""
    oldest = min(page.times, default=None)
    if walk.history:
        if page.total is None:
            return _give_up(walk, "the history parameters do not say how much there is")
        if oldest is None or oldest > walk.start + QUIET:
            return _give_up(walk, "the history parameters bring nothing of the first day asked for")
        return _arrive(walk)
    if oldest is None:
        return _Direction(walk, NextStep.DONE, f"the list of {walk.feed} ends with articles that have no time")
    if oldest <= walk.start or (walk.meets_ground and walk.ground):
        return _arrive(walk, oldest)
    reason = f"the list of {walk.feed} reaches back to {oldest.isoformat()} only"
    return _Direction(replace(walk, covered=_covered(walk, oldest)), NextStep.DONE, reason, oldest)

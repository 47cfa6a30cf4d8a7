"""Real polls of a list, turned into stories that make the mock site show the same list at each poll. Pure.

The polls tell docids, titles and order, but no times. The orders of all polls agree with each other, so they are one
order of all articles; times are laid along it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from mocksite.story import Edit, Story, make_stories

LAG = 60  # seconds from an article's ctime to the poll that shows it on top; 6 to 469 were measured to its intime
APART = 70  # seconds between two articles of the first poll, and the mean of the three days
# Seconds between two articles that the list must have shown between two polls that share nothing, and nobody saw:
# such periods are busier than the mean, and some are to need more pages than one.
HIDDEN_APART = 20


class Row(Struct, frozen=True):
    """What a poll showed of one article."""

    docid: str
    path: str  # of its address
    title: str


class Shown(Struct, frozen=True):
    """A poll's first page, and all there is of it."""

    at: int  # Unix seconds
    rows: tuple[Row, ...]  # newest first

    @property
    def docids(self) -> tuple[str, ...]:
        return tuple(row.docid for row in self.rows)


def ran_over(polls: Sequence[Shown]) -> list[int]:
    """Positions of the polls that share no article with the one before."""
    return [n for n, (one, two) in enumerate(pairwise(polls), 1) if not {*one.docids} & {*two.docids}]


def retitlings(polls: Sequence[Shown]) -> list[tuple[str, str]]:
    """Docid and new title of each row whose title differs from that in the previous poll."""
    found: list[tuple[str, str]] = []
    titles: dict[str, str] = {}
    for row in (row for poll in polls for row in poll.rows):
        if titles.setdefault(row.docid, row.title) != row.title:
            found.append((row.docid, row.title))
            titles[row.docid] = row.title
    return found


def stories_of(polls: Sequence[Shown], *, lid: int, hidden: bool) -> list[Story]:
    """Stories that show themselves, by the clock, as the polls have them.

    :param hidden: with further, invented articles wherever the list ran over: below all of that poll's, above all
        of the one's before
    """
    order, entered = _order(polls, hidden=hidden)
    ctimes = _ctimes(polls, order)
    firsts = {row.docid: row for poll in reversed(polls) for row in poll.rows}
    edits, gone = _edits(polls), dict(_vanished(polls))
    stories = []
    for text, docid in zip(make_stories(len(order), newest=0), order, strict=True):
        ctime = ctimes[docid]
        story = replace(text, docid=docid, lids=(lid,), ctime=ctime, mtime=ctime, intime=entered[docid])
        if row := firsts.get(docid):
            section = re.sub(r"/?\d{4}-\d\d-\d\d/.*", "", row.path.removeprefix("/"))
            story = replace(
                story, title=row.title, section=section, edits=edits.get(docid, ()), deleted_at=gone.get(docid)
            )
        stories.append(story)
    return stories


def _order(polls: Sequence[Shown], *, hidden: bool) -> tuple[list[str], dict[str, int]]:
    """All docids, newest first, and when each is first to be seen."""
    order: list[str] = []
    entered: dict[str, int] = {}
    over = ran_over(polls)
    for number, poll in enumerate(polls):
        place = 0
        for docid in poll.docids:
            if docid in entered:
                place = order.index(docid)
            else:
                order.insert(place, docid)
                entered[docid] = poll.at
            place += 1
        if hidden and number in over:
            for more in range((poll.at - polls[number - 1].at) // HIDDEN_APART):
                docid = f"nhidden{number:03d}{more:04d}"
                order.insert(place, docid)
                entered[docid] = poll.at
    return order, entered


def _ctimes(polls: Sequence[Shown], order: Sequence[str]) -> dict[str, int]:
    """A ctime (Unix seconds) for each docid, descending: a poll's top row tells best, the others lie between."""
    places = {docid: place for place, docid in enumerate(order)}
    tops: dict[int, int] = {}
    for poll in polls:
        tops.setdefault(places[poll.docids[0]], poll.at - LAG)
    oldest = max(tops)
    ctimes = {order[place]: tops[oldest] - APART * (place - oldest) for place in range(oldest, len(order))}
    for (below, early), (above, late) in pairwise(sorted(tops.items(), reverse=True)):
        for place in range(below, above - 1, -1):
            ctimes[order[place]] = early + (late - early) * (below - place) // (below - above)
    return ctimes


def _edits(polls: Sequence[Shown]) -> dict[str, tuple[Edit, ...]]:
    titles: dict[str, str] = {}
    edits: dict[str, tuple[Edit, ...]] = {}
    for poll in polls:
        for row in poll.rows:
            if titles.setdefault(row.docid, row.title) != row.title:
                edits[row.docid] = (*edits.get(row.docid, ()), Edit(poll.at, title=row.title))
                titles[row.docid] = row.title
    return edits


def _vanished(polls: Sequence[Shown]) -> Iterator[tuple[str, int]]:
    """Docids that left a page while what stood below them stayed, and when that was seen."""
    for one, two in pairwise(polls):
        stayed = [place for place, docid in enumerate(one.docids) if docid in two.docids]
        for docid in one.docids[: max(stayed, default=0)]:
            if docid not in two.docids:
                yield docid, two.at

"""Entries that left a list while their neighbours stayed, and entries that came back.

Of 638,456 real entries 377 vanished from the middle of the list: the site withdrew them.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

from archive.index.part import IndexPart
from archive.model.feed import Entry, Unlisting
from archive.model.times import to_text

# The newest entries of all feeds that one poll looks at: some two weeks, in 0.1 s at most. An article of years ago
# that is pinned to a list must not make each poll read the whole index.
MAX_ENTRIES = 20_000
# The last articles of a page may be old ones that are pinned there or out of order: one, and one more in this many.
# Below them the list goes on with newer articles.
PINNED_SHARE = 48
MIN_BELOW = 2
# Entries of a feed that its list has shown between two times, and that are not known to have left it.
_SHOWN_BETWEEN = """
    SELECT docid, published FROM (
        SELECT docid, published FROM entries WHERE published > ? AND published < ? ORDER BY published DESC LIMIT ?
    ) CROSS JOIN listings USING (docid)
    WHERE feed = ? AND shown = 1 AND docid NOT IN (SELECT docid FROM unlisted WHERE feed = ? AND back IS NULL)
    ORDER BY published DESC
"""


def find_unlisted(listed: Sequence[Entry], before: Sequence[tuple[str, datetime]]) -> list[Unlisting]:
    """Return the entries that left a list.

    An entry counts only if its place is known: one that is newer stands above it, and only older ones stand below,
    some of them at least. Of several entries with one time the order is not known.

    :param listed: entries that were read without a hole, in the list's order, newest first
    :param before: docid and publication time of the entries that the list showed before, in the time of ``listed``
    """
    docids = {entry.docid for entry in listed}
    timed = [(entry.published, entry.docid) for entry in listed if entry.published]
    neighbours = _neighbours_by_time(timed, {published for docid, published in before if docid not in docids})
    return [
        Unlisting(docid, *neighbours[published])
        for docid, published in before
        if docid not in docids and published in neighbours
    ]


def _neighbours_by_time(
    timed: Sequence[tuple[datetime, str]], wanted: Collection[datetime]
) -> dict[datetime, tuple[str, str]]:
    """Return between which entries of a list an entry of some time stood: docids of the last newer, the first older.

    Takes no more than a search in the list for each time.

    :param timed: publication time and docid of each entry of the list, in its order
    :param wanted: the times; one without enough older entries below is not in the result
    """
    min_below = MIN_BELOW + len(timed) // PINNED_SHARE
    times = [time for time, _ in timed]
    newest = list(accumulate(reversed(times), max))  # of the last entry, of the last two, and so on
    places: dict[datetime, list[int]] = {}
    for place, time in enumerate(times):
        places.setdefault(time, []).append(place)
    found = {}
    for published in wanted:
        # An old entry may be pinned on top, a new one may stand too low. Neither is a neighbour.
        begin = len(times) - bisect_right(newest, published)  # from here on none is newer
        same = places.get(published, [])
        below = len(times) - begin - (len(same) - bisect_left(same, begin))
        if begin and below >= min_below:
            first_older = next(place for place in range(begin, len(times)) if times[place] < published)
            found[published] = timed[begin - 1][1], timed[first_older][1]
    return found


class UnlistedIndex(IndexPart):
    """The table of entries that left a list. Errors and transactions as in :class:`~archive.store.Store`."""

    def absences(self, docid: str, until: datetime | None = None) -> list[dict[str, Any]]:
        """Return when an article left lists and came back: ``feed``, ``at`` and ``back``, None if it did not.

        :param until: as known at this time; None: now
        """
        time = to_text(until) or "9"
        rows = self._rows(
            """SELECT feed, at, iif(back <= :time, back, NULL) AS back FROM unlisted
               WHERE docid = :docid AND at <= :time ORDER BY id""",
            {"docid": docid, "time": time},
        )
        return [dict(row) for row in rows]

    # The caller begins the transaction.

    def find(self, feed: str, listed: Sequence[Entry]) -> tuple[list[Unlisting], list[str]]:
        """Return the entries that have left a feed's list, and the docids of those that are back in it.

        :param listed: entries that were read without a hole, in the list's order, newest first
        """
        times = [entry.published for entry in listed if entry.published]
        if not times:
            return [], []
        rows = self._rows(_SHOWN_BETWEEN, [to_text(min(times)), to_text(max(times)), MAX_ENTRIES, feed, feed])
        before = [(row["docid"], datetime.fromisoformat(row["published"])) for row in rows]
        docids = json.dumps([entry.docid for entry in listed])
        back = self._rows(
            """SELECT docid FROM unlisted WHERE feed = ? AND back IS NULL
               AND docid IN (SELECT value FROM json_each(?)) ORDER BY id""",
            [feed, docids],
        )
        return find_unlisted(listed, before), [row["docid"] for row in back]

    def record(self, feed: str, unlisted: Sequence[Unlisting], back: Collection[str], at: datetime) -> None:
        """Record what :meth:`find` returned, and make the articles that left the list due for a recheck at once."""
        time = to_text(at)
        self._db.conn.executemany(
            "UPDATE unlisted SET back = ? WHERE feed = ? AND docid = ? AND back IS NULL",
            [(time, feed, docid) for docid in back],
        )
        self._db.conn.executemany(
            "INSERT INTO unlisted (feed, docid, at, newer, older) VALUES (?, ?, ?, ?, ?)",
            [(feed, each.docid, time, each.newer, each.older) for each in unlisted],
        )
        # A fetch that the journal has before this record may have been made later: it has seen the article.
        self._db.conn.executemany(
            """UPDATE entries SET vanished = ? WHERE docid = ? AND status = 'archived'
               AND (tried IS NULL OR tried < ?)""",
            [(time, each.docid, time) for each in unlisted],
        )

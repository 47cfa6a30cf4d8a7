"""Counts of the articles of several archives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from archive.model.results import Facets, Hit, HourCount
from archive.query.nodes import Query
from archive.search.search import Search
from archive.search.stats import MAX_COUNTED, MAX_VALUES
from archive.store import Store

_ALL = -1  # as SQLite's LIMIT


class UnionStats:
    """Counts over several stores: as :class:`~archive.search.stats.Stats` counts in one."""

    def __init__(self, stores: Sequence[Store], search: Search) -> None:
        self._stats = [each.stats for each in stores]
        self._search = search

    def begins(self, time: datetime) -> datetime | None:
        """Return when the first article was fetched, as known at a time; None: there is none."""
        return min(filter(None, (each.begins(time) for each in self._stats)), default=None)

    def latest(self, time: datetime) -> datetime | None:
        """Return the publication time of the newest article known at a time; articles dated later are left out."""
        return max(filter(None, (each.latest(time) for each in self._stats)), default=None)

    def hours(self, since: datetime, until: datetime, time: datetime) -> list[HourCount]:
        """Count the articles published in each hour, of each feed and of all feeds; only hours with any."""
        counts: Counter[tuple[datetime, str | None]] = Counter()
        for stats in self._stats:
            for each in stats.hours(since, until, time):
                counts[each.hour, each.feed] += each.articles
        return [HourCount(hour, feed, number) for (hour, feed), number in counts.items()]

    def top_symbols(self, since: datetime, until: datetime, time: datetime, limit: int) -> list[tuple[str, int]]:
        """Return the stocks that most articles of a span name, and the number of articles for each."""
        return _most_frequent([each.top_symbols(since, until, time, _ALL) for each in self._stats])[:limit]

    def of_symbol(self, symbol: str, limit: int, offset: int, time: datetime) -> list[Hit]:
        """Return articles that name a stock, the newest first."""
        ids = [each.ids_of_symbol(symbol, limit + offset, 0, time) for each in self._stats]
        return self._search.hits(self._search.in_order(ids)[offset : offset + limit], time)

    def days_of_symbol(self, symbol: str, time: datetime) -> list[tuple[str, int]]:
        """Count the articles that name a stock, by day in China, in ascending order; only days with any."""
        return sorted(_sums([each.days_of_symbol(symbol, time) for each in self._stats]).items())

    def facets(self, query: Query, time: datetime) -> Facets:
        """Return the most frequent values among the newest articles that match a query, at most MAX_COUNTED."""
        found = self._search.newest(query, MAX_COUNTED, time)
        counted = [
            stats.values([each.id for each in found if each.part == n], time, _ALL)
            for n, stats in enumerate(self._stats)
        ]
        feeds, media, symbols = (
            tuple(_most_frequent([each[name] for each in counted])[:MAX_VALUES])
            for name in ("feeds", "media", "symbols")
        )
        days = sorted(_sums([each["days"] for each in counted]).items(), reverse=True)[:MAX_VALUES]
        return Facets(len(found), len(found) < MAX_COUNTED, feeds, media, symbols, tuple(days))


def _sums(counts: Sequence[Sequence[tuple[str, int]]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for each in counts:
        for value, number in each:
            sums[value] += number
    return sums


def _most_frequent(counts: Sequence[Sequence[tuple[str, int]]]) -> list[tuple[str, int]]:
    return sorted(_sums(counts).items(), key=lambda each: (-each[1], each[0]))

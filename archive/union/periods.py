"""All that was ever known of the articles of several archives, by period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from heapq import merge

from archive.export.cursor import AnyCursor, UnionCursor
from archive.model.errors import CursorError
from archive.model.results import ArticlePeriod
from archive.query.nodes import Query
from archive.search.event_reader import PeriodsCursor
from archive.search.periods import Periods
from archive.store import Store


class UnionPeriods:
    """Periods over several stores: as :class:`~archive.search.periods.Periods` in one. The cursor has one for each.

    :param stores: by the name of the archive, sorted
    """

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._periods: dict[str, Periods] = {name: each.periods for name, each in stores.items()}

    def cursor(self) -> UnionCursor:
        """Return the cursor of the present state."""
        return UnionCursor({name: each.cursor() for name, each in self._periods.items()})

    def observed_until(self) -> datetime | None:
        """Return the time of the newest observation, when all that is known was known; None if there is none."""
        return max(filter(None, (each.observed_until() for each in self._periods.values())), default=None)

    def ensure_valid(self, cursor: AnyCursor) -> None:
        """Check that a cursor is one of these archives.

        :raises CursorError: as for one archive; or it is of other archives
        """
        self._places(cursor)

    def each(self, query: Query, after: AnyCursor | None = None) -> Iterator[ArticlePeriod]:
        """Yield the periods in which articles matched a query, by docid and time; read in batches.

        :param after: as for one archive
        :raises CursorError: see :meth:`ensure_valid`
        """
        sequence = self.cursor().sequence
        places = self._places(after) if after else {}
        return _merged(each.since(query, places.get(name), sequence) for name, each in self._periods.items())

    def of_month(self, query: Query, month: str) -> Iterator[ArticlePeriod]:
        """Yield those of :meth:`each` that began in a month in China, YYYY-MM."""
        sequence = self.cursor().sequence
        return _merged(each.of_month(query, month, sequence) for each in self._periods.values())

    def months(self, query: Query, after: AnyCursor | None = None) -> list[str]:
        """Return the months in China in which periods begin that are not as they were at a cursor.

        :param after: None: all months in which periods may begin
        :raises CursorError: see :meth:`ensure_valid`
        """
        places = self._places(after) if after else {}
        found = (each.months_since(query, places.get(name)) for name, each in self._periods.items())
        return sorted({month for months in found for month in months})

    def _places(self, cursor: AnyCursor) -> dict[str, PeriodsCursor]:
        """Return the cursor for each archive."""
        cursors = cursor.cursors if isinstance(cursor, UnionCursor) else {}
        if cursors.keys() != self._periods.keys():
            # An article may now belong to an archive that was added, or to another feed by it.
            of = f"the archives {', '.join(sorted(cursors))}" if cursors else "one archive"
            raise CursorError(
                f"this cursor is of {of}, and not of {', '.join(self._periods)}: export everything again, without "
                "a cursor"
            )
        for name, each in self._periods.items():
            each.ensure_valid(cursors[name])
        listings = [cursors[name].listing for name in self._periods]
        return {name: PeriodsCursor(cursors[name], listings) for name in self._periods}


def _merged(periods: Iterator[Iterator[ArticlePeriod]]) -> Iterator[ArticlePeriod]:
    """Merge by docid: each article is in one archive."""
    return merge(*periods, key=lambda each: each.docid)

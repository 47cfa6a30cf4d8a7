"""Count articles by hour, day, feed, medium and stock, now or as of a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index import row_mapping
from archive.index.database import Database
from archive.index.part import IndexPart
from archive.model.fetch import Observation
from archive.model.results import Facets, Hit, HourCount
from archive.model.times import to_text, to_time
from archive.query.compiler import CURRENT, FACTS, LISTED, MEDIA, SYMBOLS
from archive.query.nodes import Query
from archive.search.search import Search

# Articles that are counted for facets.
MAX_COUNTED = 2_000
# Values of a facet: more than a page shows, and more than anyone chooses from.
MAX_VALUES = 12
# The time up to the hour, in UTC: hours begin at the same moments in China.
_HOUR = "substr(v.published, 1, 13)"
_DAY = "date(v.published, '+8 hours')"  # in China
_BETWEEN = f"v.published >= :since AND v.published < :until AND {CURRENT}"

_COUNT_HOURS = f"""
    SELECT {_HOUR} AS hour, NULL AS feed, count(*) AS n FROM searchable v WHERE {_BETWEEN} GROUP BY hour
"""  # noqa: S608 - of constants
_COUNT_HOURS_OF_FEEDS = f"""
    SELECT {_HOUR} AS hour, feed, count(*) AS n FROM searchable v CROSS JOIN {{listings}} AS l ON l.docid = v.docid
    WHERE {_BETWEEN} AND {LISTED} GROUP BY hour, feed
"""  # noqa: S608 - of constants
_COUNT_SYMBOLS = f"""
    SELECT s.value AS value, count(*) AS n
    FROM searchable v {FACTS}, json_each({SYMBOLS}) AS s
    WHERE {_BETWEEN} GROUP BY 1 ORDER BY n DESC, 1 LIMIT :limit
"""  # noqa: S608 - of constants
# The table symbols has the stocks that a version named at any time.
_OF_SYMBOL = f"""
    FROM symbols CROSS JOIN searchable v ON v.docid = symbols.docid AND v.number = symbols.number {FACTS}
    WHERE symbols.symbol = :symbol AND {CURRENT}
        AND EXISTS (SELECT 1 FROM json_each({SYMBOLS}) WHERE value = :symbol)
"""  # noqa: S608 - of constants

_NUMBERED = "FROM json_each(:ids) AS wanted CROSS JOIN searchable v ON v.id = wanted.value"
_VERSIONS = f"{_NUMBERED} {FACTS}"
_MOST_FREQUENT = "GROUP BY 1 ORDER BY n DESC, 1 LIMIT :limit"
_FEEDS = f"""
    SELECT feed AS value, count(*) AS n {_NUMBERED} JOIN {{listings}} AS l ON l.docid = v.docid
    WHERE {LISTED} {_MOST_FREQUENT}
"""
_FACETS = {
    "media": f"SELECT {MEDIA} AS value, count(*) AS n {_VERSIONS} WHERE {MEDIA} IS NOT NULL {_MOST_FREQUENT}",
    "symbols": f"SELECT s.value AS value, count(*) AS n {_VERSIONS}, json_each({SYMBOLS}) AS s {_MOST_FREQUENT}",
    "days": f"SELECT {_DAY} AS value, count(*) AS n {_NUMBERED} GROUP BY 1 ORDER BY 1 DESC LIMIT :limit",
}


class Stats(IndexPart):
    """Counts of articles. Errors as in :class:`~archive.store.Store`.

    Each ``time`` is aware; what was observed later is left out.

    :param listings: the tables that together have the listings
    """

    def __init__(self, database: Database, path: Path, search: Search, listings: Sequence[str]) -> None:
        super().__init__(database, path)
        self._search = search
        self._listings = listings

    def gone(self) -> int:
        """Count the articles that the site no longer has; the cost grows with these alone."""
        return int(self._rows("SELECT count(*) AS n FROM entries WHERE gone IS NOT NULL")[0]["n"])

    def begins(self, time: datetime) -> datetime | None:
        """Return when the first article was fetched, as known at a time; None: there is none."""
        rows = self._rows("SELECT at FROM observations WHERE at <= ? ORDER BY id LIMIT 1", [to_text(time)])
        return to_time(rows[0]["at"]) if rows else None

    def latest(self, time: datetime) -> datetime | None:
        """Return the publication time of the newest article known at a time; articles dated later are left out."""
        rows = self._rows(
            f"""SELECT v.published FROM searchable v WHERE v.published <= :time AND {CURRENT}
                ORDER BY v.published DESC LIMIT 1""",  # noqa: S608 - of constants
            {"time": to_text(time)},
        )
        return to_time(rows[0]["published"]) if rows else None

    def hours(self, since: datetime, until: datetime, time: datetime) -> list[HourCount]:
        """Count the articles published in each hour, of each feed and of all feeds; hours without any are left out.

        :param since: the start of an hour
        :param until: the end of an hour
        """
        parameters = _between(since, until, time)
        rows = self._rows(_COUNT_HOURS, parameters)
        for table in self._listings:
            rows += self._rows(_COUNT_HOURS_OF_FEEDS.format(listings=table), parameters)
        return [HourCount(datetime.fromisoformat(f"{row['hour']}:00+00:00"), row["feed"], row["n"]) for row in rows]

    def top_symbols(self, since: datetime, until: datetime, time: datetime, limit: int) -> list[tuple[str, int]]:
        """Return the stocks that most articles of a span name, and the number of articles for each."""
        rows = self._rows(_COUNT_SYMBOLS, {**_between(since, until, time), "limit": limit})
        return [(row["value"], row["n"]) for row in rows]

    def of_symbol(self, symbol: str, limit: int, offset: int, time: datetime) -> list[Hit]:
        """Return articles that name a stock, the newest first.

        :param symbol: exactly as in articles, in Sina's notation
        """
        ids = self.ids_of_symbol(symbol, limit, offset, time)
        return self._search.hits(self._search.in_order([ids]), time)

    def ids_of_symbol(self, symbol: str, limit: int, offset: int, time: datetime) -> list[int]:
        """Return the ids in ``searchable`` of articles that name a stock, the newest first."""
        rows = self._rows(
            f"SELECT v.id {_OF_SYMBOL} ORDER BY v.published DESC, v.docid LIMIT :limit OFFSET :offset",
            {"symbol": symbol, "limit": limit, "offset": offset, "time": to_text(time)},
        )
        return [row["id"] for row in rows]

    def days_of_symbol(self, symbol: str, time: datetime) -> list[tuple[str, int]]:
        """Count the articles that name a stock, by day in China, in ascending order; only days with any."""
        rows = self._rows(
            f"SELECT {_DAY} AS day, count(*) AS n {_OF_SYMBOL} GROUP BY day ORDER BY day",
            {"symbol": symbol, "time": to_text(time)},
        )
        return [(row["day"], row["n"]) for row in rows]

    def facets(self, query: Query, time: datetime) -> Facets:
        """Return the most frequent values among the newest articles that match a query, at most MAX_COUNTED."""
        ids = [each.id for each in self._search.newest(query, MAX_COUNTED, time)]
        counted = self.values(ids, time, MAX_VALUES)
        return Facets(len(ids), len(ids) < MAX_COUNTED, **{name: tuple(each) for name, each in counted.items()})

    def values(self, ids: Sequence[int], time: datetime, limit: int) -> dict[str, list[tuple[str, int]]]:
        """Return the most frequent values of each facet among versions, with their counts.

        :param ids: in ``searchable``
        :param limit: of the values of a facet; -1 for all
        """
        parameters = {"ids": json.dumps(ids), "time": to_text(time), "limit": limit}
        rows = {name: self._rows(statement, parameters) for name, statement in _FACETS.items()}
        rows["feeds"] = [
            row for table in self._listings for row in self._rows(_FEEDS.format(listings=table), parameters)
        ]
        return {name: [(str(row["value"]), int(row["n"])) for row in found] for name, found in rows.items()}

    def fetches(self, docid: str, time: datetime) -> list[Observation]:
        """Return the fetches of an article, the oldest first, with their positions in the journal."""
        rows = self._rows(
            "SELECT * FROM observations WHERE docid = :docid AND at <= :time ORDER BY at, id",
            {"docid": docid, "time": to_text(time)},
        )
        return [row_mapping.observation(row) for row in rows]


def _between(since: datetime, until: datetime, time: datetime) -> dict[str, Any]:
    return {"since": to_text(since), "until": to_text(until), "time": to_text(time)}

"""How many articles there are by hour, day, feed, medium and stock, now or as of a time: a part of the index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.index import row_mapping, statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.model.fetch import Observation
from archive.model.results import Facets, Hit, HourCount
from archive.model.times import to_text, to_time
from archive.query.compiler import CURRENT, LISTED
from archive.query.parser import Query
from archive.search.search import Search

# Articles that are counted for facets.
MAX_COUNTED = 2_000
# Values of a facet that are told: more than a page shows, and nobody chooses from more.
MAX_VALUES = 12
# Seconds and zone are cut off: hours begin at the same moments in China and in UTC.
_HOUR = "substr(v.published, 1, 13)"
_DAY = "date(v.published, '+8 hours')"  # in China
_BETWEEN = f"v.published >= :since AND v.published < :until AND {CURRENT}"

_COUNT_HOURS = f"""
    SELECT {_HOUR} AS hour, NULL AS feed, count(*) AS n FROM searchable v WHERE {_BETWEEN} GROUP BY hour
    UNION ALL
    SELECT {_HOUR} AS hour, feed, count(*) FROM searchable v CROSS JOIN listings ON listings.docid = v.docid
    WHERE {_BETWEEN} AND {LISTED} GROUP BY hour, feed
"""  # noqa: S608 - of constants
_COUNT_NAMED = f"""
    SELECT s.value AS value, count(*) AS n
    FROM searchable v JOIN revisions r ON r.docid = v.docid AND r.number = v.number, json_each(r.symbols) AS s
    WHERE {_BETWEEN} GROUP BY 1 ORDER BY n DESC, 1 LIMIT :most
"""  # noqa: S608 - of constants
_OF_SYMBOL = f"""
    FROM symbols CROSS JOIN searchable v ON v.docid = symbols.docid AND v.number = symbols.number
    WHERE symbols.symbol = :symbol AND {CURRENT}
"""

_ASKED = "FROM json_each(:numbers) AS asked CROSS JOIN searchable v ON v.id = asked.value"
_VERSIONS = f"{_ASKED} JOIN revisions r ON r.docid = v.docid AND r.number = v.number"
_MAX_FREQUENT = "GROUP BY 1 ORDER BY n DESC, 1 LIMIT :most"
_FACETS = {
    "feeds": f"""SELECT feed AS value, count(*) AS n {_ASKED} JOIN listings ON listings.docid = v.docid
                 WHERE {LISTED} {_MAX_FREQUENT}""",
    "media": f"SELECT r.media AS value, count(*) AS n {_VERSIONS} WHERE r.media IS NOT NULL {_MAX_FREQUENT}",
    "symbols": f"SELECT s.value AS value, count(*) AS n {_VERSIONS}, json_each(r.symbols) AS s {_MAX_FREQUENT}",
    "days": f"SELECT {_DAY} AS value, count(*) AS n {_ASKED} GROUP BY 1 ORDER BY 1 DESC LIMIT :most",
}


class Stats:
    """The index in numbers: a part of :class:`~archive.store.Store`, whose promises it keeps.

    A time is aware; what was observed later does not count.
    """

    def __init__(self, database: Database, path: Path, search: Search) -> None:
        self._db, self._path, self._search = database, path, search

    def latest(self, time: datetime) -> datetime | None:
        """When the newest article that was known at a time was published; those that are dated later are left out."""
        rows = self._rows(
            f"""SELECT v.published FROM searchable v WHERE v.published <= :time AND {CURRENT}
                ORDER BY v.published DESC LIMIT 1""",  # noqa: S608 - of constants
            {"time": to_text(time)},
        )
        return to_time(rows[0]["published"]) if rows else None

    def hours(self, since: datetime, until: datetime, time: datetime) -> list[HourCount]:
        """How many articles were published in each hour, of each feed and of all; hours without any are left out.

        :param since: when an hour begins
        :param until: when one ends
        """
        rows = self._rows(_COUNT_HOURS, _between(since, until, time))
        return [HourCount(datetime.fromisoformat(f"{row['hour']}:00+00:00"), row["feed"], row["n"]) for row in rows]

    def named(self, since: datetime, until: datetime, time: datetime, most: int) -> list[tuple[str, int]]:
        """The stocks that articles of a stretch name most, and how many do."""
        rows = self._rows(_COUNT_NAMED, {**_between(since, until, time), "most": most})
        return [(row["value"], row["n"]) for row in rows]

    def of_symbol(self, symbol: str, limit: int, offset: int, time: datetime) -> list[Hit]:
        """Articles that name a stock, the newest first.

        :param symbol: as it is written, in Sina's notation
        """
        rows = self._rows(
            f"SELECT v.id {_OF_SYMBOL} ORDER BY v.published DESC, v.docid LIMIT :limit OFFSET :offset",
            {"symbol": symbol, "limit": limit, "offset": offset, "time": to_text(time)},
        )
        return self._search.hits([row["id"] for row in rows], time)

    def days_of_symbol(self, symbol: str, time: datetime) -> list[tuple[str, int]]:
        """How many articles that name a stock were published on each day in China that has any, the first first."""
        rows = self._rows(
            f"SELECT {_DAY} AS day, count(*) AS n {_OF_SYMBOL} GROUP BY day ORDER BY day",
            {"symbol": symbol, "time": to_text(time)},
        )
        return [(row["day"], row["n"]) for row in rows]

    def facets(self, query: Query, time: datetime) -> Facets:
        """What the articles that a search finds have in common; of many, the newest are counted."""
        numbers = self._search.numbers(query, MAX_COUNTED, time)
        asked = {"numbers": json.dumps(numbers), "time": to_text(time), "most": MAX_VALUES}
        found = {
            name: tuple((str(row["value"]), int(row["n"])) for row in self._rows(statement, asked))
            for name, statement in _FACETS.items()
        }
        return Facets(len(numbers), len(numbers) < MAX_COUNTED, **found)

    def fetches(self, docid: str, time: datetime) -> list[Observation]:
        """The looks at an article, the first first, and where the journal has them."""
        rows = self._rows(
            "SELECT * FROM observations WHERE docid = :docid AND at <= :time ORDER BY at, id",
            {"docid": docid, "time": to_text(time)},
        )
        return [row_mapping.observation(row) for row in rows]

    def _rows(self, query: str, parameters: dict[str, Any]) -> Sequence[statements.Row]:
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, parameters).fetchall()


def _between(since: datetime, until: datetime, time: datetime) -> dict[str, Any]:
    return {"since": to_text(since), "until": to_text(until), "time": to_text(time)}

"""The names of stocks, as the archived articles print them: which one a stock had as of a time, and which had one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from pathlib import Path
from typing import Any

from archive.index.database import Database
from archive.index.part import IndexPart
from archive.index.statements import Row
from archive.model.results import StockName
from archive.model.symbols import stock_name_of
from archive.model.times import to_text
from archive.query.scripts import forms

# Forms of a name in traditional and simplified characters that are looked up: those of a name of five characters.
_MAX_FORMS = 64
_LONGEST_NOTICE = timedelta(days=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

# The name in the article that was published last: one from before a stock was renamed may be archived later.
_CURRENT = """
    SELECT wanted.value AS symbol, name, published, seen FROM json_each(:symbols) AS wanted
    CROSS JOIN stock_names AS last ON last.rowid = (
        SELECT rowid FROM stock_names WHERE symbol = wanted.value AND published <= :latest AND seen <= :time
        ORDER BY published DESC, seen DESC, name LIMIT 1
    )
"""
_OF_SYMBOL = """
    SELECT name, min(seen) AS first_seen, max(seen) AS last_seen, max(published) AS published FROM stock_names
    WHERE symbol = :symbol AND seen <= :time GROUP BY name ORDER BY published DESC, name
"""
# One step for each symbol, however many articles print the name.
_CALLED = """
    WITH RECURSIVE called(symbol) AS (
        SELECT min(symbol) FROM stock_names WHERE name = :name COLLATE NOCASE
        UNION ALL
        SELECT (SELECT min(symbol) FROM stock_names WHERE name = :name COLLATE NOCASE AND symbol > called.symbol)
        FROM called WHERE symbol IS NOT NULL
    )
    SELECT symbol FROM called WHERE symbol IS NOT NULL
        AND (SELECT min(seen) FROM stock_names WHERE name = :name COLLATE NOCASE AND symbol = called.symbol) <= :time
"""
_ALL = """
    WITH RECURSIVE named(name) AS (
        SELECT min(name COLLATE NOCASE) FROM stock_names
        UNION ALL
        SELECT (SELECT min(name COLLATE NOCASE) FROM stock_names WHERE name > named.name COLLATE NOCASE)
        FROM named WHERE name IS NOT NULL
    )
    SELECT name FROM named WHERE name IS NOT NULL
"""


class StockNames(IndexPart):
    """Names of stocks. Errors as in :class:`~archive.store.Store`.

    Each ``time`` is aware; what was observed later is left out. None: nothing is left out.

    :param indexes: the names of several indexes that are read as one, this one included; empty: only of this one
    """

    def __init__(self, database: Database, path: Path, indexes: Sequence[StockNames] = ()) -> None:
        super().__init__(database, path)
        self._indexes = tuple(indexes) or (self,)

    def joined(self, indexes: Sequence[StockNames]) -> StockNames:
        """Return the names of several indexes."""
        return StockNames(self._db, self._path, indexes)

    def current(self, symbols: Iterable[str], time: datetime | None = None) -> dict[str, str]:
        """Return the names that stocks had last, by symbol; without those whose names the archive does not have."""
        wanted = list(dict.fromkeys(symbols))
        if not wanted:
            return {}
        # Few articles are seen before their publication; those of later days need not be gone through.
        latest = time + _LONGEST_NOTICE if time and time < _END_OF_TIME - _LONGEST_NOTICE else _END_OF_TIME
        parameters = {"symbols": json.dumps(wanted), "time": to_text(time or _END_OF_TIME), "latest": to_text(latest)}
        rows = self._rows_of_all(_CURRENT, parameters)
        if len(self._indexes) > 1:  # the one that sorts last stays
            rows.sort(key=lambda row: row["name"], reverse=True)
            rows.sort(key=lambda row: (row["published"], row["seen"]))
        return {row["symbol"]: row["name"] for row in rows}

    def of(self, symbol: str, time: datetime | None = None) -> list[StockName]:
        """Return all names of a stock, the last one first."""
        by_name: dict[str, list[Row]] = {}
        for row in self._rows_of_all(_OF_SYMBOL, {"symbol": symbol, "time": to_text(time or _END_OF_TIME)}):
            by_name.setdefault(row["name"], []).append(row)
        names = sorted(by_name)
        names.sort(key=lambda name: max(row["published"] for row in by_name[name]), reverse=True)
        return [
            StockName(
                name,
                datetime.fromisoformat(min(row["first_seen"] for row in by_name[name])),
                datetime.fromisoformat(max(row["last_seen"] for row in by_name[name])),
            )
            for name in names
        ]

    def called(self, name: str, time: datetime | None = None) -> list[str]:
        """Return the symbols of the stocks that have or had a name, in whatever script, width and case."""
        comparable = stock_name_of(name)
        if comparable is None:
            return []
        written = map("".join, islice(product(*map(forms, comparable)), _MAX_FORMS))
        symbols: dict[str, None] = {}
        for each in dict.fromkeys((comparable, *written)):
            rows = self._rows_of_all(_CALLED, {"name": each, "time": to_text(time or _END_OF_TIME)})
            symbols |= dict.fromkeys(row["symbol"] for row in rows)
        return list(symbols)

    def names(self) -> list[str]:
        """Return all names that any stock has or had."""
        return list(dict.fromkeys(row["name"] for row in self._rows_of_all(_ALL)))

    def _rows_of_all(self, statement: str, parameters: dict[str, Any] | None = None) -> list[Row]:
        return [row for each in self._indexes for row in each._own_rows(statement, parameters or {})]

    def _own_rows(self, statement: str, parameters: dict[str, Any]) -> list[Row]:
        return self._rows(statement, parameters)

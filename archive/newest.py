"""Which versions are as asked for: those published last. A part of search, which ranks and shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from archive import sql
from archive.cjk import writings
from archive.conditions import CURRENT, Conditions
from archive.database import Database
from archive.excerpt import stands, term
from archive.query import Text
from archive.windows import Windows

# A search goes back in windows. The first has so many versions, or a whole day's, and more for what stands in titles;
# each next one as many as should be enough, going by what those before had, and at most so many times theirs.
FIRST_WINDOW, FIRST_TITLED, GROWTH = 200, 1_000, 4
# Where enough are found, but not as many as are wanted, no more than so many versions are gone through for them.
# Windows up to there cost little more than their beginning.
ENOUGH_VERSIONS = 20_000
# For each that is wanted so many of the newest are read for a character alone, and no fewer than these, some
# together. Where too few of them have it, FTS5 is quick.
READ, LEAST_READ, TOGETHER = 10, 2_000, 50
# Of a feed with fewer articles, these are gone through, and not all from the newest on.
FEW = 5_000

_MATCHES = """
    SELECT v.id FROM json_each(:stretches) AS stretch
    CROSS JOIN words ON words MATCH :match
        AND words.rowid BETWEEN stretch.value ->> 0 AND stretch.value ->> 1
    CROSS JOIN searchable v ON v.id = words.rowid
    WHERE v.published BETWEEN :first AND :last AND {where}
    ORDER BY v.published DESC, v.docid LIMIT :limit
"""
_OTHERS = """
    SELECT v.id FROM {source} WHERE {where} ORDER BY v.published DESC, v.docid LIMIT :limit OFFSET :offset
"""
_LISTED = "SELECT 1 FROM listings WHERE feed = :feed LIMIT :few"
_OF_FEED = "(SELECT docid FROM listings WHERE feed = :feed) AS l CROSS JOIN searchable v ON v.docid = l.docid"
_HAVING = """
    SELECT v.id, r.title, t.text FROM json_each(:numbers) AS asked CROSS JOIN searchable v ON v.id = asked.value
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    WHERE {stands} ORDER BY asked.key
"""


class Newest:
    """What :class:`~archive.search.Search` finds, by the numbers in the index of words, the newest first."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, conditions: Conditions, limit: int, offset: int = 0, enough: int | None = None) -> list[int]:
        """Versions that are as asked for.

        :param enough: so many are, where more are not soon found
        """
        if conditions.match is None:
            return list(self._others(conditions, limit, offset))
        if conditions.ending:
            found, whole = self._by_reading(conditions, limit + offset)
            if whole or len(found) >= (enough or limit) + offset:
                return found[offset:]
        return list(self._matching(conditions, conditions.match, limit + offset, enough))[offset:]

    def titled(self, conditions: Conditions, asked: Sequence[Text], limit: int) -> list[int]:
        """Those that have some of it in the title, among the newest."""
        if conditions.ending:
            return self._by_reading(conditions, limit, titled=True)[0]
        titled = " OR ".join(f"title : {each.phrase}" for each in asked)
        match = titled if conditions.is_text else f"({conditions.match}) AND ({titled})"
        return list(self._matching(conditions, match, limit, enough=0, first=FIRST_TITLED))

    def sample(self, time: str, limit: int) -> list[int]:
        """Of all that was known at a time, the newest."""
        window = Windows(self._db, "", "~", time).take(limit)
        if window is None:
            return []
        newest = Conditions(
            where=["v.published >= :first", CURRENT], parameters={"first": window.first, "time": time}
        )
        return list(self._others(newest, limit))

    def _others(self, conditions: Conditions, limit: int, offset: int = 0) -> Iterator[int]:
        asked = conditions.parameters | {"limit": limit, "offset": offset}
        source = "searchable v"
        for feed in conditions.feeds:
            if len(self._rows(_LISTED, {"feed": feed, "few": FEW})) < FEW:
                source, asked["feed"] = _OF_FEED, feed
        statement = _OTHERS.format(source=source, where=" AND ".join(conditions.where))
        return (row["id"] for row in self._db.execute(statement, asked))

    def _matching(
        self, conditions: Conditions, match: str, limit: int, enough: int | None = None, first: int = FIRST_WINDOW
    ) -> Iterator[int]:
        statement = _MATCHES.format(where=" AND ".join(conditions.where))
        asked = conditions.parameters | {"match": match}
        windows = Windows(self._db, conditions.since, conditions.until, conditions.parameters["time"])
        window = windows.take(first)
        found = 0
        while window:
            rows = self._rows(statement, asked | window.parameters() | {"limit": limit - found})
            yield from (row["id"] for row in rows)
            found += len(rows)
            wanted = limit if enough is None or windows.passed < ENOUGH_VERSIONS else enough
            if found >= wanted:
                break
            need = 1.5 * windows.passed * (wanted - found) / max(found, 1)
            window = windows.take(min(int(need), max(GROWTH * windows.passed, ENOUGH_VERSIONS)))

    def _by_reading(self, conditions: Conditions, limit: int, *, titled: bool = False) -> tuple[list[int], bool]:
        """What :meth:`_matching` gives where a character stands alone, as far as the newest show it.

        :param titled: in the title
        :return: these, and whether there are no others before them
        """
        most = LEAST_READ // 4 if titled else max(READ * limit, LEAST_READ)
        # One by one, for often the first of them are enough.
        candidates = (
            self._matching(conditions, conditions.wider, most) if conditions.wider else self._others(conditions, most)
        )
        endings = conditions.ending.items()
        having, written = _having({each for _, (_, last) in endings for each in last}, titled=titled)
        # Where a character is all, it is enough that it stands there.
        sought = [term(each, 0, 0).pattern for each, (before, last) in endings if before or len(last) > 1]
        found: list[int] = []
        read = 0
        while numbers := list(islice(candidates, TOGETHER)):
            read += len(numbers)
            for row in self._rows(having, written | {"numbers": json.dumps(numbers)}):
                if stands(row["title"], "" if titled else row["text"] or "", sought):
                    found.append(row["id"])
            if len(found) >= limit:
                return found[:limit], True
        return found, read < most

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[sql.Row]:
        return self._db.execute(statement, parameters).fetchall()


def _having(characters: Iterable[str], *, titled: bool) -> tuple[str, dict[str, str]]:
    """A statement for versions with all of some characters in their texts or titles, and what it needs to know."""
    columns = ("r.title",) if titled else ("t.text", "r.title")
    conditions: list[str] = []
    parameters: dict[str, str] = {}
    for first, character in enumerate(characters):
        written = {f"w{first}_{second}": each for second, each in enumerate(writings(character))}
        conditions.append(" OR ".join(f"instr({column}, :{name})" for column in columns for name in written))
        parameters |= written
    return _HAVING.format(stands=" AND ".join(f"({each})" for each in conditions)), parameters

"""Which versions are as asked for: those published last. A part of search, which ranks and shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from archive.index import statements
from archive.index.database import Database
from archive.query.compiler import CURRENT, CompiledQuery
from archive.query.parser import Term
from archive.query.ranking import contains_all, weighted_term
from archive.query.tokenizer import variants
from archive.search.windows import Windows

# A search goes back in windows. The first has so many versions, or a whole day's, and more for what stands in titles;
# each next one as many as should be enough, going by what those before had, and at most so many times theirs (D115).
FIRST_WINDOW, FIRST_TITLED, GROWTH = 200, 1_000, 4
# Where enough are found, but not as many as are wanted, no more than so many versions are gone through for them.
# Windows up to there cost little more than their beginning.
ENOUGH_VERSIONS = 20_000
# For each that is wanted so many of the newest are read for a character alone, and no fewer than these, some
# together. Where too few of them have it, FTS5 is quick. See D113.
READ, MIN_READ, TOGETHER = 10, 2_000, 50
# For titles, so many: they come on top of those, and most have nothing of it.
READ_FOR_TITLES = 500
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


class Candidates:
    """What :class:`~archive.search.search.Search` finds, by the numbers in the index of words, the newest first."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, conditions: CompiledQuery, limit: int, offset: int = 0, enough: int | None = None) -> list[int]:
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

    def titled(self, conditions: CompiledQuery, asked: Sequence[Term], limit: int) -> list[int]:
        """Those that have some of it in the title, among the newest."""
        ending = conditions.ending
        titled = " OR ".join(f"title : {each.phrase}" for each in asked if each not in ending)
        if not ending:
            match = titled if conditions.is_text else f"({conditions.match}) AND ({titled})"
            return list(self._matching(conditions, match, limit, enough=0, first=FIRST_TITLED))
        found = self._by_reading(conditions, limit, titled=True)[0]
        if titled:
            match = f"({conditions.wider}) AND ({titled})" if conditions.wider else titled
            candidates = self._matching(conditions, match, READ_FOR_TITLES, enough=0, first=FIRST_TITLED)
            found += self._read(conditions, candidates, limit)[0]
        return found

    def sample(self, time: str, limit: int) -> list[int]:
        """Of all that was known at a time, the newest."""
        windows, found = Windows(self._db, "", "~", time), list[int]()
        # Of a window's versions some are older ones of their articles, or were not known then.
        while len(found) < limit and (window := windows.take(max(limit, windows.passed))):
            some = CompiledQuery(
                where=["v.published BETWEEN :first AND :last", CURRENT],
                parameters={"first": window.first, "last": window.last, "time": time},
            )
            found += self._others(some, limit - len(found))
        return found

    def _others(self, conditions: CompiledQuery, limit: int, offset: int = 0) -> Iterator[int]:
        asked = conditions.parameters | {"limit": limit, "offset": offset}
        source = "searchable v"
        for feed in conditions.feeds:
            if len(self._rows(_LISTED, {"feed": feed, "few": FEW})) < FEW:
                source, asked["feed"] = _OF_FEED, feed
        statement = _OTHERS.format(source=source, where=" AND ".join(conditions.where))
        return (row["id"] for row in self._db.execute(statement, asked))

    def _matching(
        self, conditions: CompiledQuery, match: str, limit: int, enough: int | None = None, first: int = FIRST_WINDOW
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

    def _by_reading(self, conditions: CompiledQuery, limit: int, *, titled: bool = False) -> tuple[list[int], bool]:
        """What :meth:`_matching` gives where a character stands alone, as far as the newest show it.

        :param titled: in the title
        :return: these, and whether there are no others before them
        """
        most = READ_FOR_TITLES if titled else max(READ * limit, MIN_READ)
        # One by one, for often the first of them are enough.
        candidates = (
            self._matching(conditions, conditions.wider, most) if conditions.wider else self._others(conditions, most)
        )
        found, read = self._read(conditions, candidates, limit, titled=titled)
        return found, len(found) == limit or read < most

    def _read(
        self, conditions: CompiledQuery, candidates: Iterator[int], limit: int, *, titled: bool = False
    ) -> tuple[list[int], int]:
        """Those of some candidates in which all that ends with a character alone stands, and how many were read."""
        having, written = _having([last for _, last in conditions.ending.values()], titled=titled)
        patterns = {each: weighted_term(each, 0, 0).pattern for each in conditions.ending}
        # Where a character is all, it is enough that it stands there.
        sought = [patterns[each] for each, (before, last) in conditions.ending.items() if before or len(last) > 1]
        found: list[int] = []
        read = 0
        while len(found) < limit and (numbers := list(islice(candidates, TOGETHER))):
            read += len(numbers)
            for row in self._rows(having, written | {"numbers": json.dumps(numbers)}):
                title, text = row["title"], row["text"] or ""
                if contains_all(title, text, sought) and (
                    not titled or any(contains_all(title, "", [each]) for each in patterns.values())
                ):
                    found.append(row["id"])
        return found[:limit], read

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[statements.Row]:
        return self._db.execute(statement, parameters).fetchall()


def _having(endings: Sequence[Sequence[str]], *, titled: bool) -> tuple[str, dict[str, str]]:
    """A statement for versions with all of some characters, and what it needs to know.

    :param titled: those of some ending in the title
    """
    parameters: dict[str, str] = {}

    def stands_in(character: str, *columns: str) -> str:
        named = {f"w{len(parameters) + place}": each for place, each in enumerate(variants(character))}
        parameters.update(named)
        return " OR ".join(f"instr({column}, :{name})" for column in columns for name in named)

    def all_in(characters: Iterable[str], *columns: str) -> str:
        return " AND ".join(f"({stands_in(each, *columns)})" for each in characters)

    # Titles first: most have it not, and their texts need not be read.
    wanted = [" OR ".join(f"({all_in(last, 'r.title')})" for last in endings)] if titled else []
    if not titled or len(endings) > 1:
        wanted += [all_in({each for last in endings for each in last}, "t.text", "r.title")]
    return _HAVING.format(stands=" AND ".join(f"({each})" for each in wanted)), parameters

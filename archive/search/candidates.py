"""Find the newest versions that match a query; archive.search.search ranks them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from archive.index import statements
from archive.index.database import Database
from archive.query.compiler import CURRENT, CompiledQuery, any_phrase
from archive.query.nodes import Term
from archive.query.ranking import contains_all, weighted_term
from archive.query.tokenizer import variants
from archive.search.windows import Windows

# A search reads windows of versions, from the newest back. The first window has this many versions, or those of a
# whole day; more for a search in titles.
FIRST_WINDOW_VERSIONS = 200
FIRST_TITLE_WINDOW_VERSIONS = 1_000
# Each next window has as many versions as should be enough, judging by the windows before, and at most this many
# times as many as those together. See D115.
MAX_WINDOW_GROWTH = 4
# If enough matches are found, but fewer than wanted, the search stops after this many versions. Windows up to there
# cost little more than the first.
ENOUGH_VERSIONS = 20_000
# For a single character, this many of the newest versions are read for each match that is wanted, but at least
# MIN_READ, in batches. If too few of them have the character, FTS5 is fast. See D113.
READ_PER_MATCH = 10
MIN_READ = 2_000
READ_BATCH = 50
# For titles, this many: they are read in addition, and most titles do not have the character.
MAX_READ_FOR_TITLES = 500
# If a filter has fewer articles than this, these are searched, instead of all articles from the newest back.
SMALL_SOURCE_ARTICLES = 5_000
# If a span of recorded times has fewer articles than this, a month's, their publication times limit the search: these
# are found in 30 ms. The newest articles of a longer span are near enough.
MAX_BOUNDED_ARTICLES = 50_000

_MATCHES = """
    SELECT v.id FROM json_each(:ranges) AS id_range
    CROSS JOIN words ON words MATCH :match
        AND words.rowid BETWEEN id_range.value ->> 0 AND id_range.value ->> 1
    CROSS JOIN searchable v ON v.id = words.rowid
    WHERE v.published BETWEEN :first AND :last AND {where}
    ORDER BY v.published DESC, v.docid LIMIT :limit
"""
_WITHOUT_WORDS = """
    SELECT v.id FROM {source} WHERE {where} ORDER BY v.published DESC, v.docid LIMIT :limit OFFSET :offset
"""
_COUNT_SOURCE = "SELECT count(*) AS n FROM (SELECT 1 FROM ({source}) LIMIT :limit)"
_BOUNDS = """
    SELECT min(v.published) AS first, max(v.published) AS last
    FROM ({source}) AS source CROSS JOIN searchable v ON v.docid = source.docid
"""
_OF_SOURCE = "({source}) AS source CROSS JOIN searchable v ON v.docid = source.docid"
_CONTAINING = """
    SELECT v.id, r.title, t.text FROM json_each(:ids) AS wanted CROSS JOIN searchable v ON v.id = wanted.value
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    WHERE {contains} ORDER BY wanted.key
"""


class Candidates:
    """Finds versions by their ids in ``searchable``, the newest first."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, conditions: CompiledQuery, limit: int, offset: int = 0, enough: int | None = None) -> list[int]:
        """Return the ids of versions that match a query.

        :param enough: if ``limit`` matches are not found quickly, this many are enough
        """
        if conditions.match is None:
            return list(self._without_words(conditions, limit, offset))
        if conditions.ending:
            ids, complete = self._by_reading(conditions, limit + offset)
            if complete or len(ids) >= (enough or limit) + offset:
                return ids[offset:]
        return list(self._matching(conditions, conditions.match, limit + offset, enough))[offset:]

    def find_in_titles(self, conditions: CompiledQuery, terms: Sequence[Term], limit: int) -> list[list[int]]:
        """Return the ids of the newest matching versions whose titles have one of the terms.

        :return: a list for each way of finding them, each with at most ``limit``, the newest first
        """
        ending = conditions.ending
        titled = " OR ".join(
            f"title : {any_phrase(each.phrase, each.others)}" for each in terms if each not in ending
        )
        if not ending:
            match = titled if conditions.is_text else f"({conditions.match}) AND ({titled})"
            return [list(self._matching(conditions, match, limit, enough=0, first=FIRST_TITLE_WINDOW_VERSIONS))]
        found = [self._by_reading(conditions, limit, titled=True)[0]]
        if titled:
            match = f"({conditions.wider}) AND ({titled})" if conditions.wider else titled
            candidates = self._matching(
                conditions, match, MAX_READ_FOR_TITLES, enough=0, first=FIRST_TITLE_WINDOW_VERSIONS
            )
            found.append(self._read(conditions, candidates, limit)[0])
        return found

    def sample(self, time: str, limit: int) -> list[int]:
        """Return the ids of the newest articles that were known at a time."""
        windows = Windows(self._db, "", "~", time)
        ids: list[int] = []
        # Some versions of a window are superseded, or were not known at the time.
        while len(ids) < limit and (window := windows.next(max(limit, windows.passed))):
            in_window = CompiledQuery(
                where=["v.published BETWEEN :first AND :last", CURRENT],
                parameters={"first": window.first, "last": window.last, "time": time},
            )
            ids += self._without_words(in_window, limit - len(ids))
        return ids

    def _without_words(self, conditions: CompiledQuery, limit: int, offset: int = 0) -> Iterator[int]:
        parameters = conditions.parameters | {"limit": limit, "offset": offset}
        small = self._smallest(conditions, conditions.sources, SMALL_SOURCE_ARTICLES)
        source = _OF_SOURCE.format(source=small) if small else "searchable v"
        where = conditions.where
        if not small and conditions.recorded:
            parameters["first"], parameters["last"] = self._bounds(conditions)
            where = [*where, "v.published >= :first AND v.published <= :last"]
        statement = _WITHOUT_WORDS.format(source=source, where=" AND ".join(where))
        return (row["id"] for row in self._db.execute(statement, parameters))

    def _smallest(self, conditions: CompiledQuery, sources: Sequence[str], most: int) -> str | None:
        """Return the source that has the fewest articles, if these are fewer than ``most``."""
        counts = {}
        for source in sources:
            parameters = conditions.parameters | {"limit": most}
            counts[source] = self._rows(_COUNT_SOURCE.format(source=source), parameters)[0]["n"]
        smallest = min(counts, key=counts.__getitem__, default=None)
        return smallest if smallest and counts[smallest] < most else None

    def _bounds(self, conditions: CompiledQuery) -> tuple[str, str]:
        """Return the first and the last publication time of the versions that can match."""
        source = self._smallest(conditions, conditions.recorded, MAX_BOUNDED_ARTICLES)
        if source is None:
            return conditions.since, conditions.until
        row = self._rows(_BOUNDS.format(source=source), conditions.parameters)[0]
        return max(conditions.since, row["first"] or "~"), min(conditions.until, row["last"] or "")

    def _matching(
        self,
        conditions: CompiledQuery,
        match: str,
        limit: int,
        enough: int | None = None,
        first: int = FIRST_WINDOW_VERSIONS,
    ) -> Iterator[int]:
        statement = _MATCHES.format(where=" AND ".join(conditions.where))
        parameters = conditions.parameters | {"match": match}
        since, until = self._bounds(conditions)
        windows = Windows(self._db, since, until, conditions.parameters["time"])
        window = windows.next(first)
        number = 0  # of matches so far
        while window:
            rows = self._rows(statement, parameters | window.parameters() | {"limit": limit - number})
            yield from (row["id"] for row in rows)
            number += len(rows)
            wanted = limit if enough is None or windows.passed < ENOUGH_VERSIONS else enough
            if number >= wanted:
                break
            need = 1.5 * windows.passed * (wanted - number) / max(number, 1)
            window = windows.next(min(int(need), max(MAX_WINDOW_GROWTH * windows.passed, ENOUGH_VERSIONS)))

    def _by_reading(self, conditions: CompiledQuery, limit: int, *, titled: bool = False) -> tuple[list[int], bool]:
        """Find the versions of :meth:`_matching` among the newest, for a query with a single character.

        :param titled: only those that have it in the title
        :return: the ids, and whether they are all that are wanted or exist
        """
        max_read = MAX_READ_FOR_TITLES if titled else max(READ_PER_MATCH * limit, MIN_READ)
        # A generator: often its first items are enough.
        candidates = (
            self._matching(conditions, conditions.wider, max_read)
            if conditions.wider
            else self._without_words(conditions, max_read)
        )
        ids, read = self._read(conditions, candidates, limit, titled=titled)
        return ids, len(ids) == limit or read < max_read

    def _read(
        self, conditions: CompiledQuery, candidates: Iterator[int], limit: int, *, titled: bool = False
    ) -> tuple[list[int], int]:
        """Return the candidates that contain every term that ends with a single character, and how many were read."""
        statement, parameters = _containing([last for _, last in conditions.ending.values()], titled=titled)
        patterns = {each: weighted_term(each, 0, 0).pattern for each in conditions.ending}
        # If the character is the whole term, the SQL statement has checked it already.
        to_check = [
            patterns[each]
            for each, (before, last) in conditions.ending.items()
            if before or len(last) > 1 or each.exact
        ]
        matching: list[int] = []
        read = 0
        while len(matching) < limit and (ids := list(islice(candidates, READ_BATCH))):
            read += len(ids)
            for row in self._rows(statement, parameters | {"ids": json.dumps(ids)}):
                title, text = row["title"], row["text"] or ""
                if contains_all(title, text, to_check) and (
                    not titled or any(contains_all(title, "", [each]) for each in patterns.values())
                ):
                    matching.append(row["id"])
        return matching[:limit], read

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[statements.Row]:
        return self._db.execute(statement, parameters).fetchall()


def _containing(endings: Sequence[Sequence[str]], *, titled: bool) -> tuple[str, dict[str, str]]:
    """Return a statement that selects versions with all of some characters, and its parameters.

    :param titled: only versions with all characters of one ending in the title
    """
    parameters: dict[str, str] = {}

    def is_in(character: str, *columns: str) -> str:
        named = {f"w{len(parameters) + place}": each for place, each in enumerate(variants(character))}
        parameters.update(named)
        return " OR ".join(f"instr({column}, :{name})" for column in columns for name in named)

    def all_in(characters: Iterable[str], *columns: str) -> str:
        return " AND ".join(f"({is_in(each, *columns)})" for each in characters)

    # Titles first: most do not have the characters, and then the texts need not be read.
    tests = [" OR ".join(f"({all_in(last, 'r.title')})" for last in endings)] if titled else []
    if not titled or len(endings) > 1:
        tests += [all_in({each for last in endings for each in last}, "t.text", "r.title")]
    return _CONTAINING.format(contains=" AND ".join(f"({each})" for each in tests)), parameters

"""Versions in the order in which they came into the index: a part of it, for whoever follows what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.index import statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.model.results import Change
from archive.model.times import to_text
from archive.query.compiler import CompiledQuery
from archive.query.parser import Query, positive_terms
from archive.query.ranking import WeightedTerm, find_matches, make_snippet, merge_marks, weighted_term
from archive.search.history import History

# One writer commits, and numbers versions one after the other: whoever sees a number sees all before it, and what has
# come since is what has a larger one. None is taken away again. See D100.
_NEWEST = "SELECT coalesce(max(id), 0) AS id FROM searchable"
# Along the numbers, from where one was: the cost is that of what has come since, however much is there.
_OF_WORDS = "words CROSS JOIN searchable v ON v.id = words.rowid WHERE words MATCH :match AND words.rowid"
_OF_ALL = "searchable v WHERE v.id"
_SELECT = "SELECT v.id FROM {source} > :after AND {source_id} <= :upto AND {where} ORDER BY {source_id} {limit}"
_SELECT_NEWS = """
    SELECT v.id AS position, r.*, t.text
    FROM json_each(?) AS asked CROSS JOIN searchable v ON v.id = asked.value
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    ORDER BY v.id
"""
_FIRST, _EVERY = "v.number = 1", "v.number >= 1"
_TIME = datetime.max.replace(tzinfo=UTC)


class Changefeed:
    """The index as it grows: a part of :class:`~archive.store.Store`, whose promises it keeps.

    A position is the number of a version, and means: all up to it. Articles come with their first version; ``every``
    asks for the later ones too.
    """

    def __init__(self, database: Database, path: Path, past: History) -> None:
        self._db, self._path, self._past = database, path, past

    def newest(self) -> int:
        """Where the index ends now; 0 when it is empty."""
        return int(self._rows(_NEWEST, [])[0]["id"])

    def between(self, query: Query, after: int, upto: int, most: int, *, every: bool = False) -> list[Change]:
        """What of a stretch is as asked for, at most so much, the first to come first.

        :param after: a position; what is up to it does not count
        :param upto: a position; what is behind it does not count
        """
        return self._read(query, self._ids(query, after, upto, f"LIMIT {most}", every))

    def last(self, query: Query, after: int, upto: int, most: int, *, every: bool = False) -> list[Change]:
        """The same, but the last of them."""
        return self._read(query, self._ids(query, after, upto, f"DESC LIMIT {most}", every))

    def count(self, query: Query, after: int, upto: int) -> int:
        """How many articles of a stretch are as asked for."""
        return len(self._ids(query, after, upto, "", every=False))

    def keys(self) -> Iterator[tuple[str, int, int]]:
        """Docid, number and position of every version, by docid and number, read one by one."""
        with wrap_sqlite_errors(self._path):
            for row in self._db.execute("SELECT docid, number, id FROM searchable ORDER BY docid, number"):
                yield row["docid"], row["number"], row["id"]

    def version(self) -> int:
        """A number that is another one whenever another process has changed the index."""
        return int(self._rows("PRAGMA data_version", [])[0][0])

    def _ids(self, query: Query, after: int, upto: int, limit: str, every: bool) -> list[int]:
        conditions = CompiledQuery.of(query, to_text(_TIME) or "", _EVERY if every else _FIRST)
        parameters: dict[str, Any] = conditions.parameters | {"after": after, "upto": upto}
        statement = _SELECT.format(
            source=_OF_WORDS if conditions.match else _OF_ALL,
            source_id="words.rowid" if conditions.match else "v.id",
            where=" AND ".join(conditions.where),
            limit=limit,
        )
        return [row["id"] for row in self._rows(statement, parameters)]

    def _read(self, query: Query, ids: Sequence[int]) -> list[Change]:
        terms = [weighted_term(each, 0, 0) for each in positive_terms(query)]
        return [self._news(row, terms) for row in self._rows(_SELECT_NEWS, [json.dumps(ids)])]

    def _news(self, row: statements.Row, terms: Sequence[WeightedTerm]) -> Change:
        seen = find_matches(row["title"], row["text"] or "", terms)
        snippet, marks = make_snippet(seen)
        return Change(
            position=row["position"],
            docid=row["docid"],
            revision=row["number"],
            title=row["title"],
            url=row["url"] or "",
            path=row["path"],
            published=datetime.fromisoformat(row["published"]),
            observed=datetime.fromisoformat(row["fetched_at"]),
            media=row["media"],
            feeds=tuple(self._past.feeds(row["docid"], _TIME)),
            symbols=tuple(json.loads(row["symbols"])),
            snippet=snippet,
            title_marks=merge_marks([mark for found in seen.in_title for mark in found])
            if seen.title == row["title"]
            else (),
            snippet_marks=marks,
        )

    def _rows(self, query: str, parameters: Any) -> list[statements.Row]:
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, parameters).fetchall()

"""The changefeed: versions in the order in which they were added to the index, for alerts and followers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.index import statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.part import IndexPart
from archive.model.results import Change
from archive.model.times import to_text
from archive.query.compiler import IS_VERSION, CompiledQuery
from archive.query.nodes import Query, positive_terms
from archive.query.ranking import WeightedTerm, find_matches, make_snippet, merge_marks, weighted_term
from archive.search.history import History
from archive.search.names import QueryNames

# Only one writer commits, and versions get increasing ids. So a reader that sees an id sees all smaller ones too, and
# new versions have larger ids. No id is ever deleted. See D100.
_LAST_POSITION = "SELECT coalesce(max(id), 0) AS id FROM searchable"
# By id, from the last position on: the cost depends on the number of new versions, not on the size of the index.
_OF_WORDS = "words CROSS JOIN searchable v ON v.id = words.rowid WHERE words MATCH :match AND words.rowid"
_OF_ALL = "searchable v WHERE v.id"
_SELECT = "SELECT v.id FROM {source} > :after AND {source_id} <= :upto AND {where} ORDER BY {source_id} {limit}"
_SELECT_CHANGES = """
    SELECT v.id AS position, r.*, t.text
    FROM json_each(?) AS wanted CROSS JOIN searchable v ON v.id = wanted.value
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    ORDER BY v.id
"""
_FIRST_VERSIONS = f"v.number = 1 AND {IS_VERSION}"
_ALL_VERSIONS = IS_VERSION
_SELECT_KEYS = f"SELECT docid, number, id FROM searchable v WHERE {IS_VERSION} ORDER BY docid, number"  # noqa: S608
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Changefeed(IndexPart):
    """Versions by position. Errors as in :class:`~archive.store.Store`.

    A position is the id of a version in ``searchable``; as a cursor, it stands for all versions up to it. The
    changefeed has the first version of each article, and with ``every`` also the later ones.
    """

    def __init__(self, database: Database, path: Path, history: History, names: QueryNames) -> None:
        super().__init__(database, path)
        self._history = history
        self._names = names

    def last_position(self) -> int:
        """Return the position of the last version; 0 if the index is empty."""
        return int(self._rows(_LAST_POSITION)[0]["id"])

    def between(self, query: Query, after: int, upto: int, limit: int, *, every: bool = False) -> list[Change]:
        """Return the first changes that match a query, by position, at most ``limit``.

        :param after: only positions greater than this
        :param upto: only positions up to this
        """
        return self._read(query, self._ids(query, after, upto, f"LIMIT {limit}", every))

    def last(self, query: Query, after: int, upto: int, limit: int, *, every: bool = False) -> list[Change]:
        """Return the last changes that match a query, by position; parameters as in :meth:`between`."""
        return self._read(query, self._ids(query, after, upto, f"DESC LIMIT {limit}", every))

    def count(self, query: Query, after: int, upto: int) -> int:
        """Count the new articles that match a query; ``after`` and ``upto`` as in :meth:`between`."""
        return len(self._ids(query, after, upto, "", every=False))

    def keys(self) -> Iterator[tuple[str, int, int]]:
        """Yield docid, number and position of every version, by docid and number; read row by row."""
        with wrap_sqlite_errors(self._path):
            for row in self._db.execute(_SELECT_KEYS):
                yield row["docid"], row["number"], row["id"]

    def data_version(self) -> int:
        """Return a number that changes whenever another process commits to the index."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def _ids(self, query: Query, after: int, upto: int, limit: str, every: bool) -> list[int]:
        versions = _ALL_VERSIONS if every else _FIRST_VERSIONS
        conditions = CompiledQuery.of(self._names.resolve(query), to_text(_END_OF_TIME) or "", versions)
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
        names = self._names.feeds() if ids else {}
        return [self._change(row, terms, names) for row in self._rows(_SELECT_CHANGES, [json.dumps(ids)])]

    def _change(self, row: statements.Row, terms: Sequence[WeightedTerm], feed_names: Mapping[str, str]) -> Change:
        matches = find_matches(row["title"], row["text"] or "", terms)
        snippet, marks = make_snippet(matches)
        symbols = tuple(json.loads(row["symbols"]))
        feeds = tuple(self._history.feeds(row["docid"], _END_OF_TIME))
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
            feeds=feeds,
            symbols=symbols,
            stock_names=self._names.stocks.current(symbols),
            feed_names=tuple(feed_names.get(feed, feed) for feed in feeds),
            snippet=snippet,
            title_marks=merge_marks([mark for marks_of_term in matches.in_title for mark in marks_of_term])
            if matches.title == row["title"]
            else (),
            snippet_marks=marks,
        )

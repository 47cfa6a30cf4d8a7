"""Finding versions by what they say, as of now or of some time: a part of the index."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.index import statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.fts import add_missing_words
from archive.model.results import Hit, Record
from archive.model.times import to_text, to_time
from archive.query.compiler import CompiledQuery
from archive.query.parser import Query, Term, positive_terms
from archive.query.ranking import (
    TermMatches,
    WeightedTerm,
    contains_all,
    find_matches,
    make_snippet,
    merge_marks,
    score,
    weighted_term,
)
from archive.search.candidates import Candidates
from archive.search.history import History

# So many of the newest, and of the newest that have the words in their title, are read and ranked: 6 ms' worth (D72).
MAX_RANKED = 60
# How rare a word is, is told by so many of the newest articles. See D116.
SAMPLE = 100

_SELECT_EACH = "SELECT v.docid, v.number FROM searchable v WHERE {where} ORDER BY v.published, v.docid"
_SELECT_LAST = """
    SELECT docid, number FROM (
        SELECT v.docid, v.number, v.published FROM searchable v WHERE {where}
        ORDER BY v.published DESC, v.docid DESC LIMIT :newest
    ) ORDER BY published, docid
"""
_SELECT_NUMBERED = """
    SELECT docid, number FROM json_each(?) AS asked JOIN searchable v ON v.id = asked.value ORDER BY asked.key
"""
_SELECT_READ = """
    SELECT v.published, r.docid, r.title, r.path, r.media, r.symbols, t.text
    FROM json_each(?) AS asked CROSS JOIN searchable v ON v.id = asked.value
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    ORDER BY v.published DESC, v.docid
"""
_SELECT_VERSION = """
    SELECT r.*, t.text, (SELECT first_seen FROM entries WHERE docid = r.docid) AS first_seen
    FROM revisions r LEFT JOIN texts t USING (docid, number) WHERE r.docid = ? AND r.number = ?
"""


class Search:
    """The index by its words: a part of :class:`~archive.store.Store`, whose promises it keeps.

    A time is aware; what was observed later does not count. None: all that is known counts.
    """

    def __init__(self, database: Database, path: Path, past: History) -> None:
        self._db, self._path, self._past = database, path, past
        self._versions = Candidates(database)

    def find(
        self, query: Query, limit: int, time: datetime | None = None, *, by_time: bool = False, offset: int = 0
    ) -> list[Hit]:
        """Articles whose newest version is as asked for, the best first.

        :param by_time: the newest first
        :param offset: how many of the newest to leave out; the best are ranked among as many as are asked for, so
            that of them the first have to be asked for too
        """
        time = time or datetime.max.replace(tzinfo=UTC)
        asked = list(positive_terms(query))
        conditions = CompiledQuery.of(query, to_text(time) or "")
        with wrap_sqlite_errors(self._path):
            if conditions.match is None or not asked or by_time:
                numbers = self._versions.of(conditions, limit, offset)
                found = self._read(numbers, [weighted_term(each, 0, 0) for each in asked])
            else:
                terms = self._weighted(asked, conditions.parameters["time"])
                found = self._ranked(conditions, asked, terms, limit)
            return [self._hit(row, seen, time) for row, seen in found]

    def numbers(self, query: Query, limit: int, time: datetime) -> list[int]:
        """The newest articles whose newest version is as asked for: their numbers in the index of words."""
        conditions = CompiledQuery.of(query, to_text(time) or "")
        with wrap_sqlite_errors(self._path):
            return self._versions.of(conditions, limit)

    def hits(self, numbers: Sequence[int], time: datetime) -> list[Hit]:
        """Versions by their numbers in the index of words, the newest first."""
        with wrap_sqlite_errors(self._path):
            return [self._hit(row, seen, time) for row, seen in self._read(numbers, [])]

    def latest(self, query: Query, limit: int, time: datetime | None = None) -> list[Record]:
        """The articles published last of those whose newest version is as asked for, in the order of publication."""
        time = time or datetime.max.replace(tzinfo=UTC)
        numbers = self.numbers(query, limit, time)[::-1]
        with wrap_sqlite_errors(self._path):
            found = self._rows(_SELECT_NUMBERED, [json.dumps(numbers)])
            return [self._record(self._version(row), time) for row in found]

    def each(self, query: Query, time: datetime | None = None, *, newest: int | None = None) -> Iterator[Record]:
        """All articles whose newest version is as asked for, by the time of their publication, read one by one.

        :param newest: only so many of them, those published last
        """
        time = time or datetime.max.replace(tzinfo=UTC)
        conditions = CompiledQuery.of(query, to_text(time) or "")
        where = list(conditions.where)
        if conditions.match:
            where.append("v.id IN (SELECT rowid FROM words WHERE words MATCH :match)")
        statement = (_SELECT_EACH if newest is None else _SELECT_LAST).format(where=" AND ".join(where))
        with wrap_sqlite_errors(self._path):
            for row in self._db.execute(statement, conditions.parameters | {"newest": newest}):
                yield self._record(self._version(row), time)

    def add_missing(self) -> None:
        """Make searchable what was put into the index behind our back."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            add_missing_words(self._db)

    def _ranked(
        self, conditions: CompiledQuery, asked: Sequence[Term], terms: Sequence[WeightedTerm], limit: int
    ) -> list[tuple[statements.Row, TermMatches]]:
        most = max(MAX_RANKED, limit)
        numbers = self._versions.of(conditions, most, enough=limit)
        # When there are more, those that have it in their title are the likelier ones.
        if len(numbers) == most:
            numbers += self._versions.titled(conditions, asked, most)
        seen = self._read(numbers, terms)
        usual = sum(len(each.text) for _, each in seen) / max(len(seen), 1)
        # The newest of what answers equally well stays first.
        return sorted(seen, key=lambda each: -score(each[1], terms, usual))[:limit]

    def _weighted(self, asked: Sequence[Term], time: str) -> list[WeightedTerm]:
        """What is asked for, the rarer the weightier."""
        terms = [weighted_term(each, 0, 0) for each in asked]
        if len(asked) == 1:
            return terms
        newest = self._rows(_SELECT_READ, [json.dumps(self._versions.sample(time, SAMPLE))])
        having = [
            sum(contains_all(row["title"], row["text"] or "", [each.pattern]) for row in newest) for each in terms
        ]
        return [weighted_term(each, n, len(newest)) for each, n in zip(asked, having, strict=True)]

    def _read(
        self, numbers: Iterable[int], terms: Sequence[WeightedTerm]
    ) -> list[tuple[statements.Row, TermMatches]]:
        """Versions, each once, the newest first, and what of the terms stands in them."""
        read = self._rows(_SELECT_READ, [json.dumps(sorted(set(numbers)))])
        return [(row, find_matches(row["title"], row["text"] or "", terms)) for row in read]

    def _version(self, row: statements.Row) -> statements.Row:
        return self._rows(_SELECT_VERSION, [row["docid"], row["number"]])[0]

    def _hit(self, version: statements.Row, seen: TermMatches, time: datetime) -> Hit:
        snippet, marks = make_snippet(seen)
        marked = [mark for found in seen.in_title for mark in found]
        return Hit(
            docid=version["docid"],
            title=version["title"],
            path=version["path"],
            published=datetime.fromisoformat(version["published"]),
            feeds=tuple(self._past.feeds(version["docid"], time)),
            snippet=snippet,
            title_marks=merge_marks(marked) if seen.title == version["title"] else (),
            snippet_marks=marks,
            media=version["media"],
            symbols=tuple(json.loads(version["symbols"])),
        )

    def _record(self, version: statements.Row, time: datetime) -> Record:
        docid = version["docid"]
        return Record(
            docid=docid,
            title=version["title"],
            url=version["url"] or "",
            path=version["path"],
            published=datetime.fromisoformat(version["published"]),
            first_seen=to_time(version["first_seen"]),
            observed=datetime.fromisoformat(version["fetched_at"]),
            revision=version["number"],
            updated=to_time(version["updated"]),
            media=version["media"],
            feeds=tuple(self._past.feeds(docid, time)),
            keywords=tuple(json.loads(version["keywords"])),
            symbols=tuple(json.loads(version["symbols"])),
            editor=version["editor"],
            original_title=version["original_title"],
            gone=to_time(self._past.gone(docid, time)),
            sha256=version["sha256"],
            text=version["text"],
        )

    def _rows(self, query: str, parameters: Any) -> list[statements.Row]:
        return self._db.execute(query, parameters).fetchall()

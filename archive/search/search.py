"""Find articles by their words, now or as of a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from archive.files.layout import image_path
from archive.index import statements
from archive.index.coverage import CoverageIndex
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.fts import add_missing_words
from archive.index.part import IndexPart
from archive.index.spans import contains
from archive.model.feed import Span
from archive.model.results import Hit, Record
from archive.model.times import to_text, to_time
from archive.query.compiler import CURRENT, CompiledQuery
from archive.query.nodes import Query, Term, positive_terms
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
from archive.search.history import History, last_facts
from archive.search.names import QueryNames
from archive.search.stock_names import StockNames

# This many of the newest matches, and of the newest with the words in their title, are read and ranked, in 6 ms.
# See D72.
MAX_RANKED = 60
# The rarity of a word is measured in this many of the newest articles. See D116.
SAMPLE_ARTICLES = 100

_SELECT_EACH = "SELECT v.docid, v.number FROM searchable v WHERE {where} ORDER BY v.published, v.docid"
_SELECT_LAST = """
    SELECT docid, number FROM (
        SELECT v.docid, v.number, v.published FROM searchable v WHERE {where}
        ORDER BY v.published DESC, v.docid DESC LIMIT :newest
    ) ORDER BY published, docid
"""
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM searchable v WHERE {where} LIMIT :most)"
_SELECT_NAMED = f"SELECT v.id FROM searchable v WHERE v.docid = :docid AND {CURRENT}"  # noqa: S608 - a constant
_SELECT_BY_ID = """
    SELECT docid, number FROM json_each(?) AS wanted JOIN searchable v ON v.id = wanted.value ORDER BY wanted.key
"""
_SELECT_TEXTS = """
    SELECT v.published, r.docid, r.number, r.title, r.path, r.media, r.symbols, r.url, r.fetched_at, t.text
    FROM json_each(?) AS wanted CROSS JOIN searchable v ON v.id = wanted.value
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    ORDER BY v.published DESC, v.docid
"""
_SELECT_VERSION = """
    SELECT r.*, t.text, (SELECT first_seen FROM entries WHERE docid = r.docid) AS first_seen
    FROM revisions r LEFT JOIN texts t USING (docid, number) WHERE r.docid = ? AND r.number = ?
"""


_SELECT_IMAGES = """
    SELECT sha256, media_type FROM json_each(:pictures) AS picture JOIN images ON images.url = picture.value ->> 'url'
    WHERE status = 'kept' AND fetched_at <= :time ORDER BY picture.key
"""

_FEED_COLUMNS = ("published_text", "precision", "published_note", "text_from", "text_note")


def _all_conditions(conditions: CompiledQuery) -> list[str]:
    """Return the conditions of a query, those of its words too."""
    words = ["v.id IN (SELECT rowid FROM words WHERE words MATCH :match)"] if conditions.match else []
    return [*conditions.where, *words]


class Search(IndexPart):
    """Full-text search. Errors and transactions as in :class:`~archive.store.Store`.

    Each ``time`` is aware; what was observed later is left out. None: nothing is left out.
    """

    def __init__(self, database: Database, path: Path, history: History, coverage: CoverageIndex) -> None:
        super().__init__(database, path)
        self._history = history
        self._coverage = coverage
        self._candidates = Candidates(database)
        self._names = QueryNames(database, path)
        self._stocks = StockNames(database, path)

    def find(
        self,
        query: Query,
        limit: int,
        time: datetime | None = None,
        *,
        by_time: bool = False,
        offset: int = 0,
        after: tuple[datetime, str] | None = None,
    ) -> list[Hit]:
        """Return articles whose newest version matches a query, the best first.

        :param by_time: the newest first
        :param offset: skip this many. Only with ``by_time``: the best are ranked among ``limit`` matches, so a later
            page of them needs a larger ``limit``
        :param after: only what follows the article with this publication time and docid, the newest first
        """
        time = time or datetime.max.replace(tzinfo=UTC)
        query = self._names.resolve(query, time)
        wanted = list(positive_terms(query))
        conditions = CompiledQuery.of(query, to_text(time) or "")
        with wrap_sqlite_errors(self._path):
            if after:
                conditions.go_on_after(to_text(after[0]) or "", after[1])
            if conditions.match is None or not wanted or by_time:
                ids = self._candidates.find(conditions, limit, offset)
                matched = self._read(ids, [weighted_term(each, 0, 0) for each in wanted])
            else:
                terms = self._weighted(wanted, conditions.parameters["time"])
                matched = self._ranked(conditions, wanted, terms, limit)
            return self._hits(matched, time)

    def count(self, query: Query, most: int, time: datetime | None = None) -> int:
        """Return how many articles' newest versions match a query, or ``most`` if there are as many or more."""
        conditions = self._compiled(query, time or datetime.max.replace(tzinfo=UTC))
        statement = _COUNT.format(where=" AND ".join(_all_conditions(conditions)))
        with wrap_sqlite_errors(self._path):
            return int(self._rows(statement, conditions.parameters | {"most": most})[0][0])

    def ids(self, query: Query, limit: int, time: datetime) -> list[int]:
        """Return the ids in ``searchable`` of the newest articles whose newest version matches a query."""
        conditions = self._compiled(query, time)
        with wrap_sqlite_errors(self._path):
            return self._candidates.find(conditions, limit)

    def named(self, docid: str, time: datetime | None = None) -> list[Hit]:
        """Return the article with a docid, if it has a version."""
        time = time or datetime.max.replace(tzinfo=UTC)
        rows = self._rows(_SELECT_NAMED, {"docid": docid, "time": to_text(time)})
        return self.hits([row["id"] for row in rows], time)

    def hits(self, ids: Sequence[int], time: datetime) -> list[Hit]:
        """Return versions by their ids in ``searchable``, the newest first."""
        with wrap_sqlite_errors(self._path):
            return self._hits(self._read(ids, []), time)

    def latest(self, query: Query, limit: int, time: datetime | None = None) -> list[Record]:
        """Return the last articles whose newest version matches a query, in the order of publication."""
        time = time or datetime.max.replace(tzinfo=UTC)
        ids = self.ids(query, limit, time)[::-1]
        with wrap_sqlite_errors(self._path):
            rows = self._rows(_SELECT_BY_ID, [json.dumps(ids)])
            known = self._coverage.known()
            return [self._record(self._version(row), time, known) for row in rows]

    def each(self, query: Query, time: datetime | None = None, *, newest: int | None = None) -> Iterator[Record]:
        """Yield all articles whose newest version matches a query, by publication time; read row by row.

        :param newest: only this many, those published last
        """
        time = time or datetime.max.replace(tzinfo=UTC)
        conditions = self._compiled(query, time)
        where = " AND ".join(_all_conditions(conditions))
        statement = (_SELECT_EACH if newest is None else _SELECT_LAST).format(where=where)
        known = self._coverage.known()
        with wrap_sqlite_errors(self._path):
            for row in self._db.execute(statement, conditions.parameters | {"newest": newest}):
                yield self._record(self._version(row), time, known)

    def add_missing(self) -> None:
        """Make searchable the versions that were copied into the index and are not searchable yet."""
        with self._transaction():
            add_missing_words(self._db)

    def _compiled(self, query: Query, time: datetime) -> CompiledQuery:
        return CompiledQuery.of(self._names.resolve(query, time), to_text(time) or "")

    def _ranked(
        self, conditions: CompiledQuery, wanted: Sequence[Term], terms: Sequence[WeightedTerm], limit: int
    ) -> list[tuple[statements.Row, TermMatches]]:
        max_ranked = max(MAX_RANKED, limit)
        ids = self._candidates.find(conditions, max_ranked, enough=limit)
        # There may be more matches; those with the words in their title are the most relevant.
        if len(ids) == max_ranked:
            ids += self._candidates.find_in_titles(conditions, wanted, max_ranked)
        candidates = self._read(ids, terms)
        mean_length = sum(len(each.text) for _, each in candidates) / max(len(candidates), 1)
        # The sort is stable: of equal scores, the newest stays first.
        return sorted(candidates, key=lambda each: -score(each[1], terms, mean_length))[:limit]

    def _weighted(self, wanted: Sequence[Term], time: str) -> list[WeightedTerm]:
        """Return the terms with weights: the rarer a term, the greater its weight."""
        terms = [weighted_term(each, 0, 0) for each in wanted]
        if len(wanted) == 1:
            return terms
        newest = self._rows(_SELECT_TEXTS, [json.dumps(self._candidates.sample(time, SAMPLE_ARTICLES))])
        frequencies = [
            sum(contains_all(row["title"], row["text"] or "", [each.pattern]) for row in newest) for each in terms
        ]
        return [weighted_term(each, n, len(newest)) for each, n in zip(wanted, frequencies, strict=True)]

    def _read(self, ids: Iterable[int], terms: Sequence[WeightedTerm]) -> list[tuple[statements.Row, TermMatches]]:
        """Return versions, each once, the newest first, and where the terms are in them."""
        read = self._rows(_SELECT_TEXTS, [json.dumps(sorted(set(ids)))])
        return [(row, find_matches(row["title"], row["text"] or "", terms)) for row in read]

    def _version(self, row: statements.Row) -> statements.Row:
        return self._rows(_SELECT_VERSION, [row["docid"], row["number"]])[0]

    def _images(self, pictures: str, time: datetime) -> tuple[str, ...]:
        """Return the files of those of a version's images that were kept then, in the order of the text."""
        if pictures == "[]":
            return ()
        rows = self._rows(_SELECT_IMAGES, {"pictures": pictures, "time": to_text(time)})
        return tuple(dict.fromkeys(str(image_path(row["sha256"], row["media_type"])) for row in rows))

    def _hits(self, matched: Iterable[tuple[statements.Row, TermMatches]], time: datetime) -> list[Hit]:
        names = self._names.feeds()
        return [self._hit(row, matches, time, names) for row, matches in matched]

    def _hit(
        self, version: statements.Row, matches: TermMatches, time: datetime, feed_names: Mapping[str, str]
    ) -> Hit:
        snippet, marks = make_snippet(matches)
        title_marks = [mark for marks_of_term in matches.in_title for mark in marks_of_term]
        facts = last_facts(self._db, version["docid"], version["number"], time) or version
        symbols = tuple(json.loads(facts["symbols"]))
        feeds = tuple(self._history.feeds(version["docid"], time))
        return Hit(
            docid=version["docid"],
            title=version["title"],
            path=version["path"],
            published=datetime.fromisoformat(version["published"]),
            feeds=feeds,
            snippet=snippet,
            title_marks=merge_marks(title_marks) if matches.title == version["title"] else (),
            snippet_marks=marks,
            media=facts["media"],
            symbols=symbols,
            url=version["url"] or "",
            revision=version["number"],
            observed=datetime.fromisoformat(version["fetched_at"]),
            gone=to_time(self._history.gone(version["docid"], time)),
            stock_names=self._stocks.current(symbols, time),
            feed_names=tuple(feed_names.get(feed, feed) for feed in feeds),
        )

    def _record(
        self, version: statements.Row, time: datetime, known: Mapping[str, tuple[list[Span], list[Span]]]
    ) -> Record:
        docid, published = version["docid"], datetime.fromisoformat(version["published"])
        facts = last_facts(self._db, docid, version["number"], time) or version
        feeds = tuple(self._history.feeds(docid, time))
        settled, provisional = (
            tuple(feed for feed in feeds if feed in known and contains(known[feed][part], published))
            for part in (0, 1)
        )
        return Record(
            docid=docid,
            title=version["title"],
            url=version["url"] or "",
            path=version["path"],
            published=published,
            first_seen=to_time(version["first_seen"]),
            observed=datetime.fromisoformat(version["fetched_at"]),
            revision=version["number"],
            updated=to_time(facts["updated"]),
            media=facts["media"],
            feeds=feeds,
            keywords=tuple(json.loads(facts["keywords"])),
            symbols=tuple(json.loads(facts["symbols"])),
            editor=version["editor"],
            original_title=version["original_title"],
            gone=to_time(self._history.gone(docid, time)),
            sha256=version["sha256"],
            text=version["text"],
            settled_feeds=settled,
            provisional_feeds=tuple(feed for feed in provisional if feed not in settled),
            authors=tuple(json.loads(version["authors"])),
            enclosures=tuple(each["url"] for each in json.loads(version["enclosures"])),
            images=self._images(version["pictures"], time),
            **{name: version[name] for name in _FEED_COLUMNS},
        )

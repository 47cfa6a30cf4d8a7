"""What a search reads from one index; archive.search.search ranks it, together with that of others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

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
from archive.query.ranking import TermMatches, make_snippet, merge_marks
from archive.search import article_states as states
from archive.search.candidates import Candidates
from archive.search.names import QueryNames

KnownTimes = Mapping[str, tuple[list[Span], list[Span]]]  # feed id -> settled and provisional time

_SELECT_EACH = "SELECT v.published, v.docid, v.number FROM searchable v WHERE {where} ORDER BY v.published, v.docid"
_SELECT_LAST = """
    SELECT published, docid, number FROM (
        SELECT v.published, v.docid, v.number FROM searchable v WHERE {where}
        ORDER BY v.published DESC, v.docid DESC LIMIT :newest
    ) ORDER BY published, docid
"""
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM searchable v WHERE {where} LIMIT :most)"
_SELECT_NAMED = f"SELECT v.id FROM searchable v WHERE v.docid = :docid AND {CURRENT}"  # noqa: S608 - a constant
_SELECT_PLACES = """
    SELECT v.published, v.docid, v.id FROM json_each(?) AS wanted CROSS JOIN searchable v ON v.id = wanted.value
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
_FEED_COLUMNS = ("published_text", "precision", "published_note", "text_from", "text_note")


class ResolvedQuery(Struct, frozen=True):
    """A query, compiled for one index."""

    conditions: CompiledQuery
    terms: tuple[Term, ...]  # those that an article must contain, to rank and to mark


class _State(NamedTuple):
    """What was known of a version at a time."""

    feeds: Sequence[str]
    gone: str | None
    facts: statements.Row
    images: Sequence[str]  # paths in the archive


class SearchPart(IndexPart):
    """Reads matching versions of one index. Errors as in :class:`~archive.store.Store`; each ``time`` is aware.

    :param prefix: begins the path of each result
    """

    def __init__(
        self, database: Database, path: Path, coverage: CoverageIndex, names: QueryNames, prefix: str
    ) -> None:
        super().__init__(database, path)
        self._prefix = prefix
        self._coverage = coverage
        self._names = names
        self._candidates = Candidates(database)

    def resolve(self, query: Query, time: datetime, after: tuple[datetime, str] | None = None) -> ResolvedQuery:
        """Compile a query for this index.

        :param after: only what follows the article with this publication time and docid, the newest first
        """
        query = self._names.resolve(query, time)
        conditions = CompiledQuery.of(query, to_text(time) or "")
        if after:
            conditions.go_on_after(to_text(after[0]) or "", after[1])
        return ResolvedQuery(conditions, tuple(positive_terms(query)))

    def newest(self, query: ResolvedQuery, limit: int, offset: int = 0, enough: int | None = None) -> list[int]:
        """Return the ids of the versions that match, the newest first; as :meth:`Candidates.find`."""
        with wrap_sqlite_errors(self._path):
            return self._candidates.find(query.conditions, limit, offset, enough)

    def newest_in_titles(self, query: ResolvedQuery, limit: int) -> list[list[int]]:
        """Return the ids of the newest matching versions whose titles have a term: as :class:`Candidates` does."""
        with wrap_sqlite_errors(self._path):
            return self._candidates.find_in_titles(query.conditions, query.terms, limit)

    def sample(self, time: datetime, limit: int) -> list[int]:
        """Return the ids of the newest articles that were known at a time."""
        with wrap_sqlite_errors(self._path):
            return self._candidates.sample(to_text(time) or "", limit)

    def named(self, docid: str, time: datetime) -> list[int]:
        """Return the id of the article with a docid, if it has a version."""
        return [row["id"] for row in self._rows(_SELECT_NAMED, {"docid": docid, "time": to_text(time)})]

    def places(self, ids: Iterable[int]) -> list[tuple[str, str, int]]:
        """Return the publication time, the docid and the id of versions."""
        return [tuple(row) for row in self._rows(_SELECT_PLACES, [json.dumps(list(ids))])]

    def texts(self, ids: Iterable[int]) -> list[statements.Row]:
        """Return versions with their texts, each once, the newest first."""
        return self._rows(_SELECT_TEXTS, [json.dumps(sorted(set(ids)))])

    def count(self, query: ResolvedQuery, most: int) -> int:
        """Return how many versions match, or ``most`` if there are as many or more."""
        statement = _COUNT.format(where=_where(query))
        return int(self._rows(statement, query.conditions.parameters | {"most": most})[0][0])

    def keys(self, query: ResolvedQuery, newest: int | None = None) -> Iterator[statements.Row]:
        """Yield published, docid and number of all versions that match, in this order; read row by row.

        :param newest: only this many, those published last
        """
        statement = (_SELECT_EACH if newest is None else _SELECT_LAST).format(where=_where(query))
        return self._each_row(statement, query.conditions.parameters | {"newest": newest})

    def key(self, id: int) -> statements.Row:  # noqa: A002 - the column's name
        """Return docid and number of a version."""
        return self._rows("SELECT docid, number FROM searchable v WHERE v.id = ?", [id])[0]

    def known_times(self) -> KnownTimes:
        """Return the times that each feed is known to be complete in."""
        return self._coverage.known()

    def add_missing(self) -> None:
        """Make searchable the versions that were copied into the index and are not searchable yet."""
        with self._transaction():
            add_missing_words(self._db)

    def hits(self, matched: Iterable[tuple[statements.Row, TermMatches]], time: datetime) -> Iterator[Hit]:
        """Yield the search results of versions of :meth:`texts`."""
        matched = list(matched)
        docids = [row["docid"] for row, _ in matched]
        with wrap_sqlite_errors(self._path):
            feeds, gone = states.feeds(self._db, docids, time), states.gone(self._db, docids, time)
            facts = states.last_facts(self._db, [(row["docid"], row["number"]) for row, _ in matched], time)
        known = [facts.get((row["docid"], row["number"]), row) for row, _ in matched]
        symbols = [tuple(json.loads(each["symbols"])) for each in known]
        stock_names = self._names.stocks.current(chain.from_iterable(symbols), time)
        feed_names = self._names.feeds()
        for (row, matches), of_version, of_stocks in zip(matched, known, symbols, strict=True):
            docid = row["docid"]
            snippet, marks = make_snippet(matches)
            title_marks = [mark for marks_of_term in matches.in_title for mark in marks_of_term]
            yield Hit(
                docid=docid,
                title=row["title"],
                path=self._prefix + row["path"],
                published=datetime.fromisoformat(row["published"]),
                feeds=tuple(feeds.get(docid, ())),
                snippet=snippet,
                title_marks=merge_marks(title_marks) if matches.title == row["title"] else (),
                snippet_marks=marks,
                media=of_version["media"],
                symbols=of_stocks,
                url=row["url"] or "",
                revision=row["number"],
                observed=datetime.fromisoformat(row["fetched_at"]),
                gone=to_time(gone.get(docid)),
                stock_names={each: stock_names[each] for each in of_stocks if each in stock_names},
                feed_names=tuple(feed_names.get(feed, feed) for feed in feeds.get(docid, ())),
            )

    def records(self, keys: Sequence[statements.Row], time: datetime, known: KnownTimes) -> Iterator[Record]:
        """Yield all that was known of the versions with the docids and the numbers of ``keys``, in their order.

        Their states are read together; their texts, which may be long, one by one.
        """
        versions = [(key["docid"], key["number"]) for key in keys]
        docids = [docid for docid, _ in versions]
        with wrap_sqlite_errors(self._path):
            feeds, gone = states.feeds(self._db, docids, time), states.gone(self._db, docids, time)
            facts, images = states.last_facts(self._db, versions, time), states.images(self._db, versions, time)
        for docid, number in versions:
            row, key = self._rows(_SELECT_VERSION, [docid, number])[0], (docid, number)
            state = _State(feeds.get(docid, []), gone.get(docid), facts.get(key, row), images.get(key, []))
            yield self._record(row, state, known)

    def _record(self, version: statements.Row, state: _State, known: KnownTimes) -> Record:
        facts, feeds = state.facts, tuple(state.feeds)
        published = datetime.fromisoformat(version["published"])
        settled, provisional = (
            tuple(feed for feed in feeds if feed in known and contains(known[feed][part], published))
            for part in (0, 1)
        )
        return Record(
            docid=version["docid"],
            title=version["title"],
            url=version["url"] or "",
            path=self._prefix + version["path"],
            published=published,
            first_seen=to_time(version["first_seen"]),
            observed=datetime.fromisoformat(version["fetched_at"]),
            revision=version["number"],
            updated=to_time(facts["updated"]),
            media=facts["media"],
            feeds=feeds,
            keywords=_items(facts["keywords"]),
            symbols=_items(facts["symbols"]),
            editor=version["editor"],
            original_title=version["original_title"],
            gone=to_time(state.gone),
            sha256=version["sha256"],
            text=version["text"],
            settled_feeds=settled,
            provisional_feeds=tuple(feed for feed in provisional if feed not in settled),
            authors=_items(version["authors"]),
            enclosures=tuple(each["url"] for each in _items(version["enclosures"])),
            images=tuple(f"{self._prefix}{path}" for path in state.images),
            **{name: version[name] for name in _FEED_COLUMNS},
        )


def _items(array: str) -> tuple[Any, ...]:
    """Return the items of a JSON list; most lists of an article are empty."""
    return () if array == "[]" else tuple(json.loads(array))


def _where(query: ResolvedQuery) -> str:
    """Return the conditions of a query as SQL, those of its words too."""
    conditions = query.conditions
    words = ["v.id IN (SELECT rowid FROM words WHERE words MATCH :match)"] if conditions.match else []
    return " AND ".join([*conditions.where, *words])

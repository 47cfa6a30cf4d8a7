"""Find articles by their words, now or as of a time; in one index, or in several as if they were one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from archive.index import statements
from archive.index.spans import merged
from archive.model.feed import Span
from archive.model.results import Hit, Record
from archive.query.nodes import Query, Term
from archive.query.ranking import TermMatches, WeightedTerm, contains_all, find_matches, score, weighted_term
from archive.search.search_part import KnownTimes, ResolvedQuery, SearchPart

# This many of the newest matches, and of the newest with the words in their title, are read and ranked, in 6 ms.
# See D72.
MAX_RANKED = 60
# The rarity of a word is measured in this many of the newest articles. See D116.
SAMPLE_ARTICLES = 100
# Articles of an export whose states are read together.
_BATCH = 100
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class FoundVersion(NamedTuple):
    """A version that matches a query."""

    part: int  # which of the indexes has it
    id: int  # in its ``searchable``


class _FoundText(NamedTuple):
    """A version with its text, and where the terms are in it."""

    part: int
    row: statements.Row
    matches: TermMatches


class Search:
    """Full-text search. Errors and transactions as in :class:`~archive.store.Store`.

    Each ``time`` is aware; what was observed later is left out. None: nothing is left out.

    :param parts: one index, or several; none has an article that another one has too
    """

    def __init__(self, parts: Sequence[SearchPart]) -> None:
        self._parts = tuple(parts)

    def find(
        self,
        query: Query,
        limit: int,
        time: datetime | None = None,
        *,
        by_time: bool = False,
        offset: int = 0,
        ranked: int | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[Hit]:
        """Return articles whose newest version matches a query, the best first.

        :param by_time: the newest first
        :param offset: skip this many
        :param ranked: the best are those of this many matches, the same for all pages of a result; None: ``limit``
        :param after: only what follows the article with this publication time and docid, the newest first
        """
        time = time or _END_OF_TIME
        queries = [part.resolve(query, time, after) for part in self._parts]
        wanted = queries[0].terms
        if queries[0].conditions.match is None or not wanted or by_time:
            found = self._newest(queries, limit, offset)
            return self._hits(self._read(found, [weighted_term(each, 0, 0) for each in wanted]), time)
        best = self._ranked(queries, self._weighted(wanted, time), ranked or offset + limit)
        return self._hits(best[offset : offset + limit], time)

    def count(self, query: Query, most: int, time: datetime | None = None) -> int:
        """Return how many articles' newest versions match a query, or ``most`` if there are as many or more."""
        number = 0
        for part in self._parts:
            number += part.count(part.resolve(query, time or _END_OF_TIME), most - number)
        return number

    def newest(self, query: Query, limit: int, time: datetime) -> list[FoundVersion]:
        """Return the newest articles whose newest version matches a query."""
        return self._newest([part.resolve(query, time) for part in self._parts], limit)

    def named(self, docid: str, time: datetime | None = None) -> list[Hit]:
        """Return the article with a docid, if it has a version."""
        time = time or _END_OF_TIME
        found = [FoundVersion(n, each) for n, part in enumerate(self._parts) for each in part.named(docid, time)]
        return self.hits(found, time)

    def hits(self, found: Iterable[FoundVersion], time: datetime) -> list[Hit]:
        """Return versions, the newest first."""
        return self._hits(self._read(found, []), time)

    def in_order(self, ids: Sequence[Iterable[int]]) -> list[FoundVersion]:
        """Return versions of all parts, each once, the newest first.

        :param ids: for each part, those of its versions
        """
        if len(self._parts) == 1:
            return [FoundVersion(0, each) for each in dict.fromkeys(ids[0])]
        places = [
            (published, docid, FoundVersion(n, each))
            for n, part in enumerate(self._parts)
            for published, docid, each in part.places(dict.fromkeys(ids[n]))
        ]
        places.sort(key=itemgetter(1))
        places.sort(key=itemgetter(0), reverse=True)
        return [version for _, _, version in places]

    def latest(self, query: Query, limit: int, time: datetime | None = None) -> list[Record]:
        """Return the last articles whose newest version matches a query, in the order of publication."""
        time = time or _END_OF_TIME
        known = self._known_times()
        found = self.newest(query, limit, time)[::-1]
        keys = [(each.part, self._parts[each.part].key(each.id)) for each in found]
        return list(self._records(keys, time, known))

    def each(self, query: Query, time: datetime | None = None, *, newest: int | None = None) -> Iterator[Record]:
        """Yield all articles whose newest version matches a query, by publication time; read in batches.

        :param newest: only this many, those published last
        """
        time = time or _END_OF_TIME
        known = self._known_times()
        keys = merge(
            *(_with_part(n, part.keys(part.resolve(query, time), newest)) for n, part in enumerate(self._parts)),
            key=itemgetter(0, 1),
        )
        found = iter(keys if newest is None or len(self._parts) == 1 else deque(keys, newest))
        while batch := [(n, row) for *_, n, row in islice(found, _BATCH)]:
            yield from self._records(batch, time, known)

    def add_missing(self) -> None:
        """Make searchable the versions that were copied into the index and are not searchable yet."""
        for part in self._parts:
            part.add_missing()

    def _newest(self, queries: Sequence[ResolvedQuery], limit: int, offset: int = 0) -> list[FoundVersion]:
        if len(self._parts) == 1:
            return [FoundVersion(0, each) for each in self._parts[0].newest(queries[0], limit, offset)]
        found = [part.newest(query, limit + offset) for part, query in zip(self._parts, queries, strict=True)]
        return self.in_order(found)[offset : offset + limit]

    def _ranked(
        self, queries: Sequence[ResolvedQuery], terms: Sequence[WeightedTerm], limit: int
    ) -> list[_FoundText]:
        parts, max_ranked = list(zip(self._parts, queries, strict=True)), max(MAX_RANKED, limit)
        found = self.in_order([part.newest(each, max_ranked, enough=limit) for part, each in parts])[:max_ranked]
        # There may be more matches; those with the words in their title are the most relevant.
        if len(found) == max_ranked:
            for titled in zip(*(part.newest_in_titles(each, max_ranked) for part, each in parts), strict=True):
                found += self.in_order(titled)[:max_ranked]
        candidates = self._read(found, terms)
        mean_length = sum(len(each.matches.text) for each in candidates) / max(len(candidates), 1)
        # The sort is stable: of equal scores, the newest stays first.
        return sorted(candidates, key=lambda each: -score(each.matches, terms, mean_length))[:limit]

    def _weighted(self, wanted: Sequence[Term], time: datetime) -> list[WeightedTerm]:
        """Return the terms with weights: the rarer a term, the greater its weight."""
        terms = [weighted_term(each, 0, 0) for each in wanted]
        if len(wanted) == 1:
            return terms
        found = self.in_order([part.sample(time, SAMPLE_ARTICLES) for part in self._parts])[:SAMPLE_ARTICLES]
        newest = [row for _, row in self._texts(found)]
        frequencies = [
            sum(contains_all(row["title"], row["text"] or "", [each.pattern]) for row in newest) for each in terms
        ]
        return [weighted_term(each, n, len(newest)) for each, n in zip(wanted, frequencies, strict=True)]

    def _read(self, found: Iterable[FoundVersion], terms: Sequence[WeightedTerm]) -> list[_FoundText]:
        """Return versions, each once, the newest first, and where the terms are in them."""
        return [
            _FoundText(n, row, find_matches(row["title"], row["text"] or "", terms)) for n, row in self._texts(found)
        ]

    def _texts(self, found: Iterable[FoundVersion]) -> list[tuple[int, statements.Row]]:
        """Return versions with their texts, each once, the newest first."""
        found = list(found)
        texts = [
            (n, row)
            for n, part in enumerate(self._parts)
            for row in part.texts(each.id for each in found if each.part == n)
        ]
        if len(self._parts) > 1:
            texts.sort(key=lambda each: each[1]["docid"])
            texts.sort(key=lambda each: each[1]["published"], reverse=True)
        return texts

    def _hits(self, found: Sequence[_FoundText], time: datetime) -> list[Hit]:
        hits = {
            n: part.hits([(each.row, each.matches) for each in found if each.part == n], time)
            for n, part in enumerate(self._parts)
        }
        return [next(hits[each.part]) for each in found]

    def _records(
        self, keys: Sequence[tuple[int, statements.Row]], time: datetime, known: KnownTimes
    ) -> Iterator[Record]:
        records = [
            part.records([row for of, row in keys if of == n], time, known) for n, part in enumerate(self._parts)
        ]
        for n, _ in keys:
            yield next(records[n])

    def _known_times(self) -> KnownTimes:
        """Return the times that each feed is known to be complete in, by whatever index."""
        known = [part.known_times() for part in self._parts]
        return known[0] if len(known) == 1 else _joined(known)


def _with_part(part: int, rows: Iterable[statements.Row]) -> Iterator[tuple[str, str, int, statements.Row]]:
    return ((row["published"], row["docid"], part, row) for row in rows)


def _joined(known: Iterable[KnownTimes]) -> KnownTimes:
    joined: dict[str, tuple[list[Span], list[Span]]] = {}
    for of_part in known:
        for feed, (settled, provisional) in of_part.items():
            before = joined.get(feed, ([], []))
            joined[feed] = merged([*before[0], *settled]), merged([*before[1], *provisional])
    return joined

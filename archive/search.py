"""Finding versions by what they say, as of now or of some time: a part of the index."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive import sql
from archive.conditions import CURRENT, TEXT, Conditions
from archive.database import Database
from archive.excerpt import Seen, Term, excerpt, look, merged, score, stands, term
from archive.found import Hit, Record
from archive.fulltext import add_missing_words
from archive.past import Past
from archive.query import Query, Text, texts
from archive.sql import to_text, to_time
from archive.windows import Windows

# So many of the newest, and of the newest that have the words in their title, are read and ranked: 6 ms' worth. The
# latter are looked for among so many.
MOST_RANKED, MOST_TITLED = 60, 50_000
# A search goes back in windows. The first has so many versions; each next one as many as should be enough, going by
# what those before had, and not more than so many times theirs.
FIRST_WINDOW, GROWTH = 1_000, 4
# So many of the newest are read for a character alone, which FTS5 must put together from all words that begin with
# it: where not enough of them have it, that is quick enough.
MOST_READ, READ_TOGETHER = 1_500, 64
# How rare a word is, is told by so many of the articles that were observed last: a millisecond's worth.
SAMPLE = 1_000

_MATCHES = """
    SELECT v.id, v.docid, v.published FROM json_each(:stretches) AS stretch
    CROSS JOIN words ON words MATCH :match
        AND words.rowid BETWEEN stretch.value ->> 0 AND stretch.value ->> 1
    CROSS JOIN searchable v ON v.id = words.rowid
    WHERE v.published BETWEEN :first AND :last AND {where}
    ORDER BY v.published DESC, v.docid LIMIT :limit
"""
_SELECT_OTHERS = """
    SELECT v.id FROM searchable v WHERE {where} ORDER BY v.published DESC, v.docid LIMIT :limit OFFSET :offset
"""
_SAMPLED = f"SELECT id FROM searchable v WHERE {CURRENT} ORDER BY id DESC LIMIT {SAMPLE}"  # noqa: S608 - of constants
_COUNT_SAMPLED = f"""
    SELECT count(*) AS n FROM words CROSS JOIN searchable v ON v.id = words.rowid
    WHERE words MATCH :match AND words.rowid >= :least AND {CURRENT}
"""  # noqa: S608 - of constants
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
    SELECT v.id, v.published, r.docid, r.title, r.path, r.media, r.symbols, t.text
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

    def __init__(self, database: Database, path: Path, past: Past) -> None:
        self._db, self._path, self._past = database, path, past

    def find(
        self, query: Query, limit: int, time: datetime | None = None, *, by_time: bool = False, offset: int = 0
    ) -> list[Hit]:
        """Articles whose newest version is as asked for, the best first.

        :param by_time: the newest first
        :param offset: how many of the newest to leave out; the best are ranked among as many as are asked for, so
            that of them the first have to be asked for too
        """
        time = time or datetime.max.replace(tzinfo=UTC)
        asked = list(texts(query))
        conditions = Conditions.of(query, to_text(time) or "")
        with sql.told(self._path):
            if conditions.match is None or not asked or by_time:
                rows = self._newest(conditions, limit, offset)
                found = self._read((row["id"] for row in rows), [term(each, 0, 0) for each in asked])
            else:
                terms = self._weighted(asked, conditions.parameters["time"])
                found = self._ranked(conditions, asked, terms, limit)
            return [self._hit(row, seen, time) for row, seen in found]

    def numbers(self, query: Query, limit: int, time: datetime) -> list[int]:
        """The newest articles whose newest version is as asked for: their numbers in the index of words."""
        conditions = Conditions.of(query, to_text(time) or "")
        with sql.told(self._path):
            return [row["id"] for row in self._newest(conditions, limit)]

    def hits(self, numbers: Sequence[int], time: datetime) -> list[Hit]:
        """Versions by their numbers in the index of words, the newest first."""
        with sql.told(self._path):
            return [self._hit(row, seen, time) for row, seen in self._read(numbers, [])]

    def latest(self, query: Query, limit: int, time: datetime | None = None) -> list[Record]:
        """The articles published last of those whose newest version is as asked for, in the order of publication."""
        time = time or datetime.max.replace(tzinfo=UTC)
        numbers = self.numbers(query, limit, time)[::-1]
        with sql.told(self._path):
            found = self._rows(_SELECT_NUMBERED, [json.dumps(numbers)])
            return [self._record(self._version(row), time) for row in found]

    def each(self, query: Query, time: datetime | None = None, *, newest: int | None = None) -> Iterator[Record]:
        """All articles whose newest version is as asked for, by the time of their publication, read one by one.

        :param newest: only so many of them, those published last
        """
        time = time or datetime.max.replace(tzinfo=UTC)
        conditions = Conditions.of(query, to_text(time) or "")
        where = list(conditions.where)
        if conditions.match:
            where.append("v.id IN (SELECT rowid FROM words WHERE words MATCH :match)")
        statement = (_SELECT_EACH if newest is None else _SELECT_LAST).format(where=" AND ".join(where))
        with sql.told(self._path):
            for row in self._db.execute(statement, conditions.parameters | {"newest": newest}):
                yield self._record(self._version(row), time)

    def add_missing(self) -> None:
        """Make searchable what was put into the index behind our back."""
        with sql.told(self._path), self._db.atomic():
            add_missing_words(self._db)

    def _newest(
        self, conditions: Conditions, limit: int, offset: int = 0, enough: int | None = None
    ) -> Sequence[sql.Row]:
        """Of what is as asked for, the numbers of those published last.

        :param enough: so many are, where all cannot be had as quickly
        """
        if conditions.match is None:
            return self._others(conditions, limit, offset)
        if conditions.ending:
            rows, whole = self._by_reading(conditions, limit + offset)
            if whole or len(rows) >= (limit if enough is None else enough) + offset:
                return rows[offset:]
        return self._matches(conditions, conditions.match, limit, offset)

    def _others(self, conditions: Conditions, limit: int, offset: int = 0) -> list[sql.Row]:
        statement = _SELECT_OTHERS.format(where=" AND ".join(conditions.where))
        return self._rows(statement, conditions.parameters | {"limit": limit, "offset": offset})

    def _matches(
        self, conditions: Conditions, match: str, limit: int, offset: int = 0, most: int | None = None
    ) -> list[sql.Row]:
        """Of those that match, the ones published last.

        :param most: versions among which they are looked for, or some more: those published last
        """
        statement = _MATCHES.format(where=" AND ".join(conditions.where))
        asked = conditions.parameters | {"match": match}
        windows = Windows(self._db, conditions.since, conditions.until, conditions.parameters["time"])
        # FTS5 puts all words with that beginning together first, however few of the articles are meant.
        window = windows.rest() if "*" in match else windows.take(FIRST_WINDOW)
        rows: list[sql.Row] = []
        while window:
            wanted = limit + offset - len(rows)
            rows += self._rows(statement, asked | window.parameters() | {"limit": wanted})
            if len(rows) >= limit + offset or windows.passed >= (most or math.inf):
                break
            need = 1.5 * windows.passed * (limit + offset - len(rows)) / max(len(rows), 1)
            window = windows.take(min(int(need), GROWTH * windows.passed))
        return rows[offset:]

    def _by_reading(self, conditions: Conditions, limit: int, *, titled: bool = False) -> tuple[list[sql.Row], bool]:
        """What :meth:`_matches` gives where a character stands alone, as far as the newest show it.

        :param titled: in the title
        :return: these, and whether there are no others before them
        """
        if conditions.wider:
            candidates = self._matches(conditions, conditions.wider, MOST_READ)
        else:
            candidates = self._others(conditions, MOST_READ)
        sought = [term(each, 0, 0).pattern for each in conditions.ending]
        found: list[sql.Row] = []
        for start in range(0, len(candidates), READ_TOGETHER):
            numbers = [row["id"] for row in candidates[start : start + READ_TOGETHER]]
            for row in self._rows(_SELECT_READ, [json.dumps(numbers)]):
                if stands(row["title"], "" if titled else row["text"] or "", sought):
                    found.append(row)
            if len(found) >= limit:
                return found[:limit], True
        return found, len(candidates) < MOST_READ

    def _ranked(
        self, conditions: Conditions, asked: Sequence[Text], terms: Sequence[Term], limit: int
    ) -> list[tuple[sql.Row, Seen]]:
        most = max(MOST_RANKED, limit)
        rows = [*self._newest(conditions, most, enough=limit)]
        # When there are more, those that have it in their title are the likelier ones.
        if len(rows) == most and conditions.ending:
            rows += self._by_reading(conditions, most, titled=True)[0]
        elif len(rows) == most:
            titled = " OR ".join(f"title : {each.phrase}" for each in asked)
            match = f"({conditions.match}) AND ({titled})"
            rows += self._matches(conditions, match, most, most=MOST_TITLED)
        seen = self._read((row["id"] for row in rows), terms)
        usual = sum(len(each.text) for _, each in seen) / max(len(seen), 1)
        # The newest of what answers equally well stays first.
        return sorted(seen, key=lambda each: -score(each[1], terms, usual))[:limit]

    def _weighted(self, asked: Sequence[Text], time: str) -> list[Term]:
        if len(asked) == 1:
            return [term(asked[0], 0, 0)]
        sampled = [row["id"] for row in self._rows(_SAMPLED, {"time": time})]
        least = min(sampled, default=0)
        terms = []
        for each in asked:
            parameters = {"match": TEXT + each.phrase, "least": least, "time": time}
            terms.append(term(each, self._rows(_COUNT_SAMPLED, parameters)[0]["n"], len(sampled)))
        return terms

    def _read(self, numbers: Iterable[int], terms: Sequence[Term]) -> list[tuple[sql.Row, Seen]]:
        """Versions, each once, the newest first, and what of the terms stands in them."""
        read = self._rows(_SELECT_READ, [json.dumps(sorted(set(numbers)))])
        return [(row, look(row["title"], row["text"] or "", terms)) for row in read]

    def _version(self, row: sql.Row) -> sql.Row:
        return self._rows(_SELECT_VERSION, [row["docid"], row["number"]])[0]

    def _hit(self, version: sql.Row, seen: Seen, time: datetime) -> Hit:
        snippet, marks = excerpt(seen)
        marked = [mark for found in seen.in_title for mark in found]
        return Hit(
            docid=version["docid"],
            title=version["title"],
            path=version["path"],
            published=datetime.fromisoformat(version["published"]),
            feeds=tuple(self._past.feeds(version["docid"], time)),
            snippet=snippet,
            title_marks=merged(marked) if seen.title == version["title"] else (),
            snippet_marks=marks,
            media=version["media"],
            symbols=tuple(json.loads(version["symbols"])),
        )

    def _record(self, version: sql.Row, time: datetime) -> Record:
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

    def _rows(self, query: str, parameters: Any) -> list[sql.Row]:
        return self._db.execute(query, parameters).fetchall()

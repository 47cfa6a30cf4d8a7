"""Finding versions by what they say, as of now or of some time: a part of the index."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive import sql
from archive.cjk import writings
from archive.conditions import CURRENT, TEXT, Conditions
from archive.database import Database
from archive.excerpt import Seen, Term, excerpt, look, merged, score, term
from archive.found import Hit, Record
from archive.fulltext import add_missing_words
from archive.past import Past
from archive.query import Query, Text, texts
from archive.sql import to_text, to_time

# Where more articles have the words than this, those are looked at that were observed last: some 3 ms' worth.
MOST_MATCHES = 2_000
# Of these, so many of the newest, and of the newest that have them in their title, are read and ranked: 6 ms' worth.
MOST_RANKED = 60
# A character alone stands in so many words, and in so many articles, that reading articles is faster than asking the
# index of words: of the newest, so many for each that is wanted, and no fewer than these, 20 ms' worth.
WINDOW, LEAST_WINDOW = 10, 4_000
# Of the days that are asked for, it is looked up where so many articles are in the index of words: 5 ms' worth.
MOST_SPANNED = 50_000
_END = (1 << 63) - 1  # no row has a higher number
# How rare a word is, is told by so many of the articles that were observed last: a millisecond's worth.
SAMPLE = 1_000

# Straight through the index of words, backwards, to where there are enough: the cost does not grow with what matches.
_MATCHES = """
    SELECT v.id, v.docid, v.published FROM words CROSS JOIN searchable v ON v.id = words.rowid
    WHERE words MATCH :match AND words.rowid BETWEEN :least AND :last AND v.published > :after AND {where}
    ORDER BY words.rowid DESC LIMIT {most}
"""
_SELECT_SPAN = """
    SELECT count(*) AS n, min(id) AS least, max(id) AS last, min(published) AS since
    FROM (SELECT id, published FROM searchable WHERE published BETWEEN :since AND :until
          ORDER BY published DESC LIMIT :most)
"""
_STANDING = """
    SELECT v.id FROM searchable v
    CROSS JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN texts t ON t.docid = v.docid AND t.number = v.number
    WHERE v.published >= coalesce(
            (SELECT published FROM searchable ORDER BY published DESC LIMIT 1 OFFSET :window), '')
        AND {where} AND ({stands})
    ORDER BY v.published DESC, v.docid LIMIT :limit OFFSET :offset
"""
_NEWEST = "ORDER BY published DESC, docid LIMIT :limit OFFSET :offset"
_SELECT_MATCHES = """
    WITH found AS MATERIALIZED ({matches})
    SELECT id, (SELECT min(id) FROM found) AS least FROM found {newest}
"""
_SELECT_OTHERS = "SELECT v.id FROM searchable v WHERE {where} {newest}"
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

    def _newest(self, conditions: Conditions, limit: int, offset: int = 0) -> list[sql.Row]:
        where = " AND ".join(conditions.where)
        if conditions.match is None:
            statement = _SELECT_OTHERS.format(where=where, newest=_NEWEST)
            return self._rows(statement, conditions.parameters | {"limit": limit, "offset": offset})
        if conditions.character and (rows := self._standing(conditions, conditions.character, limit, offset)):
            return rows
        return self._matches(conditions, conditions.match, limit, offset=offset)

    def _matches(
        self, conditions: Conditions, match: str, limit: int, least: int = 0, offset: int = 0
    ) -> list[sql.Row]:
        """Of those that match, the ones published last.

        Where days are asked for, only what was observed with the articles of these days is gone through.
        """
        matches = _MATCHES.format(where=" AND ".join(conditions.where), most=max(MOST_MATCHES, limit + offset))
        statement = _SELECT_MATCHES.format(matches=matches, newest=_NEWEST)
        asked = conditions.parameters | {"match": match, "limit": limit, "offset": offset}
        for span in self._spans(conditions):
            rows = self._rows(statement, asked | span | {"least": max(span["least"], least)})
            if not span["after"] or len(rows) == limit:
                break
        return rows

    def _spans(self, conditions: Conditions) -> Iterator[dict[str, Any]]:
        """From where to where in the index of words all is that was published in the days that are asked for.

        Of a span that begins after some time, only what was published then is meant.
        """
        if (conditions.since, conditions.until) != ("", "~"):
            days = {"since": conditions.since, "until": conditions.until, "most": MOST_SPANNED}
            row = self._rows(_SELECT_SPAN, days)[0]
            whole = row["n"] < MOST_SPANNED
            yield {"least": row["least"] or 0, "last": row["last"] or 0, "after": "" if whole else row["since"]}
            if whole:
                return
        yield {"least": 0, "last": _END, "after": ""}

    def _standing(
        self, conditions: Conditions, character: str, limit: int, offset: int = 0, *, titled: bool = False
    ) -> list[sql.Row]:
        """What :meth:`_matches` gives for a character alone; nothing when the newest do not have it often.

        :param titled: in the title
        """
        written = {f"w{number}": writing for number, writing in enumerate(writings(character))}
        columns = ("r.title",) if titled else ("t.text", "r.title")
        statement = _STANDING.format(
            where=" AND ".join(conditions.where),
            stands=" OR ".join(f"instr({column}, :{name})" for column in columns for name in written),
        )
        window = max(WINDOW * (limit + offset), LEAST_WINDOW)
        asked = {"window": window, "limit": limit, "offset": offset}
        rows = self._rows(statement, conditions.parameters | written | asked)
        return rows if titled or len(rows) == limit else []

    def _ranked(
        self, conditions: Conditions, asked: Sequence[Text], terms: Sequence[Term], limit: int
    ) -> list[tuple[sql.Row, Seen]]:
        most = max(MOST_RANKED, limit)
        rows = self._newest(conditions, most)
        # When there are more, those that have it in their title are the likelier ones.
        if len(rows) == most and conditions.character:
            rows += self._standing(conditions, conditions.character, most, titled=True)
        elif len(rows) == most:
            titled = " OR ".join(f"title : {each.phrase}" for each in asked)
            match = f"({conditions.match}) AND ({titled})"
            rows += self._matches(conditions, match, most, rows[0]["least"])
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

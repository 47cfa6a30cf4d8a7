"""All that was ever known of articles, by period: one table that answers every as-of query. See D242."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from archive.index import statements
from archive.index.part import IndexPart
from archive.model.errors import CursorError
from archive.model.results import ArticlePeriod
from archive.model.times import to_time
from archive.query.compiler import CompiledQuery
from archive.query.parser import Query
from archive.search.cursor import Cursor, check_of
from archive.search.period_events import (
    ArticleEvents,
    FactsStep,
    FeedSighting,
    FetchOutcome,
    Period,
    SearchableVersion,
)

# Articles whose events are in memory at once.
_BATCH = 200

_LAST_ROWS = """
    SELECT (SELECT coalesce(max(id), 0) FROM searchable) AS version,
           (SELECT coalesce(max(id), 0) FROM observations) AS fetch,
           (SELECT coalesce(max(rowid), 0) FROM listings) AS listing,
           (SELECT count(*) FROM forgotten) AS forgotten
"""
_LAST_TIME = """
    SELECT max(
        (SELECT coalesce(max(at), '') FROM observations), (SELECT coalesce(max(seen), '') FROM listings)
    ) AS time
"""
_ROWS_AT = (
    ("SELECT docid, number FROM searchable WHERE id = ?", "version"),
    ("SELECT docid, at, outcome FROM observations WHERE id = ?", "fetch"),
    ("SELECT feed, docid FROM listings WHERE rowid = ?", "listing"),
)
# Those of forgotten articles stay only because of their ids.
_KNOWN = "v.since != 'forgotten'"
_ALL_DOCIDS = "SELECT DISTINCT v.docid FROM searchable v WHERE {where} ORDER BY v.docid"
_MATCHING_DOCIDS = """
    SELECT DISTINCT v.docid FROM words CROSS JOIN searchable v ON v.id = words.rowid
    WHERE words MATCH :match AND {where} ORDER BY v.docid
"""
_CHANGED_DOCIDS = f"""
    SELECT docid FROM (
        SELECT docid FROM searchable WHERE id > :version
        UNION SELECT docid FROM observations WHERE id > :fetch
        UNION SELECT docid FROM listings WHERE rowid > :listing
    ) AS changed WHERE EXISTS (SELECT 1 FROM searchable v WHERE v.docid = changed.docid AND {_KNOWN}) ORDER BY docid
"""  # noqa: S608 - of constants
_WANTED = "docid IN (SELECT value FROM json_each(?))"
_SELECT_VERSIONS = f"""
    SELECT v.id, v.docid, v.number, v.since, v.until, coalesce(m.step, 0) AS step, coalesce(f.at, r.fetched_at) AS at
    FROM searchable v JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN searchable_facts m ON m.id = v.id
    LEFT JOIN facts f ON f.docid = m.docid AND f.revision = m.revision AND f.step = m.step
    WHERE v.{_WANTED} AND {_KNOWN} ORDER BY v.id
"""  # noqa: S608 - of constants
_SELECT_FACTS = f"""
    SELECT docid, revision, step, at, coalesce(
        (SELECT min(id) FROM observations o WHERE o.docid = facts.docid AND o.at = facts.at), 0
    ) AS fetch FROM facts WHERE {_WANTED}
"""  # noqa: S608 - of constants
_SELECT_LISTINGS = f"""
    SELECT rowid AS id, docid, feed, coalesce(seen, '') AS seen FROM listings WHERE {_WANTED} ORDER BY rowid
"""  # noqa: S608 - of constants
_SELECT_FETCHES = f"SELECT id, docid, at, outcome, revision FROM observations WHERE {_WANTED} ORDER BY at, id"  # noqa: S608
_SELECT_VERSION = """
    SELECT r.*, t.text, (SELECT first_seen FROM entries WHERE docid = r.docid) AS first_seen
    FROM revisions r LEFT JOIN texts t USING (docid, number) WHERE r.docid = ? AND r.number = ?
"""
_SELECT_STEP = "SELECT updated, media, keywords, symbols FROM facts WHERE docid = ? AND revision = ? AND step = ?"
# The time of each row takes the place of the query's as-of time: in a period, the answer is the same at all times.
_SELECT_MATCHING = """
    SELECT wanted.key FROM json_each(:periods) AS wanted CROSS JOIN searchable v ON v.id = wanted.value ->> 0
    WHERE {where}
"""


@dataclass(frozen=True, slots=True)
class _Changed:
    """A period of an article to be written, or to be removed from what was written before."""

    docid: str
    now: Period | None  # None: it is no more
    before: Period | None  # as it was written before; None: it was not

    def each(self) -> Iterator[Period]:
        """Yield the period as it is now, and as it was."""
        yield from filter(None, (self.now, self.before))


class Periods(IndexPart):
    """What was known of articles, by period. Errors as in :class:`~archive.store.Store`.

    Within a :meth:`~archive.store.Store.snapshot`, the cursor and the periods are of the same state.
    """

    def cursor(self) -> Cursor:
        """Return the cursor of the present state."""
        row = dict(self._rows(_LAST_ROWS)[0])
        return Cursor(**row, check=self._check_at(row))

    def observed_until(self) -> datetime | None:
        """Return the time of the newest observation, when all that is known was known; None if there is none."""
        return to_time(self._rows(_LAST_TIME)[0]["time"])

    def ensure_valid(self, cursor: Cursor) -> None:
        """Check that a cursor is one of this index.

        :raises CursorError: articles were forgotten since, or the index was rebuilt, or it is another one
        """
        now = self.cursor()
        if now.forgotten > cursor.forgotten:
            raise CursorError(
                f"{now.forgotten - cursor.forgotten} articles were forgotten since this cursor, and earlier exports "
                "still have them: export everything again, without a cursor, and delete the earlier files"
            )
        places = {"version": cursor.version, "fetch": cursor.fetch, "listing": cursor.listing}
        if now.forgotten < cursor.forgotten or self._check_at(places) != cursor.check:
            raise CursorError(
                "this cursor is not of this index: it is another archive's, or a rebuild has numbered the rows "
                "differently: export everything again, without a cursor"
            )

    def each(self, query: Query, after: Cursor | None = None) -> Iterator[ArticlePeriod]:
        """Yield the periods in which articles matched a query, by docid and time; read in batches.

        :param after: only those that are not as they were at this cursor: new ones, and those that have ended since.
            A period that is no more, or does not match any more, ends when it begins
        :raises CursorError: see :meth:`ensure_valid`
        """
        sequence = self.cursor().sequence
        if after:
            self.ensure_valid(after)
        compiled = CompiledQuery.of(query, "", _KNOWN)
        has_conditions = bool(compiled.match) or len(compiled.where) > 1
        docids = self._docids(compiled, after)
        while batch := list(islice(docids, _BATCH)):
            changed = [each for docid, events in self._events(batch) for each in _changes(docid, events, after)]
            matching = self._matching(compiled, changed) if has_conditions else None
            yield from self._rows_of(changed, matching, sequence)

    def _check_at(self, places: dict[str, int]) -> str:
        return check_of([[list(row) for row in self._rows(query, [places[name]])] for query, name in _ROWS_AT])

    def _docids(self, compiled: CompiledQuery, after: Cursor | None) -> Iterator[str]:
        """Yield the articles that may match, each once, in order."""
        if after:
            places = {"version": after.version, "fetch": after.fetch, "listing": after.listing}
            rows = self._each_row(_CHANGED_DOCIDS, places)
        elif compiled.match:
            rows = self._each_row(_MATCHING_DOCIDS.format(where=_KNOWN), {"match": compiled.match})
        else:
            published = "v.published BETWEEN :since AND :until"
            times = {"since": compiled.since, "until": compiled.until}
            rows = self._each_row(_ALL_DOCIDS.format(where=f"{_KNOWN} AND {published}"), times)
        return (row["docid"] for row in rows)

    def _events(self, docids: Sequence[str]) -> list[tuple[str, ArticleEvents]]:
        events = {docid: ArticleEvents() for docid in docids}
        wanted = [json.dumps(list(docids))]
        for row in self._rows(_SELECT_VERSIONS, wanted):
            version = SearchableVersion(row["id"], row["number"], row["step"], row["at"], row["since"], row["until"])
            events[row["docid"]].versions.append(version)
        for row in self._rows(_SELECT_FACTS, wanted):
            events[row["docid"]].facts.append(FactsStep(row["revision"], row["step"], row["at"], row["fetch"]))
        for row in self._rows(_SELECT_LISTINGS, wanted):
            events[row["docid"]].listings.append(FeedSighting(row["id"], row["feed"], row["seen"]))
        for row in self._rows(_SELECT_FETCHES, wanted):
            fetch = FetchOutcome(row["id"], row["at"], row["outcome"], row["revision"])
            events[row["docid"]].fetches.append(fetch)
        return list(events.items())

    def _matching(self, compiled: CompiledQuery, changed: Sequence[_Changed]) -> set[tuple[int, str]]:
        """Return which periods match: the id of each one's version, and its start."""
        periods = [(period.version, period.start) for each in changed for period in each.each()]
        words = ["v.id IN (SELECT rowid FROM words WHERE words MATCH :match)"] if compiled.match else []
        where = " AND ".join([*compiled.where, *words]).replace(":time", "(wanted.value ->> 1)")
        statement = _SELECT_MATCHING.format(where=where)
        parameters = compiled.parameters | {"periods": json.dumps(periods)}
        return {periods[row["key"]] for row in self._rows(statement, parameters)}

    def _rows_of(
        self, changed: Sequence[_Changed], matching: set[tuple[int, str]] | None, sequence: int
    ) -> Iterator[ArticlePeriod]:
        version: statements.Row | None = None
        for each in changed:
            period = _to_write(each, matching)
            if period is None:
                continue
            if version is None or (version["docid"], version["number"]) != (each.docid, period.number):
                version = self._rows(_SELECT_VERSION, [each.docid, period.number])[0]
            yield self._record(version, period, sequence)

    def _record(self, version: statements.Row, period: Period, sequence: int) -> ArticlePeriod:
        facts = version
        if period.step:
            facts = self._rows(_SELECT_STEP, [version["docid"], period.number, period.step])[0]
        return ArticlePeriod(
            docid=version["docid"],
            revision=period.number,
            valid_from=datetime.fromisoformat(period.start),
            valid_to=to_time(period.end),
            gone_from=to_time(period.gone_from),
            gone_to=to_time(period.gone_to),
            title=version["title"],
            url=version["url"] or "",
            path=version["path"],
            published=datetime.fromisoformat(version["published"]),
            first_seen=to_time(version["first_seen"]),
            observed=datetime.fromisoformat(version["fetched_at"]),
            modified=to_time(version["modified"]),
            updated=to_time(facts["updated"]),
            media=facts["media"],
            feeds=period.feeds,
            keywords=tuple(json.loads(facts["keywords"])),
            symbols=tuple(json.loads(facts["symbols"])),
            authors=tuple(json.loads(version["authors"])),
            enclosures=tuple(each["url"] for each in json.loads(version["enclosures"])),
            sequence=sequence,
            **{name: version[name] for name in _UNCHANGED},
        )


_UNCHANGED = (
    "editor", "original_title", "sha256", "text", "published_text", "precision", "published_note", "text_from",
    "text_note",
)  # fmt: skip


def _changes(docid: str, events: ArticleEvents, after: Cursor | None) -> Iterator[_Changed]:
    """Yield the periods of an article that are not as they were at a cursor; all without one."""
    now = {each.start: each for each in events.periods()}
    before = {each.start: each for each in events.up_to(after).periods()} if after else {}
    for start in sorted(now.keys() | before.keys()):
        if now.get(start) != before.get(start):
            yield _Changed(docid, now.get(start), before.get(start))


def _to_write(changed: _Changed, matching: set[tuple[int, str]] | None) -> Period | None:
    """Return the period to write: as it is now, or one without a length to replace an earlier one; None: neither."""

    def matches(period: Period | None) -> bool:
        return period is not None and (matching is None or (period.version, period.start) in matching)

    if matches(changed.now):
        return changed.now
    if changed.before and matches(changed.before):
        return replace(changed.before, end=changed.before.start)
    return None

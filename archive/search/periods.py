"""All that was ever known of articles, by period: one table that answers every as-of query. See D242."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from archive.export.cursor import AnyCursor, Cursor, check_of
from archive.index import statements
from archive.index.database import Database
from archive.index.part import IndexPart
from archive.model.errors import CursorError
from archive.model.results import ArticlePeriod
from archive.model.times import to_time
from archive.query.compiler import CompiledQuery
from archive.query.parser import Query
from archive.search.event_reader import KNOWN, EventReader, PeriodsCursor
from archive.search.names import QueryNames
from archive.search.period_events import ChangedPeriod, Period, changed_periods, month_of

# Articles whose events are in memory at once. For each batch, all versions with the words of a query are found again.
_BATCH = 1_000

# "main": those of this index, and not those of the views of archive.index.union_views.
_LAST_ROWS = """
    SELECT (SELECT coalesce(max(id), 0) FROM main.searchable) AS version,
           (SELECT coalesce(max(id), 0) FROM main.observations) AS fetch,
           (SELECT coalesce(max(rowid), 0) FROM main.listings) AS listing,
           (SELECT count(*) FROM forgotten) AS forgotten
"""
_LAST_TIME = """
    SELECT max(
        (SELECT coalesce(max(at), '') FROM main.observations), (SELECT coalesce(max(seen), '') FROM main.listings)
    ) AS time
"""
_ROWS_AT = (
    ("SELECT docid, number FROM main.searchable WHERE id = ?", "version"),
    ("SELECT docid, at, outcome FROM main.observations WHERE id = ?", "fetch"),
    ("SELECT feed, docid FROM main.listings WHERE rowid = ?", "listing"),
)
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


class Periods(IndexPart):
    """What was known of articles, by period. Errors as in :class:`~archive.store.Store`.

    Within a :meth:`~archive.store.Store.snapshot`, the cursor and the periods are of the same state.

    :param prefix: begins the path of each row
    :param reader: reads what was observed
    """

    def __init__(self, database: Database, path: Path, names: QueryNames, prefix: str, reader: EventReader) -> None:
        super().__init__(database, path)
        self._prefix = prefix
        self._names = names
        self._reader = reader

    def cursor(self) -> Cursor:
        """Return the cursor of the present state."""
        row = dict(self._rows(_LAST_ROWS)[0])
        return Cursor(**row, check=self._check_at(row))

    def observed_until(self) -> datetime | None:
        """Return the time of the newest observation, when all that is known was known; None if there is none."""
        return to_time(self._rows(_LAST_TIME)[0]["time"])

    def ensure_valid(self, cursor: AnyCursor) -> None:
        """Check that a cursor is one of this index.

        :raises CursorError: articles were forgotten since, or the index was rebuilt, or it is another one
        """
        self._valid(cursor)

    def _valid(self, cursor: AnyCursor) -> PeriodsCursor:
        if not isinstance(cursor, Cursor):
            raise CursorError(
                f"this cursor is of the archives {', '.join(cursor.cursors)}, and not of one: name all of them, or "
                "export everything again, without a cursor"
            )
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
        return PeriodsCursor(cursor, [cursor.listing])

    def each(self, query: Query, after: AnyCursor | None = None) -> Iterator[ArticlePeriod]:
        """Yield the periods in which articles matched a query, by docid and time; read in batches.

        :param after: only those that are not as they were at this cursor: new ones, and those that have ended since.
            A period that is no more, or does not match any more, ends when it begins
        :raises CursorError: see :meth:`ensure_valid`
        """
        return self.since(query, self._valid(after) if after else None, self.cursor().sequence)

    def of_month(self, query: Query, month: str, sequence: int | None = None) -> Iterator[ArticlePeriod]:
        """Yield those of :meth:`each` that began in a month in China, YYYY-MM.

        :param sequence: of the rows; None: that of the cursor
        """
        docids = self._reader.docids_of_month(month)
        number = self.cursor().sequence if sequence is None else sequence
        return self._read(self._compiled(query), docids, None, number, month)

    def since(self, query: Query, after: PeriodsCursor | None, sequence: int) -> Iterator[ArticlePeriod]:
        """Yield the periods of :meth:`each`, with a sequence."""
        compiled = self._compiled(query)
        return self._read(compiled, self._reader.docids(compiled, after), after, sequence)

    def months(self, query: Query, after: AnyCursor | None = None) -> list[str]:
        """Return the months in China in which periods begin that are not as they were at a cursor.

        :param after: None: all months in which periods may begin
        :raises CursorError: see :meth:`ensure_valid`
        """
        return self.months_since(query, self._valid(after) if after else None)

    def months_since(self, query: Query, after: PeriodsCursor | None) -> list[str]:
        """Return the months of :meth:`months`."""
        if after is None:
            return sorted(self._reader.months())
        compiled = self._compiled(query)
        changes = self._changes(compiled, self._reader.docids(compiled, after), after)
        return sorted({month_of(period.start) for _, period in changes})

    def _compiled(self, query: Query) -> CompiledQuery:
        # The table is of all times: stocks have all names that they ever had.
        return CompiledQuery.of(self._names.resolve(query), "", KNOWN)

    def _check_at(self, places: dict[str, int]) -> str:
        return check_of([[list(row) for row in self._rows(query, [places[name]])] for query, name in _ROWS_AT])

    def _matching(self, compiled: CompiledQuery, changed: Sequence[ChangedPeriod]) -> set[tuple[int, str]]:
        """Return which periods match: the id of each one's version, and its start."""
        periods = [(period.version, period.start) for each in changed for period in each.each()]
        words = ["v.id IN (SELECT rowid FROM words WHERE words MATCH :match)"] if compiled.match else []
        where = " AND ".join([*compiled.where, *words]).replace(":time", "(wanted.value ->> 1)")
        statement = _SELECT_MATCHING.format(where=where)
        parameters = compiled.parameters | {"periods": json.dumps(periods)}
        return {periods[row["key"]] for row in self._rows(statement, parameters)}

    def _read(
        self,
        compiled: CompiledQuery,
        docids: Iterator[str],
        after: PeriodsCursor | None,
        sequence: int,
        month: str | None = None,
    ) -> Iterator[ArticlePeriod]:
        version: statements.Row | None = None
        for docid, period in self._changes(compiled, docids, after, month):
            if version is None or (version["docid"], version["number"]) != (docid, period.number):
                version = self._rows(_SELECT_VERSION, [docid, period.number])[0]
            yield self._record(version, period, sequence)

    def _changes(
        self,
        compiled: CompiledQuery,
        docids: Iterator[str],
        after: PeriodsCursor | None = None,
        month: str | None = None,
    ) -> Iterator[tuple[str, Period]]:
        """Yield the periods to write, with their articles.

        :param month: only those that begin in it
        """
        has_conditions = bool(compiled.match) or len(compiled.where) > 1
        while batch := list(islice(docids, _BATCH)):
            events = self._reader.events(batch, after)
            own = after.own if after else None
            changed = [each for docid, found in events for each in changed_periods(docid, found, own)]
            changed = [each for each in changed if month in (None, month_of(each.start))]
            matching = self._matching(compiled, changed) if has_conditions else None
            for each in changed:
                if period := each.to_write(matching):
                    yield each.docid, period

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
            moved_to=period.moved_to,
            title=version["title"],
            url=version["url"] or "",
            path=self._prefix + version["path"],
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

"""Changes of articles after they were first archived, by time: edits, retitlings, deletions, returns."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from archive.index import statements
from archive.index.database import Database
from archive.index.part import IndexPart
from archive.model.results import ArticleChange, ChangeKind, ChangesPage
from archive.model.times import to_text, to_time
from archive.query.compiler import CompiledQuery
from archive.query.messages import query_error
from archive.query.nodes import And, Query
from archive.search import article_states as states
from archive.search.history import History
from archive.search.names import QueryNames

# Rows read for one page: with a query that few changes match, half a second in an index of a million articles. A page
# may then have fewer changes than wanted, or none, and its cursor leads on.
MAX_SCANNED = 1_000
_BATCH = 100
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

# In SQL, "e" is a row of a source. Sources have numbers, so that all changes have one order: at, source, id.
_EARLIER = "(e.at < :at OR e.at = :at AND (:number < :source OR :number = :source AND e.{id} < :id))"
_BETWEEN = f"e.at <= :at AND e.at >= :since AND {_EARLIER} ORDER BY e.at DESC, e.{{id}} DESC LIMIT :limit"
_BEFORE = "FROM observations p WHERE p.docid = e.docid AND (p.at, p.id) < (e.at, e.id)"
_TARGET = "(SELECT target FROM moves WHERE moves.docid = {0}.docid AND moves.at = {0}.at)"
# Several fetches in a row may find an article gone, or moved to the same place: only the first is a change.
_REPEATED = f"""CASE e.outcome
    WHEN 'gone' THEN (
        SELECT p.outcome = 'gone' {_BEFORE} AND p.outcome IN ('first', 'revised', 'same', 'gone')
        ORDER BY p.at DESC, p.id DESC LIMIT 1)
    WHEN 'moved' THEN (
        SELECT p.outcome = 'moved' AND {_TARGET.format("p")} IS {_TARGET.format("e")} {_BEFORE}
        AND p.outcome != 'failed' ORDER BY p.at DESC, p.id DESC LIMIT 1)
END"""
SOURCES = (
    # The condition is that of the index observations_changes.
    f"""SELECT e.id, e.docid, e.at, e.outcome, e.revision, e.evidence, e.returned, {_TARGET.format("e")} AS target,
               coalesce({_REPEATED}, 0) AS repeated
        FROM observations e
        WHERE again = 1 AND (outcome IN ('revised', 'gone', 'moved') OR returned = 1)
            AND {_BETWEEN.format(id="id")}""",  # noqa: S608 - of constants
    f"""SELECT e.rowid AS id, e.docid, e.at, 'facts' AS outcome, e.revision, e.changed, 0 AS repeated
        FROM facts e WHERE {_BETWEEN.format(id="rowid")}""",  # noqa: S608 - of constants
    f"""SELECT e.id, e.docid, e.at, 'unlisted' AS outcome, e.feed, e.back, 0 AS repeated, coalesce(
               (SELECT max(number) FROM revisions WHERE docid = e.docid AND fetched_at <= e.at), 0) AS revision
        FROM unlisted e WHERE {_BETWEEN.format(id="id")}""",  # noqa: S608 - of constants
)
# A change matches if a version matches that was the newest before or after it.
_MATCHING = """
    SELECT DISTINCT wanted.key FROM json_each(:wanted) AS wanted
    CROSS JOIN searchable v ON v.docid = wanted.value ->> 0
        AND v.number BETWEEN wanted.value ->> 1 AND wanted.value ->> 2
    {words} WHERE {where}
"""
_EACH_WORDS = "CROSS JOIN words ON words.rowid = v.id AND words MATCH :match"
_SELECT_VERSION = """
    SELECT r.docid, r.number, r.title, r.path, r.url, r.published, r.media, r.symbols, r.pictures, t.text
    FROM revisions r LEFT JOIN texts t USING (docid, number) WHERE r.docid = ? AND r.number = ?
"""


class ChangePlace(NamedTuple):
    """A place among all changes of an index; greater is later."""

    at: str
    source: int  # place in SOURCES
    id: int

    @classmethod
    def parse(cls, cursor: str) -> ChangePlace:
        """Return the place of a cursor.

        :raises QueryError: it is none
        """
        try:
            at, source, number = cursor.split("_")
            place = cls(to_text(datetime.fromisoformat(at)) or "", int(source), int(number))
        except (ValueError, OverflowError):
            raise query_error("changes-cursor", text=cursor[:60]) from None
        if not re.fullmatch(r"[0-9]{1,18}", number):
            raise query_error("changes-cursor", text=cursor[:60])
        return place

    def __str__(self) -> str:
        return f"{self.at.removesuffix('+00:00')}Z_{self.source}_{self.id}"


class ChangeHistory(IndexPart):
    """Changes of articles. Errors as in :class:`~archive.store.Store`.

    :param prefix: begins each path
    """

    def __init__(self, database: Database, path: Path, history: History, names: QueryNames, prefix: str) -> None:
        super().__init__(database, path)
        self._prefix = prefix
        self._history = history
        self._names = names

    def find(
        self,
        query: Query,
        limit: int,
        *,
        since: datetime | None = None,
        time: datetime | None = None,
        kinds: Collection[ChangeKind] = tuple(ChangeKind),
        cursor: str | None = None,
    ) -> ChangesPage:
        """Return changes of articles that match a query, the newest first.

        :param limit: at most so many, or two more: an edit of the title and the text of an article that was gone is
            three changes with one cursor
        :param since: only those observed from then on; aware
        :param time: only those observed until then; aware
        :param cursor: only those before this one
        :raises QueryError: the cursor is not one
        """
        first = ChangePlace(to_text(time or _END_OF_TIME) or "", len(SOURCES), 0)
        place = min(first, ChangePlace.parse(cursor)) if cursor else first
        conditions = None
        if query != And(()):
            conditions = CompiledQuery.of(self._names.resolve(query, time), to_text(time or _END_OF_TIME) or "", "1")
        found: list[ArticleChange] = []
        for _ in range(MAX_SCANNED // _BATCH):
            batch = self._read(place, to_text(since) or "")
            matching = self._matching([row for _, row in batch], conditions)
            for number, (place, row) in enumerate(batch):
                if number not in matching or row["repeated"] or not _may_be(row, kinds):
                    continue
                found += [each for each in self._changes(place, row, time or _END_OF_TIME) if each.kind in kinds]
                if len(found) >= limit:
                    return ChangesPage(tuple(found), str(place))
            if len(batch) < _BATCH:
                return ChangesPage(tuple(found), None)
        return ChangesPage(tuple(found), str(place))

    def texts(self, change: ArticleChange) -> tuple[str, str] | None:
        """Return the texts before and after an edit; None for another change, or if the index has not both."""
        if change.kind is not ChangeKind.REVISED:
            return None
        old, new = (self._version(change.docid, number) for number in (change.before, change.after))
        if old is None or new is None or old["text"] is None or new["text"] is None:
            return None
        return old["text"], new["text"]

    def _read(self, place: ChangePlace, since: str) -> list[tuple[ChangePlace, statements.Row]]:
        """Return the rows of the next changes before a place, the newest first; fewer than _BATCH: the last ones."""
        parameters = {"at": place.at, "source": place.source, "id": place.id, "since": since, "limit": _BATCH}
        sources = [
            [
                (ChangePlace(row["at"], number, row["id"]), row)
                for row in self._rows(statement, {**parameters, "number": number})
            ]
            for number, statement in enumerate(SOURCES)
        ]
        return list(merge(*sources, key=lambda each: each[0], reverse=True))[:_BATCH]

    def _matching(self, rows: Sequence[statements.Row], conditions: CompiledQuery | None) -> Collection[int]:
        """Return the places in ``rows`` of those that match."""
        if conditions is None:
            return range(len(rows))
        wanted = [[row["docid"], row["revision"] - (row["outcome"] == "revised"), row["revision"]] for row in rows]
        where = list(conditions.where)
        # FTS5 evaluates words of one character slowly: once for all rows, and not once for each.
        by_row = conditions.match and not conditions.ending
        if conditions.match and not by_row:
            where.append("v.id IN (SELECT rowid FROM words WHERE words MATCH :match)")
        statement = _MATCHING.format(words=_EACH_WORDS if by_row else "", where=" AND ".join(where))
        parameters = conditions.parameters | {"wanted": json.dumps(wanted)}
        return {int(row["key"]) for row in self._rows(statement, parameters)}

    def _changes(self, place: ChangePlace, row: statements.Row, time: datetime) -> Iterator[ArticleChange]:
        version = self._version(row["docid"], row["revision"])
        shared = self._shared(place, row, version)
        for kind, before, after, evidence in self._kinds(row, version, time):
            yield ArticleChange(kind=kind, before=before, after=after, evidence=evidence, **shared)

    def _kinds(
        self, row: statements.Row, version: statements.Row | None, time: datetime
    ) -> Iterator[tuple[ChangeKind, Any, Any, str | None]]:
        number = row["revision"]
        match row["outcome"]:
            case "facts":
                changed = json.loads(row["changed"])
                before, after = ({name: values[side] for name, values in changed.items()} for side in (0, 1))
                yield ChangeKind.FACTS, before, after, None
            case "unlisted":
                back = row["back"] if row["back"] and row["back"] <= (to_text(time) or "") else None
                yield ChangeKind.UNLISTED, row["feed"], None, f"back in the list at {back}" if back else None
            case "gone":
                yield ChangeKind.GONE, number, None, row["evidence"]
            case "moved":
                yield ChangeKind.MOVED, None, row["target"], row["evidence"]
            case "revised" if version:
                yield from _edits(self._version(row["docid"], number - 1), version)
        if row["outcome"] in ("revised", "same") and row["returned"]:
            yield ChangeKind.RETURNED, None, number, None

    def _shared(self, place: ChangePlace, row: statements.Row, version: statements.Row | None) -> dict[str, Any]:
        at = datetime.fromisoformat(row["at"])
        key = row["docid"], row["revision"]
        facts = states.last_facts(self._db, [key], at).get(key) if version else None
        entry = version or self._rows("SELECT * FROM entries WHERE docid = ?", [row["docid"]])[0]
        known = facts or entry
        return {
            "cursor": str(place),
            "docid": row["docid"],
            "title": entry["title"] or "",
            "path": entry["path"] and self._prefix + entry["path"],
            "url": entry["url"] or "",
            "at": at,
            "revision": row["revision"],
            "published": to_time(entry["published"]),
            "media": known["media"],
            "feeds": tuple(self._history.feeds(row["docid"], at)),
            "symbols": tuple(json.loads(known["symbols"])),
        }

    def _version(self, docid: str, number: int) -> statements.Row | None:
        return next(iter(self._rows(_SELECT_VERSION, [docid, number])), None)


def _may_be(row: statements.Row, kinds: Collection[ChangeKind]) -> bool:
    """Return whether a row may be a change of one of these kinds: what else is known of it takes four queries."""
    possible = {ChangeKind.REVISED, ChangeKind.RETITLED} if row["outcome"] == "revised" else {row["outcome"]}
    if row["outcome"] in ("revised", "same") and row["returned"]:
        possible.add(ChangeKind.RETURNED)
    return not possible.isdisjoint(kinds)


def _edits(old: statements.Row | None, new: statements.Row) -> Iterator[tuple[ChangeKind, Any, Any, str | None]]:
    """Return what a new version changes: the title, the rest, or both. What differs in neither has other markup."""
    is_retitled = old is not None and old["title"] != new["title"]
    if is_retitled and old:
        yield ChangeKind.RETITLED, old["title"], new["title"], None
    if not is_retitled or old is None or _content(old) != _content(new):
        yield ChangeKind.REVISED, new["number"] - 1, new["number"], None


def _content(version: statements.Row) -> tuple[str, Any]:
    return "".join((version["text"] or "").split()), version["pictures"]

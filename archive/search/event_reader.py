"""Read what was observed of articles, for archive.search.period_events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from archive.export.cursor import Cursor
from archive.files.paths import CHINA
from archive.index.database import Database
from archive.index.part import IndexPart
from archive.model.times import to_text
from archive.query.compiler import CompiledQuery
from archive.search.period_events import (
    ArticleEvents,
    FactsStep,
    FeedSighting,
    FetchOutcome,
    SearchableVersion,
    month_of,
)

_LAST_ID = 1 << 62  # greater than any that SQLite gives
# Those of forgotten articles stay only because of their ids.
KNOWN = "v.since != 'forgotten'"
_ALL_DOCIDS = "SELECT DISTINCT v.docid FROM searchable v WHERE {where} ORDER BY v.docid"
_MATCHING_DOCIDS = """
    SELECT DISTINCT v.docid FROM words CROSS JOIN searchable v ON v.id = words.rowid
    WHERE words MATCH :match AND {where} ORDER BY v.docid
"""
# "main": those of this index, and not those of the views of archive.index.union_views.
_CHANGED_DOCIDS = f"""
    SELECT docid FROM (
        SELECT docid FROM main.searchable WHERE id > :version
        UNION SELECT docid FROM main.observations WHERE id > :fetch
        {{listings}}
    ) AS changed WHERE EXISTS (SELECT 1 FROM searchable v WHERE v.docid = changed.docid AND {KNOWN}) ORDER BY docid
"""  # noqa: S608 - of constants
_WANTED = "docid IN (SELECT value FROM json_each(?))"
_SELECT_VERSIONS = f"""
    SELECT v.id, v.docid, v.number, v.since, v.until, coalesce(m.step, 0) AS step, coalesce(f.at, r.fetched_at) AS at
    FROM searchable v JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    LEFT JOIN searchable_facts m ON m.id = v.id
    LEFT JOIN facts f ON f.docid = m.docid AND f.revision = m.revision AND f.step = m.step
    WHERE v.{_WANTED} AND {KNOWN} ORDER BY v.id
"""  # noqa: S608 - of constants
_SELECT_FACTS = f"""
    SELECT docid, revision, step, at, coalesce(
        (SELECT min(id) FROM observations o WHERE o.docid = facts.docid AND o.at = facts.at), 0
    ) AS fetch FROM facts WHERE {_WANTED}
"""  # noqa: S608 - of constants
_SELECT_LISTINGS = f"""
    SELECT rowid AS id, docid, feed, coalesce(seen, '') AS seen FROM {{table}} WHERE {_WANTED} ORDER BY rowid
"""  # noqa: S608 - of constants
_SELECT_FETCHES = f"""
    SELECT id, docid, at, outcome, revision,
           (SELECT target FROM moves m WHERE m.docid = observations.docid AND m.at = observations.at) AS moved_to
    FROM observations WHERE {_WANTED} ORDER BY at, id
"""  # noqa: S608 - of constants
# Times at which something may have changed. Of fetches, only those before or after which an article was gone.
_TIMES = """
    SELECT docid, since AS time FROM searchable WHERE since != 'forgotten'
    UNION ALL SELECT docid, seen FROM listings WHERE seen IS NOT NULL
    UNION ALL SELECT docid, at FROM facts
    UNION ALL SELECT docid, at FROM observations WHERE outcome != 'failed'
"""
_DOCIDS_BETWEEN = f"""
    SELECT DISTINCT docid FROM ({_TIMES}) AS changed WHERE time >= :first AND time < :end
        AND EXISTS (SELECT 1 FROM searchable v WHERE v.docid = changed.docid AND {KNOWN}) ORDER BY docid
"""  # noqa: S608 - of constants
_SELECT_HOURS = f"SELECT DISTINCT substr(time, 1, 13) AS hour FROM ({_TIMES})"  # noqa: S608 - of constants


class PeriodsCursor(Struct, frozen=True):
    """The cursor of an index, and how far its listings and those of other indexes had come then."""

    own: Cursor
    listings: Sequence[int]  # the last row of each table of listings


class EventReader(IndexPart):
    """Reads events of articles. Errors as in :class:`~archive.store.Store`.

    :param listings: tables that together have the listings; those of this index have the ids of its cursor
    :param place: of the table of this index among them
    """

    def __init__(self, database: Database, path: Path, listings: Sequence[str], place: int) -> None:
        super().__init__(database, path)
        self._listings = listings
        self._place = place

    def docids(self, compiled: CompiledQuery, after: PeriodsCursor | None) -> Iterator[str]:
        """Yield the articles that may match, each once, in order."""
        if after:
            places = {"version": after.own.version, "fetch": after.own.fetch}
            places |= {f"listing{n}": last for n, last in enumerate(after.listings)}
            listings = " ".join(
                f"UNION SELECT docid FROM {table} WHERE rowid > :listing{n}"  # noqa: S608 - names of ours
                for n, table in enumerate(self._listings)
            )
            rows = self._each_row(_CHANGED_DOCIDS.format(listings=listings), places)
        elif compiled.match:
            rows = self._each_row(_MATCHING_DOCIDS.format(where=KNOWN), {"match": compiled.match})
        else:
            published = "v.published BETWEEN :since AND :until"
            times = {"since": compiled.since, "until": compiled.until}
            rows = self._each_row(_ALL_DOCIDS.format(where=f"{KNOWN} AND {published}"), times)
        return (row["docid"] for row in rows)

    def docids_of_month(self, month: str) -> Iterator[str]:
        """Yield the articles of which a period may begin in a month in China, each once, in order."""
        first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=CHINA)
        end = (first + timedelta(days=31)).replace(day=1)
        rows = self._each_row(_DOCIDS_BETWEEN, {"first": to_text(first), "end": to_text(end)})
        return (row["docid"] for row in rows)

    def months(self) -> set[str]:
        """Return the months in China in which a period may begin."""
        return {month_of(f"{row['hour']}:00+00:00") for row in self._rows(_SELECT_HOURS)}

    def events(self, docids: Sequence[str], after: PeriodsCursor | None) -> list[tuple[str, ArticleEvents]]:
        """Return what was observed of each of these articles.

        :param after: listings of other indexes have ids so that those after it are after the own cursor too
        """
        events = {docid: ArticleEvents() for docid in docids}
        wanted = [json.dumps(list(docids))]
        for row in self._rows(_SELECT_VERSIONS, wanted):
            version = SearchableVersion(row["id"], row["number"], row["step"], row["at"], row["since"], row["until"])
            events[row["docid"]].versions.append(version)
        for row in self._rows(_SELECT_FACTS, wanted):
            events[row["docid"]].facts.append(FactsStep(row["revision"], row["step"], row["at"], row["fetch"]))
        for n, table in enumerate(self._listings):
            last = after.listings[n] if after else 0
            for row in self._rows(_SELECT_LISTINGS.format(table=table), wanted):
                number = row["id"] if n == self._place else _LAST_ID * (row["id"] > last)
                events[row["docid"]].listings.append(FeedSighting(number, row["feed"], row["seen"]))
        for row in self._rows(_SELECT_FETCHES, wanted):
            fetch = FetchOutcome(row["id"], row["at"], row["outcome"], row["revision"], row["moved_to"])
            events[row["docid"]].fetches.append(fetch)
        return list(events.items())

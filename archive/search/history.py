"""Articles as of a time: without anything that was observed later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from archive.files.paths import CHINA
from archive.index import row_mapping, statements
from archive.index.errors import wrap_sqlite_errors
from archive.index.part import IndexPart
from archive.index.union_views import KNOWN_SINCE
from archive.model.article import Revision
from archive.model.times import to_text
from archive.model.titles import decoded_title
from archive.query.compiler import CURRENT
from archive.search import article_states as states

_SELECT_KNOWN_SINCE = f"""
    SELECT {KNOWN_SINCE.format(schema="main", docid=":docid")} AS since,
           EXISTS (SELECT 1 FROM forgotten WHERE docid = :docid) AS forgotten
"""  # noqa: S608 - of constants
_SELECT_STORY = """
    SELECT story FROM revisions WHERE docid = :docid AND fetched_at <= :now ORDER BY number DESC LIMIT 1
"""
_SELECT_SAME_STORY = """
    SELECT r.docid, r.title, r.path, r.published, r.media, entries.first_seen
    FROM revisions AS r JOIN entries USING (docid)
    WHERE r.story = :story AND r.fetched_at <= :now AND entries.first_seen <= :now
        AND r.number = (SELECT max(number) FROM revisions AS n WHERE n.docid = r.docid AND n.fetched_at <= :now)
    ORDER BY r.published, entries.first_seen, r.docid
"""

_SELECT_NEIGHBOUR = f"""
    SELECT v.docid, r.title, v.published FROM searchable v
    JOIN revisions r ON r.docid = v.docid AND r.number = v.number
    WHERE {{}} AND {CURRENT} ORDER BY {{}} LIMIT 1
"""  # noqa: S608 - of constants
_SELECT_EARLIER = _SELECT_NEIGHBOUR.format(
    "v.published <= :published AND (v.published < :published OR v.docid > :docid)", "v.published DESC, v.docid"
)
_SELECT_LATER = _SELECT_NEIGHBOUR.format(
    "v.published >= :published AND (v.published > :published OR v.docid < :docid)", "v.published, v.docid DESC"
)

# The facts of an entry whose listing's item could not be parsed: nothing else of it is known.
_UNREADABLE: dict[str, Any] = {
    "title": None, "path": None, "url": None, "published": None, "media": None, "status": "parked", "attempts": 0,
    "revisions": [], "gone": None, "moved": None, "facts": None,
    "facts_changes": [], "observations": [],
}  # fmt: skip


class History(IndexPart):
    """The index as of a time. Errors as in :class:`~archive.store.Store`."""

    def as_of(self, docid: str, time: datetime) -> dict[str, Any] | None:
        """Return what was known of an article.

        :param time: aware; what was observed later is left out
        :return: docid, title, path, url, published, media, feeds, status, attempts, failure, first_seen, revisions (a
            list of Revision), gone (since when, a time as in the index), moved (docid of the article that its address
            shows, at, evidence; None: its own), facts (of the newest version, as they changed since: updated, media,
            keywords, symbols), facts_changes (at, revision and changed: field -> before and after) and observations;
            None if nothing was known
        """
        rows = self._rows("SELECT * FROM entries WHERE docid = ? AND first_seen <= ?", [docid, to_text(time)])
        if not rows:
            return None
        [entry] = rows
        url, unreadable = self._address(docid, entry, time)
        if url:
            return self._readable(docid, entry, url, time)
        return _UNREADABLE | {
            "docid": docid, "feeds": self.feeds(docid, time), "failure": unreadable,
            "first_seen": entry["first_seen"],
        }  # fmt: skip

    def _readable(self, docid: str, entry: statements.Row, url: str, time: datetime) -> dict[str, Any]:
        revisions = self._revisions(docid, time)
        fetches = self._fetches(docid, time)
        newest = revisions[-1] if revisions else None
        failed = [fetch for fetch in fetches if fetch["revision"] == 0]
        return {
            "docid": docid,
            "title": newest.title if newest else self._listed_title(entry, time),
            "path": newest.path if newest else None,
            "url": url,
            "published": entry["published"],
            "media": entry["media"],
            "feeds": self.feeds(docid, time),
            "status": "archived" if newest else "parked" if failed and failed[-1]["given_up"] else "pending",
            "attempts": 0 if newest else len(failed),
            "failure": None if newest or not failed else failed[-1]["evidence"],
            "first_seen": entry["first_seen"],
            "revisions": revisions,
            "gone": states.gone_since(fetches),
            "moved": self._moved(docid, fetches),
            "facts": self._facts_now(newest, time) if newest else None,
            "facts_changes": self._facts_changes(docid, time),
            "observations": [
                {name: fetch[name] for name in ("at", "outcome", "revision", "status", "evidence", "returned")}
                for fetch in fetches
            ],
        }

    def known_since(self, docid: str) -> str | None:
        """Return since when this index has an article, as text to compare with that of other indexes.

        :return: before all others for a forgotten article; None for one that it does not know
        """
        row = self._rows(_SELECT_KNOWN_SINCE, {"docid": docid})[0]
        return "" if row["forgotten"] else row["since"]

    def same_story(self, docid: str, time: datetime) -> list[dict[str, Any]]:
        """Return the articles whose newest versions have the same story as this one's, by publication time.

        :param time: aware; what was observed later is left out
        :return: docid, title, path, published (as in the index), media, first (whether it published the story first),
            first_seen (when a list first named it) and seen_first (whether no other was seen before it) of each, this
            article included; empty if no other had the story
        """
        return compare_stories(self.with_story(self.story(docid, time), time))

    def story(self, docid: str, time: datetime) -> str | None:
        """Return the story of an article's newest version; None if it has none."""
        rows = self._rows(_SELECT_STORY, {"docid": docid, "now": to_text(time)})
        return rows[0]["story"] if rows else None

    def with_story(self, story: str | None, time: datetime) -> list[dict[str, Any]]:
        """Return the articles whose newest versions have a story, by publication time: as :meth:`same_story`."""
        if story is None:
            return []
        return [dict(row) for row in self._rows(_SELECT_SAME_STORY, {"story": story, "now": to_text(time)})]

    def neighbours(
        self, docid: str, published: datetime, time: datetime
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the articles published just before and just after another one: docid, title and published of each.

        :param time: aware; what was observed later is left out
        """
        parameters = {"docid": docid, "published": to_text(published), "time": to_text(time)}
        earlier, later = (next(iter(self._rows(sql, parameters)), None) for sql in (_SELECT_EARLIER, _SELECT_LATER))
        return dict(earlier) if earlier else None, dict(later) if later else None

    def _revisions(self, docid: str, time: datetime) -> list[Revision]:
        rows = self._rows(
            "SELECT * FROM revisions WHERE docid = ? AND fetched_at <= ? ORDER BY number", [docid, to_text(time)]
        )
        # A day's manifest is written after the day has ended.
        versions = [row_mapping.revision(row) for row in rows]
        return [
            each if each.sealed and _is_over(each.sealed, time) else replace(each, sealed=None) for each in versions
        ]

    def _facts_now(self, newest: Revision, time: datetime) -> dict[str, Any]:
        with wrap_sqlite_errors(self._path):
            version = newest.docid, newest.number
            row = states.last_facts(self._db, [version], time).get(version)
        if row is None:
            return {
                "updated": to_text(newest.updated), "media": newest.media, "keywords": list(newest.keywords),
                "symbols": list(newest.symbols),
            }  # fmt: skip
        return {
            "updated": row["updated"], "media": row["media"], "keywords": json.loads(row["keywords"]),
            "symbols": json.loads(row["symbols"]),
        }  # fmt: skip

    def _facts_changes(self, docid: str, time: datetime) -> list[dict[str, Any]]:
        rows = self._rows(
            "SELECT at, revision, changed FROM facts WHERE docid = ? AND at <= ? ORDER BY revision, step",
            [docid, to_text(time)],
        )
        return [
            {
                "at": row["at"],
                "revision": row["revision"],
                "changed": {
                    name: {"from": before, "to": after}
                    for name, (before, after) in json.loads(row["changed"]).items()
                },
            }
            for row in rows
        ]

    def _moved(self, docid: str, fetches: Sequence[statements.Row]) -> dict[str, Any] | None:
        """Return which other article the address of an article shows; None if the last fetches found none.

        :param fetches: of the article, the oldest first
        :return: docid (of the other), at (since when, a time as in the index) and evidence
        """
        rows = self._rows("SELECT at, target FROM moves WHERE docid = ?", [docid])
        targets = {row["at"]: row["target"] for row in rows}
        moved: dict[str, Any] | None = None
        for fetch in fetches:
            if fetch["outcome"] == "moved":
                target = targets.get(fetch["at"])
                if moved is None or moved["docid"] != target:
                    moved = {"docid": target, "at": fetch["at"], "evidence": fetch["evidence"]}
            elif fetch["outcome"] != "failed":
                moved = None
        return moved

    def _fetches(self, docid: str, time: datetime) -> list[statements.Row]:
        return self._rows(
            "SELECT * FROM observations WHERE docid = ? AND at <= ? ORDER BY at, id", [docid, to_text(time)]
        )

    def _listed_title(self, entry: statements.Row, time: datetime) -> str | None:
        rows = self._rows(
            "SELECT title FROM changes WHERE docid = ? AND seen <= ? ORDER BY id DESC LIMIT 1",
            [entry["docid"], to_text(time)],
        )
        title: str | None = rows[0]["title"] if rows else entry["title"]
        return title if entry["foreign_site"] or title is None else decoded_title(title)

    def _address(self, docid: str, entry: statements.Row, time: datetime) -> tuple[str | None, str | None]:
        """Return the address that an entry had, or None and why its listing's item could not be parsed."""
        rows = self._rows(
            "SELECT url, failure FROM addresses WHERE docid = ? AND until > ? ORDER BY until LIMIT 1",
            [docid, to_text(time)],
        )
        row = rows[0] if rows else entry
        return row["url"], row["failure"]

    def feeds(self, docid: str, time: datetime) -> list[str]:
        """Return the ids of the feeds that an article was known to belong to, in order."""
        with wrap_sqlite_errors(self._path):
            return states.feeds(self._db, [docid], time).get(docid, [])


def compare_stories(articles: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say of each article with one story whether it was first: the result of :meth:`History.same_story`.

    :param articles: by publication time
    """
    if len(articles) < 2:
        return []
    earliest = min(each["first_seen"] for each in articles)
    return [
        each | {"first": place == 0, "seen_first": each["first_seen"] == earliest}
        for place, each in enumerate(articles)
    ]


def _is_over(day: str, time: datetime) -> bool:
    return datetime.fromisoformat(day).replace(tzinfo=CHINA) + timedelta(days=1) <= time

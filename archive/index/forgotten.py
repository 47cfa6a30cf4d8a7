"""Forgotten articles: those that were removed on request. Of each, only its tombstone is left. See D238."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.files.layout import image_link_path, image_path
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.fts import delete_words
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.index.statements import Row
from archive.journal.event_documents import EventKind
from archive.journal.tombstones import (
    Forgotten,
    ForgottenImage,
    ForgottenVersion,
    dump_forgetting_done,
    dump_forgotten,
    load_forgetting_done,
    load_forgotten,
)
from archive.model.times import to_text

if TYPE_CHECKING:
    from archive.journal.journal import Event

# Tables with rows of articles, each with a column docid. Of ``searchable`` the rows stay, because no id may be used
# twice (D100); ``listings`` stay too, or polls would take the article for a new one.
_TABLES = (
    "revisions",
    "texts",
    "symbols",
    "stock_names",
    "changes",
    "observations",
    "addresses",
    "moves",
    "stated",
    "facts",
    "unlisted",
)
# An entry as it is left: what identifies it, so that no feed adds it again.
_BLANK = """
    UPDATE entries SET status = 'forgotten', title = '', published = NULL, modified = NULL, entered = NULL,
        media = NULL, image = NULL, keywords = '[]', lids = '[]', attempts = 0, due = NULL, tried = NULL,
        failure_kind = NULL, failure = NULL, path = NULL, content = NULL, symbols = '[]', withdrawn = 0, revision = 0,
        changed = NULL, recheck = NULL, idle = 0, gone = NULL, foreign_site = 0, carrier = NULL, vanished = NULL,
        listed_text = NULL, is_excerpt = 0, authors = '[]', enclosures = '[]', published_text = NULL,
        precision = 'time', published_note = NULL, stock_names = '[]'
    WHERE docid = ?
"""
# Images of a version of one of these articles, and of no other article's.
_OWN_IMAGES = """
    WITH wanted AS MATERIALIZED (SELECT value AS docid FROM json_each(:docids)),
    own AS MATERIALIZED (
        SELECT DISTINCT r.docid, picture.value ->> 'url' AS url FROM wanted JOIN revisions r USING (docid),
               json_each(r.pictures) AS picture
    ),
    others AS MATERIALIZED (
        SELECT picture.value ->> 'url' AS url FROM revisions r, json_each(r.pictures) AS picture
        WHERE r.docid NOT IN (SELECT docid FROM wanted) AND picture.value ->> 'url' IN (SELECT url FROM own)
    )
    SELECT own.docid, own.url, images.sha256, images.media_type FROM own JOIN images USING (url)
    WHERE own.url NOT IN (SELECT url FROM others) ORDER BY own.docid, own.url
"""
# Images that articles which are left have too are first seen with these.
_SELECT_IMAGES = """
    SELECT DISTINCT picture.value ->> 'url' AS url FROM revisions r, json_each(r.pictures) AS picture
    WHERE r.docid IN (SELECT value FROM json_each(?))
"""
_SEE_IMAGES_LATER = """
    WITH seen AS MATERIALIZED (
        SELECT picture.value ->> 'url' AS url, min(r.fetched_at) AS at
        FROM revisions r, json_each(r.pictures) AS picture
        WHERE picture.value ->> 'url' IN (SELECT value FROM json_each(?)) GROUP BY 1
    )
    UPDATE images SET first_seen = seen.at, due = iif(due = first_seen, seen.at, due)
    FROM seen WHERE images.url = seen.url AND first_seen < seen.at AND status != 'forgotten'
"""


class ForgottenIndex(IndexPart):
    """The table of forgotten articles. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(self, database: Database, path: Path, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._log = log

    def plan(self, docids: Sequence[str], reason: str, at: datetime) -> list[Forgotten]:
        """Return the tombstones that articles would get; those that are forgotten or unknown get none."""
        known = self._rows(
            "SELECT docid FROM entries WHERE status != 'forgotten' AND docid IN (SELECT value FROM json_each(?))",
            [json.dumps(list(docids))],
        )
        wanted = [row["docid"] for row in known]
        parameters = {"docids": json.dumps(wanted)}
        versions: dict[str, list[ForgottenVersion]] = {}
        for row in self._rows(
            """SELECT docid, number, sha256, fetched_at FROM revisions
               WHERE docid IN (SELECT value FROM json_each(:docids)) ORDER BY docid, number""",
            parameters,
        ):
            version = ForgottenVersion(row["number"], row["sha256"], datetime.fromisoformat(row["fetched_at"]))
            versions.setdefault(row["docid"], []).append(version)
        images: dict[str, list[ForgottenImage]] = {}
        for row in self._rows(_OWN_IMAGES, parameters):
            image = ForgottenImage(row["url"], row["sha256"], row["media_type"])
            images.setdefault(row["docid"], []).append(image)
        return [
            Forgotten(docid, at, reason, tuple(versions.get(docid, ())), tuple(images.get(docid, ())))
            for docid in wanted
        ]

    def of_feed(self, feed: str) -> list[str]:
        """Return the docids of the articles that a feed has listed."""
        rows = self._rows("SELECT docid FROM listings WHERE feed = ? ORDER BY docid", [feed])
        return [row["docid"] for row in rows]

    def in_other_feeds(self, feed: str) -> int:
        """Count the articles of a feed that other feeds have listed too."""
        query = """SELECT count(DISTINCT docid) AS n FROM listings WHERE feed != ?
                   AND docid IN (SELECT docid FROM listings WHERE feed = ?)"""
        return int(self._rows(query, [feed, feed])[0]["n"])

    def commit(self, articles: Sequence[Forgotten], at: datetime) -> None:
        """Record tombstones, and remove everything else about these articles from the index."""
        with self._log.transaction():
            self._log.note(EventKind.FORGOTTEN, at, dump_forgotten(articles))
            forget(self._db, articles)

    def commit_done(self, docids: Sequence[str], at: datetime) -> None:
        """Record that nothing of forgotten articles is left, in the index's own file neither."""
        self.purge()
        with self._log.transaction():
            self._log.note(EventKind.FORGETTING_DONE, at, dump_forgetting_done(docids))
            finish(self._db, docids, at)

    def purge(self) -> None:
        """Remove what the index's own file still has of deleted rows."""
        with wrap_sqlite_errors(self._path):
            # Segments of the full-text index keep deleted words until they are merged, and pages of the file that are
            # free keep what they had.
            self._db.execute("INSERT INTO words (words) VALUES ('optimize')")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def unfinished(self) -> list[str]:
        """Return the docids of the articles of which something may be left, after a process was killed."""
        return [row["docid"] for row in self._rows("SELECT docid FROM forgotten WHERE done IS NULL ORDER BY docid")]

    def find(self, docid: str) -> tuple[datetime, str] | None:
        """Return when and why an article was forgotten; None if it was not."""
        rows = self._rows("SELECT at, reason FROM forgotten WHERE docid = ?", [docid])
        return (datetime.fromisoformat(rows[0]["at"]), rows[0]["reason"]) if rows else None

    def all(self) -> list[dict[str, Any]]:
        """Return all tombstones, by time: docid, at, reason, versions (number, sha256, time of observation), done."""
        rows = self._rows("SELECT * FROM forgotten ORDER BY at, docid")
        return [dict(row) | {"versions": json.loads(row["versions"])} for row in rows]

    def image_files(self) -> dict[str, str]:
        """Return the files of images that were removed: path, relative to the archive's root -> sha256."""
        rows = self._rows(
            """SELECT DISTINCT sha256, media_type FROM images AS i WHERE status = 'forgotten' AND sha256 IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM images AS k WHERE k.status = 'kept' AND k.sha256 = i.sha256)"""
        )
        return {str(image_path(row["sha256"], row["media_type"])): row["sha256"] for row in rows}

    def image_links(self) -> list[str]:
        """Return the second names of images that were removed; see :func:`archive.files.layout.image_link_path`."""
        rows = self._rows("SELECT url FROM images WHERE status = 'forgotten'")
        return [str(image_link_path(row["url"])) for row in rows]


def replay(database: Database, event: Event) -> None:
    """Apply an event of the journal. The caller begins the transaction."""
    if event.kind == EventKind.FORGOTTEN:
        forget(database, load_forgotten(event.document))
    else:
        finish(database, load_forgetting_done(event.document), event.at)


def forget(database: Database, articles: Sequence[Forgotten]) -> None:
    """Remove articles from the index, except their tombstones. The caller begins the transaction."""
    database.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    images = database.execute(_SELECT_IMAGES, [json.dumps([each.docid for each in articles])]).fetchall()
    for each in articles:
        delete_words(database, each.docid)
        for table in _TABLES:
            database.execute(f"DELETE FROM {table} WHERE docid = ?", [each.docid])  # noqa: S608 - names of ours
        # Later than every time: no query finds it.
        database.execute("UPDATE searchable SET since = 'forgotten', until = NULL WHERE docid = ?", [each.docid])
        database.execute(_BLANK, [each.docid])
        versions = [[one.number, one.sha256, to_text(one.at)] for one in each.versions]
        database.execute(
            "INSERT OR REPLACE INTO forgotten (docid, at, reason, versions, done) VALUES (?, ?, ?, ?, NULL)",
            [each.docid, to_text(each.at), each.reason, json.dumps(versions)],
        )
        database.conn.executemany(
            """INSERT OR REPLACE INTO images (url, host, status, attempts, due, sha256, media_type, first_seen)
               VALUES (?, '', 'forgotten', 0, ?, ?, ?, ?)""",
            [(one.url, to_text(each.at), one.sha256, one.media_type, to_text(each.at)) for one in each.images],
        )
    if images:
        database.execute(_SEE_IMAGES_LATER, [json.dumps([row["url"] for row in images])])


def finish(database: Database, docids: Collection[str], at: datetime) -> None:
    """Record that nothing of forgotten articles is left. The caller begins the transaction."""
    database.conn.executemany(
        "UPDATE forgotten SET done = ? WHERE docid = ?", [(to_text(at), docid) for docid in docids]
    )
    _mark_last_fetch(database)


def _mark_last_fetch(database: Database) -> None:
    """Move the position of the last applied fetch to one that is left: a rebuild finds no other.

    Not before the other fetches are removed from the journal: they would be applied again.
    """
    last: Row | None = database.execute(
        'SELECT file, "offset" FROM observations WHERE file IS NOT NULL ORDER BY file DESC, "offset" DESC LIMIT 1'
    ).fetchone()
    database.execute("DELETE FROM journal WHERE writer = 'looks'")
    if last:
        database.execute("INSERT INTO journal VALUES ('looks', ?, ?)", [last["file"], last["offset"]])

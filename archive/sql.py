"""The longer statements, rows to records and back, and the index's errors in words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.errors import ArchiveError, DamagedIndexError, DiskFullError, LockedError, NotWritableError
from archive.records import Counts, Entry, FeedHistory, Filing, Kind, Pending, Rest, Rhythm, Span

Row = sqlite3.Row

INSERT_ENTRY = """
    INSERT INTO entries (docid, url, host, title, published, modified, entered, media, image, keywords, lids,
                         first_seen, due, status)
    VALUES (:docid, :url, :host, :title, :published, :modified, :entered, :media, :image, :keywords, :lids,
            :first_seen, :due, 'pending')
    ON CONFLICT (docid) DO UPDATE SET
        url = excluded.url, host = excluded.host, title = excluded.title, published = excluded.published,
        modified = excluded.modified, entered = excluded.entered, media = excluded.media, image = excluded.image,
        keywords = excluded.keywords, lids = excluded.lids, due = excluded.due, status = 'pending', attempts = 0,
        failure_kind = NULL, failure = NULL
    WHERE entries.url IS NULL
"""  # an item that could not be read before and can be now

UPSERT_POLLED_FEED = """
    INSERT INTO feeds (id, categories, author, last_poll, last_success, newest, ground, complete_to, error_kind,
                       error, failing_since, trouble, last_pages, last_new)
    VALUES (:id, :categories, :author, :at, :success, :newest, :ground, :complete_to, :kind, :error,
            iif(:error IS NULL, NULL, :at), :trouble, :pages, :new)
    ON CONFLICT (id) DO UPDATE SET
        categories = :categories, author = :author, last_poll = :at,
        last_success = coalesce(:success, last_success),
        newest = nullif(max(coalesce(newest, ''), coalesce(:newest, '')), ''),
        ground = nullif(max(coalesce(ground, ''), coalesce(:ground, '')), ''),
        complete_to = coalesce(:complete_to, complete_to),
        error_kind = :kind, error = :error,
        failing_since = iif(:error IS NULL, NULL, coalesce(failing_since, :at)),
        trouble = iif(:error IS NULL, 0.0, trouble + :trouble),
        last_pages = :pages, last_new = :new
"""

UPSERT_WALKED_FEED = """
    INSERT INTO feeds (id, categories, author, newest, floor) VALUES (:id, :categories, :author, :newest, :floor)
    ON CONFLICT (id) DO UPDATE SET
        categories = :categories, author = :author,
        newest = nullif(max(coalesce(newest, ''), coalesce(:newest, '')), ''),
        floor = coalesce(:floor, floor)
"""

UPSERT_SPAN = """
    INSERT INTO spans (feed, start, "end") VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "end" = excluded."end"
"""

# An entry that neither waits nor is parked is archived; and those two are few, with indexes of their own. Rows are
# never deleted, so that the last rowid is their number.
COUNT_ENTRIES = """
    SELECT (SELECT coalesce(max(rowid), 0) FROM entries) AS entries,
           (SELECT count(*) FROM entries WHERE status = 'pending') AS pending,
           (SELECT count(*) FROM entries WHERE status = 'parked') AS parked
"""
COUNT_LISTINGS = """
    WITH pending AS (
        SELECT feed, count(*) AS n FROM entries CROSS JOIN listings USING (docid)
        WHERE status = 'pending' GROUP BY feed
    ), parked AS (
        SELECT feed, count(*) AS n FROM entries CROSS JOIN listings USING (docid)
        WHERE status = 'parked' GROUP BY feed
    )
    SELECT feed, count(*) AS entries, coalesce(pending.n, 0) AS pending, coalesce(parked.n, 0) AS parked
    FROM listings LEFT JOIN pending USING (feed) LEFT JOIN parked USING (feed) GROUP BY feed
"""

BRING_TO_DATE = """
    UPDATE entries SET due = iif(attempts = 0, :now, min(due, :latest)), tried = min(tried, :now)
    WHERE status = 'pending' AND (due > iif(attempts = 0, :now, :latest) OR tried > :now)
"""

SELECT_DUE = """
    SELECT docid, url, host, title, published, modified, entered, media, image, keywords, lids, attempts,
           first_seen, path,
           (SELECT json_group_array(feed) FROM listings WHERE listings.docid = entries.docid) AS feeds
    FROM entries
    WHERE status = 'pending' AND host = ? AND due <= ? AND (tried IS NULL OR tried < ?)
        AND docid NOT IN (SELECT value FROM json_each(?))
    ORDER BY attempts, published DESC LIMIT ?
"""

SELECT_FOUND = """
    SELECT entries.*, (SELECT json_group_array(feed) FROM listings WHERE listings.docid = entries.docid) AS feeds
    FROM entries WHERE docid = ? OR docid = (SELECT docid FROM revisions WHERE path = ?)
"""


def to_text(time: datetime | None) -> str | None:
    """A time as the index has it: fixed width, so that text sorts as time does."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds") if time else None


def to_time(text: str | None) -> datetime | None:
    """The reverse of :func:`to_text`."""
    return datetime.fromisoformat(text) if text else None


def entry_row(entry: Entry, host: str, first_seen: datetime) -> dict[str, Any]:
    """A new row of ``entries``."""
    return {
        "docid": entry.docid,
        "url": entry.url,
        "host": host,
        "title": entry.title,
        "published": to_text(entry.published),
        "modified": to_text(entry.modified),
        "entered": to_text(entry.entered),
        "media": entry.media,
        "image": entry.image,
        "keywords": json.dumps(entry.keywords, ensure_ascii=False),
        "lids": json.dumps(entry.lids),
        "first_seen": to_text(first_seen),
        "due": to_text(first_seen),
    }


def pending(row: Row) -> Pending:
    """A row of ``entries`` with its ``feeds`` as a JSON list."""
    entry = Entry(
        docid=row["docid"],
        url=row["url"],
        title=row["title"],
        published=to_time(row["published"]),
        modified=to_time(row["modified"]),
        entered=to_time(row["entered"]),
        media=row["media"],
        image=row["image"],
        keywords=tuple(json.loads(row["keywords"])),
        lids=tuple(json.loads(row["lids"])),
    )
    return Pending(
        entry,
        row["host"],
        tuple(json.loads(row["feeds"])),
        row["attempts"],
        datetime.fromisoformat(row["first_seen"]),
        row["path"],
    )


def feed_history(row: Row) -> FeedHistory:
    """A row of ``feeds``."""
    return FeedHistory(
        feed=row["id"],
        filing=Filing(tuple(json.loads(row["categories"])), row["author"]),
        last_poll=to_time(row["last_poll"]),
        last_success=to_time(row["last_success"]),
        newest=to_time(row["newest"]),
        error=row["error"],
        kind=Kind(row["error_kind"]) if row["error_kind"] else None,
        complete_to=to_time(row["complete_to"]),
        failing_since=to_time(row["failing_since"]),
        trouble=row["trouble"],
        floor=to_time(row["floor"]),
    )


def rest(row: Row) -> Rest:
    """A row of ``rests``."""
    return Rest(
        row["host"],
        datetime.fromisoformat(row["until"]),
        row["strikes"],
        bool(row["stated"]),
        row["reason"],
        Kind(row["kind"]),
    )


def span(row: Row) -> Span:
    """A row of ``spans``, or of another table with a start and an end."""
    return Span(datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"]))


def rhythm(row: Row) -> Rhythm:
    """A row of ``rhythms``."""
    return Rhythm(tuple(json.loads(row["seconds"])), tuple(json.loads(row["arrivals"])), to_time(row["until"]))


def counts(row: Row) -> Counts:
    """A row with how many entries there are, wait and are parked."""
    entries, pending, parked = row["entries"], row["pending"], row["parked"]
    return Counts(entries, entries - pending - parked, pending, parked)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """SQLite's errors about the index at ``path``, as ours; what can only be a bug stays as it is.

    :raises ArchiveError: one that names the file and what to do
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _in_words(error, path) or error from error


def _in_words(error: sqlite3.DatabaseError, path: Path) -> ArchiveError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LockedError(f"the index {path} is locked by another program: close it there, then run this again")
        case sqlite3.SQLITE_FULL:
            return DiskFullError(f"no room to write the index {path}: free some space, then run this again")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return NotWritableError(f"the index {path} cannot be opened for writing: check its owner and permissions")
        case sqlite3.SQLITE_IOERR:
            return DiskFullError(f"the disk refused a write or read of the index {path} ({error}): check its space")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return DamagedIndexError(f"the index {path} is damaged ({error}): put a copy of it back, or move it away")
    return None

"""Pictures in the index: which are wanted, which are kept and where, which were given up."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.files.layout import image_path
from archive.index import statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.journal.event_documents import EventKind, dump_images
from archive.model.image import FailedImage, ImageCounts, QueuedImage, StoredImage
from archive.model.times import to_text, to_time

if TYPE_CHECKING:
    from archive.index.log import ChangeLog  # which does again what is recorded here

_DUE = "status = 'wanted' AND due <= :now AND (tried IS NULL OR tried < :tried)"
_ONLY = "(:only IS NULL OR url IN (SELECT value FROM json_each(:only)))"


class ImageIndex:
    """The pictures' side of the index: a part of :class:`~archive.store.Store`, whose promises it keeps."""

    def __init__(self, database: Database, path: Path, journal: ChangeLog) -> None:
        self._db, self._path, self._journal = database, path, journal

    # Fetching

    def hosts(self, now: datetime, tried_before: datetime, only: Collection[str] | None = None) -> dict[str, int]:
        """Hosts of the pictures that are due at ``now`` and were not tried since ``tried_before``, and how many.

        :param only: of these addresses; None for all
        """
        query = f"SELECT host, count(*) AS n FROM images WHERE {_DUE} AND {_ONLY} GROUP BY host"  # noqa: S608
        return {row["host"]: row["n"] for row in self._rows(query, _asked(now, tried_before, only))}

    def due(
        self,
        host: str,
        most: int,
        now: datetime,
        tried_before: datetime,
        *,
        in_flight: Collection[str],
        only: Collection[str] | None = None,
    ) -> list[QueuedImage]:
        """At most so many pictures to fetch from a host: the least tried first, of those the newest.

        :param in_flight: addresses to leave out
        :param only: of these addresses; None for all
        """
        rows = self._rows(
            f"""SELECT url, host, attempts, first_seen FROM images
                WHERE {_DUE} AND {_ONLY} AND host = :host AND url NOT IN (SELECT value FROM json_each(:in_hand))
                ORDER BY attempts, first_seen DESC, rowid LIMIT :most""",  # noqa: S608 - of constants
            {**_asked(now, tried_before, only), "host": host, "most": most, "in_hand": json.dumps(list(in_flight))},
        )
        return [
            QueuedImage(row["url"], row["host"], row["attempts"], datetime.fromisoformat(row["first_seen"]))
            for row in rows
        ]

    def next_due(self, after: datetime) -> datetime | None:
        """When the next picture that waits may be tried, later than ``after``."""
        rows = self._rows(
            "SELECT min(due) AS due FROM images WHERE status = 'wanted' AND due > :after", {"after": to_text(after)}
        )
        return to_time(rows[0]["due"])

    def commit(self, kept: Sequence[StoredImage], missed: Sequence[FailedImage], at: datetime) -> None:
        """Record what came of pictures; the files of those kept are on the disk."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._journal.note(EventKind.IMAGES, at, dump_images(kept, missed))
            record(self._db, kept, missed)

    # What is kept

    def path_of(self, url: str, as_of: datetime | None = None) -> str | None:
        """Where the file of a picture is, relative to the archive's root; None when it is not kept.

        :param as_of: as was known then
        """
        rows = self._rows(
            """SELECT sha256, media_type FROM images
               WHERE url = :url AND status = 'kept' AND fetched_at <= coalesce(:at, fetched_at)""",
            {"url": url, "at": to_text(as_of)},
        )
        return str(image_path(rows[0]["sha256"], rows[0]["media_type"])) if rows else None

    def media_type(self, sha256: str) -> str | None:
        """What the kept picture of these bytes is, such as ``image/jpeg``; None when none is kept."""
        rows = self._rows(
            "SELECT media_type FROM images WHERE sha256 = :sha256 AND status = 'kept' LIMIT 1", {"sha256": sha256}
        )
        return str(rows[0]["media_type"]) if rows else None

    def files(self) -> Iterator[tuple[str, str]]:
        """Each file that holds a picture: its path, and its sha256."""
        for row in self._rows("SELECT DISTINCT sha256, media_type FROM images WHERE status = 'kept'", {}):
            yield str(image_path(row["sha256"], row["media_type"])), row["sha256"]

    def unsealed(self, before: datetime) -> Iterator[tuple[datetime, str, str]]:
        """Files kept before a time that no manifest vouches for: when, the path, the sha256."""
        rows = self._rows(
            """SELECT min(fetched_at) AS at, sha256, media_type FROM images
               WHERE status = 'kept' AND sealed IS NULL AND fetched_at < :before GROUP BY sha256, media_type""",
            {"before": to_text(before)},
        )
        for row in rows:
            path = image_path(row["sha256"], row["media_type"])
            yield datetime.fromisoformat(row["at"]), str(path), row["sha256"]

    # Reports

    def counts(self) -> ImageCounts:
        """Of the whole archive."""
        [waiting, parked] = (
            self._rows(f"SELECT count(*) AS n FROM images WHERE status = '{status}'", {})[0]["n"]  # noqa: S608
            for status in ("wanted", "parked")
        )
        [row] = self._rows(
            """SELECT coalesce(sum(n), 0) AS kept, count(*) AS files, coalesce(sum(size), 0) AS size FROM (
                   SELECT count(*) AS n, size FROM images WHERE status = 'kept' GROUP BY sha256, media_type, size
               )""",
            {},
        )
        return ImageCounts(row["kept"], row["files"], row["size"], waiting, parked)

    def failures(self) -> list[tuple[str, int]]:
        """Why pictures are not kept, and how many for each reason."""
        rows = self._rows(
            """SELECT failure, count(*) AS n FROM images WHERE status != 'kept' AND failure IS NOT NULL
               GROUP BY failure ORDER BY n DESC, failure""",
            {},
        )
        return [(row["failure"], row["n"]) for row in rows]

    def _rows(self, query: str, parameters: Mapping[str, Any]) -> list[statements.Row]:
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, dict(parameters)).fetchall()


def want(database: Database, pictures: Mapping[str, str], at: datetime) -> None:
    """Have pictures fetched that are not known yet; the transaction has begun.

    :param pictures: their hosts, by their addresses
    :param at: when they were seen
    """
    database.conn.executemany(
        """INSERT OR IGNORE INTO images (url, host, status, attempts, due, first_seen)
           VALUES (?, ?, 'wanted', 0, ?, ?)""",
        [(url, host, to_text(at), to_text(at)) for url, host in pictures.items()],
    )


def record(database: Database, kept: Sequence[StoredImage], missed: Sequence[FailedImage]) -> None:
    """Record what came of pictures; the transaction has begun."""
    database.conn.executemany(
        """UPDATE images SET status = 'kept', attempts = 0, tried = :at, failure_kind = NULL, failure = NULL,
               sha256 = :sha256, media_type = :media_type, size = :size, fetched_at = :at,
               sealed = (SELECT sealed FROM images AS same
                         WHERE same.status = 'kept' AND same.sha256 = :sha256 AND same.sealed IS NOT NULL)
           WHERE url = :url""",
        [
            {"url": p.url, "at": to_text(p.at), "sha256": p.sha256, "media_type": p.media_type, "size": p.size}
            for p in kept
        ],
    )
    database.conn.executemany(
        """UPDATE images SET status = :status, attempts = attempts + 1, tried = :at, due = coalesce(:due, due),
               failure_kind = :kind, failure = :reason
           WHERE url = :url""",
        [
            {
                "url": p.failure.subject, "at": to_text(p.at), "due": to_text(p.due), "kind": p.failure.kind,
                "reason": p.failure.reason, "status": "wanted" if p.due else "parked",
            }
            for p in missed
        ],
    )  # fmt: skip


def seal(database: Database, day: str, sha256s: Collection[str]) -> None:
    """Record that a day's manifest vouches for files of pictures; the transaction has begun."""
    database.conn.executemany(
        "UPDATE images SET sealed = ? WHERE status = 'kept' AND sha256 = ? AND sealed IS NULL",
        [(day, sha256) for sha256 in sha256s],
    )


def _asked(now: datetime, tried_before: datetime, only: Collection[str] | None) -> dict[str, Any]:
    wanted = None if only is None else json.dumps(list(only))
    return {"now": to_text(now), "tried": to_text(tried_before), "only": wanted}

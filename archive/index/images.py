"""Images: the download queue, the stored files, the failures."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from archive.files.layout import image_link_path, image_path
from archive.index.database import Database
from archive.index.part import IndexPart
from archive.journal.event_documents import EventKind, dump_images
from archive.model.image import FailedImage, ImageCounts, QueuedImage, StoredImage
from archive.model.times import to_text, to_time

if TYPE_CHECKING:
    from archive.index.log import ChangeLog

_DUE = "status = 'wanted' AND due <= :now AND (tried IS NULL OR tried < :tried)"
_ONLY = "(:only IS NULL OR url IN (SELECT value FROM json_each(:only)))"


class ImageIndex(IndexPart):
    """The table of images. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(self, database: Database, path: Path, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._log = log

    # The download queue

    def hosts(self, now: datetime, tried_before: datetime, only: Collection[str] | None = None) -> dict[str, int]:
        """Count the images that are due at ``now`` and were not tried since ``tried_before``: host -> number.

        :param only: count only these URLs; None for all
        """
        query = f"SELECT host, count(*) AS n FROM images WHERE {_DUE} AND {_ONLY} GROUP BY host"  # noqa: S608
        return {row["host"]: row["n"] for row in self._rows(query, _due_parameters(now, tried_before, only))}

    def due(
        self,
        host: str,
        limit: int,
        now: datetime,
        tried_before: datetime,
        *,
        in_flight: Collection[str],
        only: Collection[str] | None = None,
    ) -> list[QueuedImage]:
        """Return images to fetch from a host, those with the fewest attempts first, then the newest first.

        :param limit: the maximum number of images
        :param in_flight: URLs to leave out
        :param only: only these URLs; None for all
        """
        rows = self._rows(
            f"""SELECT url, host, attempts, first_seen FROM images
                WHERE {_DUE} AND {_ONLY} AND host = :host AND url NOT IN (SELECT value FROM json_each(:in_flight))
                ORDER BY attempts, first_seen DESC, rowid LIMIT :limit""",  # noqa: S608 - of constants
            {
                **_due_parameters(now, tried_before, only),
                "host": host,
                "limit": limit,
                "in_flight": json.dumps(list(in_flight)),
            },
        )
        return [
            QueuedImage(row["url"], row["host"], row["attempts"], datetime.fromisoformat(row["first_seen"]))
            for row in rows
        ]

    def next_due(self, after: datetime) -> datetime | None:
        """Return the earliest time after ``after`` at which a queued image is due."""
        rows = self._rows(
            "SELECT min(due) AS due FROM images WHERE status = 'wanted' AND due > :after", {"after": to_text(after)}
        )
        return to_time(rows[0]["due"])

    def commit(self, stored: Sequence[StoredImage], failed: Sequence[FailedImage], at: datetime) -> None:
        """Record stored and failed images; the files of the stored ones are on the disk."""
        with self._log.transaction():
            self._log.note(EventKind.IMAGES, at, dump_images(stored, failed))
            record(self._db, stored, failed)

    # Stored images

    def path_of(self, url: str, as_of: datetime | None = None) -> str | None:
        """Return the path of an image's file, relative to the archive's root; None if it is not stored.

        :param as_of: None if it was not stored at that time
        """
        rows = self._rows(
            """SELECT sha256, media_type FROM images
               WHERE url = :url AND status = 'kept' AND fetched_at <= coalesce(:at, fetched_at)""",
            {"url": url, "at": to_text(as_of)},
        )
        return str(image_path(rows[0]["sha256"], rows[0]["media_type"])) if rows else None

    def media_type(self, sha256: str) -> str | None:
        """Return the media type of the stored image with a sha256, such as ``image/jpeg``; None if there is none."""
        rows = self._rows(
            "SELECT media_type FROM images WHERE sha256 = :sha256 AND status = 'kept' LIMIT 1", {"sha256": sha256}
        )
        return str(rows[0]["media_type"]) if rows else None

    def files(self) -> Iterator[tuple[str, str]]:
        """Yield the path and the sha256 of each image file."""
        for row in self._rows("SELECT DISTINCT sha256, media_type FROM images WHERE status = 'kept'", {}):
            yield str(image_path(row["sha256"], row["media_type"])), row["sha256"]

    def links(self) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
        """Yield the second name of each image file, by its address, and its path."""
        for row in self._rows("SELECT url, sha256, media_type FROM images WHERE status = 'kept'", {}):
            yield image_link_path(row["url"]), image_path(row["sha256"], row["media_type"])

    def unsealed(self, before: datetime, ahead: datetime | None = None) -> Iterator[tuple[datetime, str, str]]:
        """Yield the files stored before a time that are in no manifest: when stored, path, sha256.

        :param ahead: files stored from this time on are included: the clock was ahead. None: without them
        """
        rows = self._rows(
            """SELECT min(fetched_at) AS at, sha256, media_type FROM images
               WHERE status = 'kept' AND sealed IS NULL AND (fetched_at < :before OR fetched_at >= :ahead)
               GROUP BY sha256, media_type""",
            {"before": to_text(before), "ahead": to_text(ahead)},
        )
        for row in rows:
            path = image_path(row["sha256"], row["media_type"])
            yield datetime.fromisoformat(row["at"]), str(path), row["sha256"]

    # Reports

    def counts(self) -> ImageCounts:
        """Count the images of the whole archive."""
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
        """Return why images are not stored, and how many for each reason."""
        rows = self._rows(
            """SELECT failure, count(*) AS n FROM images WHERE status != 'kept' AND failure IS NOT NULL
               GROUP BY failure ORDER BY n DESC, failure""",
            {},
        )
        return [(row["failure"], row["n"]) for row in rows]


def enqueue(database: Database, hosts: Mapping[str, str], at: datetime) -> None:
    """Queue the images that are not known yet. The caller begins the transaction.

    :param hosts: URL of the image -> its host
    :param at: when the images were seen
    """
    database.conn.executemany(
        """INSERT OR IGNORE INTO images (url, host, status, attempts, due, first_seen)
           VALUES (?, ?, 'wanted', 0, ?, ?)""",
        [(url, host, to_text(at), to_text(at)) for url, host in hosts.items()],
    )


def record(database: Database, stored: Sequence[StoredImage], failed: Sequence[FailedImage]) -> None:
    """Record stored and failed images. The caller begins the transaction."""
    database.conn.executemany(
        """UPDATE images SET status = 'kept', attempts = 0, tried = :at, failure_kind = NULL, failure = NULL,
               sha256 = :sha256, media_type = :media_type, size = :size, fetched_at = :at,
               sealed = (SELECT sealed FROM images AS same
                         WHERE same.status = 'kept' AND same.sha256 = :sha256 AND same.sealed IS NOT NULL)
           WHERE url = :url""",
        [
            {"url": p.url, "at": to_text(p.at), "sha256": p.sha256, "media_type": p.media_type, "size": p.size}
            for p in stored
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
            for p in failed
        ],
    )  # fmt: skip


def seal(database: Database, day: str, sha256s: Collection[str]) -> None:
    """Record that a day's manifest has these image files. The caller begins the transaction."""
    database.conn.executemany(
        "UPDATE images SET sealed = ? WHERE status = 'kept' AND sha256 = ? AND sealed IS NULL",
        [(day, sha256) for sha256 in sha256s],
    )


def _due_parameters(now: datetime, tried_before: datetime, only: Collection[str] | None) -> dict[str, Any]:
    wanted = None if only is None else json.dumps(list(only))
    return {"now": to_text(now), "tried": to_text(tried_before), "only": wanted}

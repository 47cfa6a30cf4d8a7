"""Manifests: which versions, journal files and images each day's manifest seals."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

from archive.files.hashing import sha256_of
from archive.files.layout import IMAGES_FOLDER
from archive.files.manifest import Line
from archive.index import images, row_mapping
from archive.index.part import IndexPart
from archive.model.article import Revision
from archive.model.times import to_text


class ManifestIndex(IndexPart):
    """The table of manifests. Errors and transactions as in :class:`~archive.store.Store`."""

    def roots(self) -> dict[str, str]:
        """Return the sha256 of each manifest, by its day (YYYY-MM-DD)."""
        return {row["day"]: row["root"] for row in self._rows("SELECT day, root FROM manifests", [])}

    def newest(self) -> tuple[str, str] | None:
        """Return the day and the sha256 of the newest manifest; None if there is none."""
        rows = self._rows("SELECT day, root FROM manifests ORDER BY day DESC LIMIT 1", [])
        return next(((row["day"], row["root"]) for row in rows), None)

    def unsealed(self, before: datetime, ahead: datetime | None = None) -> list[Revision]:
        """Return the versions in no manifest that were observed before a time, by the time of observation.

        :param ahead: versions from this time on are returned too: the clock was ahead. None: without them
        """
        rows = self._rows(
            """SELECT * FROM revisions WHERE sealed IS NULL AND (fetched_at < ? OR fetched_at >= ?)
               ORDER BY fetched_at, docid""",
            [to_text(before), to_text(ahead)],
        )
        return [row_mapping.revision(row) for row in rows]

    def raw_files(self) -> set[str]:
        """Return the names of the journal files that are in a manifest."""
        return {row["file"] for row in self._rows("SELECT file FROM sealed_files", [])}

    def sealed(self, day: str) -> list[Revision]:
        """Return the versions in a day's manifest."""
        return [row_mapping.revision(row) for row in self._rows("SELECT * FROM revisions WHERE sealed = ?", [day])]

    def observed(self, docids: Collection[str]) -> set[tuple[str, str, str]]:
        """Return docid, number and time of observation of each version of some articles, as manifests have them."""
        rows = self._rows(
            """SELECT docid, number, fetched_at FROM revisions
               WHERE docid IN (SELECT value FROM json_each(?))""",
            [json.dumps(list(docids))],
        )
        return {(row["docid"], str(row["number"]), row["fetched_at"]) for row in rows}

    def commit(self, day: str, data: bytes, lines: Iterable[Line]) -> str:
        """Record a day's manifest, which is on the disk.

        :param data: its bytes
        :return: their sha256
        """
        root = sha256_of(data)
        lines = list(lines)
        with self._transaction():
            self._db.execute("INSERT INTO manifests (day, root) VALUES (?, ?)", [day, root])
            self._db.conn.executemany(
                "UPDATE revisions SET sealed = ? WHERE docid = ? AND number = ? AND sha256 = ? AND sealed IS NULL",
                [(day, each.docid, each.revision, each.sha256) for each in lines if each.docid != "-"],
            )
            self._db.conn.executemany(
                "INSERT OR IGNORE INTO sealed_files (file, day) VALUES (?, ?)",
                [(Path(each.path).name, day) for each in lines if each.docid == "-" and not is_image(each)],
            )
            images.seal(self._db, day, [each.sha256 for each in lines if is_image(each)])
        return root


def is_image(line: Line) -> bool:
    """Return whether a manifest's line is that of an image file."""
    return line.docid == "-" and line.path.startswith(f"{IMAGES_FOLDER}/")

"""Which versions, files of raw pages and pictures are sealed in which day's manifest, in the index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.files.hashing import sha256_of
from archive.files.layout import IMAGES_FOLDER
from archive.files.manifest import Line
from archive.index import images, row_mapping, statements
from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.model.article import Revision
from archive.model.times import to_text


class ManifestIndex:
    """The manifests' side of the index: a part of :class:`~archive.store.Store`, whose promises it keeps."""

    def __init__(self, database: Database, path: Path) -> None:
        self._db, self._path = database, path

    def roots(self) -> dict[str, str]:
        """The sha256 of each manifest, by its day."""
        return {row["day"]: row["root"] for row in self._rows("SELECT day, root FROM manifests", [])}

    def unsealed(self, before: datetime) -> list[Revision]:
        """Versions observed before a time that no manifest vouches for, by the time they were."""
        rows = self._rows(
            "SELECT * FROM revisions WHERE sealed IS NULL AND fetched_at < ? ORDER BY fetched_at, docid",
            [to_text(before)],
        )
        return [row_mapping.revision(row) for row in rows]

    def raw_files(self) -> set[str]:
        """Names of the files of raw pages that some manifest vouches for."""
        return {row["file"] for row in self._rows("SELECT file FROM sealed_files", [])}

    def sealed(self, day: str) -> list[Revision]:
        """The versions that a day's manifest vouches for."""
        return [row_mapping.revision(row) for row in self._rows("SELECT * FROM revisions WHERE sealed = ?", [day])]

    def commit(self, day: str, data: bytes, lines: Iterable[Line]) -> str:
        """Record that a day's manifest is on the disk.

        :param data: its bytes
        :return: their sha256
        """
        root, lines = sha256_of(data), list(lines)
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._db.execute("INSERT INTO manifests (day, root) VALUES (?, ?)", [day, root])
            self._db.conn.executemany(
                "UPDATE revisions SET sealed = ? WHERE docid = ? AND number = ? AND sha256 = ? AND sealed IS NULL",
                [(day, each.docid, each.revision, each.sha256) for each in lines if each.docid != "-"],
            )
            self._db.conn.executemany(
                "INSERT OR IGNORE INTO sealed_files (file, day) VALUES (?, ?)",
                [(Path(each.path).name, day) for each in lines if each.docid == "-" and not is_picture(each)],
            )
            images.seal(self._db, day, [each.sha256 for each in lines if is_picture(each)])
        return root

    def _rows(self, query: str, parameters: Sequence[Any]) -> list[statements.Row]:
        with wrap_sqlite_errors(self._path):
            return self._db.execute(query, list(parameters)).fetchall()


def is_picture(line: Line) -> bool:
    """Whether a manifest's line is that of a picture's file."""
    return line.docid == "-" and line.path.startswith(f"{IMAGES_FOLDER}/")

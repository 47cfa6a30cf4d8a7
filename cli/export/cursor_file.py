"""The file of ``--cursor-file``: the cursor of the last export that is complete. See D244."""

from __future__ import annotations

import json
import os
from pathlib import Path

from msgspec import Struct

from archive.export.cursor import AnyCursor, parse_cursor
from archive.files.hashing import sha256_of_file
from archive.files.output import open_output
from archive.model.errors import CursorError
from archive.records import as_dict
from cli.context import CommandError, cannot_write


class PlannedOutput(Struct, frozen=True):
    """An output that is about to get its name."""

    path: str  # absolute
    sha256: str
    cursor: str  # the one that counts if the file is there


class CursorFile:
    """Moves the cursor on when an output has its name, whenever the process is killed.

    The output is announced before it gets its name. If the next run finds it there, the export was complete.

    :param query: of the export, as text; a cursor is of one query
    :param output: the file of this export; None: stdout
    """

    def __init__(self, path: Path, query: str, output: Path | None) -> None:
        self._path = path
        self._query = query
        self._output = os.path.abspath(output) if output else None  # noqa: PTH100 - links are kept
        self._cursor: str | None = None
        self.is_complete = False  # True: an earlier run was killed when it had written this very output

    def read(self) -> AnyCursor | None:
        """Return the cursor from which to go on; None for the first export.

        :raises CommandError: the file cannot be used
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable() from error
        try:
            document = json.loads(text)
            planned = PlannedOutput(**document["planned"]) if document["planned"] else None
            query, self._cursor = document["query"], document["cursor"]
            if planned and _has_sha256(Path(planned.path), planned.sha256):
                self._cursor = planned.cursor
                self.is_complete = planned.path == self._output
            cursor = parse_cursor(self._cursor) if self._cursor else None
        except (ValueError, KeyError, TypeError, AttributeError, CursorError) as error:
            raise self._unusable() from error
        if query != self._query:
            raise CommandError(
                f"{self._path} is of the query {query!r}, and this one is {self._query!r}: name another cursor file"
            )
        return cursor

    def announce(self, cursor: AnyCursor, sha256: str) -> None:
        """Record what is about to be written.

        :raises CommandError: the file cannot be written
        """
        if self._output:
            self._write(self._cursor, PlannedOutput(self._output, sha256, str(cursor)))

    def finish(self, cursor: AnyCursor) -> None:
        """Record that everything up to a cursor is written.

        :raises CommandError: the file cannot be written
        """
        self._write(str(cursor), None)

    def _write(self, cursor: str | None, planned: PlannedOutput | None) -> None:
        document = {"query": self._query, "cursor": cursor, "planned": as_dict(planned) if planned else None}
        try:
            with open_output(self._path) as file:
                file.write((json.dumps(document, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _unusable(self) -> CommandError:
        return CommandError(
            f"{self._path} is no readable cursor file: name another, or delete it to export everything again"
        )


def _has_sha256(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and sha256_of_file(path) == sha256
    except OSError:
        return False

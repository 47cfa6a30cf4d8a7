"""The cursor of an export: which commits of the index it has seen. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from msgspec import Struct

from archive.model.errors import CursorError

_FORM = re.compile(r"1-(\d{1,18})-(\d{1,18})-(\d{1,18})-(\d{1,18})-([0-9a-f]{12})", re.ASCII)


class Cursor(Struct, frozen=True):
    """A state of the index: rows get increasing ids as they are committed, and no row is changed to an earlier state.

    Times would not do: a fetch is committed after it was made, and after a crash perhaps hours later. See D243.
    """

    version: int  # the last id in ``searchable``
    fetch: int  # in ``observations``
    listing: int  # in ``listings``
    forgotten: int  # number of forgotten articles
    check: str  # of the three rows: a rebuild may give ids to other rows

    @property
    def sequence(self) -> int:
        """A number that is larger for every later state of the same index."""
        return self.version + self.fetch + self.listing

    def __str__(self) -> str:
        return f"1-{self.version}-{self.fetch}-{self.listing}-{self.forgotten}-{self.check}"


class UnionCursor(Struct, frozen=True):
    """A state of several archives: a cursor for each."""

    cursors: Mapping[str, Cursor]  # by the name of the archive

    @property
    def sequence(self) -> int:
        """A number that is larger for every later state of the same archives."""
        return sum(each.sequence for each in self.cursors.values())

    def __str__(self) -> str:
        return ",".join(f"{quote(name, safe='')}:{cursor}" for name, cursor in sorted(self.cursors.items()))


AnyCursor = Cursor | UnionCursor


def parse_cursor(text: str) -> AnyCursor:
    """Return the cursor that an export printed, of one archive or of several.

    :raises CursorError: the text is none
    """
    parts = [part.rpartition(":") for part in text.strip().split(",")]
    matches = {unquote(name): _FORM.fullmatch(form) for name, _, form in parts}
    cursors = {
        name: Cursor(int(match[1]), int(match[2]), int(match[3]), int(match[4]), match[5])
        for name, match in matches.items()
        if match
    }
    if len(cursors) != len(parts) or ("" in cursors and len(parts) > 1):
        raise CursorError(f"{text.strip()[:80]!r} is no cursor: copy the one that an earlier export printed")
    return cursors[""] if "" in cursors else UnionCursor(cursors)


def check_of(rows: Sequence[object]) -> str:
    """Return the check of the rows at which a cursor stands."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]

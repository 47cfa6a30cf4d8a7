"""The cursor of an export: which commits of the index it has seen. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from archive.model.errors import CursorError

_FORM = re.compile(r"1-(\d{1,18})-(\d{1,18})-(\d{1,18})-(\d{1,18})-([0-9a-f]{12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
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


def parse_cursor(text: str) -> Cursor:
    """Return the cursor that an export printed.

    :raises CursorError: the text is none
    """
    match = _FORM.fullmatch(text.strip())
    if not match:
        raise CursorError(f"{text.strip()[:80]!r} is no cursor: copy the one that an earlier export printed")
    return Cursor(int(match[1]), int(match[2]), int(match[3]), int(match[4]), match[5])


def check_of(rows: Sequence[object]) -> str:
    """Return the check of the rows at which a cursor stands."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]

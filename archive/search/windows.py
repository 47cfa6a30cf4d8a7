"""Windows of versions by publication time, from the newest back, as ranges of ids.

Versions get increasing ids as they are observed, and the table ``days`` has, for each day of publication, the blocks
of ids that contain its versions. These are few, because most versions are observed on the day of their publication.
So the versions that were published last are found without reading the others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec import Struct

from archive.index import statements
from archive.index.database import Database

# Ids in a block of ``days``. The trigger that m008 creates divides by the same number: a migration must replace the
# trigger and the rows before this changes.
BLOCK = 1024
# Ranges of a window: FTS5 runs one search for each. If there are more, the narrowest gaps between them are included.
_MAX_RANGES = 8

# What was observed later than the query's time was not known then.
_DAYS = """
    SELECT day, block, versions FROM days WHERE day >= substr(:since, 1, 10) AND day <= :until AND since <= :time
    ORDER BY day DESC, block DESC
"""


class Window(Struct, frozen=True):
    """The versions that were published on some days. The ranges of ids contain some other versions too."""

    first: str  # the earliest publication time, or a text that sorts before it
    last: str  # a text that sorts after the latest publication time
    ranges: Sequence[tuple[int, int]]  # ids in ``searchable``: the first and the last

    def parameters(self) -> dict[str, str]:
        """Return the parameters of a SQL statement."""
        return {"first": self.first, "last": self.last, "ranges": json.dumps(self.ranges)}


class Windows:
    """The windows of one search, the newest first.

    :param since: only versions published from then on, a time as in the index; "" for all
    :param until: only versions published until then
    :param time: only versions known then
    """

    def __init__(self, database: Database, since: str, until: str, time: str) -> None:
        self._days = iter(database.execute(_DAYS, {"since": since, "until": until, "time": time}))
        self._next_row: statements.Row | None = next(self._days, None)
        self.passed = 0  # number of versions in the windows so far

    def next(self, versions: int) -> Window | None:
        """Return the window of the next days that have at least this many versions; None after the last."""
        if self._next_row is None:
            return None
        first = last = self._next_row["day"]
        blocks = set()
        upto = self.passed + max(versions, 1)
        # A day is not divided: every version of a window is newer than every version of the next.
        while self._next_row and (self.passed < upto or self._next_row["day"] == first):
            first = self._next_row["day"]
            blocks.add(self._next_row["block"])
            self.passed += self._next_row["versions"]
            self._next_row = next(self._days, None)
        return Window(first, f"{last}~", _ranges(sorted(blocks)))


def _ranges(blocks: Sequence[int]) -> list[tuple[int, int]]:
    """Join neighbouring blocks to ranges; if there are too many, also across the narrowest gaps."""
    gaps = sorted(range(1, len(blocks)), key=lambda place: blocks[place - 1] - blocks[place])[: _MAX_RANGES - 1]
    ranges = []
    start = 0
    for place in (*sorted(gap for gap in gaps if blocks[gap] - blocks[gap - 1] > 1), len(blocks)):
        ranges.append((blocks[start] * BLOCK, (blocks[place - 1] + 1) * BLOCK - 1))
        start = place
    return ranges

"""The versions by when they were published, from the newest backwards, as stretches of the index of words.

Versions are numbered as they are observed, and ``days`` says in which blocks of numbers those of a day lie: in few,
as most are observed on the day of their publication. So what was published last is found without looking at the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from archive.index import statements
from archive.index.database import Database

# Numbers of versions in a block of ``days``. The trigger that m008 makes divides by the same number: a migration must
# replace the trigger and the rows before this changes.
BLOCK = 1024
# Stretches of a window: each costs a search of its own. Where there would be more, some reach across what is not
# meant.
_MAX_STRETCHES = 8

# What was observed after the time that is asked about is not known then.
_DAYS = """
    SELECT day, block, versions FROM days WHERE day >= substr(:since, 1, 10) AND day <= :until AND since <= :time
    ORDER BY day DESC, block DESC
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Versions that were published on some days, and where they are: some others are there too."""

    first: str  # time from which on they were published, as the index has times
    last: str  # text that is not less than any of their times
    stretches: Sequence[tuple[int, int]]  # numbers in the index of words: the first and the last

    def parameters(self) -> dict[str, str]:
        """What a statement needs of it."""
        return {"first": self.first, "last": self.last, "stretches": json.dumps(self.stretches)}


class Windows:
    """The windows of one search, the newest first."""

    def __init__(self, database: Database, since: str, until: str, time: str) -> None:
        """Begin with the newest.

        :param since: only what was published from then on, as the index has times; "" for all
        :param until: only what was published until then
        :param time: only what was known then
        """
        self._days = iter(database.execute(_DAYS, {"since": since, "until": until, "time": time}))
        self._ahead: statements.Row | None = next(self._days, None)
        self.passed = 0  # versions in the windows that were taken

    def take(self, versions: int) -> Window | None:
        """The next days that have so many versions; None when there are no more."""
        if self._ahead is None:
            return None
        first = last = self._ahead["day"]
        blocks, upto = set(), self.passed + max(versions, 1)
        # A day is not divided: of two windows one is wholly newer than the other.
        while self._ahead and (self.passed < upto or self._ahead["day"] == first):
            first = self._ahead["day"]
            blocks.add(self._ahead["block"])
            self.passed += self._ahead["versions"]
            self._ahead = next(self._days, None)
        return Window(first, f"{last}~", _stretches(sorted(blocks)))


def _stretches(blocks: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring blocks together; over the narrowest gaps, when there are too many."""
    gaps = sorted(range(1, len(blocks)), key=lambda place: blocks[place - 1] - blocks[place])[: _MAX_STRETCHES - 1]
    found, start = [], 0
    for place in (*sorted(gap for gap in gaps if blocks[gap] - blocks[gap - 1] > 1), len(blocks)):
        found.append((blocks[start] * BLOCK, (blocks[place - 1] + 1) * BLOCK - 1))
        start = place
    return found

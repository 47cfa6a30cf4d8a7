"""The order of the journal, for changes of the queues while fetches are written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class JournalOrder:
    """Applies changes of waiting rows after the fetches that the journal has and the index has not. See D314.

    :param journal_is_ahead: returns True while there are such fetches
    """

    def __init__(self, journal_is_ahead: Callable[[], bool]) -> None:
        self._journal_is_ahead = journal_is_ahead
        self._postponed: deque[Callable[[], None]] = deque()

    def apply(self, change: Callable[[], None]) -> None:
        """Apply a change now, or at a call of :meth:`apply_postponed` once the journal is not ahead."""
        self._postponed.append(change)
        self.apply_postponed()

    def apply_postponed(self) -> None:
        """Apply the changes that were postponed, unless the journal is ahead."""
        while self._postponed and not self._journal_is_ahead():
            self._postponed.popleft()()

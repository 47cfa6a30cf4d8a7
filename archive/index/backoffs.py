"""Hosts that are backed off, in the table ``rests``."""

from __future__ import annotations

from archive.index import row_mapping
from archive.index.part import IndexPart
from archive.model.feed import HostBackoff
from archive.model.times import to_text


class BackoffIndex(IndexPart):
    """The table of host back-offs. Errors and transactions as in :class:`~archive.store.Store`."""

    def all(self) -> list[HostBackoff]:
        """Return the back-off of each host that has not answered since it was backed off."""
        return [row_mapping.backoff(row) for row in self._rows("SELECT * FROM rests")]

    def commit(self, backoff: HostBackoff) -> None:
        """Record that a host is backed off."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO rests (host, until, strikes, stated, reason, kind) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    backoff.host,
                    to_text(backoff.until),
                    backoff.failures,
                    int(backoff.from_retry_after),
                    backoff.reason,
                    backoff.kind,
                ],
            )

    def end(self, host: str) -> None:
        """Delete a host's back-off, because the host has answered."""
        with self._transaction():
            self._db.execute("DELETE FROM rests WHERE host = ?", [host])

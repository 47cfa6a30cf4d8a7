"""The progress of each alert. It is not in the journal; ``rebuild`` carries it over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct

from archive.index.part import IndexPart
from archive.index.statements import Row
from archive.model.times import to_text, to_time

_INSERT = """
    INSERT INTO alerts (name, address, query, position, attempts)
    SELECT :name, :address, :query, coalesce(max(id), 0), 0 FROM searchable WHERE true
    ON CONFLICT (name, address) DO UPDATE
        SET query = excluded.query, position = excluded.position, attempts = 0, due = NULL, failure = NULL
        WHERE alerts.query != excluded.query OR alerts.position > excluded.position
"""  # a position after the last version comes from another index


class AlertProgress(Struct, frozen=True):
    """The progress of an alert at one of its addresses."""

    alert: str  # its name
    address: int  # which of the alert's, from 1
    position: int  # of the last version that is sent or is not to be sent; see archive.search.changefeed; D104
    sent: datetime | None = None  # when the last message was sent
    attempts: int = 0  # failed ones in a row
    due: datetime | None = None  # when the next attempt may be made; None: nothing has failed
    failure: str | None = None  # why the last attempt failed


class AlertIndex(IndexPart):
    """The table of alerts. Errors and transactions as in :class:`~archive.store.Store`."""

    def sync(self, alerts: Mapping[str, tuple[str, int]]) -> None:
        """Make the table match the configured alerts: add new ones, delete removed ones.

        An alert that is new or has another query starts with the next version that is added.

        :param alerts: name -> query and number of addresses. With 0 addresses the alert's rows stay as they are:
            another process may know its addresses.
        """
        rows = [
            {"name": name, "address": address, "query": query}
            for name, (query, addresses) in alerts.items()
            for address in range(1, addresses + 1)
        ]
        unknown_addresses = {name for name, (_, addresses) in alerts.items() if not addresses}
        configured = {(row["name"], row["address"]) for row in rows}
        with self._transaction():
            for stored in self.all():
                if (stored.alert, stored.address) not in configured and stored.alert not in unknown_addresses:
                    self._db.execute(
                        "DELETE FROM alerts WHERE name = ? AND address = ?", [stored.alert, stored.address]
                    )
            for row in rows:
                self._db.execute(_INSERT, row)

    def all(self) -> list[AlertProgress]:
        """Return the progress of each alert, by name and address."""
        rows = self._rows("SELECT * FROM alerts ORDER BY name, address")
        return [_progress(row) for row in rows]

    def record(self, progress: Iterable[AlertProgress]) -> None:
        """Record the progress of alerts; an alert that was deleted meanwhile is ignored."""
        with self._transaction():
            self._db.conn.executemany(
                """UPDATE alerts SET position = ?, sent = ?, attempts = ?, due = ?, failure = ?
                   WHERE name = ? AND address = ?""",
                [
                    (each.position, to_text(each.sent), each.attempts, to_text(each.due), each.failure,
                     each.alert, each.address)
                    for each in progress
                ],
            )  # fmt: skip


def _progress(row: Row) -> AlertProgress:
    return AlertProgress(
        row["name"], row["address"], row["position"], to_time(row["sent"]), row["attempts"], to_time(row["due"]),
        row["failure"],
    )  # fmt: skip

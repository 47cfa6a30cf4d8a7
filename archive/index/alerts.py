"""How far alerts are told: a part of the index that does not follow from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.model.times import to_text, to_time

_INSERT = """
    INSERT INTO alerts (name, address, query, position, attempts)
    SELECT :name, :address, :query, coalesce(max(id), 0), 0 FROM searchable WHERE true
    ON CONFLICT (name, address) DO UPDATE
        SET query = excluded.query, position = excluded.position, attempts = 0, due = NULL, failure = NULL
        WHERE alerts.query != excluded.query OR alerts.position > excluded.position
"""  # a position behind the end is one of another index


@dataclass(frozen=True, slots=True)
class AlertProgress:
    """How far one address of an alert is told."""

    alert: str  # its name
    address: int  # which of the alert's, from 1
    position: int  # of the last version that is told, or is not to be; see archive.search.changefeed; D104
    sent: datetime | None = None  # when the last message was
    attempts: int = 0  # failed ones in a row
    due: datetime | None = None  # when the next attempt may be made; None: nothing has failed
    failure: str | None = None  # why the last one failed


class AlertIndex:
    """The alerts' side of the index: a part of :class:`~archive.store.Store`, whose promises it keeps."""

    def __init__(self, database: Database, path: Path) -> None:
        self._db, self._path = database, path

    def settle(self, alerts: Mapping[str, tuple[str, int]]) -> None:
        """Take note which alerts there are; one that is new, or asks for something else, begins with what comes next.

        Those that are not there any more are forgotten.

        :param alerts: the query of each, and how many addresses it has, by its name; without any, what is known of
            them stays: somebody else may know them
        """
        rows = [
            {"name": name, "address": address, "query": query}
            for name, (query, addresses) in alerts.items()
            for address in range(1, addresses + 1)
        ]
        known_elsewhere = {name for name, (_, addresses) in alerts.items() if not addresses}
        wanted = {(row["name"], row["address"]) for row in rows}
        with wrap_sqlite_errors(self._path), self._db.atomic():
            for told in self._all():
                if (told.alert, told.address) not in wanted and told.alert not in known_elsewhere:
                    self._db.execute("DELETE FROM alerts WHERE name = ? AND address = ?", [told.alert, told.address])
            for row in rows:
                self._db.execute(_INSERT, row)

    def all(self) -> list[AlertProgress]:
        """How far each alert is told, by name and address."""
        with wrap_sqlite_errors(self._path):
            return list(self._all())

    def record(self, told: Iterable[AlertProgress]) -> None:
        """Keep how far alerts are told; of one that was forgotten meanwhile, nothing."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            self._db.conn.executemany(
                """UPDATE alerts SET position = ?, sent = ?, attempts = ?, due = ?, failure = ?
                   WHERE name = ? AND address = ?""",
                [
                    (each.position, to_text(each.sent), each.attempts, to_text(each.due), each.failure,
                     each.alert, each.address)
                    for each in told
                ],
            )  # fmt: skip

    def _all(self) -> Iterable[AlertProgress]:
        for row in self._db.execute("SELECT * FROM alerts ORDER BY name, address").fetchall():
            yield AlertProgress(
                row["name"], row["address"], row["position"], to_time(row["sent"]), row["attempts"],
                to_time(row["due"]), row["failure"],
            )  # fmt: skip

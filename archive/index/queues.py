"""What concerns both queues, articles to be fetched and images; and how fast the first one shortens."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from archive.index.database import Database
from archive.index.log import ChangeLog
from archive.index.part import IndexPart
from archive.journal.event_documents import EventKind, dump_brought_to_date, dump_released
from archive.model.times import to_text, to_time

# Table -> the status of a row that waits to be fetched.
_WAITING_STATUS = {"entries": "pending", "images": "wanted"}
# A row that was tried in the future keeps the delay from then: both times are from the clock that was ahead.
_SAME_DELAY = """iif(:keeps_delays AND tried > :now,
    strftime('%Y-%m-%dT%H:%M:%f+00:00', julianday(:now) + julianday(due) - julianday(tried)), due)"""
_CLAMP_TIMES = f"""
    UPDATE {{table}} SET due = iif(attempts = 0, :now, min({_SAME_DELAY}, :latest)), tried = min(tried, :now)
    WHERE status = '{{waiting}}' AND (due > iif(attempts = 0, :now, :latest) OR tried > :now)
"""  # noqa: S608 - of constants


class FetchQueues(IndexPart):
    """The queues of entries and of images. Errors and transactions as in :class:`~archive.store.Store`."""

    def __init__(self, database: Database, path: Path, log: ChangeLog) -> None:
        super().__init__(database, path)
        self._log = log

    def clamp_future_times(self, now: datetime, max_delay: timedelta) -> None:
        """Clamp `tried` to now and `due` to now + ``max_delay``, in rows that wait to be fetched.

        Repairs rows written while the clock was ahead; those that were tried then keep their delay. See D41.
        """
        with self._log.transaction():
            if clamp_future_times(self._db, now, now + max_delay, keeps_delays=True):
                document = dump_brought_to_date(now, now + max_delay, keeps_delays=True)
                self._log.note(EventKind.BROUGHT_TO_DATE, now, document)

    def archived_since(self, since: datetime) -> tuple[int, datetime | None]:
        """Count the articles that were archived for the first time since a time, of the last thousand fetches.

        :return: the number, and when the earliest of them was fetched; None without any
        """
        rows = self._rows(
            """SELECT count(*) AS n, min(at) AS began FROM (
                   SELECT at, outcome FROM observations ORDER BY id DESC LIMIT 1000
               ) WHERE outcome = 'first' AND at > ?""",
            [to_text(since)],
        )
        return rows[0]["n"], to_time(rows[0]["began"])

    def release(self, now: datetime, *, parked: bool) -> int:
        """Make every waiting entry and image due now; with ``parked``, also queue the parked ones again.

        :return: the number of entries and images that were changed
        """
        with self._log.transaction():
            released = release(self._db, now, parked=parked)
            if released:
                self._log.note(EventKind.RELEASED, now, dump_released(parked=parked))
            return released


def release(database: Database, now: datetime, *, parked: bool) -> int:
    """Make every waiting row due; with ``parked``, also queue the parked ones again. The caller begins a transaction.

    :return: the number of entries and images that were changed
    """
    released = 0
    for table, waiting in _WAITING_STATUS.items():
        released += database.execute(
            f"UPDATE {table} SET due = ?, tried = NULL WHERE status = '{waiting}' AND due > ?",  # noqa: S608 - of ours
            [to_text(now)] * 2,
        ).rowcount
        if parked:
            released += database.execute(
                f"""UPDATE {table} SET status = '{waiting}', attempts = 0, due = ?, tried = NULL
                   WHERE status = 'parked' AND url IS NOT NULL""",  # noqa: S608 - of ours
                [to_text(now)],
            ).rowcount
    return int(released)


def clamp_future_times(database: Database, now: datetime, latest: datetime, *, keeps_delays: bool) -> int:
    """Clamp `tried` to ``now`` and `due` to ``latest`` in waiting rows. The caller begins a transaction.

    :param keeps_delays: a row that was tried in the future is due after the same delay, from ``now``; False in
        journal documents from before that was done
    :return: the number of rows that were changed
    """
    times = {"now": to_text(now), "latest": to_text(latest), "keeps_delays": int(keeps_delays)}
    return sum(
        int(database.execute(_CLAMP_TIMES.format(table=table, waiting=waiting), times).rowcount)
        for table, waiting in _WAITING_STATUS.items()
    )

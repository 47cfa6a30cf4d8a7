"""Which keeper leads: one at a time, with a number that grows.

The leader's lease ends by PostgreSQL's clock if it is not renewed, as after a crash, a stop or a cut network. Each
transaction of a keeper checks its epoch, so nothing that a former leader does after that has an effect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection

from cluster.connection import one_row
from cluster.errors import ClusterError, StaleEpochError
from cluster.leases import LEASE, elapsed

logger = logging.getLogger("finarchive")

CHECK_SECONDS = 1.0  # between two attempts to lead
_OUTDATED = timedelta(days=2)  # a response that nobody has asked for again

# Returns whether the archive has a response of an article: its docid, and its body.
IsRecorded = Callable[[str, bytes], bool]


SELECT_LEADER = "SELECT epoch, leader, archive, led_until > now() FROM cluster FOR UPDATE"


def other_leader(
    leader: str | None,
    archive: str | None,
    is_led: bool,
    *,
    name: str,
    own_archive: str | None,
    can_follow: bool = False,
) -> str | None:
    """Return why a keeper may not lead, as the name of who does; None: it may.

    :param name: of the keeper
    :param own_archive: id of its archive; None: it is empty
    :param can_follow: an empty archive can become a copy of the cluster's
    :raises ClusterError: the cluster belongs to another archive
    """
    if is_led and leader != name:  # of this name, its process is dead: it held the lock of the archive
        return str(leader)
    if archive is not None and own_archive is None and can_follow:
        return "nobody, and there is no copy of the archive here yet"
    if archive is not None and own_archive != archive:
        raise ClusterError(
            f"the cluster belongs to another archive ({archive}): use another database, or the right archive"
        )
    return None


class Leadership:
    """A keeper's claim to lead.

    :param name: of this keeper, for people; no other living keeper has it
    :param archive: returns the id of the archive that it writes; None: it is empty
    :param max_waiting: bytes of responses from which on fetchers pause
    :param is_recorded: whether the archive has a response
    """

    def __init__(
        self, name: str, archive: Callable[[], str | None], max_waiting: int, is_recorded: IsRecorded
    ) -> None:
        self._name = name
        self._archive = archive
        self._max_waiting = max_waiting
        self._is_recorded = is_recorded
        self.epoch = 0  # 0: this keeper has not led yet
        self.leader: str | None = None  # the keeper that leads in place of this one
        self._until = 0.0  # on `elapsed`

    def is_certain(self) -> bool:
        """Return whether this keeper leads for certain: no other may lead before its lease has ended."""
        return elapsed() < self._until

    async def wait(self, connection: AsyncConnection[Any]) -> None:
        """Wait until this keeper leads.

        :raises ClusterError: the cluster belongs to another archive
        """
        while True:
            asked = elapsed()
            async with connection.transaction():
                leader = await self._take(connection)
            if leader is None:
                self._until = asked + LEASE.total_seconds()
                self.leader = None
                logger.info("leading epoch=%d", self.epoch)
                return
            if self.leader != leader:
                logger.info("standby leader=%s", leader)
            self.leader = leader
            await asyncio.sleep(CHECK_SECONDS)

    async def _take(self, connection: AsyncConnection[Any]) -> str | None:
        """Return who leads; None: this keeper does from now on."""
        epoch, *known = await one_row(connection, SELECT_LEADER)
        if leader := other_leader(*known, name=self._name, own_archive=self._archive()):
            return leader
        self.epoch = epoch + 1
        await connection.execute(
            "UPDATE cluster SET epoch = %s, leader = %s, led_until = now() + %s, max_waiting = %s",
            (self.epoch, self._name, LEASE, self._max_waiting),
        )
        await self._take_over(connection)
        return None

    async def _take_over(self, connection: AsyncConnection[Any]) -> None:
        """Keep what fetchers have of articles, unless it is recorded; lists have to be read anew."""
        await connection.execute("DELETE FROM requests WHERE subject IS NULL")
        cursor = await connection.execute("SELECT DISTINCT subject FROM requests WHERE state = 'taken'")
        for (subject,) in await cursor.fetchall():
            rows = await connection.execute(
                "SELECT body FROM requests WHERE state = 'taken' AND subject = %s", (subject,)
            )
            if any(self._is_recorded(subject, body or b"") for (body,) in await rows.fetchall()):
                await connection.execute("DELETE FROM requests WHERE subject = %s", (subject,))
        await connection.execute("UPDATE requests SET state = 'done' WHERE state = 'taken'")

    async def clean_up(self, connection: AsyncConnection[Any]) -> None:
        """Delete what nobody asks for any more: of feeds that are gone, say."""
        await connection.execute("DELETE FROM requests WHERE coalesce(completed, created) < now() - %s", (_OUTDATED,))
        await connection.execute(
            "DELETE FROM hosts WHERE next_request < now() - %s AND backed_off_until < now() AND owned_until < now()"
            " AND NOT EXISTS (SELECT 1 FROM requests WHERE requests.host = hosts.host)",
            (_OUTDATED,),
        )

    async def check(self, connection: AsyncConnection[Any]) -> None:
        """Check the epoch and renew the lease, within a transaction; then call :meth:`renewed`.

        :raises StaleEpochError: another keeper has taken over
        """
        cursor = await connection.execute(
            "UPDATE cluster SET led_until = now() + %s WHERE epoch = %s RETURNING archive", (LEASE, self.epoch)
        )
        row = await cursor.fetchone()
        if row is not None and row[0] is None and (archive := self._archive()):  # its first record is written
            await connection.execute("UPDATE cluster SET archive = %s", (archive,))
        if row is None:
            leader, epoch = await one_row(connection, "SELECT leader, epoch FROM cluster")
            raise StaleEpochError(
                f"{leader} leads since epoch {epoch}: this one stops, because nothing that it writes would count"
            )

    def renewed(self, asked: float) -> None:
        """Note that a transaction with :meth:`check` is committed.

        :param asked: when it began, on :func:`~cluster.leases.elapsed`
        """
        self._until = asked + LEASE.total_seconds()

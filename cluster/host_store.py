"""The fetcher's calls of PostgreSQL: everything that its role may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec import Struct
from psycopg.types.json import Json, Jsonb
from psycopg_pool import AsyncConnectionPool

from cluster.connection import explained, one_row
from cluster.leases import LEASE, HostLease, elapsed

ANY_PRIORITY = -32768  # the lowest of PostgreSQL's smallint


class Claim(Struct, frozen=True):
    """The answer to a claim of a host."""

    wait: float  # seconds until the host may be claimed again; 0: it is claimed
    state: dict[str, Any] | None  # of the host
    backed_off: timedelta  # the remaining back-off


class TakenRequest(Struct, frozen=True):
    """The next request of a host."""

    id: int | None  # None: there is none to send now
    url: str | None
    document: dict[str, Any] | None
    wait: float | None  # seconds to wait for the host's delay; None: nothing is queued


class Waiting(Struct, frozen=True):
    """Responses that wait for the keeper."""

    number: int
    bytes: int
    max_bytes: int


class HostStore:
    """Calls of the functions for fetchers. Each raises ClusterError, :class:`UnavailableError` if waiting may help.

    :param pool: connections to PostgreSQL
    """

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self._pool = pool

    async def claim(self, lease: HostLease) -> Claim | None:
        """Claim a host for a job; None if the job has no right to it."""
        asked = elapsed()
        row = await self._row("SELECT * FROM claim_host(%s, %s, %s)", lease.host, lease.job, LEASE)
        if row is None:
            return None
        if not row[0]:
            lease.token = row[3]
            lease.extend(asked)
        return Claim(row[0], row[1], timedelta(seconds=row[2] or 0))

    async def take(self, lease: HostLease, priority: int = ANY_PRIORITY) -> TakenRequest | None:
        """Take the next request of a host; None if the host is lost.

        :param priority: the lowest that is taken
        """
        asked = elapsed()
        row = await self._row("SELECT * FROM take_request(%s, %s, %s, %s)", lease.host, lease.token, LEASE, priority)
        if row is None:
            lease.end()
            return None
        lease.extend(asked)
        return TakenRequest(*row)

    async def deliver(
        self,
        lease: HostLease,
        request: int,
        outcome: dict[str, Any],
        body: bytes | None,
        *,
        state: dict[str, Any] | None,
        backed_off: timedelta,
    ) -> bool:
        """Store an outcome; return whether the host is still this job's.

        :param state: of the host, after this outcome
        :param backed_off: the remaining back-off of the host
        """
        row = await self._row(
            "SELECT deliver(%s, %s, %s, %s, %s, %s, %s)",
            *(lease.host, lease.token, request, Json(outcome), body),
            *(Jsonb(state) if state else None, backed_off),
        )
        return row is not None and row[0] != "lost"

    async def return_requests(self, lease: HostLease, outcome: dict[str, Any]) -> None:
        """Return all queued requests of a host unsent, with this outcome."""
        await self._row("SELECT return_requests(%s, %s, %s)", lease.host, lease.token, Json(outcome))

    async def release(self, lease: HostLease) -> bool:
        """Give a host back; return whether requests wait for it."""
        lease.end()
        row = await self._row("SELECT release_host(%s, %s)", lease.host, lease.token)
        return bool(row and row[0])

    async def renew(self, leases: list[HostLease]) -> None:
        """Extend leases; end those that are lost."""
        asked = elapsed()
        kept = set(await self._column("SELECT renew_hosts(%s, %s)", [each.token for each in leases], LEASE))
        for lease in leases:
            if lease.token in kept:
                lease.extend(asked)
            else:
                lease.end()

    async def idle_hosts(self, priority: int = ANY_PRIORITY) -> list[str]:
        """Return the hosts with requests to send that no job cares for.

        :param priority: the lowest that counts
        """
        return await self._column("SELECT idle_hosts(%s)", priority)

    async def lost_jobs(self) -> list[int]:
        """Return the jobs that are not ended although no fetcher has their host."""
        return await self._column("SELECT lost_jobs()")

    async def waiting(self) -> Waiting:
        """Return the responses that wait for the keeper."""
        return Waiting(*await self._one("SELECT * FROM waiting_responses()"))

    async def note_fetcher(self, name: str, version: str, hosts: int, requests: int) -> int:
        """Note that a fetcher lives; return the version of the schema.

        :param hosts: number that it fetches from now
        :param requests: number that it has sent
        """
        return int((await self._one("SELECT note_fetcher(%s, %s, %s, %s)", name, version, hosts, requests))[0])

    async def _row(self, query: str, *arguments: Any) -> tuple[Any, ...] | None:
        with explained():
            async with self._pool.connection() as connection:
                row = await (await connection.execute(query, arguments)).fetchone()
                return tuple(row) if row else None

    async def _one(self, query: str, *arguments: Any) -> tuple[Any, ...]:
        with explained():
            async with self._pool.connection() as connection:
                return await one_row(connection, query, *arguments)

    async def _column(self, query: str, *arguments: Any) -> list[Any]:
        with explained():
            async with self._pool.connection() as connection:
                return [row[0] for row in await (await connection.execute(query, arguments)).fetchall()]

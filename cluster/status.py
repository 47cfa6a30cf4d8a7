"""The state of a cluster, as PostgreSQL has it."""

from __future__ import annotations

from typing import Any

import psycopg
from msgspec import Struct
from psycopg.rows import class_row, dict_row

from cluster.connection import SCHEMA, connection_parameters, explained
from cluster.schema import check_version_now


class FetcherStatus(Struct, frozen=True):
    """A fetcher that was seen within the last day."""

    name: str
    version: str
    hosts: int  # that it fetches from
    requests: int  # that it has sent since its start
    seen: float  # seconds ago

    @property
    def is_alive(self) -> bool:
        """Return whether it has been seen lately."""
        return self.seen < _ALIVE_SECONDS


class HostStatus(Struct, frozen=True):
    """A host with requests, or with a back-off."""

    host: str
    queued: int
    sent: int
    done: int  # responses that wait for the keeper
    is_owned: bool  # a fetcher has it now
    backed_off: float  # seconds that remain; 0: requests may be sent
    reason: str | None  # of the back-off


class ClusterStatus(Struct, frozen=True):
    """The state of a cluster."""

    archive: str | None
    epoch: int
    leader: str | None  # None: no keeper leads now
    last_leader: str | None
    queued: int  # requests that wait for a fetcher
    oldest: float | None  # seconds since the oldest of them was queued; None: there is none
    waiting: int  # responses that wait for the keeper
    waiting_bytes: int
    max_waiting: int  # bytes from which on fetchers pause
    fetchers: tuple[FetcherStatus, ...]
    hosts: tuple[HostStatus, ...]

    @property
    def is_paused(self) -> bool:
        """Return whether fetchers pause because too many responses wait."""
        return self.waiting_bytes > self.max_waiting


_ALIVE_SECONDS = 30.0
_SUMMARY = """
    SELECT archive, epoch, CASE WHEN led_until > now() THEN leader END AS leader, leader AS last_leader,
        (SELECT count(*) FROM requests WHERE state = 'queued') AS queued,
        (SELECT extract(epoch FROM now() - min(created))::float8 FROM requests WHERE state = 'queued') AS oldest,
        (SELECT count(*) FROM requests WHERE state = 'done') AS waiting,
        (SELECT coalesce(sum(octet_length(body)), 0)::bigint FROM requests WHERE state = 'done') AS waiting_bytes,
        max_waiting
    FROM cluster
"""
_FETCHERS = """
    SELECT name, version, hosts, requests, extract(epoch FROM now() - seen)::float8 AS seen
    FROM fetchers ORDER BY name
"""
_HOSTS = """
    SELECT h.host,
        count(*) FILTER (WHERE r.state = 'queued') AS queued,
        count(*) FILTER (WHERE r.state = 'sent') AS sent,
        count(*) FILTER (WHERE r.state = 'done') AS done,
        h.owned_until > now() AS is_owned,
        greatest(0, extract(epoch FROM h.backed_off_until - now()))::float8 AS backed_off,
        h.state #>> '{backoff,reason}' AS reason
    FROM hosts AS h LEFT JOIN requests AS r USING (host)
    GROUP BY h.host HAVING count(r.id) > 0 OR h.backed_off_until > now()
    ORDER BY queued DESC, h.host
"""


def cluster_status(dsn: str) -> ClusterStatus:
    """Return the state of a cluster.

    :raises ClusterError: it cannot be read
    """
    with explained(), psycopg.connect(**connection_parameters(dsn)) as connection:
        check_version_now(connection)
        connection.execute(f"SET search_path TO {SCHEMA}")
        with connection.cursor(row_factory=dict_row) as cursor:
            summary = cursor.execute(_SUMMARY).fetchone() or {}
        fetchers, hosts = _all(connection, FetcherStatus, _FETCHERS), _all(connection, HostStatus, _HOSTS)
        return ClusterStatus(**summary, fetchers=fetchers, hosts=hosts)


def _all(connection: psycopg.Connection[Any], kind: type[Any], query: str) -> tuple[Any, ...]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return tuple(cursor.execute(query).fetchall())

"""A claim to lead a cluster, of a process that has not opened its archive yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from cluster.connection import SCHEMA, connection_parameters, explained
from cluster.errors import ClusterError
from cluster.leadership import SELECT_LEADER, other_leader
from cluster.leases import LEASE, elapsed
from cluster.schema import check_version_now

_RENEW_SECONDS = 4.0


def resign(dsn: str, epoch: int) -> None:
    """End a leader's lease, if it still leads, so that another keeper need not wait for its end."""
    with suppress(psycopg.Error), psycopg.connect(**connection_parameters(dsn)) as connection:
        connection.execute(f"SET search_path TO {SCHEMA}")
        connection.execute("UPDATE cluster SET led_until = 'epoch' WHERE epoch = %s", (epoch,))


class LeadershipClaim:
    """Leads the cluster until a :class:`~cluster.leadership.Leadership` of the same name goes on.

    :param dsn: address of PostgreSQL
    :param name: of the keeper
    """

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._name = name
        self._epoch = 0
        self._until = 0.0  # on `elapsed`

    def attempt(self, archive: str | None, *, can_follow: bool) -> str | None:
        """Try to lead; return who leads in place of this process, None if it does.

        :param archive: id of its archive; None: it is empty
        :param can_follow: an empty archive can become a copy of the cluster's
        :raises ClusterError: PostgreSQL cannot be used, or the cluster belongs to another archive
        """
        asked = elapsed()
        with explained(), self._connect() as connection:
            check_version_now(connection)
            connection.execute(f"SET search_path TO {SCHEMA}")
            row = connection.execute(SELECT_LEADER).fetchone()
            if row is None:
                raise ClusterError("the database has only a part of a cluster: drop its schema, and run cluster init")
            epoch, *known = row
            if leader := other_leader(*known, name=self._name, own_archive=archive, can_follow=can_follow):
                return leader
            self._epoch = epoch + 1
            connection.execute(
                "UPDATE cluster SET epoch = %s, leader = %s, led_until = now() + %s", (self._epoch, self._name, LEASE)
            )
        self._until = asked + LEASE.total_seconds()
        return None

    def resign(self) -> None:
        """Let another keeper lead at once."""
        self._until = 0.0
        resign(self._dsn, self._epoch)

    def is_certain(self) -> bool:
        """Return whether this process leads for certain: no other may lead before its lease has ended."""
        return elapsed() < self._until

    @contextmanager
    def held(self) -> Iterator[None]:
        """Renew the lease in a thread while the block runs, or until somebody else leads."""
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(stop,), name="leadership", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            stop.set()
            renewing.join()

    def _renew(self, stop: threading.Event) -> None:
        while not stop.wait(_RENEW_SECONDS):
            asked = elapsed()
            try:
                with self._connect() as connection:
                    connection.execute(f"SET search_path TO {SCHEMA}")
                    renewed = connection.execute(
                        "UPDATE cluster SET led_until = now() + %s WHERE epoch = %s", (LEASE, self._epoch)
                    )
            except psycopg.Error:
                continue  # the lease may end meanwhile, and then another process may lead
            if not renewed.rowcount:  # somebody else leads, or this keeper with another epoch
                self._until = 0.0
                return
            self._until = asked + LEASE.total_seconds()

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(**connection_parameters(self._dsn))

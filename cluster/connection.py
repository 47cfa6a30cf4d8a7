"""Connections to PostgreSQL, and its errors as messages for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from procrastinate.exceptions import ConnectorException
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from cluster.errors import ClusterError, UnavailableError

SCHEMA = "finarchive"
# A connection whose other end is gone must be noticed within seconds: nothing says so if a network is cut.
_KEEPALIVE = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_REFUSED = (psycopg.errors.InvalidPassword, psycopg.errors.InvalidAuthorizationSpecification)
_NO_CLUSTER = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName)
_INIT = "run finarchive cluster init"


def connection_parameters(dsn: str) -> dict[str, Any]:
    """Return the parameters of a connection; those of ``dsn`` take precedence.

    :raises ClusterError: libpq cannot read ``dsn``
    """
    try:
        return _KEEPALIVE | {"application_name": "finarchive"} | conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:  # libpq's own words may have a part of the password
        raise ClusterError(
            "the address of PostgreSQL cannot be read: is each % in it written as %25, and each space as %20?"
        ) from error


async def configure(connection: psycopg.AsyncConnection[Any]) -> None:
    """Prepare a new connection."""
    await connection.execute(f"SET search_path TO {SCHEMA}")
    if not connection.autocommit:
        await connection.commit()


async def connect(dsn: str) -> psycopg.AsyncConnection[Any]:
    """Open a connection, of which each statement outside of ``transaction()`` is committed at once.

    :raises ClusterError: PostgreSQL refuses it
    """
    with explained():
        connection = await psycopg.AsyncConnection.connect(**connection_parameters(dsn), autocommit=True)
        await configure(connection)
    return connection


async def one_row(connection: psycopg.AsyncConnection[Any], query: str, *arguments: Any) -> tuple[Any, ...]:
    """Return the row of a query that has exactly one."""
    row = await (await connection.execute(query, arguments)).fetchone()
    if row is None:
        raise ClusterError("the database has no cluster, or only a part of one: restore it, or run cluster init anew")
    return tuple(row)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of PostgreSQL into those of this package.

    :raises UnavailableError: trying again later may help
    :raises ClusterError: it does not
    """
    try:
        yield
    except ConnectorException as error:  # Procrastinate's, around one of psycopg
        raise _explain(error.__cause__ or error) from error
    except (psycopg.Error, PoolTimeout) as error:
        raise _explain(error) from error


# What an outage, a restart, a full disk or a failover of PostgreSQL is called: classes of SQLSTATE. 25006: it is
# read-only, as while another server takes over.
_OUTAGES = ("08", "40", "53", "55", "57", "58", "25006")
# While it connects, libpq says what is wrong only in words. These come from the server, in English by `lc_messages`.
_PERMANENT = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")


def _explain(error: BaseException) -> ClusterError:
    state, words = getattr(error, "sqlstate", None), _first_line(error)
    is_permanent = any(each in str(error) for each in _PERMANENT)
    is_broken = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)) and state is None
    if (is_broken and not is_permanent) or (state is not None and state.startswith(_OUTAGES)):
        return UnavailableError(f"PostgreSQL does not answer: {words}")
    if is_broken or isinstance(error, _REFUSED):
        return ClusterError(f"PostgreSQL refuses the connection: {words}")
    if isinstance(error, _NO_CLUSTER):
        return ClusterError(f"the database has no cluster, or one of another version: {_INIT}")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ClusterError(
            f"the role has too few rights ({words}): {_INIT}, and grant it finarchive_keeper or finarchive_fetcher"
        )
    return ClusterError(f"PostgreSQL: {words}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__

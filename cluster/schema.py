"""The schema of a cluster: create it, and check its version."""

from __future__ import annotations

from importlib import resources
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql

from cluster.connection import SCHEMA, connection_parameters, explained
from cluster.errors import ClusterError

VERSION = 1
KEEPER, FETCHER = "finarchive_keeper", "finarchive_fetcher"
_FOR_FETCHERS = (
    "claim_host(text, bigint, interval)",
    "renew_hosts(uuid[], interval)",
    "take_request(text, uuid, interval, integer)",
    "deliver(text, uuid, bigint, json, bytea, jsonb, interval)",
    "return_requests(text, uuid, json)",
    "release_host(text, uuid)",
    "idle_hosts(integer)",
    "lost_jobs()",
    "waiting_responses()",
    "note_fetcher(text, text, integer, bigint)",
)
_JOB_TABLES = "procrastinate_jobs, procrastinate_workers, procrastinate_events, procrastinate_periodic_defers"


def create(dsn: str, *, roles: bool) -> bool:
    """Create the schema "finarchive", and its roles; return False if it exists already.

    :param roles: create the roles of keeper and fetchers
    :raises ClusterError: PostgreSQL refuses it, or the schema is of another program or version
    """
    with explained(), psycopg.connect(**connection_parameters(dsn)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('finarchive cluster init'))")
        is_new = not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)).fetchone()
        if not is_new:
            check_version_now(connection)
        else:
            connection.execute(f"CREATE SCHEMA {SCHEMA}")
            connection.execute(f"SET search_path TO {SCHEMA}")
            connection.execute(SchemaManager.get_schema())
            connection.execute(resources.files("cluster").joinpath("schema.sql").read_text("utf-8"))
            connection.execute("INSERT INTO cluster (version) VALUES (%s)", (VERSION,))
        if roles:
            _grant(connection)
    return is_new


def _check(version: int | None) -> None:
    if version is None:
        raise ClusterError(f"the database has a schema {SCHEMA} of another program: use another database")
    if version > VERSION:
        raise ClusterError(
            f"the cluster has schema {version}, and this finarchive knows {VERSION}: update finarchive"
        )
    if version < VERSION:
        raise ClusterError(
            f"the cluster has schema {version}, and this finarchive needs {VERSION}: stop keepers and fetchers, then "
            "run finarchive cluster init"
        )


_HAS_CLUSTER = (
    "SELECT to_regprocedure('finarchive.schema_version()') IS NOT NULL, to_regnamespace('finarchive') IS NOT NULL"
)
_GET_VERSION = "SELECT finarchive.schema_version()"


async def check_version(connection: psycopg.AsyncConnection[Any]) -> None:
    """Check that this program and a database fit together.

    :raises ClusterError: they do not
    """
    with explained():
        _check_exists(await (await connection.execute(_HAS_CLUSTER)).fetchone())
        row = await (await connection.execute(_GET_VERSION)).fetchone()
    _check(row[0] if row else None)


def check_version_now(connection: psycopg.Connection[Any]) -> None:
    """As :func:`check_version`, for a connection that waits."""
    _check_exists(connection.execute(_HAS_CLUSTER).fetchone())
    row = connection.execute(_GET_VERSION).fetchone()
    _check(row[0] if row else None)


def _check_exists(row: tuple[bool, bool] | None) -> None:
    if row is None or not row[1]:
        raise ClusterError("the database has no cluster: run finarchive cluster init")
    if not row[0]:
        _check(None)


def _grant(connection: psycopg.Connection[Any]) -> None:
    """Create the roles, and give each the rights that it needs."""
    for role in (KEEPER, FETCHER):
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
    for statement in (
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {KEEPER}, {FETCHER}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA} TO {KEEPER}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {KEEPER}, {FETCHER}",
        f"SET LOCAL search_path TO {SCHEMA}",
        # Jobs are names of hosts, and nothing else.
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_JOB_TABLES} TO {FETCHER}",
        f"REVOKE EXECUTE ON FUNCTION {', '.join(_FOR_FETCHERS)} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {', '.join(_FOR_FETCHERS)} TO {KEEPER}, {FETCHER}",
    ):
        connection.execute(statement)

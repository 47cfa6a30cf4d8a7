"""The database of a cluster: created once, checked by everyone, and what each role may do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import psycopg
import pytest

from cluster.connection import connect
from cluster.errors import ClusterError, UnavailableError
from cluster.schema import check_version, create
from cluster.status import cluster_status
from tests.conftest import Home
from tests.support.postgres import Postgres


@pytest.fixture
def dsn(postgres: Postgres) -> Iterator[str]:
    """The address of an empty database; the roles are gone after the test."""
    yield postgres.new_database("schema")
    postgres.new_database("schema")
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS finarchive_keeper, finarchive_fetcher, alice")


def check(dsn: str) -> None:
    """Check a database as a fetcher does."""

    async def check_once() -> None:
        async with await connect(dsn) as connection:
            await check_version(connection)

    asyncio.run(check_once())


def test_the_schema_is_created_once(dsn: str) -> None:
    with pytest.raises(ClusterError, match=r"^the database has no cluster: run finarchive cluster init$"):
        check(dsn)
    assert create(dsn, roles=True)
    assert not create(dsn, roles=True)
    check(dsn)
    assert cluster_status(dsn).epoch == 0


@pytest.mark.parametrize(
    ("version", "advice"),
    [(2, "this finarchive knows 1: update finarchive"), (0, "stop keepers and fetchers, then run .*cluster init")],
)
def test_another_version_is_refused_with_what_to_do(dsn: str, version: int, advice: str) -> None:
    create(dsn, roles=False)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE finarchive.cluster SET version = %s", (version,))
    for use in (check, lambda dsn: create(dsn, roles=False), cluster_status):
        with pytest.raises(ClusterError, match=f"the cluster has schema {version}.*{advice}"):
            use(dsn)


def test_a_schema_of_another_program_is_left_alone(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE SCHEMA finarchive")
        connection.execute("CREATE TABLE finarchive.jobs (id int)")
    for use in (check, lambda dsn: create(dsn, roles=False), cluster_status):
        with pytest.raises(ClusterError, match=r"another program: use another database"):
            use(dsn)


def test_no_database_and_no_server_are_told_apart(postgres: Postgres) -> None:
    with pytest.raises(
        ClusterError, match=r'^PostgreSQL refuses the connection: .*"nowhere" does not exist'
    ) as refused:
        check(postgres.dsn("nowhere"))
    assert not isinstance(refused.value, UnavailableError)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match=r"^PostgreSQL does not answer: "):
            check(f"postgresql://x@127.0.0.1:{closed.getsockname()[1]}/x")
    with pytest.raises(ClusterError, match=r"^the address of PostgreSQL cannot be read: "):
        check("host")


def test_a_fetcher_can_neither_read_responses_nor_change_records(dsn: str, postgres: Postgres) -> None:
    create(dsn, roles=True)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE alice LOGIN IN ROLE finarchive_fetcher")
    as_alice = postgres.dsn("schema", "alice")
    check(as_alice)
    with psycopg.connect(as_alice, autocommit=True, options="-c search_path=finarchive") as connection:
        for statement in (
            "SELECT * FROM requests",
            "UPDATE requests SET body = 'x'",
            "DELETE FROM requests",
            "SELECT * FROM cluster",
            "UPDATE cluster SET epoch = 7",
            "SELECT * FROM hosts",
            "UPDATE hosts SET delay = 0",
            "SELECT * FROM fetchers",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        assert connection.execute("SELECT * FROM waiting_responses()").fetchone() == (0, 0, 1073741824)
        assert connection.execute("SELECT note_fetcher('a', '1', 0, 0)").fetchone() == (1,)
    with pytest.raises(ClusterError, match=r"^the role has too few rights .*grant it finarchive_keeper"):
        cluster_status(as_alice)


def test_a_user_without_a_role_gets_nothing(dsn: str, postgres: Postgres) -> None:
    create(dsn, roles=True)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE alice LOGIN")
    with pytest.raises(ClusterError, match=r"^the role has too few rights "):
        check(postgres.dsn("schema", "alice"))


def test_a_wrong_password_is_refused_and_shown_nowhere(dsn: str, postgres: Postgres, home: Home) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE bob LOGIN PASSWORD 'right'")
    wrong = postgres.dsn("schema", "bob:wrong-one")
    try:
        done = home.run("cluster", "status", "--cluster", wrong)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("finarchive: PostgreSQL refuses the connection: ")
        assert 'password authentication failed for user "bob"' in done.err
        assert "wrong-one" not in done.err
        assert len(done.err.splitlines()) == 1
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP ROLE bob")


@pytest.mark.parametrize("command", [("fetcher",), ("cluster", "status"), ("cluster", "init")])
def test_without_an_address_a_command_says_where_to_give_one(home: Home, command: tuple[str, ...]) -> None:
    done = home.run(*command)
    assert (done.status, done.out) == (2, "")
    assert done.err == ("finarchive: which cluster? Give --cluster postgresql://host/database, or set cluster.dsn\n")


def test_doctor_checks_the_cluster(dsn: str, home: Home) -> None:
    def check() -> str:
        done = home.run("doctor", "--json", FINARCHIVE_CLUSTER_DSN=dsn)
        return next(str(each["told"]) for each in done.json if each["name"] == "cluster")

    home.config.write_text("[network]\ntimeout = 0.1\n", "utf-8")  # no list is read for long
    assert check() == "the database has no cluster: run finarchive cluster init"
    create(dsn, roles=False)
    assert check() == "no keeper leads now, and no fetcher runs: start finarchive fetcher"
    with psycopg.connect(dsn, options="-c search_path=finarchive") as connection:
        connection.execute("SELECT note_fetcher('a', '1', 0, 0)")
    assert check() == "no keeper leads now; fetchers: 1"

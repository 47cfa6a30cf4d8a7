"""The functions that a fetcher may call: who may send a request, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Json, Jsonb

from cluster.host_store import ANY_PRIORITY
from cluster.schema import create
from tests.support.postgres import Postgres

HOST = "finance.sina.com.cn"
LEASE = timedelta(seconds=20)
REQUEST = {"headers": [], "robots": False}


class Database:
    """A cluster's database, with one host and some requests."""

    def __init__(self, connection: psycopg.Connection[Any], delay: float = 0.0) -> None:
        self.connection = connection
        self.tokens: dict[int, Any] = {}  # by job
        self.one("INSERT INTO hosts (host, delay) VALUES (%s, %s) RETURNING host", HOST, delay)

    def one(self, query: str, *arguments: Any) -> Any:
        """Return the first value of a query's first row; None if there is none."""
        row = self.row(query, *arguments)
        return row[0] if row else None

    def row(self, query: str, *arguments: Any) -> tuple[Any, ...] | None:
        """Return the first row of a query."""
        return self.connection.execute(query, arguments).fetchone()

    def add_request(self, path: str, priority: int = 0) -> int:
        """Queue a request; return its id."""
        return int(
            self.one(
                "INSERT INTO requests (epoch, host, priority, url, digest, request) VALUES (1, %s, %s, %s, '', %s)"
                " RETURNING id",
                *(HOST, priority, f"https://{HOST}{path}", Json(REQUEST)),
            )
        )

    def start_job(self) -> int:
        """Start a job of the host, as a worker of Procrastinate does; return its id."""
        return int(
            self.one(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status)"
                " VALUES ('hosts', 't', %s, 'doing') RETURNING id",
                HOST,
            )
        )

    def end_job(self, job: int) -> None:
        """Delete a job, as that of a dead worker."""
        self.connection.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (job,))

    def claim(self, job: int) -> tuple[Any, ...] | None:
        """Claim the host: seconds to wait, state, remaining back-off."""
        if row := self.row("SELECT * FROM claim_host(%s, %s, %s)", HOST, job, LEASE):
            self.tokens[job] = row[3]
            return row[:3]
        return None

    def take(self, job: int, priority: int = ANY_PRIORITY) -> tuple[Any, ...] | None:
        """Take the next request: id, address, document, seconds to wait."""
        return self.row("SELECT * FROM take_request(%s, %s, %s, %s)", HOST, self.tokens.get(job), LEASE, priority)

    def deliver(self, job: int, request: int, state: Any = None, backed_off: float = 0.0) -> str:
        """Deliver a response."""
        return str(
            self.one(
                "SELECT deliver(%s, %s, %s, %s, %s, %s, %s)",
                *(HOST, self.tokens[job], request, Json({"status": 200}), b"page"),
                *(Jsonb(state) if state else None, timedelta(seconds=backed_off)),
            )
        )

    def idle(self, priority: int = ANY_PRIORITY) -> Any:
        """A host without a job that has requests of at least this priority."""
        return self.one("SELECT idle_hosts(%s)", priority)

    def let_lease_end(self) -> None:
        """Let the lease of the host end now."""
        self.connection.execute("UPDATE hosts SET owned_until = clock_timestamp() - interval '1 ms'")

    def states(self) -> list[str]:
        """The states of the requests, in their order."""
        return [row[0] for row in self.connection.execute("SELECT state FROM requests ORDER BY id").fetchall()]


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    """A database with one host without a delay."""
    dsn = postgres.new_database("host_store")
    create(dsn, roles=False)
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=finarchive") as connection:
        yield Database(connection)


def test_lists_go_before_articles_and_articles_before_images(database: Database) -> None:
    image, article, poll = (database.add_request(f"/{priority}", priority) for priority in (-5, 0, 10))
    job = database.start_job()
    database.claim(job)
    taken = []
    while (row := database.take(job)) and row[0]:
        taken.append(row[0])
        assert database.deliver(job, row[0]) == "stored"
    assert taken == [poll, article, image]


def test_only_lists_are_taken_if_nothing_else_is_asked_for(database: Database) -> None:
    article = database.add_request("/1", 0)
    job = database.start_job()
    database.claim(job)
    assert database.take(job, priority=1) == (None, None, None, None)
    poll = database.add_request("/2", 10)
    assert database.take(job, priority=1)[0] == poll  # type: ignore[index]
    database.deliver(job, poll)
    assert database.take(job)[0] == article  # type: ignore[index]
    database.end_job(job)
    assert (database.idle(priority=1), database.idle()) == (None, HOST)


def test_no_second_job_gets_a_host(database: Database) -> None:
    database.add_request("/1")
    first = database.start_job()
    assert database.claim(first) == (0, None, 0)
    with pytest.raises(psycopg.errors.UniqueViolation):  # Procrastinate's own lock
        database.start_job()
    database.end_job(first)  # as if it were dead
    second = database.start_job()
    assert 19 < database.claim(second)[0] <= 20  # type: ignore[index]
    assert database.take(second) is None


def test_a_job_that_is_not_the_hosts_gets_nothing(database: Database) -> None:
    database.add_request("/1")
    job = database.start_job()
    database.end_job(job)
    assert database.claim(job) is None
    assert database.take(job) is None


def test_the_next_job_sends_what_a_dead_one_has_not_delivered(database: Database) -> None:
    request = database.add_request("/1")
    first = database.start_job()
    database.claim(first)
    assert database.take(first)[0] == request  # type: ignore[index]
    database.end_job(first)
    database.let_lease_end()
    second = database.start_job()
    assert database.claim(second)[0] == 0  # type: ignore[index]
    assert database.take(second)[0] == request  # type: ignore[index]
    assert database.deliver(first, request) == "lost"  # it wakes up
    assert database.states() == ["sent"]
    assert database.deliver(second, request) == "stored"
    assert database.states() == ["done"]


def test_a_job_whose_lease_has_ended_sends_nothing(database: Database) -> None:
    database.add_request("/1")
    job = database.start_job()
    database.claim(job)
    database.let_lease_end()
    assert database.take(job) is None
    assert database.one("SELECT renew_hosts(ARRAY[%s]::uuid[], %s)", database.tokens[job], LEASE) is None


def test_the_delay_counts_from_the_response_of_the_last_request(database: Database) -> None:
    database.connection.execute("UPDATE hosts SET delay = 100")
    request, next_request = database.add_request("/1"), database.add_request("/2")
    job = database.start_job()
    database.claim(job)
    database.take(job)
    database.connection.execute("UPDATE hosts SET next_request = 'epoch'")  # the response takes long
    assert database.deliver(job, request) == "stored"
    id_, _, _, wait = database.take(job)  # type: ignore[misc]
    assert (id_, 99 < wait <= 100) == (None, True)
    assert database.states() == ["done", "queued"]
    database.connection.execute("UPDATE hosts SET next_request = clock_timestamp()")
    assert database.take(job)[0] == next_request  # type: ignore[index]


def test_after_a_dead_job_the_delay_counts_from_the_end_of_its_lease(database: Database) -> None:
    database.connection.execute("UPDATE hosts SET delay = 100")
    database.add_request("/1")
    first = database.start_job()
    database.claim(first)
    database.end_job(first)
    database.let_lease_end()
    second = database.start_job()
    database.claim(second)
    assert 99 < database.take(second)[3] <= 100  # type: ignore[index]


def test_a_back_off_is_kept_with_the_host(database: Database) -> None:
    request = database.add_request("/1")
    first = database.start_job()
    database.claim(first)
    database.take(first)
    state = {"backoff": {"reason": "it answered 429"}, "unreachable": 0}
    database.deliver(first, request, state=state, backed_off=60)
    database.row("SELECT release_host(%s, %s)", HOST, database.tokens[first])
    database.end_job(first)
    wait, known, backed_off = database.claim(database.start_job())  # type: ignore[misc]
    assert (wait, known, 59 < backed_off <= 60) == (0, state, True)


def test_a_response_that_nobody_waits_for_is_dropped_and_the_host_kept(database: Database) -> None:
    request, other = database.add_request("/1"), database.add_request("/2")
    job = database.start_job()
    database.claim(job)
    database.take(job)
    database.connection.execute("DELETE FROM requests WHERE id = %s", (request,))
    assert database.deliver(job, request) == "unwanted"
    assert database.take(job)[0] == other  # type: ignore[index]


def test_hosts_without_a_job_are_found(database: Database) -> None:
    assert database.idle() is None
    database.add_request("/1")
    assert database.idle() == HOST
    job = database.start_job()
    assert database.idle() is None
    database.end_job(job)
    assert database.idle() == HOST


def test_requests_of_a_backed_off_host_are_returned_unsent(database: Database) -> None:
    for number in range(3):
        database.add_request(f"/{number}")
    job = database.start_job()
    database.claim(job)
    assert database.one("SELECT return_requests(%s, %s, %s)", HOST, database.tokens[job], Json({"error": "x"})) == 3
    assert database.states() == ["done"] * 3
    assert database.one("SELECT return_requests(%s, %s, %s)", HOST, uuid4(), Json({"error": "x"})) == 0


def test_the_number_of_a_job_is_no_right_to_its_host(database: Database) -> None:
    request = database.add_request("/1")
    job = database.start_job()
    database.claim(job)
    database.take(job)
    database.tokens[job + 1] = uuid4()
    assert database.deliver(job + 1, request) == "lost"
    assert database.take(job + 1) is None
    assert database.one("SELECT release_host(%s, %s)", HOST, uuid4()) is False
    assert database.deliver(job, request) == "stored"


def test_a_response_with_any_character_can_be_stored(database: Database) -> None:
    request = database.add_request("/1")
    job = database.start_job()
    database.claim(job)
    database.take(job)
    outcome = {"headers": [["X-Trace", "a\0b\ud800"]]}
    stored = database.one(
        "SELECT deliver(%s, %s, %s, %s, %s, %s, %s)",
        *(HOST, database.tokens[job], request, Json(outcome), b"", None, timedelta(0)),
    )
    assert stored == "stored"
    assert database.one("SELECT outcome FROM requests") == outcome


def test_a_job_whose_end_was_lost_is_found(database: Database) -> None:
    database.add_request("/1")
    job = database.start_job()
    database.connection.execute(
        "INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, 'started', now() - interval '61 s')", (job,)
    )
    database.claim(job)
    assert database.one("SELECT lost_jobs()") is None
    database.row("SELECT release_host(%s, %s)", HOST, database.tokens[job])
    assert database.one("SELECT lost_jobs()") == job
    database.connection.execute("UPDATE procrastinate_events SET at = now() - interval '59 s'")
    assert database.one("SELECT lost_jobs()") is None


def test_responses_of_an_earlier_keeper_do_not_make_fetchers_pause_while_one_leads(database: Database) -> None:
    database.add_request("/1")
    database.connection.execute("UPDATE requests SET state = 'done', body = 'page'")
    assert database.row("SELECT number, bytes FROM waiting_responses()") == (1, 4)  # nobody leads
    database.connection.execute("UPDATE cluster SET epoch = 2, led_until = now() + interval '1 hour'")
    assert database.row("SELECT number, bytes FROM waiting_responses()") == (0, 0)
    database.connection.execute("UPDATE requests SET epoch = 2")
    assert database.row("SELECT number, bytes FROM waiting_responses()") == (1, 4)

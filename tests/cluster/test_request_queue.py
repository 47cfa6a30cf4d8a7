"""The keeper's requests and responses in PostgreSQL, without processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from pydantic import SecretStr
from scrapy import Request

from cluster import claim
from cluster.claim import LeadershipClaim
from cluster.connection import connection_parameters, explained
from cluster.errors import ClusterError, RequestFailedError, UnavailableError
from cluster.leadership import Leadership
from cluster.request_queue import RequestQueue
from cluster.schema import create
from config.cluster_settings import ClusterSettings
from crawler.http.backoff import HostBackoffs
from crawler.http.failures import ClosingError
from crawler.http.middleware import DOCID
from tests.support.postgres import Postgres

URL = "https://finance.sina.com.cn/1.html"
NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture
def dsn(postgres: Postgres) -> str:
    """The address of an empty cluster."""
    address = postgres.new_database("request_queue")
    create(address, roles=False)
    return address


def queue_of(dsn: str, may_take: Callable[[], bool] = lambda: True) -> RequestQueue:
    """The queue of a keeper."""
    return RequestQueue(
        ClusterSettings(dsn=SecretStr(dsn)),
        Leadership("me", lambda: None, 1 << 30, lambda docid, body: False),
        delay=lambda: 0.0,
        backoffs=HostBackoffs(timedelta(seconds=1), lambda: NOW),
        may_take=may_take,
    )


def article(docid: str, url: str = URL, **more: Any) -> Request:
    """A request for an article."""
    return Request(url, meta={DOCID: docid}, **more)


def query(dsn: str, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with psycopg.connect(dsn, options="-c search_path=finarchive") as connection:
        cursor = connection.execute(statement, arguments)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


async def until(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return its value."""
    async with asyncio.timeout(20):
        while not (value := condition()):  # noqa: ASYNC110 - it is in PostgreSQL, which raises no event
            await asyncio.sleep(0.02)
    return value


def run(queue: RequestQueue, test: Callable[[], Awaitable[None]]) -> None:
    """Run a test beside the exchange of a queue."""

    async def main() -> None:
        exchange = asyncio.create_task(queue.run())
        try:
            await test()
            assert not exchange.done(), exchange.exception()
        finally:
            exchange.cancel()
            with suppress(asyncio.CancelledError):
                await exchange

    asyncio.run(main())


def test_an_article_that_is_recorded_and_asked_for_again_at_once_is_requested(dsn: str) -> None:
    queue = queue_of(dsn)

    async def test() -> None:
        queue.record("1")
        download = asyncio.create_task(queue.download(article("1")))
        await until(lambda: query(dsn, "SELECT 1 FROM requests WHERE subject = '1'"))
        await asyncio.sleep(0)
        query(dsn, "UPDATE requests SET state = 'done', outcome = %s, body = ''", OUTCOME)
        assert (await asyncio.wait_for(download, 20)).status == 200

    run(queue, test)


OUTCOME = '{"url": "https://a.cn/", "status": 200, "headers": [], "flags": [], "latency": 0.1}'


def test_a_reload_during_an_exchange_loses_no_request(dsn: str) -> None:
    later: list[asyncio.Task[Any]] = []

    def reload_once() -> bool:
        if queue.number == 0 and not later:  # the exchange has taken the first request out of the queue
            queue.release()
            later.append(asyncio.create_task(queue.download(Request(f"{URL}?new"))))
        return True

    queue = queue_of(dsn, reload_once)

    async def test() -> None:
        first = asyncio.create_task(queue.download(Request(f"{URL}?old")))
        await until(lambda: query(dsn, "SELECT 1 FROM requests WHERE url LIKE '%%new'"))
        first.cancel()
        query(dsn, "UPDATE requests SET state = 'done', outcome = %s, body = ''", OUTCOME)
        assert (await asyncio.wait_for(later[0], 20)).status == 200

    run(queue, test)


def test_a_request_that_cannot_be_stored_fails_and_no_other(dsn: str) -> None:
    queue = queue_of(dsn)

    async def test() -> None:
        long = asyncio.create_task(queue.download(article("1", f"{URL}?{'x' * 9000}")))
        wrong = asyncio.create_task(queue.download(article("2", priority=1_000_000)))
        with pytest.raises(RequestFailedError, match="smallint"):
            await asyncio.wait_for(wrong, 20)
        await until(lambda: query(dsn, "SELECT 1 FROM requests WHERE subject = '1'"))
        assert query(dsn, "SELECT count(*) FROM requests") == [(1,)]
        queue.release()
        with pytest.raises(ClosingError):
            await long

    run(queue, test)


def test_a_state_that_is_nonsense_is_none(dsn: str) -> None:
    queue = queue_of(dsn)

    async def test() -> None:
        download = asyncio.create_task(queue.download(Request(URL)))
        await until(lambda: query(dsn, "SELECT 1 FROM requests"))
        query(dsn, """UPDATE hosts SET state = '{"backoff": {"host": 1}}', backed_off_until = now() + '1 hour'""")
        query(dsn, "UPDATE requests SET state = 'done', outcome = %s, body = ''", OUTCOME)
        assert (await asyncio.wait_for(download, 20)).status == 200

    run(queue, test)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.OperationalError("server closed the connection"), UnavailableError),
        (psycopg.errors.AdminShutdown("terminating"), UnavailableError),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), UnavailableError),
        (psycopg.errors.DiskFull("No space left"), UnavailableError),
        (psycopg.errors.ProgramLimitExceeded("index row size"), ClusterError),
        (psycopg.errors.UndefinedFunction("deliver"), ClusterError),
        (psycopg.OperationalError('FATAL: database "x" does not exist'), ClusterError),
    ],
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_an_outage_is_told_from_a_mistake(error: Exception, kind: type[Exception], is_wrapped: bool) -> None:
    raised = ConnectorException("Database error") if is_wrapped else error
    raised.__cause__ = error if is_wrapped else None
    with pytest.raises(ClusterError) as caught, explained():
        raise raised
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["postgresql://k:SEC%RET@db/x", "host=db password=SEC RET", "postgres:/k:SECRET@db/x"]
)
def test_an_address_that_cannot_be_read_is_not_shown(address: str) -> None:
    with pytest.raises(ClusterError, match=r"^the address of PostgreSQL cannot be read: .*%25") as caught:
        connection_parameters(address)
    assert "SEC" not in str(caught.value)
    assert "RET" not in str(caught.value)


def test_a_claim_is_renewed_each_time_it_is_held_and_ends_when_somebody_else_leads(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "_RENEW_SECONDS", 0.02)
    leading = LeadershipClaim(dsn, "me")
    assert leading.attempt(None, can_follow=False) is None
    assert LeadershipClaim(dsn, "other").attempt(None, can_follow=False) == "me"

    async def renewed() -> None:
        query(dsn, "UPDATE cluster SET led_until = now() + interval '1 s'")
        await until(lambda: query(dsn, "SELECT 1 FROM cluster WHERE led_until > now() + interval '10 s'"))

    for _ in range(2):
        with leading.held():
            asyncio.run(renewed())
    with leading.held():
        query(dsn, "UPDATE cluster SET epoch = epoch + 1, leader = 'other'")
        asyncio.run(until(lambda: not leading.is_certain()))


def test_an_empty_archive_may_follow_and_not_lead(dsn: str) -> None:
    query(dsn, "UPDATE cluster SET archive = '<urn:uuid:1>'")
    assert "no copy of the archive" in (LeadershipClaim(dsn, "me").attempt(None, can_follow=True) or "")
    for archive in (None, "<urn:uuid:2>"):
        with pytest.raises(ClusterError, match=r"belongs to another archive \(<urn:uuid:1>\)"):
            LeadershipClaim(dsn, "me").attempt(archive, can_follow=False)
    assert LeadershipClaim(dsn, "me").attempt("<urn:uuid:1>", can_follow=False) is None

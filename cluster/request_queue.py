"""The keeper's requests in PostgreSQL: puts them in, and takes the responses out."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection
from psycopg.types.json import Json
from scrapy import Request
from scrapy.http import Response

from cluster.claim import resign
from cluster.connection import connect, explained, one_row
from cluster.errors import ClusterError, RequestFailedError, UnavailableError
from cluster.jobs import defer_hosts, job_app
from cluster.leadership import Leadership
from cluster.leases import elapsed
from cluster.numbers import ClusterNumbers
from cluster.schema import check_version
from cluster.wire import read_outcome, read_state, request_document
from config.cluster_settings import ClusterSettings
from crawler import urls
from crawler.http.backoff import HostBackoffs
from crawler.http.failures import ClosingError
from crawler.http.middleware import DOCID

logger = logging.getLogger("finarchive")

CYCLE_SECONDS = 1.0  # without an event, look into PostgreSQL this often
RETRY_SECONDS = 3.0  # between two attempts to reach PostgreSQL
COUNT_SECONDS = 5.0  # between two readings of the numbers for metrics
_TAKEN_AT_ONCE = 16  # responses; each may have megabytes
_CONNECTIONS = 2

_NUMBERS = """
    SELECT (SELECT count(*) FROM fetchers WHERE seen > now() - interval '30 seconds'),
        count(*) FILTER (WHERE state = 'queued'),
        coalesce(extract(epoch FROM now() - min(created) FILTER (WHERE state = 'queued')), 0)::float8,
        count(*) FILTER (WHERE state = 'done'),
        coalesce(sum(octet_length(body)) FILTER (WHERE state = 'done'), 0)::bigint
    FROM requests
"""


class _Waiting(Struct):
    """A request that waits for its outcome."""

    request: Request
    outcome: asyncio.Future[Response]


class RequestQueue:
    """Has fetchers send requests; a :class:`~crawler.http.transfer.RemoteDownloader`.

    :param leadership: of this keeper
    :param delay: returns the seconds between two requests to a host
    :param backoffs: learn what fetchers learn of hosts
    :param may_take: whether responses can be recorded now
    """

    def __init__(
        self,
        settings: ClusterSettings,
        leadership: Leadership,
        *,
        delay: Callable[[], float],
        backoffs: HostBackoffs,
        may_take: Callable[[], bool],
    ) -> None:
        self._dsn = settings.dsn.get_secret_value() if settings.dsn else ""
        self._delay = delay
        self.leadership = leadership
        self._backoffs = backoffs
        self._may_take = may_take
        self.away: str | None = None  # why PostgreSQL cannot be used now
        self._new: list[_Waiting] = []
        self._waiting: dict[int, _Waiting] = {}
        self._recorded: list[str] = []  # docids of articles whose responses are in the archive
        self._dropped: list[int] = []  # rows that nobody waits for any more
        self._event = asyncio.Event()
        self._is_connected = False
        self._numbers = ClusterNumbers()
        self._counted_at = -math.inf  # on `elapsed`

    @property
    def number(self) -> int:
        """Number of requests that wait for their outcome."""
        return len(self._new) + len(self._waiting)

    async def download(self, request: Request) -> Response:
        """See :class:`~crawler.http.transfer.RemoteDownloader`."""
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._new.append(waiting)
        self._event.set()
        return await waiting.outcome

    def release(self) -> None:
        """Let all requests that wait fail; what fetchers still send of articles is kept for the next time."""
        for waiting in [*self._new, *self._waiting.values()]:
            if not waiting.outcome.done():
                waiting.outcome.set_exception(ClosingError("the spider is closing"))
        self._dropped += [row for row, waiting in self._waiting.items() if _subject(waiting.request) is None]
        self._new.clear()
        self._waiting.clear()

    def record(self, docid: str) -> None:
        """Note that the response of an article is in the archive."""
        self._recorded.append(docid)

    def resign(self) -> None:
        """Let another keeper lead at once; call it when nothing more is written."""
        if self.leadership.epoch:
            resign(self._dsn, self.leadership.epoch)

    async def run(self) -> None:
        """Work until cancelled. Waits while PostgreSQL is away, and while another keeper leads.

        :raises StaleEpochError: another keeper has taken over
        :raises ClusterError: the cluster cannot be used, for a reason that does not pass
        """
        while True:
            try:
                await self._run_connected()
            except UnavailableError as error:
                if self.away is None:
                    logger.error("postgresql-away reason=%r", f"{error}; trying again every {RETRY_SECONDS:.0f} s")
                self.away = str(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _run_connected(self) -> None:
        app = job_app(self._dsn, _CONNECTIONS)
        async with await connect(self._dsn) as connection, await connect(self._dsn) as listening:
            await check_version(connection)
            if not self.leadership.epoch:
                with explained():
                    await self.leadership.wait(connection)
            if self.away is not None:
                logger.warning("postgresql-again")
                self.away = None
            self._new = [*self._waiting.values(), *self._new]  # known rows are found again by their subject
            self._dropped += list(self._waiting)
            self._waiting.clear()
            listener = asyncio.create_task(self._listen(listening))
            self._is_connected = True
            try:
                with explained():
                    await app.open_async()
                while True:
                    self._event.clear()
                    with explained():
                        hosts, has_more = await self._cycle(connection)
                        await self._count(connection)
                        await defer_hosts(app, hosts)
                    if listener.done():
                        raise UnavailableError("the connection for notifications has ended")
                    if not (has_more or self._new):
                        with suppress(TimeoutError):
                            await asyncio.wait_for(self._event.wait(), CYCLE_SECONDS)
            finally:
                self._is_connected = False
                listener.cancel()
                await asyncio.gather(listener, return_exceptions=True)
                with suppress(ConnectorException):  # the connections are gone already
                    await app.close_async()

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute("LISTEN finarchive_responses")
        async for _ in connection.notifies():
            self._event.set()

    def numbers(self) -> ClusterNumbers:
        """Return the state of the cluster, not older than some seconds."""
        is_up = self.away is None and self._is_connected
        return replace(self._numbers, is_up=is_up, leads=self.leadership.is_certain(), epoch=self.leadership.epoch)

    async def _count(self, connection: AsyncConnection[Any]) -> None:
        """Read the numbers, if the last ones are old."""
        if elapsed() - self._counted_at >= COUNT_SECONDS:
            row = await one_row(connection, _NUMBERS)
            self._numbers = ClusterNumbers(False, False, 0, *row)
            await self.leadership.clean_up(connection)
            self._counted_at = elapsed()

    # Requests and responses

    async def _cycle(self, connection: AsyncConnection[Any]) -> tuple[list[str], bool]:
        """Exchange what is new; return the hosts that need a job, and whether more responses may be there."""
        asked = elapsed()
        new, recorded, dropped = self._new, self._recorded, self._dropped
        self._new, self._recorded, self._dropped = [], [], []
        try:
            async with connection.transaction():
                await self.leadership.check(connection)
                await self._delete(connection, recorded, dropped)
                rows = [await self._insert_or_fail(connection, waiting) for waiting in new]
                hosts = await _idle_hosts(connection) if new else []
                taken = await self._take(connection) if self._may_take() else []
        except BaseException:
            self._new[:0], self._recorded[:0], self._dropped[:0] = new, recorded, dropped
            raise
        self.leadership.renewed(asked)
        for row, waiting in zip(rows, new, strict=True):
            if row is not None and waiting.outcome.done():  # it was released meanwhile
                self._dropped.append(row)
            elif row is not None:
                self._waiting[row] = waiting
        for row, outcome, body, host, state, backed_off in taken:
            self._backoffs.adopt(host, read_state(state, timedelta(seconds=backed_off)))
            if answered := self._waiting.pop(row, None):
                _settle(answered, outcome, body)
        return hosts, len(taken) == _TAKEN_AT_ONCE or bool(new)  # a response to what is new may be there already

    @staticmethod
    async def _delete(connection: AsyncConnection[Any], recorded: list[str], dropped: list[int]) -> None:
        """Delete the rows of recorded articles, and those of lists that nobody waits for."""
        if recorded:
            await connection.execute("DELETE FROM requests WHERE subject = ANY(%s)", (recorded,))
        if dropped:
            await connection.execute("DELETE FROM requests WHERE id = ANY(%s) AND subject IS NULL", (dropped,))

    async def _insert_or_fail(self, connection: AsyncConnection[Any], waiting: _Waiting) -> int | None:
        """Insert a request; one that PostgreSQL cannot store fails, and no other."""
        try:
            with explained():
                async with connection.transaction():  # a savepoint
                    return await self._insert(connection, waiting.request)
        except UnavailableError:
            raise
        except ClusterError as error:
            if not waiting.outcome.done():
                waiting.outcome.set_exception(RequestFailedError(str(error)))
            return None

    async def _insert(self, connection: AsyncConnection[Any], request: Request) -> int:
        host = urls.host(request.url)
        await connection.execute(
            "INSERT INTO hosts (host, delay) VALUES (%s, %s)"
            " ON CONFLICT (host) DO UPDATE SET delay = excluded.delay WHERE hosts.delay <> excluded.delay",
            (host, self._delay()),
        )
        document, digest = Json(request_document(request)), sha256(request.url.encode()).digest()
        row = await one_row(
            connection,
            "INSERT INTO requests (epoch, host, priority, subject, url, digest, request)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (subject, digest) DO UPDATE SET epoch = excluded.epoch, priority = excluded.priority,"
            " state = CASE requests.state WHEN 'taken' THEN 'done' ELSE requests.state END RETURNING id",
            *(self.leadership.epoch, host, request.priority, _subject(request), request.url, digest, document),
        )
        return int(row[0])

    async def _take(self, connection: AsyncConnection[Any]) -> list[tuple[Any, ...]]:
        """Take responses that somebody waits for; those of articles stay until they are recorded."""
        cursor = await connection.execute(
            "WITH taken AS (UPDATE requests SET state = 'taken' WHERE id IN (SELECT id FROM requests"
            " WHERE state = 'done' AND epoch = %s AND id = ANY(%s) ORDER BY completed LIMIT %s)"
            " RETURNING id, host, subject, outcome, body)"
            " SELECT taken.id, taken.outcome, taken.body, hosts.host, hosts.state,"
            " greatest(0, extract(epoch FROM hosts.backed_off_until - now()))::float8, taken.subject IS NULL"
            " FROM taken JOIN hosts ON hosts.host = taken.host",
            (self.leadership.epoch, list(self._waiting), _TAKEN_AT_ONCE),
        )
        taken = await cursor.fetchall()
        # Lists are read again if this process dies; a failure has nothing to keep.
        if unneeded := [row[0] for row in taken if row[6] or row[2] is None]:
            await connection.execute("DELETE FROM requests WHERE id = ANY(%s)", (unneeded,))
        return [row[:6] for row in taken]


async def _idle_hosts(connection: AsyncConnection[Any]) -> list[str]:
    return [row[0] for row in await (await connection.execute("SELECT idle_hosts(-32768)")).fetchall()]


def _settle(waiting: _Waiting, outcome: dict[str, Any], body: bytes | None) -> None:
    if waiting.outcome.done():
        return
    try:
        waiting.outcome.set_result(read_outcome(waiting.request, outcome, body))
    except Exception as error:
        waiting.outcome.set_exception(error)


def _subject(request: Request) -> str | None:
    docid: str | None = request.meta.get(DOCID)
    return docid

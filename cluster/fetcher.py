"""A fetcher: takes requests from PostgreSQL, sends them, and stores the responses there."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.psycopg_connector import PsycopgConnector
from scrapy import Spider

from cluster.connection import connect
from cluster.errors import ClusterError, UnavailableError
from cluster.fetch_spider import FetchSpider, fetch_settings
from cluster.host_store import ANY_PRIORITY, HostStore
from cluster.jobs import HEARTBEAT_SECONDS, QUEUE, TASK, defer_hosts, end_dead_jobs, job_app
from cluster.leases import HostLease, elapsed
from cluster.schema import VERSION, check_version
from cluster.wire import error_document, read_request, read_state, response_document, state_document
from config.model import NetworkSettings
from crawler.engine import SpiderRunner
from crawler.http.backoff import HostBackedOffError, HostBackoffs
from crawler.http.failures import ClosingError
from crawler.http.transfer import TransferState

logger = logging.getLogger("finarchive")

# A host is given back after so many requests or seconds, so that hosts share the fetchers fairly.
QUANTUM_REQUESTS = 50
QUANTUM_SECONDS = 10.0
LONG_WAIT_SECONDS = 15.0  # a host whose delay is longer is given back meanwhile
LIST_PRIORITY = 1  # of lists and robots.txt, or higher
CONNECTIONS = 8  # a fetcher waits for sites, not for PostgreSQL
RETRY_SECONDS = 3.0  # between two attempts to reach PostgreSQL
_OUTAGES = (UnavailableError, psycopg.OperationalError, psycopg.InterfaceError, ConnectorException, OSError)


class FetchRunner(SpiderRunner):
    """Fetches until SIGTERM or SIGINT. It keeps nothing on this machine.

    :param dsn: address of PostgreSQL
    :param network: limits of its requests
    :param hosts: maximum number of hosts at a time
    :param version: of finarchive
    """

    def __init__(self, dsn: str, network: NetworkSettings, hosts: int, version: str) -> None:
        self._dsn = dsn
        self._network = network
        self._hosts = hosts
        self._version = version
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._backoffs = HostBackoffs(
            network.rest, lambda: datetime.now(UTC), elapsed=lambda: timedelta(seconds=elapsed())
        )
        self._leases: dict[int, HostLease] = {}  # by job
        self._is_paused = False
        super().__init__(self._work)

    def _scrapy_settings(self) -> dict[str, Any]:
        return fetch_settings(self._network, self._hosts)

    def _spider_class(self) -> tuple[type[Spider], dict[str, Any]]:
        return FetchSpider, {"transfer": TransferState(self._backoffs, {})}

    def _is_closing(self) -> bool:
        transfer = self._transfer()
        return transfer is not None and transfer.is_closing

    async def _work(self) -> None:
        is_reported = False
        while True:
            try:
                async with await connect(self._dsn) as connection:
                    await check_version(connection)
                if is_reported:
                    logger.warning("postgresql-again")
                is_reported = False
                await self._work_until_outage()
            except _OUTAGES as error:
                if not is_reported:
                    logger.error("postgresql-away reason=%r", f"{error}; trying again every {RETRY_SECONDS:.0f} s")
                is_reported = True
            self._leases.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _work_until_outage(self) -> None:
        app = job_app(self._dsn, CONNECTIONS)
        async with app.open_async():
            store = HostStore(cast(PsycopgConnector, app.connector).pool)

            @app.task(name=TASK, pass_context=True)
            async def fetch_host(context: procrastinate.JobContext, host: str) -> None:
                await self._fetch_host(app, store, HostLease(host, context.job.id or 0))

            maintenance = asyncio.create_task(self._maintain(app, store))
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    name=self._name,
                    concurrency=self._hosts,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    fetch_job_polling_interval=HEARTBEAT_SECONDS,
                    update_heartbeat_interval=HEARTBEAT_SECONDS,
                )
            )
            try:
                await asyncio.wait({maintenance, worker}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (maintenance, worker):
                    task.cancel()
                ended = await asyncio.gather(maintenance, worker, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception):
                    raise error

    async def _maintain(self, app: procrastinate.App, store: HostStore) -> None:
        """Do what any fetcher does for all: note who lives, take over from the dead, pause while too much waits."""
        while True:
            version = await store.note_fetcher(self._name, self._version, len(self._leases), self.requests)
            if version != VERSION:
                raise ClusterError(f"the cluster has got schema {version}, and this fetcher knows {VERSION}")
            if self._leases:
                await store.renew(list(self._leases.values()))
            await end_dead_jobs(app, await store.lost_jobs())
            waiting = await store.waiting()
            if self._is_paused != (waiting.bytes > waiting.max_bytes):
                self._is_paused = not self._is_paused
                what = "paused" if self._is_paused else "resumed"
                logger.warning("%s responses=%d bytes=%d", what, waiting.number, waiting.bytes)
            await defer_hosts(app, await store.idle_hosts(self._lowest_priority()))
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _lowest_priority(self) -> int:
        """Return the lowest priority that is requested: while it pauses, lists, which the keeper reads first."""
        return LIST_PRIORITY if self._is_paused else ANY_PRIORITY

    async def _fetch_host(self, app: procrastinate.App, store: HostStore, lease: HostLease) -> None:
        """Send requests of a host until its quantum ends, and give it back."""
        try:
            while claim := await store.claim(lease):
                if not claim.wait:
                    break
                await asyncio.sleep(min(claim.wait, 1.0))
                if self._is_closing():
                    return
            if claim is None:
                return
            self._backoffs.adopt(lease.host, read_state(claim.state, claim.backed_off))
            self._leases[lease.job] = lease
            wait = await self._fetch_requests(store, lease)
            if await store.release(lease) and not self._is_paused:
                await defer_hosts(app, [lease.host], wait)
        except _OUTAGES as error:  # what was not delivered is fetched again
            logger.warning("host-given-up host=%s reason=%r", lease.host, str(error))
        except Exception as error:  # Procrastinate would log it, and go on
            self._crashed(error)
        finally:
            self._leases.pop(lease.job, None)

    async def _fetch_requests(self, store: HostStore, lease: HostLease) -> float:
        """Send requests of a host; return the seconds for which no other fetcher can go on."""
        ends, number = elapsed() + QUANTUM_SECONDS, 0
        while number < QUANTUM_REQUESTS and elapsed() < ends and not self._is_closing():
            if backoff := self._backoffs.current(lease.host):
                await store.return_requests(lease, error_document(HostBackedOffError(backoff), lease.host))
                return 0.0
            taken = await store.take(lease, self._lowest_priority())
            if taken is None or taken.wait is None:
                return 0.0
            if taken.id is None and taken.wait > LONG_WAIT_SECONDS:
                return taken.wait
            if taken.id is None:
                await asyncio.sleep(min(taken.wait, 1.0))
            elif not await self._fetch(store, lease, taken.id, taken.url or "", taken.document or {}):
                return 0.0
            else:
                number += 1
        return 0.0

    async def _fetch(
        self, store: HostStore, lease: HostLease, number: int, url: str, document: dict[str, Any]
    ) -> bool:
        """Send a request and store its outcome; return whether to go on with the host."""
        body = None
        try:
            response = await self._send(read_request(url, document), lease)
            outcome, body = response_document(response), response.body
        except ClosingError:
            return False
        except Exception as error:
            outcome = error_document(error, lease.host)
        state = self._backoffs.state(lease.host)
        deliver = partial(store.deliver, lease, number, state=state_document(state), backed_off=state.remaining)
        try:
            return await deliver(outcome, body)
        except UnavailableError:
            raise
        except ClusterError as error:  # PostgreSQL cannot store this response, now or later
            logger.warning("response-refused host=%s reason=%r", lease.host, str(error))
            return await deliver(error_document(error, lease.host), None)

    async def _send(self, request: Any, lease: HostLease) -> Any:
        """Send a request; break it off if the lease of its host ends: another fetcher may have the host by then.

        :raises ClosingError: it was broken off
        """
        spider = cast(FetchSpider, self._crawler.spider if self._crawler else None)
        if not lease.remaining():
            raise ClosingError("the host is lost")
        download = asyncio.ensure_future(spider.fetch(request))
        while not download.done():
            if not lease.remaining():
                download.cancel()
                await asyncio.gather(download, return_exceptions=True)
                raise ClosingError("the host is lost")
            await asyncio.wait({download}, timeout=lease.remaining())
        return download.result()

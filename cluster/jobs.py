"""Procrastinate's jobs: one for each host that has requests, so that no two fetchers send requests to a host."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from procrastinate.psycopg_connector import PsycopgConnector

from cluster.connection import configure, connection_parameters

QUEUE = "hosts"
TASK = "finarchive.fetch_host"
HEARTBEAT_SECONDS = 4.0
# A fetcher without a heartbeat for so long is dead or cut off, and its jobs begin anew.
DEAD_AFTER_SECONDS = 15.0


def job_app(dsn: str, connections: int) -> procrastinate.App:
    """Return the application of a process; the fetcher adds the task itself.

    :param connections: maximum number of connections to PostgreSQL, besides one for notifications
    """
    return procrastinate.App(
        connector=PsycopgConnector(
            conninfo="", kwargs=connection_parameters(dsn), configure=configure, min_size=1, max_size=connections,
            timeout=10.0,
        )
    )  # fmt: skip


async def defer_hosts(app: procrastinate.App, hosts: Iterable[str], wait: float = 0.0) -> None:
    """Have hosts fetched, as soon as a fetcher has room. A host that waits already is left as it is.

    :param wait: seconds before which no fetcher shall begin
    """
    schedule = {"schedule_in": {"seconds": round(wait)}} if wait else {}
    for host in hosts:
        task: Any = app.configure_task(
            TASK, queue=QUEUE, lock=host, queueing_lock=host, allow_unknown=True, **schedule
        )
        with suppress(AlreadyEnqueued):
            await task.defer_async(host=host)


async def end_dead_jobs(app: procrastinate.App, lost: Iterable[int]) -> None:
    """Delete the jobs of dead fetchers. They cannot begin again: their hosts may have a new one in the queue.

    :param lost: more jobs to delete
    """
    stalled = await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=DEAD_AFTER_SECONDS)
    for number in {job.id for job in stalled if job.id is not None} | set(lost):
        with suppress(ConnectorException):  # it has ended meanwhile
            await app.job_manager.finish_job_by_id_async(number, Status.FAILED, delete_job=True)
    await app.job_manager.prune_stalled_workers(DEAD_AFTER_SECONDS)

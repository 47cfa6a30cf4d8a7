"""The keeper: this process's part of a cluster. It has fetchers send its requests, if ``cluster.dsn`` is set."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from archive.journal.warc_records import digest
from archive.mirror.local import archive_id
from archive.model.article import Revision
from archive.model.errors import MissingExtraError
from archive.model.feed import Entry, Failure
from archive.model.fetch import Decision
from cluster.errors import LeaderError
from config.model import Settings
from scheduler.crawl.context import CrawlObserver
from scheduler.crawl.work_queue import ArchiveWorkQueue

if TYPE_CHECKING:
    from cluster.request_queue import RequestQueue

CHECK_INTERVAL_SECONDS = 0.1  # between two checks whether this keeper leads


class Keeper(CrawlObserver):
    """Connects the work queue of an archive with the fetchers of a cluster."""

    def __init__(self, work_queue: ArchiveWorkQueue) -> None:
        self._context = work_queue.context
        self.queue = _request_queue(work_queue)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lead the cluster: exchange requests and responses with PostgreSQL until the block ends.

        :raises LeaderError: another keeper leads,
        """
        leadership, exchange = self.queue.leadership, asyncio.create_task(self._exchange())
        self._context.observers.append(self)
        try:
            while not (leadership.epoch or exchange.done()):
                if leadership.leader:
                    raise LeaderError(f"{leadership.leader} leads the cluster: stop it, or have it do this")
                await asyncio.sleep(CHECK_INTERVAL_SECONDS)
            yield
        finally:
            self._context.observers.remove(self)
            exchange.cancel()
            await asyncio.gather(exchange, return_exceptions=True)

    def leads_after(self, claimed: Callable[[], bool]) -> Callable[[], bool]:
        """Return a function that says whether this process leads for certain.

        :param claimed: whether it does before the block of :meth:`running`
        """
        return lambda: claimed() or self.queue.leadership.is_certain()

    async def _exchange(self) -> None:
        progress = asyncio.create_task(self._note_progress())
        try:
            await self.queue.run()
        except Exception as error:
            self._context.crash(error)
        finally:
            progress.cancel()

    async def _note_progress(self) -> None:
        """Tell the watchdog that a request which waits for a fetcher, or for PostgreSQL, is no reason to restart."""
        while True:
            if self.queue.number:
                self._context.note_outcome()
            await asyncio.sleep(1.0)

    # CrawlObserver

    def archived(self, entry: Entry, revision: Revision) -> None:
        """The response is recorded."""
        self.queue.record(entry.docid)

    def rechecked(self, decision: Decision) -> None:
        """The response is recorded."""
        self.queue.record(decision.fetch.pending.entry.docid)

    def failed(self, failure: Failure) -> None:
        """The failure is recorded."""
        self.queue.record(failure.subject)


def keeper_of(work_queue: ArchiveWorkQueue) -> Keeper | None:
    """Return the keeper of a work queue; None if no cluster is configured.

    :raises MissingExtraError: the extra ``cluster`` is not installed
    """
    return Keeper(work_queue) if work_queue.context.settings.cluster.dsn else None


@asynccontextmanager
async def running(keeper: Keeper | None) -> AsyncIterator[None]:
    """Run a keeper, if there is one."""
    if keeper is None:
        yield
    else:
        async with keeper.running():
            yield


@contextmanager
def cluster_extra() -> Iterator[None]:
    """Explain an import that fails because the extra ``cluster`` is not installed.

    :raises MissingExtraError: it is not
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"cluster.dsn needs {error.name}: pip install 'finarchive[cluster]'") from error


@contextmanager
def claimed(settings: Settings) -> Iterator[Callable[[], bool]]:
    """Lead the cluster while a one-off command runs, if one is configured; yield whether it leads for certain.

    Call it with the lock of the archive, because a process that leads under the same name counts as dead.

    :raises LeaderError: another keeper leads
    :raises ClusterError: the cluster cannot be used
    """
    if settings.cluster.dsn is None:
        yield lambda: True
        return
    with cluster_extra():
        from cluster.claim import LeadershipClaim  # noqa: PLC0415 - an extra

    root = settings.archive.root.absolute()
    claim = LeadershipClaim(settings.cluster.dsn.get_secret_value(), keeper_name(root))
    if leader := claim.attempt(archive_id(root), can_follow=False):
        raise LeaderError(f"{leader} leads the cluster: stop it, or have it do this")
    try:
        with claim.held():
            yield claim.is_certain
    finally:
        claim.resign()


def keeper_name(root: Path) -> str:
    """Return a name that no other living keeper has: whoever has it also has the lock of the archive."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    machine = boot.read_text("ascii").strip() if boot.exists() else ""
    return f"{socket.gethostname()}:{root.resolve()} (boot {machine[:8]})"


def _request_queue(work_queue: ArchiveWorkQueue) -> RequestQueue:
    with cluster_extra():
        from cluster.leadership import Leadership  # noqa: PLC0415 - an extra
        from cluster.request_queue import RequestQueue  # noqa: PLC0415

    context, settings = work_queue.context, work_queue.context.settings.cluster
    root = context.archive.root

    def is_recorded(docid: str, body: bytes) -> bool:
        return bool(context.store.articles.seen([(docid, digest(body))]))

    return RequestQueue(
        settings,
        Leadership(keeper_name(root), lambda: archive_id(root), settings.max_waiting, is_recorded),
        delay=lambda: context.settings.network.delay,
        backoffs=work_queue.articles.backoffs,
        may_take=lambda: not (work_queue.articles.disk_refuses or context.suspended()),
    )

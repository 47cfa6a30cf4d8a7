"""A daemon that waits while another keeper leads its cluster: it follows the mirror, to take over at any moment."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from archive.backup.storage import open_storage
from archive.files.layout import lock_path
from archive.files.lock import Lock
from archive.files.replica_mark import read_mark, refuse_replica
from archive.mirror.adoption import make_replica, promote
from archive.mirror.local import archive_id
from archive.model.errors import MirrorError, TransientError
from cluster.errors import UnavailableError
from config.model import Settings
from crawler.errors import ParserUnavailableError
from pipeline.follow import FollowProgress, Replica
from scheduler.clock import Clock
from scheduler.daemon.systemd import Notifier
from scheduler.errors import StoppedError
from scheduler.keeper import cluster_extra, keeper_name

if TYPE_CHECKING:
    from cluster.claim import LeadershipClaim

logger = logging.getLogger("finarchive")

INTERVAL_SECONDS = 2.0  # between two attempts to lead, and two looks at the mirror


@contextmanager
def leading(settings: Settings, clock: Clock, notifier: Notifier) -> Iterator[Callable[[], bool]]:
    """Wait until this process leads the cluster, if one is configured; yield whether it leads for certain.

    Meanwhile ``archive.root`` is a replica of the mirror, if there is one. At the end it is an archive.

    :raises StoppedError: SIGTERM or SIGINT came first
    :raises ClusterError: the cluster cannot be used, for a reason that does not pass
    :raises ReplicaError: ``archive.root`` has what the mirror lacks, so it cannot follow
    """
    if settings.cluster.dsn is None:
        yield lambda: True
        return
    with cluster_extra():
        from cluster.claim import LeadershipClaim  # noqa: PLC0415 - an extra

    claim = LeadershipClaim(settings.cluster.dsn.get_secret_value(), keeper_name(settings.archive.root))
    with _stopped_by_signals():
        _Standby(settings, clock, notifier, claim).wait()
    with claim.held():
        yield claim.is_certain


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise StoppedError(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Standby:
    """Follows the mirror until this process leads."""

    def __init__(self, settings: Settings, clock: Clock, notifier: Notifier, claim: LeadershipClaim) -> None:
        self._settings = settings
        self._root = settings.archive.root.absolute()
        self._clock = clock
        self._notifier = notifier
        self._claim = claim
        self._replica: Replica | None = None
        self._reported: set[str] = set()  # errors, each of which may last for long

    def wait(self) -> None:
        """Wait until this process leads, and make its replica an archive.

        :raises ReplicaError: it is one, and there is no mirror that it could follow
        """
        if self._settings.journal.mirror is None:
            refuse_replica(self._root)
        try:
            while not self._takes_over():
                self._notifier.watchdog()
                time.sleep(INTERVAL_SECONDS)
        finally:
            if self._replica:
                self._replica.close()
        if promote(self._root):
            logger.warning("took-over root=%s", self._root)

    def _takes_over(self) -> bool:
        """Return whether this process leads, and has what the last leader has mirrored last."""
        if (leader := self._attempt()) is not None:
            self._report(f"standby leader={leader}", logging.INFO)
            self._notifier.ready(f"standby: {leader} leads")
            self._follow()
            return False
        if read_mark(self._root) is None:
            return True
        with self._claim.held():
            # Without the last pieces, the mirror would refuse this archive.
            while self._claim.is_certain() and not self._follow():
                self._notifier.watchdog()
                time.sleep(INTERVAL_SECONDS)
        return self._claim.is_certain()

    def _attempt(self) -> str | None:
        can_follow = self._settings.journal.mirror is not None
        try:
            with self._lock():
                return self._claim.attempt(archive_id(self._root), can_follow=can_follow)
        except UnavailableError as error:
            self._report(f"postgresql-away reason={str(error)!r}", logging.ERROR)
            return "unknown"

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the lock of the archive: a process that leads under the same name counts as dead.

        :raises LockedError: it is not dead
        """
        if self._replica or not lock_path(self._root).parent.exists():  # the replica has the lock; or nobody can
            yield
            return
        lock = Lock(lock_path(self._root), "run", self._clock.now())
        try:
            yield
        finally:
            lock.release()

    def _follow(self) -> bool:
        """Copy what is new in the mirror; return whether that succeeded."""
        address = self._settings.journal.mirror
        if address is None:
            return False
        try:
            if self._replica is None:
                storage = open_storage(address.get_secret_value())
                make_replica(self._root, storage)
                pulse = FollowProgress(self._pulse, self._pulse)
                max_body = self._settings.network.max_body
                self._replica = Replica(self._root, storage, max_body, self._clock.now(), pulse)
            self._replica.update(self._clock.now())
        except (TransientError, MirrorError, ParserUnavailableError) as error:
            self._report(f"follow-failed reason={str(error)!r}", logging.ERROR)
            if self._replica:
                self._replica.close()
                self._replica = None
            return False
        return True

    def _pulse(self, done: int, total: int) -> None:
        self._notifier.watchdog()

    def _report(self, message: str, level: int) -> None:
        """Log what is new, and not what lasts."""
        if message not in self._reported:
            logger.log(level, "%s", message)
        self._reported = {message}

"""Copies the journal to its mirror while a process writes to the archive. See D270."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta

from msgspec import Struct

from archive.archive import Archive
from archive.backup.storage import BackupStorage, open_storage
from archive.files.layout import index_path
from archive.mirror.status import MirrorStatus, read_mirror_status, write_mirror_status
from archive.mirror.writer import MirrorWriter
from archive.model.backoff import doubling
from archive.model.errors import ArchiveError
from archive.model.fetch import JournalPosition
from archive.model.secrets import mask_secrets, without_credentials
from archive.store import Store
from config.model import Settings
from crawler.parsing.pool import ParserPool
from pipeline.recovery import recover
from scheduler.clock import Clock
from scheduler.keeper import claimed

logger = logging.getLogger("finarchive")

# Seconds between two looks at the journal: what is written together is copied together. A request for each write
# would cost more at S3 than it is worth.
_INTERVAL_SECONDS = 1.0
# Seconds between two passes when nothing was written to the journal: a manifest or an anchor may be new.
_IDLE_SECONDS = 30.0
# Seconds between two copies of the state of all lists, which is some tens of KB and changes with every poll.
_LISTS_SECONDS = 60.0
# Seconds between two writes of the file that `status` reads.
_STATUS_SECONDS = 10.0
# Delays after a failure; they double. A place that restarts is back in seconds; after a long outage the copy goes on
# within minutes.
_MIN_RETRY_DELAY, _MAX_RETRY_DELAY = timedelta(seconds=2), timedelta(minutes=5)
# Time for the last pass when a process ends: the next one continues. systemd waits for 90 s, and the requests in
# flight have ended before.
STOP_TIMEOUT_SECONDS = 20.0


class MirrorSnapshot(Struct, frozen=True):
    """The state of the journal's mirror."""

    age: float  # seconds for which the oldest bytes wait to be copied
    failures: int  # attempts that failed since the process started
    is_failing: bool  # the last attempt failed


class JournalMirror:
    """Copies an archive to its mirror in a thread, which a slow place cannot make anything wait for.

    :param archive: with its journal open
    :param address: as in ``journal.mirror``
    :param may_write: asked before each write to the mirror; False: another process leads
    """

    def __init__(
        self, archive: Archive, address: str, clock: Clock, may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self.failures = 0  # attempts that failed since the start
        self._archive = archive
        self._address = address
        self._clock = clock
        self._may_write = may_write
        before = read_mirror_status(archive.root)
        place = without_credentials(address)
        copied_until = before.copied_until if before and before.place == place else None
        self._status = MirrorStatus(place, copied_until)
        self._storage: BackupStorage | None = None
        self._writer: MirrorWriter | None = None
        self._started = clock.now()
        self._has_passed = False  # everything was copied up to `_copied_end`
        self._copied_end: JournalPosition | None = None
        self._passed_at = self._lists_at = self._written_at = -float("inf")  # seconds of the monotonic clock
        self._failed_in_a_row = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)  # not waited for at the exit

    @property
    def status(self) -> MirrorStatus:
        """How the mirror is doing."""
        return self._status

    def age(self) -> timedelta:
        """Return how long the oldest bytes of the journal wait to be copied, at the longest."""
        if self._has_passed and self._copied_end == self._archive.journal_end():
            return timedelta(0)
        return self._clock.now() - (self._status.copied_until or self._started)

    def snapshot(self) -> MirrorSnapshot:
        """Return the state for the metrics."""
        return MirrorSnapshot(self.age().total_seconds(), self.failures, self._status.error is not None)

    def start(self) -> None:
        """Start copying."""
        logger.info("mirroring place=%r", self._status.place)
        self._thread.start()

    def stop(self, timeout: float | None = STOP_TIMEOUT_SECONDS) -> str | None:
        """Copy what is left, and stop; return why something is not copied, or None.

        :param timeout: seconds, after which what is left is for the next process; None: wait to the end
        """
        self._stop.set()
        self._thread.join(timeout)
        if self._thread.is_alive():
            return f"{self._status.place} takes longer than {timeout:.0f} s"
        return self._status.error

    def _run(self) -> None:
        while True:
            is_last = self._stop.is_set()
            self._attempt(is_last=is_last)
            if is_last:
                break
            delay = _INTERVAL_SECONDS
            if self._failed_in_a_row:
                delay = doubling(self._failed_in_a_row, _MIN_RETRY_DELAY, _MAX_RETRY_DELAY).total_seconds()
            self._stop.wait(delay)
        if self._storage:
            self._storage.close()

    def _attempt(self, *, is_last: bool) -> None:
        elapsed, now = self._clock.monotonic(), self._clock.now()
        end = self._archive.journal_end()  # after the time: what it has been written by then is before it
        is_idle = self._has_passed and end == self._copied_end
        if is_idle and not is_last and not self._failed_in_a_row and elapsed - self._passed_at < _IDLE_SECONDS:
            self._set_status(MirrorStatus(self._status.place, now))
            return
        try:
            self._copy(now, elapsed, is_last=is_last)
        except Exception as error:  # whatever happens at another place, archiving goes on
            if not isinstance(error, ArchiveError):
                logger.exception("mirror-crashed")
            self._fail(now, mask_secrets(str(error)))
            return
        if self._failed_in_a_row:
            logger.warning("mirrored-again place=%r failures=%d", self._status.place, self._failed_in_a_row)
        self._failed_in_a_row, self._passed_at = 0, elapsed
        self._has_passed, self._copied_end = True, end
        self._set_status(MirrorStatus(self._status.place, now), at_once=is_last or self._status.error is not None)

    def _copy(self, now: datetime, elapsed: float, *, is_last: bool) -> None:
        lists = None
        if is_last or elapsed - self._lists_at >= _LISTS_SECONDS:
            with closing(Store.open_for_reading(index_path(self._archive.root))) as store:
                lists = json.dumps(store.feeds.snapshot(), ensure_ascii=False).encode()
        if self._writer is None:
            self._storage = open_storage(self._address)
            self._writer = MirrorWriter(self._archive.root, self._storage, self._archive.journal_end, self._may_write)
        done = self._writer.copy(now, lists)
        if lists is not None:
            self._lists_at = elapsed
        if done.pieces:
            logger.debug("mirrored pieces=%d bytes=%d", done.pieces, done.size)

    def _fail(self, now: datetime, reason: str) -> None:
        self.failures += 1
        self._failed_in_a_row += 1
        if reason != self._status.error:  # once: it may last for days
            logger.error("mirror-failed reason=%r", reason)
        since = self._status.failing_since or now
        self._set_status(MirrorStatus(self._status.place, self._status.copied_until, reason, since), at_once=True)
        self._writer = None  # the next one reads what is there
        if self._storage:
            self._storage.close()
            self._storage = None

    def _set_status(self, status: MirrorStatus, *, at_once: bool = False) -> None:
        self._status = status
        elapsed = self._clock.monotonic()
        if at_once or elapsed - self._written_at >= _STATUS_SECONDS:
            self._written_at = elapsed
            with suppress(ArchiveError):  # a full disk: the log says it
                write_mirror_status(self._archive.root, status)


@contextmanager
def mirroring(
    archive: Archive,
    settings: Settings,
    clock: Clock,
    *,
    timeout: float | None = STOP_TIMEOUT_SECONDS,
    may_write: Callable[[], bool] = lambda: True,
) -> Iterator[JournalMirror | None]:
    """Copy the archive to its mirror while the block runs, and what is left at its end; None: there is no mirror.

    :param archive: with its journal open
    :param timeout: as for :meth:`JournalMirror.stop`
    :param may_write: as for :class:`JournalMirror`
    """
    address = settings.journal.mirror
    if address is None:
        yield None
        return
    mirror = JournalMirror(archive, address.get_secret_value(), clock, may_write)
    mirror.start()
    try:
        yield mirror
    finally:
        archive.log_lists()
        if reason := mirror.stop(timeout):
            logger.warning("mirror-behind reason=%r", reason)


class MirroredArchive(Struct):
    """An open archive whose journal is copied to its mirror, if it has one."""

    archive: Archive
    parsers: ParserPool
    now: datetime
    not_mirrored: str | None = None  # once it is closed: why the mirror lacks something, or has what was removed


@contextmanager
def open_mirrored(settings: Settings, command: str, now: Callable[[], datetime]) -> Iterator[MirroredArchive]:
    """Open an archive to remove something from it, with all records of its journal applied; then wait for its mirror.

    :param command: for the message of another process that finds it locked
    :raises ArchiveError: it cannot be opened
    :raises LeaderError: another keeper leads the cluster, so this archive does not count
    """
    with Archive(settings.archive.root, command, now()) as archive, ParserPool() as parsers:
        recover(archive, settings, now(), parsers)
        opened = MirroredArchive(archive, parsers, now())
        with (
            claimed(settings) as leads,
            mirroring(archive, settings, Clock(now), timeout=None, may_write=leads) as mirror,
        ):
            yield opened
        opened.not_mirrored = mirror.status.error if mirror else None

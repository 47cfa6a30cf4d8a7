"""Keep a replica current: copy what is new from the mirror, then replay it as recovery and rebuild do. See D271."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from os import cpu_count
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

from archive.backup.storage import BackupStorage
from archive.files import atomic, image_links
from archive.files.folders import make_root
from archive.files.layout import (
    image_link_path,
    image_path,
    index_path,
    journal_path,
    lock_path,
    unfinished_path,
)
from archive.files.lock import Lock
from archive.integrity.seal import adopt
from archive.integrity.takedown import remove_files
from archive.journal.event_documents import EventKind, load_images, load_ledger
from archive.journal.journal import Event
from archive.mirror.format import MirrorState, damaged
from archive.mirror.reader import MirrorReader
from archive.mirror.replica import ReplicaFiles
from archive.model.article import Post
from archive.model.errors import MirrorError
from archive.store import Store
from crawler.parsing.pool import ParserPool
from pipeline.rebuild import locked_staging_folder, rebuild_in
from pipeline.recovery import JournalTail
from pipeline.reparse import ReparseOptions


class FollowResult(Struct):
    """What an update has done."""

    sequence: int  # of the mirror's head
    at: str  # when that head was written, ISO 8601, UTC
    size: int = 0  # bytes of the journal that were copied
    events: int = 0  # that were applied; of a rebuild, all
    missing_images: list[str] = field(default_factory=list)  # paths of images that the mirror does not have


class FollowProgress(Struct, frozen=True):
    """Callbacks with what is done, and all there is to do."""

    on_copy: Callable[[int, int], None] = lambda done, total: None  # bytes of the journal
    on_replay: Callable[[int, int], None] = lambda done, total: None  # bytes of the journal, in a rebuild


class Replica:
    """A replica, locked and kept current by :meth:`update`.

    :param root: of the replica; a folder that is empty or does not exist becomes one
    :param max_body: bytes that a page may decompress to
    :raises MirrorError: there is no mirror, or it is damaged
    :raises ReplicaError: the folder is another archive's
    :raises LockedError: another process holds it
    """

    def __init__(
        self,
        root: Path,
        storage: BackupStorage,
        max_body: int,
        now: datetime,
        progress: FollowProgress | None = None,
    ) -> None:
        self.root = root.absolute()
        self._progress = progress or FollowProgress()
        self._reader = MirrorReader(storage)
        self._max_body = max_body
        self._files = ReplicaFiles(self.root, self._reader, self._progress.on_copy)
        self._is_checked = False  # what a process that was killed, or an error, has left is completed
        mirrored = self._newest()
        with atomic.wrap_os_errors(self.root):
            make_root(self.root)
        self._lock = Lock(lock_path(self.root), "follow", now)
        try:
            with atomic.wrap_os_errors(self.root):
                atomic.clear(unfinished_path(self.root))
            self._files.begin(mirrored)
        except BaseException:
            self._lock.release()
            raise
        self._parsers = ParserPool()

    def close(self) -> None:
        """Release the lock."""
        self._parsers.close()
        self._lock.release()

    def update(self, now: datetime) -> FollowResult | None:
        """Copy and replay what is new; return None if nothing is. It can be repeated after an error or a kill.

        :raises MirrorError: the mirror is damaged
        :raises ArchiveError: something cannot be read or written
        """
        mirrored = self._newest()
        if self._is_checked and self._files.state.sequence == mirrored.head.sequence:
            return None
        while True:
            try:
                return self._update(mirrored, now)
            except MirrorError:
                newer = self._newest()
                if newer.head.sequence == mirrored.head.sequence:
                    raise
                mirrored = newer  # the writer has replaced what was to be read

    def _update(self, mirrored: MirrorState, now: datetime) -> FollowResult:
        result = FollowResult(mirrored.head.sequence, mirrored.head.at)
        is_first, self._is_checked = not self._is_checked, False
        result.size = self._files.copy_journal(mirrored)
        if not index_path(self.root).exists():
            self._rebuild(now, result)
        self._replay(mirrored, now, result, is_first=is_first)
        self._files.finish(mirrored)
        self._is_checked = True
        return result

    def _newest(self) -> MirrorState:
        mirrored = self._reader.newest()
        if mirrored is None:
            raise MirrorError(
                f"there is no mirror at {self._reader.place}: set journal.mirror where the archive is, and run it"
            )
        return mirrored

    def _rebuild(self, now: datetime, result: FollowResult) -> None:
        options = ReparseOptions(self._max_body, cpu_count() or 1, self._progress.on_replay)
        with locked_staging_folder(self.root) as staging:
            result.events = rebuild_in(self.root, staging, options, None, now, dry_run=False).events

    def _replay(self, mirrored: MirrorState, now: datetime, result: FollowResult, *, is_first: bool) -> None:
        with closing(_Replay(self.root, self._parsers, self._max_body)) as replay:
            result.events += replay.apply(is_first=is_first)
        if replay.is_reformatted:  # all files are written with other settings
            self._rebuild(now, result)
        with closing(Store.open(index_path(self.root))) as store:
            self._copy_images(store, mirrored, replay, result, is_first=is_first or replay.is_reformatted)
            if replay.touches_lists or mirrored.head.lists != self._files.state.lists or is_first:
                self._restore_lists(store, mirrored)
            if mirrored.head.catalog != self._files.state.catalog or is_first:
                self._files.copy_manifests(mirrored)
                adopt(self.root, store)

    def _copy_images(
        self, store: Store, mirrored: MirrorState, replay: _Replay, result: FollowResult, *, is_first: bool
    ) -> None:
        """Copy the images that were stored since the last update; at the first one, all that are missing."""
        files, links = replay.images, replay.links
        if is_first:
            files, links = dict(store.images.files()), dict(store.images.links())
        result.missing_images = [path for path, sha256 in files.items() if not self._files.copy_image(path, sha256)]
        if mirrored.catalog.has_links:
            image_links.make_all(self.root, store.images.links())
            image_links.add(self.root, links)

    def _restore_lists(self, store: Store, mirrored: MirrorState) -> None:
        sha256 = mirrored.head.lists
        data = self._reader.file(sha256) if sha256 else None
        if data is None:  # it was just replaced
            return
        try:
            snapshot = load_ledger(json.loads(data))
        except ValueError as error:
            raise damaged(self._reader.place, "the state of all lists", error) from error
        store.feeds.adopt_snapshot(snapshot)


class _Replay:
    """Applies what the journal has and the index lacks."""

    def __init__(self, root: Path, parsers: ParserPool, max_body: int) -> None:
        self.is_reformatted = False  # an event changes the settings of all files; nothing after it is applied
        self.touches_lists = False
        self.images: dict[str, str] = {}  # path -> sha256, of images that were stored
        self.links: dict[PurePosixPath, PurePosixPath] = {}  # second names of these images -> path
        self._root = root
        self._store = Store.open(index_path(root))
        self._tail = JournalTail(self._store, parsers, max_body, self._write, on_applied=self._applied)

    def apply(self, *, is_first: bool) -> int:
        """Apply what is new; return the number of events.

        :param is_first: also complete what a process that was killed has left
        """
        if is_first:
            remove_files(self._root, self._store)
        return self._tail.apply_events(self._until_reformatted())

    def close(self) -> None:
        """Close the index."""
        self._store.close()

    def _until_reformatted(self) -> Iterator[Event]:
        for event in self._tail.unapplied(journal_path(self._root)):
            if event.kind == EventKind.FORMATTED:
                self.is_reformatted = True
                return
            yield event

    def _write(self, posts: Sequence[Post]) -> None:
        atomic.write_posts(self._root, unfinished_path(self._root), posts)

    def _applied(self, event: Event) -> None:
        match event.kind:
            case EventKind.FORGOTTEN:
                remove_files(self._root, self._store)
            case EventKind.FORGETTING_DONE:
                self._store.forgotten.purge()
            case EventKind.LEDGER | EventKind.SETTLED | EventKind.BROUGHT_TO_DATE:
                self.touches_lists = True
            case EventKind.IMAGES:
                for image in load_images(event.document)[0]:
                    path = image_path(image.sha256, image.media_type)
                    self.images[str(path)] = image.sha256
                    self.links[image_link_path(image.url)] = path

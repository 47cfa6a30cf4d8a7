"""Follow an index that another process writes, and that ``rebuild`` may replace with another file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, groupby
from pathlib import Path

from archive.model.results import Change
from archive.query.nodes import Query
from archive.search.changefeed import Changefeed
from archive.store import Store

BATCH_SIZE = 100  # articles read at once; their texts are in memory at the same time


class Follower:
    """Yields every article that is added to an index, once, in the order of the commits.

    :param path: of the index; it need not exist yet
    :param query: only articles that match it
    :param every: yield later versions too, and not only new articles
    """

    def __init__(self, path: Path, query: Query, *, every: bool = False) -> None:
        self._path = path
        self._query = query
        self._every = every
        self._store: Store | None = None
        self._stamp: tuple[int, ...] = ()  # of the file that is open; see _stamp
        self._version: int | None = None  # the data version of the index when it was last read
        self._position = 0  # all changes up to it have been yielded

    @property
    def is_waiting(self) -> bool:
        """True while there is no index to follow."""
        return self._store is None

    def begin(self, limit: int) -> list[Change]:
        """Open the index, and skip the changes that it has now.

        :return: the last of these changes, at most ``limit``; none if there is no index yet: then all will be new
        :raises ArchiveError: it cannot be read
        """
        self._store = self._open()
        if self._store is None:
            return []
        changefeed = self._store.changefeed
        self._position = changefeed.last_position()
        return changefeed.last(self._query, 0, self._position, limit, every=self._every) if limit else []

    def changes(self) -> Iterator[Change]:
        """Yield the changes since the last call.

        :raises ArchiveError: the index cannot be read
        """
        if self._store is None:
            self._store = self._open()
        if self._store is None:
            return
        now = _stamp(self._path)
        stamp = self._stamp
        # A process that has a replaced index open still reads the old file: read that to its end, then open the new
        # one. An index that was deleted may come back.
        successor = self._open() if now and now[: len(stamp)] != stamp else None
        yield from self._new_changes(self._store.changefeed)
        if successor:
            old = self._store
            self._store = successor
            self._version = None
            if self._stamp[:2] != stamp[:2]:
                yield from self._missing_changes(old.changefeed, successor.changefeed)
            old.close()
            yield from self._new_changes(successor.changefeed)

    def close(self) -> None:
        """Close the index."""
        if self._store:
            self._store.close()

    def _open(self) -> Store | None:
        before = _stamp(self._path)
        store = Store.open_for_following(self._path)
        after = _stamp(self._path)
        if store and after[:2] != before[:2]:  # replaced meanwhile: it may be either of the two
            store.close()
            return None
        if store:
            # A process that may not create the file that readers share with a writer reads an index without a writer
            # as an immutable file. It must open the index again when the file has changed.
            self._stamp = after if not _shared(self._path).exists() else after[:2]
        return store

    def _new_changes(self, changefeed: Changefeed) -> Iterator[Change]:
        version = changefeed.data_version()
        if version != self._version:
            last = changefeed.last_position()
            yield from self._read(changefeed, self._position, last)
            self._position = last
            self._version = version

    def _read(self, changefeed: Changefeed, after: int, upto: int) -> Iterator[Change]:
        while changes := changefeed.between(self._query, after, upto, BATCH_SIZE, every=self._every):
            yield from changes
            after = changes[-1].position

    def _missing_changes(self, old: Changefeed, new: Changefeed) -> Iterator[Change]:
        """Yield the versions that the old index lacks. The same versions may have other positions in the new one."""
        self._position = new.last_position()
        missing = sorted(each for each in _missing(old.keys(), new.keys()) if each <= self._position)
        # Runs of consecutive positions: position minus place in the list is the same within a run.
        places = count()
        for _, run in groupby(missing, key=lambda each: each - next(places)):
            positions = list(run)
            yield from self._read(new, positions[0] - 1, positions[-1])


def _missing(old: Iterable[tuple[str, int, int]], new: Iterable[tuple[str, int, int]]) -> Iterator[int]:
    """Yield the positions of the versions in ``new`` that ``old`` lacks; both are sorted by docid and number."""
    remaining = iter(old)
    at = next(remaining, None)
    for docid, number, position in new:
        while at and at[:2] < (docid, number):
            at = next(remaining, None)
        if at is None or at[:2] != (docid, number):
            yield position


def _shared(path: Path) -> Path:
    return path.with_name(f"{path.name}-shm")


def _stamp(path: Path) -> tuple[int, ...]:
    """Return device and inode of a file, then its mtime and whether a shared file exists; () if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns, int(_shared(path).exists())

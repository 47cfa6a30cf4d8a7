"""Follows an index that another process writes, and that ``rebuild`` may put another one in the place of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, groupby
from pathlib import Path

from archive.model.results import Change
from archive.query.parser import Query
from archive.search.changefeed import Changefeed
from archive.store import Store

MOST = 100  # articles that are read at once; their texts are in memory meanwhile


class Follower:
    """Gives every article that comes into an index once, in the order of the commits.

    :param path: of the index; it need not be there yet
    :param query: what articles are to be as
    :param every: later versions too, and not only articles that are new
    """

    def __init__(self, path: Path, query: Query, *, every: bool = False) -> None:
        self._path, self._query, self._every = path, query, every
        self._store: Store | None = None
        self._stamp: tuple[int, ...] = ()  # of the file that is open
        self._version: int | None = None  # of what it held at the last look
        self._position = 0  # up to which it is told

    @property
    def waits(self) -> bool:
        """Whether there is nothing to follow yet."""
        return self._store is None

    def begin(self, most: int) -> list[Change]:
        """Take the index as it stands for known.

        :return: the last of it, at most so much; nothing of an index that is not there yet: all of it will be new
        :raises ArchiveError: it cannot be read
        """
        self._store = self._open()
        if self._store is None:
            return []
        arrivals = self._store.changefeed
        self._position = arrivals.newest()
        return arrivals.last(self._query, 0, self._position, most, every=self._every) if most else []

    def fetch(self) -> Iterator[Change]:
        """What has come since the last look.

        :raises ArchiveError: the index cannot be read
        """
        if self._store is None:
            self._store = self._open()
        if self._store is None:
            return
        now, stamp = _stamp(self._path), self._stamp
        # An index that was replaced stays as it was for whoever has it open: read to its end, it gives way to the new
        # one. One that is gone may come back.
        successor = self._open() if now and now[: len(stamp)] != stamp else None
        yield from self._news(self._store.changefeed)
        if successor:
            old, self._store, self._version = self._store, successor, None
            if self._stamp[:2] != stamp[:2]:
                yield from self._changed_over(old.changefeed, successor.changefeed)
            old.close()
            yield from self._news(successor.changefeed)

    def close(self) -> None:
        """Close the index."""
        if self._store:
            self._store.close()

    def _open(self) -> Store | None:
        before = _stamp(self._path)
        store = Store.open_for_following(self._path)
        after = _stamp(self._path)
        if store and after[:2] != before[:2]:  # replaced just now: nobody knows which of the two this is
            store.close()
            return None
        if store:
            # Without the right to make the file that readers share with a writer, an index that nobody writes is
            # read as it stands: it is opened anew when it has changed.
            self._stamp = after if not _shared(self._path).exists() else after[:2]
        return store

    def _news(self, arrivals: Changefeed) -> Iterator[Change]:
        version = arrivals.version()
        if version != self._version:
            newest = arrivals.newest()
            yield from self._told(arrivals, self._position, newest)
            self._position, self._version = newest, version

    def _told(self, arrivals: Changefeed, after: int, upto: int) -> Iterator[Change]:
        while news := arrivals.between(self._query, after, upto, MOST, every=self._every):
            yield from news
            after = news[-1].position

    def _changed_over(self, old: Changefeed, new: Changefeed) -> Iterator[Change]:
        """The new one may number what the old one had otherwise: new is what the old one had not."""
        self._position = new.newest()
        unknown = sorted(each for each in _unknown(old.keys(), new.keys()) if each <= self._position)
        # Runs of numbers: each number less its place in the list is the same within one.
        places = count()
        for _, run in groupby(unknown, key=lambda each: each - next(places)):
            numbers = list(run)
            yield from self._told(new, numbers[0] - 1, numbers[-1])


def _unknown(old: Iterable[tuple[str, int, int]], new: Iterable[tuple[str, int, int]]) -> Iterator[int]:
    """Positions of the versions in a sorted list that another one has not."""
    known = iter(old)
    at = next(known, None)
    for docid, number, position in new:
        while at and at[:2] < (docid, number):
            at = next(known, None)
        if at is None or at[:2] != (docid, number):
            yield position


def _shared(path: Path) -> Path:
    return path.with_name(f"{path.name}-shm")


def _stamp(path: Path) -> tuple[int, ...]:
    """Which file is there, and then as of when; empty without one."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns, int(_shared(path).exists())

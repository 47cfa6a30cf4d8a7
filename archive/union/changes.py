"""Changes of the articles of several archives, by time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, Self

from msgspec.structs import replace

from archive.model.results import ArticleChange, ChangeKind, ChangesPage
from archive.query.nodes import Query
from archive.search.changes import SOURCES, ChangePlace
from archive.store import Store


class _UnionPlace(NamedTuple):
    """A place among the changes of all archives: the cursor that their pages have."""

    place: ChangePlace
    archive: str

    @classmethod
    def parse(cls, cursor: str) -> Self:
        *parts, archive = cursor.split("_", 3)
        return cls(ChangePlace.parse("_".join(parts)), archive)

    def __str__(self) -> str:
        return f"{self.place}_{self.archive}"

    def in_archive(self, name: str) -> ChangePlace:
        """Return the same place among the changes of one archive: at one moment, the first names come first."""
        if name == self.archive:
            return self.place
        return ChangePlace(self.place.at, 0 if name < self.archive else len(SOURCES), 0)

    def precedes(self, other: _UnionPlace) -> bool:
        """Return True if this change comes before another one, the newest first."""
        return self.place > other.in_archive(self.archive)


class UnionChanges:
    """Changes of articles of several stores: as :class:`~archive.search.changes.ChangeHistory` finds them in one.

    :param stores: by the name of the archive, sorted
    """

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._stores = stores

    def find(
        self,
        query: Query,
        limit: int,
        *,
        since: datetime | None = None,
        time: datetime | None = None,
        kinds: Collection[ChangeKind] = tuple(ChangeKind),
        cursor: str | None = None,
    ) -> ChangesPage:
        """Return changes of articles that match a query, the newest first. The parameters are those for one store.

        :raises QueryError: the cursor is not one
        """
        begin = _UnionPlace.parse(cursor) if cursor else None
        changes: list[tuple[_UnionPlace, ArticleChange]] = []
        ends: list[_UnionPlace] = []  # up to which each archive was read, if it has more
        for name, store in self._stores.items():
            start = str(begin.in_archive(name)) if begin else None
            page = store.changes.find(query, limit, since=since, time=time, kinds=kinds, cursor=start)
            changes += [(_UnionPlace(ChangePlace.parse(each.cursor), name), each) for each in page.changes]
            ends += [_UnionPlace(ChangePlace.parse(page.next), name)] if page.next else []
        # At one moment, the first names come first; within an archive, its own order stays.
        changes.sort(key=lambda each: each[0].place.at, reverse=True)
        end = next((each for each in ends if not any(other.precedes(each) for other in ends)), None)
        found: list[ArticleChange] = []
        for place, group in groupby(changes, key=lambda each: each[0]):
            if end and end.precedes(place):
                break
            found += [replace(change, cursor=str(place)) for _, change in group]
            if len(found) >= limit:
                return ChangesPage(tuple(found), str(place))
        return ChangesPage(tuple(found), str(end) if end else None)

    def texts(self, change: ArticleChange) -> tuple[str, str] | None:
        """Return the texts before and after an edit; None for another change, or if its index has not both."""
        archive = _UnionPlace.parse(change.cursor).archive
        return self._stores[archive].changes.texts(change)

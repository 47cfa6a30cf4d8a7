"""Several archives, read as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeAlias

from archive.files.folders import archive_root
from archive.index.connection import open_index_for_following
from archive.index.database import Database
from archive.index.union_views import ensure_few, join_index
from archive.model.errors import ArchiveError
from archive.search.names import QueryNames
from archive.search.search import Search
from archive.search.stock_names import StockNames
from archive.store import Store
from archive.union.changes import UnionChanges
from archive.union.history import UnionHistory
from archive.union.periods import UnionPeriods
from archive.union.stats import UnionStats


class UnionStore:
    """The indexes of several archives, open for reading, with the attributes of a Store that concern many articles.

    What concerns one article is read from :meth:`of`: the store of the archive that archived it first. An article of
    two archives is only there (D276). Paths of files begin with the name of the archive that has them.

    :param stores: by the name of the archive; opened by :meth:`open_for_reading`
    """

    missing: Mapping[str, str] = MappingProxyType({})  # archives that should be here and cannot be read, and why

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self.names_of_archives = tuple(stores)
        self.stores = tuple(stores.values())
        self.stocks: StockNames = self.stores[0].stocks.joined([each.stocks for each in self.stores])
        names = [each.names for each in self.stores]
        for store, own in zip(self.stores, names, strict=True):
            store.stocks = self.stocks
            store.names = own.joined(names, self.stocks)
        self.names: QueryNames = self.stores[0].names
        self.search = Search([each.search_part for each in self.stores])

    @classmethod
    def open_for_reading(
        cls, indexes: Mapping[str, Path], prepare: Callable[[Database], object] = lambda database: None
    ) -> Self:
        """Open the archives of these indexes, by their names.

        :param prepare: what else to do with the database of each
        :raises ArchiveError: one of them cannot be read or is of an older version, or they are too many
        """
        ensure_few(indexes)
        paths = {name: indexes[name].absolute() for name in sorted(indexes)}
        with ExitStack() as opened:
            databases = {}
            for name, path in paths.items():  # all are checked before they are attached to each other
                databases[name] = _open(path)
                opened.callback(databases[name].close)
            stores = {}
            for place, (name, path) in enumerate(paths.items()):
                listings = join_index(databases[name], [*paths.values()], place)
                stores[name] = Store(databases[name], path, f"{name}/", listings, place)
            for database in databases.values():
                prepare(database)
            opened.pop_all()
            return cls(stores)

    @cached_property
    def changes(self) -> UnionChanges:
        """Edits, retitlings, deletions and returns of articles."""
        return UnionChanges(dict(zip(self.names_of_archives, self.stores, strict=True)))

    @cached_property
    def stats(self) -> UnionStats:
        """Counts of articles."""
        return UnionStats(self.stores, self.search)

    @cached_property
    def periods(self) -> UnionPeriods:
        """All that was ever known of articles, by period."""
        return UnionPeriods(dict(zip(self.names_of_archives, self.stores, strict=True)))

    @cached_property
    def history(self) -> UnionHistory:
        """Articles near another one."""
        return UnionHistory(self.stores, self.of)

    def of(self, docid: str) -> Store:
        """Return the store that has an article; the first one for an article that none has."""
        since = {each: each.history.known_since(docid) for each in self.stores}
        known = {each: time for each, time in since.items() if time is not None}
        return min(known, key=known.__getitem__, default=self.stores[0])

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read the indexes within the block as they are now, whatever other processes commit meanwhile."""
        with ExitStack() as stack:
            for each in self.stores:
                stack.enter_context(each.snapshot())
            for each in self.stores:
                each.history.known_since("")  # the first read of all of them
            yield

    def close(self) -> None:
        """Close the databases."""
        for each in self.stores:
            each.close()


AnyStore: TypeAlias = Store | UnionStore


def _open(path: Path) -> Database:
    database = open_index_for_following(path)
    if database is not None:
        return database
    root = archive_root(path)
    if not path.exists():
        raise ArchiveError(f"there is no index {path}: name the folder of an archive")
    raise ArchiveError(
        f"the archive {root} is of an older finarchive, and cannot be read together with others: "
        f"finarchive --root {root} crawl brings it up to date"
    )

"""The index of an archive: one attribute for each kind of thing that it stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from archive.files.folders import archive_root
from archive.index.alerts import AlertIndex
from archive.index.backoffs import BackoffIndex
from archive.index.connection import (
    open_index,
    open_index_copy,
    open_index_for_following,
    open_index_for_reading,
)
from archive.index.containments import ContainmentIndex
from archive.index.coverage import CoverageIndex
from archive.index.database import Database
from archive.index.entries import EntryIndex
from archive.index.errors import wrap_sqlite_errors
from archive.index.feeds import FeedIndex
from archive.index.images import ImageIndex
from archive.index.listings import ListingIndex
from archive.index.log import OTHERS, ChangeLog
from archive.index.manifests import ManifestIndex
from archive.index.queues import FetchQueues
from archive.index.replay import replay
from archive.index.unlisted import UnlistedIndex
from archive.index.words import WordIndex

if TYPE_CHECKING:  # these import the query language, or warcio: many commands need neither
    from archive.index.articles import ArticleIndex
    from archive.index.forgotten import ForgottenIndex
    from archive.index.raw_pages import RawPageIndex
    from archive.journal.journal import Event
    from archive.search.changefeed import Changefeed
    from archive.search.changes import ChangeHistory
    from archive.search.history import History
    from archive.search.names import QueryNames
    from archive.search.periods import Periods
    from archive.search.search import Search
    from archive.search.search_part import SearchPart
    from archive.search.stats import Stats
    from archive.search.stock_names import StockNames


class Store:
    """The open index.

    Every public method of the store and of its attributes that writes is one transaction, unless its docstring says
    that the caller begins the transaction. All raise an ArchiveError that names the index and says what to do.

    ``feeds``: polls and arrival rates of feeds. ``coverage``: spans and gaps of their lists. ``listings``: the
    results of polls and backfills. ``containments``: lists that contain others. ``unlisted``: entries that left a
    list. ``entries``: articles to fetch for the first time. ``images``: the image queue and the stored images.
    ``queues``: entries and images together. ``backoffs``: hosts that are backed off. ``manifests``: what each
    manifest covers. ``alerts``: the progress of alerts. ``words``: the words of all versions. ``log``: writes changes
    to the journal. The other attributes are properties.

    :param prefix: begins the paths in the results of searches, exports and changes; see archive.union
    :param listings: tables that together have the rows of ``listings``, those of several indexes
    :param place: of this index among these
    """

    def __init__(
        self,
        database: Database,
        path: Path,
        prefix: str = "",
        listings: Sequence[str] = ("listings",),
        place: int = 0,
    ) -> None:
        self._db = database
        self._path = path
        self._prefix = prefix
        self._listings = listings
        self._place = place
        self.log = ChangeLog(database, path, self.apply)
        self.entries = EntryIndex(database, path)
        self.coverage = CoverageIndex(database, path)
        self.feeds = FeedIndex(database, path, self.coverage, self.log)
        self.unlisted = UnlistedIndex(database, path)
        self.containments = ContainmentIndex(database, path, self.log)
        self.listings = ListingIndex(
            database, path, self.entries, self.feeds, self.log, containments=self.containments
        )
        self.images = ImageIndex(database, path, self.log)
        self.queues = FetchQueues(database, path, self.log)
        self.backoffs = BackoffIndex(database, path)
        self.manifests = ManifestIndex(database, path)
        self.alerts = AlertIndex(database, path)
        self.words = WordIndex(database, path)

    @property
    def stores(self) -> tuple[Store, ...]:
        """This store alone: what reads one archive or several goes through these."""
        return (self,)

    @cached_property
    def root(self) -> Path:
        """The folder of the archive."""
        return archive_root(self._path)

    @property
    def prefix(self) -> str:
        """What begins the paths in results; see archive.union."""
        return self._prefix

    @property
    def missing(self) -> Mapping[str, str]:
        """Archives that should be here and cannot be read: none. See :class:`archive.union.store.UnionStore`."""
        return {}

    def of(self, docid: str) -> Store:
        """Return the store that has an article: this one. As :meth:`archive.union.store.UnionStore.of`."""
        return self

    @cached_property
    def articles(self) -> ArticleIndex:
        """Fetches and versions of articles."""
        from archive.index.articles import ArticleIndex  # noqa: PLC0415 - see above

        return ArticleIndex(self._db, self._path, self.log)

    @cached_property
    def forgotten(self) -> ForgottenIndex:
        """Articles that were removed on request."""
        from archive.index.forgotten import ForgottenIndex  # noqa: PLC0415 - see above

        return ForgottenIndex(self._db, self._path, self.log)

    @cached_property
    def raw_pages(self) -> RawPageIndex:
        """Raw pages that may be removed."""
        from archive.index.raw_pages import RawPageIndex  # noqa: PLC0415 - only compaction needs it

        return RawPageIndex(self._db, self._path)

    @cached_property
    def history(self) -> History:
        """Articles as of a time."""
        from archive.search.history import History  # noqa: PLC0415 - see above

        return History(self._db, self._path)

    @cached_property
    def search(self) -> Search:
        """Finds articles by their words."""
        from archive.search.search import Search  # noqa: PLC0415 - see above

        return Search([self.search_part])

    @cached_property
    def search_part(self) -> SearchPart:
        """What a search reads from this index."""
        from archive.search.search_part import SearchPart  # noqa: PLC0415 - see above

        return SearchPart(self._db, self._path, self.coverage, self.names, self._prefix)

    @cached_property
    def periods(self) -> Periods:
        """All that was ever known of articles, by period."""
        from archive.search.event_reader import EventReader  # noqa: PLC0415 - see above
        from archive.search.periods import Periods  # noqa: PLC0415

        reader = EventReader(self._db, self._path, self._listings, self._place)
        return Periods(self._db, self._path, self.names, self._prefix, reader)

    @cached_property
    def changefeed(self) -> Changefeed:
        """Versions in the order of their commits."""
        from archive.search.changefeed import Changefeed  # noqa: PLC0415 - see above

        return Changefeed(self._db, self._path, self.history, self.names)

    @cached_property
    def changes(self) -> ChangeHistory:
        """Edits, retitlings, deletions and returns of articles."""
        from archive.search.changes import ChangeHistory  # noqa: PLC0415 - see above

        return ChangeHistory(self._db, self._path, self.history, self.names, self._prefix)

    @cached_property
    def names(self) -> QueryNames:
        """The names in queries."""
        from archive.search.names import QueryNames  # noqa: PLC0415 - see above

        return QueryNames(self._db, self._path, self.stocks)

    @cached_property
    def stocks(self) -> StockNames:
        """The names of stocks."""
        from archive.search.stock_names import StockNames  # noqa: PLC0415 - see above

        return StockNames(self._db, self._path)

    @cached_property
    def stats(self) -> Stats:
        """Counts of articles."""
        from archive.search.stats import Stats  # noqa: PLC0415 - see above

        return Stats(self._db, self._path, self.search, self._listings)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the index at ``path`` for writing, or create it; see :func:`archive.index.connection.open_index`."""
        return cls(open_index(path), path)

    @classmethod
    def open_for_reading(cls, path: Path) -> Self:
        """Open the index without ever writing to it; an index that does not exist reads as an empty one."""
        return cls(open_index_for_reading(path), path)

    @classmethod
    def open_copy(cls, path: Path) -> Self:
        """Open a temporary copy of the index, which can be changed and is gone when it is closed."""
        return cls(open_index_copy(path), path)

    @classmethod
    def open_for_following(cls, path: Path) -> Self | None:
        """Open the index to follow what another process writes to it.

        :return: None while the index cannot be followed; see
            :func:`archive.index.connection.open_index_for_following`
        """
        database = open_index_for_following(path)
        return cls(database, path) if database else None

    @contextmanager
    def bulk_write(self) -> Iterator[None]:
        """Write everything in one transaction and without syncing: only for an index that can be rebuilt."""
        with wrap_sqlite_errors(self._path):
            self._db.execute("PRAGMA synchronous = OFF")
            with self._db.atomic():
                yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read the index within the block as it is at the first read, whatever another process commits meanwhile."""
        with wrap_sqlite_errors(self._path), self._db.atomic():
            yield

    def apply(self, events: Iterable[Event]) -> None:
        """Apply events of the journal, except fetches.

        :raises ArchiveError: this program does not know an event's kind
        """
        with wrap_sqlite_errors(self._path), self._db.atomic():
            for event in events:
                replay(
                    event,
                    self._db,
                    self.entries,
                    self.feeds,
                    unlisted=self.unlisted,
                    containments=self.containments,
                )
                self.log.mark(OTHERS, event.position)

    def damage(self) -> str | None:
        """Run SQLite's quick check; return the first problem that it reports, or None."""
        with wrap_sqlite_errors(self._path):
            result = str(self._db.execute("PRAGMA quick_check(1)").fetchall()[0][0])
        return None if result == "ok" else result

    def close(self) -> None:
        """Close the database."""
        self._db.close()

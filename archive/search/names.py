"""The names in queries: which feeds they stand for, and which name nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

from archive.index.database import Database
from archive.index.errors import wrap_sqlite_errors
from archive.index.part import IndexPart
from archive.query.compiler import fts_expression
from archive.query.messages import query_error
from archive.query.nodes import FeedFilter, MediaFilter, Or, Query, StockNameFilter, Term, leaves, replace_leaves
from archive.query.parser import symbol_filter
from archive.query.scripts import simplified
from archive.query.tokenizer import fold, segments
from archive.search.stock_names import StockNames
from archive.search.written_forms import WrittenForms

# A message lists this many names at most.
MAX_NAMES = 12
# The media of this many of the newest versions are offered in place of one that is not known.
_RECENT_VERSIONS = 2_000

_SELECT_FEEDS = "SELECT id, categories FROM feeds ORDER BY id"
_SELECT_MEDIA = """
    SELECT r.media, count(*) AS n FROM (SELECT docid, number FROM searchable ORDER BY id DESC LIMIT ?) AS newest
    JOIN revisions r USING (docid, number) WHERE r.media IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1
"""


class QueryNames(IndexPart):
    """Names of feeds and media. Errors as in :class:`~archive.store.Store`.

    :param stocks: names of stocks, also those that other indexes have
    :param indexes: the names of several indexes that are read as one, this one included; empty: only of this one
    """

    def __init__(
        self, database: Database, path: Path, stocks: StockNames, indexes: Sequence[QueryNames] = ()
    ) -> None:
        super().__init__(database, path)
        self.stocks = stocks
        self._indexes = tuple(indexes) or (self,)
        self._forms = WrittenForms(database)

    def joined(self, indexes: Sequence[QueryNames], stocks: StockNames) -> QueryNames:
        """Return the names of several indexes, with words as this one has them."""
        return QueryNames(self._db, self._path, stocks, indexes)

    def feeds(self) -> dict[str, str]:
        """Return the name of each feed that was ever read, by its id: the last of its categories."""
        feeds: dict[str, str] = {}
        for each in reversed(self._indexes):  # if two have different names of a feed, that of the first counts
            feeds |= {row["id"]: json.loads(row["categories"])[-1] for row in each._rows(_SELECT_FEEDS)}
        return dict(sorted(feeds.items()))

    def resolve(self, query: Query, time: datetime | None = None) -> Query:
        """Return a query whose names are ids and symbols, and whose words have all forms in which they are written.

        What names nothing matches nothing.

        :param time: names that stocks got later name nothing; None: all do
        """
        has_feeds = any(isinstance(leaf, FeedFilter) for leaf in leaves(query))
        feeds = self.feeds() if has_feeds else {}

        def resolved(leaf: Query) -> Query:
            match leaf:
                case Term():
                    return self._forms.of_term(leaf)
                case MediaFilter():
                    return self._forms.of_medium(leaf)
                case StockNameFilter(name):
                    return _any_of(map(symbol_filter, self.stocks.called(name, time)))
                case FeedFilter(name) if name not in feeds:
                    return _any_of(map(FeedFilter, feeds_called(name, feeds) or [name]))
            return leaf

        self._forms.begin()
        with wrap_sqlite_errors(self._path):
            return replace_leaves(query, resolved)

    def check(self, query: Query, configured: Callable[[], Mapping[str, str]] = dict) -> None:
        """Check that the feeds, media and stocks that a query names exist, at whatever time.

        :param configured: returns the names of feeds that may not have been read yet, by id; called if it is needed
        :raises QueryError: one does not exist; the message says which there are
        """
        for leaf in leaves(query):
            if isinstance(leaf, FeedFilter):
                self._check_feed(leaf.feed, configured)
            elif isinstance(leaf, MediaFilter):
                self._check_medium(leaf)
            elif isinstance(leaf, StockNameFilter) and not self.stocks.called(leaf.name):
                raise query_error("unknown-stock", text=leaf.name, near=_nearest(leaf.name, self.stocks.names()))

    def _check_feed(self, name: str, configured: Callable[[], Mapping[str, str]]) -> None:
        feeds = self.feeds()
        if _is_feed(name, feeds) or any(each._has_listings(name) for each in self._indexes):
            return
        feeds |= configured()
        if _is_feed(name, feeds):
            return
        if not feeds:
            raise query_error("no-feeds", text=name)
        near = _nearest(name, [*feeds, *feeds.values()])
        described = [_described(feed, feeds[feed]) for feed in feeds]
        raise query_error("unknown-feed", text=name, near=near, known=_first(described))

    def _has_listings(self, feed: str) -> bool:
        return bool(self._rows("SELECT 1 FROM listings WHERE feed = ? LIMIT 1", [feed]))

    def _has_medium(self, leaf: MediaFilter) -> bool:
        with wrap_sqlite_errors(self._path):
            match = fts_expression(self._forms.of_medium(leaf))
        return bool(self._rows("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", [match]))

    def _check_medium(self, leaf: MediaFilter) -> None:
        if any(each._has_medium(leaf) for each in self._indexes):
            return
        counts: Counter[str] = Counter()
        for each in self._indexes:
            counts.update({row["media"]: row["n"] for row in each._rows(_SELECT_MEDIA, [_RECENT_VERSIONS])})
        media = sorted(counts, key=lambda each: (-counts[each], each))
        if not media:
            raise query_error("no-media", text=leaf.text)
        raise query_error("unknown-medium", text=leaf.text, near=_nearest(leaf.text, media), known=_first(media))


def _any_of(found: Iterable[Query]) -> Query:
    """Return what a name stands for; what matches nothing, if it stands for nothing."""
    every = tuple(found)
    return every[0] if len(every) == 1 else Or(every)


def feeds_called(name: str, feeds: Mapping[str, str]) -> list[str]:
    """Return the ids of the feeds that have a name, in whatever script, width and case it is written."""
    wanted = _comparable(name)
    return [feed for feed, other in feeds.items() if wanted and _comparable(other) == wanted]


def _is_feed(name: str, feeds: Mapping[str, str]) -> bool:
    return name in feeds or bool(feeds_called(name, feeds))


def _comparable(name: str) -> str:
    return " ".join(segments(simplified(fold(name))))


def _nearest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are most like a name, or contain it."""
    by_form = {_comparable(each): each for each in names}
    wanted = _comparable(name)
    near = [each for each in by_form if wanted and wanted in each][:3]
    near = near or get_close_matches(wanted, by_form, n=3, cutoff=0.5)
    return tuple(by_form[each] for each in near)


def _described(feed: str, name: str) -> str:
    return feed if name == feed else f"{feed} ({name})"


def _first(names: list[str]) -> tuple[str, ...]:
    return (*names[:MAX_NAMES], "…") if len(names) > MAX_NAMES else tuple(names)

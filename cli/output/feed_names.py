"""How output names feeds: by their names, and by their ids where a command needs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from cli.output.console import visible

if TYPE_CHECKING:
    from archive.store import Store
    from config.model import Settings


class FeedNames(Struct, frozen=True):
    """The names of feeds, by id. What has no name is called by its id."""

    by_id: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, store: Store | None = None, feeds: Iterable[str] = ()) -> FeedNames:
        """Return the names of the configured feeds, and of others that were read before.

        :param feeds: ids of feeds that need a name; the index is read only if one of them is not configured
        """
        names = {feed.id: feed.name for feed in settings.feeds}
        if store and not names.keys() >= set(feeds):
            names = store.names.feeds() | names
        return cls({feed: visible(name) for feed, name in names.items()})

    def name(self, feed: str) -> str:
        """Return the name of a feed; with its id if another feed has this name too."""
        name = self.by_id.get(feed, feed)
        return self.with_id(feed) if Counter(self.by_id.values())[name] > 1 else name

    def with_id(self, feed: str) -> str:
        """Return the name of a feed with its id, where nothing else says the id: ``新浪财经－国內 (china)``."""
        name = self.by_id.get(feed, feed)
        return feed if name == feed else f"{name} ({feed})"

    def ids(self, feeds: Iterable[str]) -> str:
        """Return a line with the ids of feeds, for a table in which they have no room."""
        return f"ids: {', '.join(self.with_id(feed) for feed in feeds)}"

"""What concerns other articles than one, in several archives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from archive.search.history import compare_stories
from archive.store import Store


class UnionHistory:
    """Articles near another one, over several stores: as :class:`~archive.search.history.History` in one.

    :param of: returns the store that has an article
    """

    def __init__(self, stores: Sequence[Store], of: Callable[[str], Store]) -> None:
        self._stores = stores
        self._of = of

    def same_story(self, docid: str, time: datetime) -> list[dict[str, Any]]:
        """Return the articles whose newest versions have the same story as this one's, by publication time."""
        story = self._of(docid).history.story(docid, time)
        found = [
            each | {"path": store.prefix + each["path"]}
            for store in self._stores
            for each in store.history.with_story(story, time)
            if self._of(each["docid"]) is store
        ]
        return compare_stories(sorted(found, key=lambda each: (each["published"], each["first_seen"], each["docid"])))

    def neighbours(
        self, docid: str, published: datetime, time: datetime
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the articles published just before and just after another one."""
        found = [each.history.neighbours(docid, published, time) for each in self._stores]
        # Of several published at one time, the earlier neighbour is the first by docid, and the later one the last.
        earlier = sorted(filter(None, (each for each, _ in found)), key=lambda each: each["docid"])
        later = sorted(filter(None, (each for _, each in found)), key=lambda each: each["docid"], reverse=True)
        return (
            max(earlier, key=lambda each: each["published"], default=None),
            min(later, key=lambda each: each["published"], default=None),
        )

"""The articles that are fetched for the first time: in turns of the feeds, the newest of each first."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from datetime import datetime

from archive.model.feed import PendingEntry
from scheduler.crawl.context import CrawlContext
from scheduler.policy.turns import in_turns

# Articles that one query orders, over all feeds. It reads every waiting article of the host: some 60 ms for seven
# thousand, which is nothing beside the minutes that so many articles take.
PLANNED_ARTICLES = 300
MIN_PLANNED = 20  # of each feed


class FirstFetches:
    """Chooses articles to fetch for the first time. Those that failed before come after all others."""

    def __init__(self, context: CrawlContext) -> None:
        self._context = context
        self._store = context.store
        self._plans: dict[str, deque[tuple[str, str]]] = {}  # by host: feeds and docids in the order of their turns
        self._last_turn: dict[str, int] = {}  # by feed
        self._turns = 0

    def listed(self, hosts: Collection[str]) -> None:
        """Take new articles of these hosts into account."""
        for host in hosts:
            self._plans.pop(host, None)

    def due(
        self, host: str, limit: int, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> list[PendingEntry]:
        """Return up to ``limit`` entries of a host that are due and were not tried since ``tried_before``.

        Returns fewer, but not none, if the order of the remaining ones is yet to be found.

        :param in_flight: docids to leave out
        """
        if limit <= 0:
            return []
        if len(self._context.feeds) > 1:
            plan = self._plans.get(host) or self._plan(host, now, tried_before, in_flight)
            while plan:
                chosen = [plan.popleft() for _ in range(min(limit, len(plan)))]
                if leased := self._lease(host, {docid: feed for feed, docid in chosen if docid not in in_flight}):
                    return leased
        return self._store.entries.due(host, limit, now, tried_before, in_flight)

    def _plan(
        self, host: str, now: datetime, tried_before: datetime, in_flight: Collection[str]
    ) -> deque[tuple[str, str]]:
        each = max(MIN_PLANNED, PLANNED_ARTICLES // len(self._context.feeds))
        waiting = self._store.entries.newest_due(host, each, now, tried_before, in_flight)
        self._plans[host] = plan = deque(in_turns(waiting, self._last_turn))
        return plan

    def _lease(self, host: str, chosen: dict[str, str]) -> list[PendingEntry]:
        """Return those of the chosen articles that still wait for their first fetch.

        :param chosen: docid -> feed whose turn it is, in order
        """
        rows = {row.entry.docid: row for row in self._store.entries.pending(host, len(chosen), chosen)}
        leased = [rows[docid] for docid in chosen if docid in rows and not rows[docid].attempts]
        for pending in leased:
            self._turns += 1
            self._last_turn[chosen[pending.entry.docid]] = self._turns
        return leased

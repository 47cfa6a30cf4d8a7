"""A broad list and lists that are mostly parts of it, read by the rules of the program. No HTTP, no waiting.

The index is real, and so are the rules of paging, of proof and of the plan; the clock is simulated.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from msgspec import Struct, field

from archive.index.spans import merged
from archive.model.feed import Entry, Failure, FailureKind, Filing, Listing, Poll
from archive.store import Store
from config.model import Feed, Settings
from crawler.paging.poll import NextPage, PollState, add_page, next_request
from scheduler.policy.arrival_rate import EMPTY, learn, learn_first_poll
from scheduler.policy.intervals import next_poll, pace
from scheduler.policy.listening import NOT_LISTENING, ListeningPlan, broad_lists_of, listening_plan
from tests.support.simulated_feed import moment

BROAD, NARROW = "broad", ("china", "macro")
LIDS = {BROAD: 1, "china": 2, "macro": 3}
FILING = Filing(("金融",), "金融")
HOST = "finance.sina.com.cn"
SECONDS_A_PAGE = 2


class SharedArticle(Struct, frozen=True):
    """An article of several lists; times are Unix seconds."""

    docid: str
    published: int
    # By list: when it enters and when it leaves; None: it stays. A list that is missing here never shows it.
    listed: dict[str, tuple[int, int | None]]

    def is_in(self, feed: str, at: float) -> bool:
        enters, leaves = self.listed.get(feed, (10**12, None))
        return enters <= at and (leaves is None or at < leaves)


class SimulatedLists(Struct, dict=True):
    """The lists, the index that records them, and a daemon's plan.

    :param down: spans of time in which the broad list answers with an error
    :param reach: number of articles that the broad list shows; None: all
    """

    store: Store
    articles: list[SharedArticle]
    clock: float
    down: list[tuple[int, int]] = field(default_factory=list)
    reach: int | None = None
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    def __post_init__(self) -> None:
        self.feeds = [
            Feed.model_validate(
                {"id": name, "kind": "roll", "categories": [name], "lid": lid, "broad": name == BROAD}
            )
            for name, lid in LIDS.items()
        ]
        self.settings = Settings(feeds=tuple(self.feeds))
        self.rates = dict.fromkeys(LIDS, EMPTY)
        self.plan: ListeningPlan = NOT_LISTENING
        self.due = dict.fromkeys(LIDS, self.clock)
        self.peeked = self.clock
        self.last_poll: dict[str, datetime] = {}  # complete ones, by feed
        self.heard: set[str] = set()  # feeds that were ever heard
        self.wrong: list[str] = []  # what must not happen

    @property
    def now(self) -> datetime:
        return moment(self.clock)

    def run(self, end: float) -> None:
        """Poll and peek until a time."""
        while self.clock < end:
            peek = self.peeked + self.plan.peeks[BROAD].total_seconds() if BROAD in self.plan.peeks else end
            feed = min(self.due, key=self.due.__getitem__)
            self.clock = max(self.clock, min(peek, self.due[feed], end))
            if self.clock >= end:
                return
            if peek < self.due[feed]:
                self.peek()
            else:
                self.poll(feed)

    def poll(self, feed: str) -> None:
        """Poll a list as the daemon does, then plan again."""
        poll = self._read(feed)
        feeds = {each.docid: self._feeds_of(each, feed) for each in poll.entries}
        configured = next(each for each in self.feeds if each.id == feed)
        result = self.store.listings.commit_poll(
            poll, FILING, feeds, dict.fromkeys(feeds, HOST), broad_lists=broad_lists_of(configured, self.feeds)
        )
        if feed == BROAD:
            self.peeked = self.clock
        if poll.caught_up:
            self.last_poll[feed] = poll.at
            self._learn(feed, poll, result.known_now)
        self.update()
        self.wrong += [f"{miss.feed} is heard after a miss" for miss in result.misses if miss.feed in self.plan.heard]
        self._check_claims(feed)
        self._schedule(feed)

    def peek(self) -> None:
        """Read the first page of the broad list."""
        self.peeked = self.clock
        if not self._is_down():
            entries = self._page(BROAD, 1, 50).entries
            feeds = {each.docid: self._feeds_of(each, BROAD) for each in entries}
            peek = Poll(BROAD, self.now, 1, entries, (), caught_up=False)
            self.store.listings.commit_peek(peek, feeds, dict.fromkeys(feeds, HOST))
        self.update()

    def update(self) -> None:
        """Plan again; feeds that are heard no more are due sooner."""
        before = self.plan
        histories, containments = self.store.feeds.histories(), self.store.containments.all()
        self.plan = listening_plan(self.settings, histories, self.rates, containments, self.now)
        self.heard |= self.plan.heard.keys()
        for feed in before.heard.keys() - self.plan.heard.keys():
            self._schedule(feed)

    def known(self, feed: str) -> set[str]:
        """Docids that belong to a feed."""
        rows = self.store._db.execute("SELECT docid FROM listings WHERE feed = ?", [feed]).fetchall()
        return {row["docid"] for row in rows}

    def _read(self, feed: str) -> Poll:
        state = PollState(feed, self.now)
        if feed == BROAD and self._is_down():
            error = Failure(feed, FailureKind.TEMPORARY, "status 502")
            return state.poll(caught_up=False, error=error)
        what = NextPage.CONTINUE
        while what is NextPage.CONTINUE:
            listing = self._page(feed, *next_request(state))
            known = self.store.listings.known_docids(feed, [each.docid for each in listing.entries])
            state, what = add_page(state, listing, known, 20)
        return state.poll(caught_up=True)

    def _page(self, feed: str, number: int, size: int) -> Listing:
        listed = [each for each in self.articles if each.is_in(feed, self.clock)]
        listed.sort(key=lambda each: (-each.published, each.docid))
        if feed == BROAD:
            listed = listed[: self.reach]
        self.clock += SECONDS_A_PAGE
        return Listing(tuple(map(_entry, listed[(number - 1) * size : number * size])), (), len(listed))

    def _is_down(self) -> bool:
        return any(start <= self.clock < end for start, end in self.down)

    def _feeds_of(self, entry: Entry, shown_by: str) -> list[str]:
        return [name for name, lid in LIDS.items() if name == shown_by or lid in entry.lids]

    def _learn(self, feed: str, poll: Poll, new: int) -> None:
        times = [each.published for each in poll.entries if each.published]
        rate = self.rates[feed]
        if rate.until is None:
            self.rates[feed] = learn_first_poll(times, poll.at)
        elif new:
            since = rate.until
            self.rates[feed] = learn(rate, since, poll.at, [time for time in times if time > since])

    def _schedule(self, feed: str) -> None:
        history = self.store.feeds.histories().get(feed)
        configured = next(each for each in self.feeds if each.id == feed)
        due = next_poll(
            self.rates[feed], pace(configured, self.settings.schedule), self.now,
            last_poll=history.last_poll if history else None,
            last_success=history.last_success if history else None,
            trouble=history.trouble if history else 0.0,
            spread=self.dice.random(), verify=self.plan.verify.get(feed),
        )  # fmt: skip
        self.due[feed] = due.timestamp()

    def _check_claims(self, feed: str) -> None:
        """Only a feed's own complete polls make time known, and what they showed there is known."""
        settled, provisional = self.store.coverage.known().get(feed, ([], []))
        spans = merged([*settled, *provisional])
        if spans and spans[-1].end > self.last_poll[feed] + timedelta(milliseconds=1):
            self.wrong.append(f"{feed} is known until {spans[-1].end}, and was polled at {self.last_poll[feed]}")


def _entry(article: SharedArticle) -> Entry:
    """An entry that names every list that ever has the article."""
    lids = tuple(LIDS[name] for name in article.listed)
    url = f"https://{HOST}/a/doc-i{article.docid}.shtml"
    return Entry(article.docid, url, article.docid, moment(article.published), None, None, None, None, lids=lids)

"""A list of a site on a clock of its own, read by the rules of the program into a real index. No HTTP, no waiting.

Articles enter the list late and leave it, between any two requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field

from archive.index.lateness import NO_LATENESS, bound
from archive.index.spans import merged
from archive.model.feed import Entry, Filing, Listing, ListingResult, Poll, Span
from archive.store import Store
from crawler.paging import backfill as walk
from crawler.paging.backfill import NextStep, apply_page, begin_backfill, begin_sweep
from crawler.paging.poll import NextPage, PollState, add_page, next_request
from scheduler.policy.sweeps import sweep_start

FEED = "feed1"
FILING = Filing(("金融", "要闻"), "要闻")
HOST = "finance.sina.com.cn"
DAY = timedelta(days=1)
SECONDS_A_PAGE = 2  # between two requests


class ListedArticle(Struct, frozen=True):
    """An article of the simulated list; times are Unix seconds."""

    docid: str
    published: int
    enters: int
    leaves: int | None = None  # None: it stays

    def is_listed(self, at: float) -> bool:
        return self.enters <= at and (self.leaves is None or at < self.leaves)


class SimulatedFeed(Struct):
    """A feed's list, and the index that records it.

    :param reach: number of articles that the list shows
    :param notices_equal_pages: a poll whose first page is that of the poll before ends there, as the spider's do
    """

    store: Store
    articles: list[ListedArticle]
    clock: float
    reach: int | None = None
    max_pages: int = 20
    max_size: int = 50  # articles on a page at most, whatever is requested
    states_total: bool = True
    notices_equal_pages: bool = False
    requests: int = 0
    first_page: tuple[str, ...] = ()
    swept: set[str] = field(default_factory=set)  # docids that the list showed during the whole of some sweep

    @property
    def now(self) -> datetime:
        return moment(self.clock)

    def listed(self, at: float | None = None) -> list[ListedArticle]:
        """The list, newest first."""
        time = self.clock if at is None else at
        listed = [each for each in self.articles if each.is_listed(time)]
        return sorted(listed, key=lambda each: (-each.published, each.docid))[: self.reach]

    def page(self, number: int, size: int) -> Listing:
        self.requests += 1
        listed, size = self.listed(), min(size, self.max_size)
        shown = listed[(number - 1) * size : number * size]
        self.clock += SECONDS_A_PAGE
        total = len(listed) if self.states_total else None
        return Listing(tuple(map(entry, shown)), (), total, is_open=not self.states_total)

    def known(self) -> set[str]:
        """Docids that the index has."""
        return {row["docid"] for row in self.store._db.execute("SELECT docid FROM entries").fetchall()}

    # What the program does

    def poll(self) -> ListingResult:
        state, what = PollState(FEED, self.now), NextPage.CONTINUE
        while what is NextPage.CONTINUE:
            listing = self.page(*next_request(state))
            docids = tuple(each.docid for each in listing.entries)
            if not state.pages and self.notices_equal_pages and docids == self.first_page:
                return self.commit(state.unchanged(()))
            known = self.store.listings.known_docids(FEED, docids)
            state, what = add_page(state, listing, known, self.max_pages)
        self.first_page = tuple(each.docid for each in state.first_page)
        return self.commit(state.poll(caught_up=True))

    def commit(self, poll: Poll) -> ListingResult:
        return self.store.listings.commit_poll(poll, FILING, *_belonging(poll.entries))

    def sweep(self) -> str:
        """Sweep the list; return why that failed, or ""."""
        coverage, before = self.store.coverage, self.listed()
        start = sweep_start(
            coverage.settled().get(FEED, ()), coverage.spans().get(FEED, ()),
            bound(coverage.lateness().get(FEED, NO_LATENESS)), DAY, self.now,
        )  # fmt: skip
        step, reason = self._walk(begin_sweep(FEED, start, self.now, max_pages=500))
        if step is NextStep.DONE:
            after = set(self.listed())
            self.swept |= {each.docid for each in before if each in after and moment(each.published) >= start}
        return "" if step is NextStep.DONE else reason

    def fill_gaps(self) -> None:
        """Backfill every open gap, by page numbers."""
        for gap in reversed(self.store.coverage.gaps()):
            self.backfill(Span(gap.start, gap.end))

    def backfill(self, span: Span, *, must_meet_known: bool = True) -> NextStep:
        backfill = begin_backfill(
            FEED, span.start, span.end, self.now, must_meet_known=must_meet_known, history=False, max_pages=500
        )
        return self._walk(backfill)[0]

    def _walk(self, backfill: walk.Backfill) -> tuple[NextStep, str]:
        while True:
            request = walk.next_request(backfill)
            listing = self.page(request.page, request.size)
            known = self.store.listings.known_docids(FEED, [each.docid for each in listing.entries])
            step = apply_page(backfill, listing, known)
            self.store.listings.commit_backfill_page(step.page, FILING, *_belonging(step.page.entries))
            if step.next_step is not NextStep.CONTINUE:
                return step.next_step, step.reason
            backfill = step.backfill

    # What it claims

    def claims(self, *, settled: bool) -> list[Span]:
        """The settled spans, or all spans without open and lost gaps."""
        firm, provisional = self.store.coverage.known().get(FEED, ([], []))
        return firm if settled else merged([*firm, *provisional])

    def broken_claims(self, listed: Iterable[ListedArticle], *, settled: bool) -> list[str]:
        """Docids of articles that are in a span that is claimed to be known, and are not known."""
        known, spans = self.known(), self.claims(settled=settled)
        return [
            each.docid
            for each in listed
            if each.docid not in known and any(span.start < moment(each.published) < span.end for span in spans)
        ]


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def entry(article: ListedArticle) -> Entry:
    url = f"https://{HOST}/a/doc-i{article.docid}.shtml"
    return Entry(article.docid, url, article.docid, moment(article.published), None, None, None, None)


def _belonging(entries: Iterable[Entry]) -> tuple[dict[str, list[str]], dict[str, str]]:
    docids = [each.docid for each in entries]
    return {docid: [FEED] for docid in docids}, dict.fromkeys(docids, HOST)

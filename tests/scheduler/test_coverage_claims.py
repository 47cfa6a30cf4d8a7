"""What coverage claims is true: against random lists, and against three days of real polls."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.index import lateness
from archive.index.lateness import bound, quantile
from archive.model.feed import Listing, Poll
from archive.store import Store
from tests.support.examples import examples
from tests.support.recorded_polls import Row, Shown, stories_of
from tests.support.simulated_feed import FEED, ListedArticle, SimulatedFeed, moment

BEGIN = 1_790_000_000
MINUTE, HOUR = 60, 3600
LID = 2509
NUMBERS = count()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "index.db")
    store._db.execute("PRAGMA synchronous = OFF")  # the process is not killed, and a commit takes less time
    yield store
    store.close()


def random_articles(
    dice: random.Random, hours: int, *, late: float, latest: int, leaving: float, begin: int = BEGIN
) -> list[ListedArticle]:
    """Articles from a day before ``begin`` until ``hours`` after it.

    :param late: share of the articles that enter late, up to ``latest`` seconds
    :param leaving: share of the articles that leave the list again
    """
    articles = []
    time = begin - 24 * HOUR
    while time < begin + hours * HOUR:
        time += dice.randrange(20, 600)
        enters = time + (dice.randrange(30 * MINUTE, latest) if dice.random() < late else dice.randrange(5, 300))
        leaves = enters + dice.randrange(10, 30 * HOUR) if dice.random() < leaving else None
        articles.append(ListedArticle(f"d{len(articles):06d}", time, enters, leaves))
    return articles


def run(feed: SimulatedFeed, dice: random.Random, hours: int) -> None:
    """Poll every half hour or so, with outages; sweep once a day; fill gaps when there are some."""
    end, last_sweep = BEGIN + hours * HOUR, float(BEGIN)
    feed.poll()
    while feed.clock < end:
        feed.clock += dice.choice((10, 20, 30, 30, 40)) * MINUTE
        if dice.random() < 0.03:
            feed.clock += dice.randrange(1, 30) * HOUR
        feed.poll()
        if dice.random() < 0.5:
            feed.fill_gaps()
        if feed.clock - last_sweep > 24 * HOUR:
            feed.sweep()
            last_sweep = feed.clock


def fresh(store: Store) -> None:
    """Start an empty record."""
    store.feeds.register_source(FEED, f"list {next(NUMBERS)}", moment(BEGIN))
    store._db.execute("DELETE FROM entries")
    store._db.execute("DELETE FROM listings")
    store._db.execute("DELETE FROM unlisted")
    store._db.conn.commit()


def listed_throughout(feed: SimulatedFeed) -> list[ListedArticle]:
    """Articles that were in the list during the whole of some complete sweep, as far back as it read."""
    return [article for article in feed.articles if article.docid in feed.swept]


@pytest.mark.slow
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9), max_pages=st.sampled_from([2, 3, 20]), reach=st.sampled_from([None, 120, 400]))
def test_what_is_settled_holds_everything_that_a_sweep_could_see(
    store: Store, seed: int, max_pages: int, reach: int | None
) -> None:
    """Late entries, withdrawals, outages, page limits, lists that are cut off, changes between two pages."""
    fresh(store)
    dice = random.Random(seed)
    articles = random_articles(dice, 100, late=0.05, latest=30 * HOUR, leaving=0.05)
    feed = SimulatedFeed(store, articles, BEGIN, reach, max_pages)
    run(feed, dice, 100)

    assert feed.broken_claims(listed_throughout(feed), settled=True) == []


@pytest.mark.slow
@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
def test_what_is_settled_holds_everything_that_was_ever_listed_within_the_measured_lateness(
    store: Store, seed: int
) -> None:
    """Nothing leaves the list, and no article is later than the bound of an unmeasured list."""
    fresh(store)
    dice = random.Random(seed)
    articles = random_articles(dice, 100, late=0.05, latest=20 * HOUR, leaving=0)
    feed = SimulatedFeed(store, articles, BEGIN)
    run(feed, dice, 100)

    assert feed.claims(settled=True), "something is settled"
    assert feed.broken_claims([each for each in articles if each.is_listed(feed.clock)], settled=True) == []


@pytest.mark.slow
def test_without_the_lateness_settled_spans_would_be_wrong(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above can fail: a sweep that settles up to its own time settles late articles away."""
    monkeypatch.setattr(lateness, "UNKNOWN_BOUND", timedelta(0))
    monkeypatch.setattr(lateness, "MIN_BOUND", timedelta(0))
    monkeypatch.setattr(lateness, "EDGES", (timedelta(0),))
    broken = 0
    for seed in range(3):
        fresh(store)
        dice = random.Random(seed)
        articles = random_articles(dice, 100, late=0.05, latest=20 * HOUR, leaving=0)
        feed = SimulatedFeed(store, articles, BEGIN)
        run(feed, dice, 100)
        broken += len(feed.broken_claims([each for each in articles if each.is_listed(feed.clock)], settled=True))

    assert broken


# Polls of several pages


def withdrawn_during_a_poll(store: Store) -> SimulatedFeed:
    """A catch-up poll of several pages; two articles leave the top of the list while the fourth page is read."""
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 100 * n - 10, BEGIN - 100 * n) for n in range(2000)]
    first = SimulatedFeed(store, articles[600:], BEGIN - 60_000)
    first.poll()
    gone = [ListedArticle(each.docid, each.published, each.enters, BEGIN + 7) for each in articles[:2]]
    return SimulatedFeed(store, gone + articles[2:], BEGIN)


def test_two_withdrawals_while_the_fourth_page_is_read_hide_no_article(store: Store) -> None:
    feed = withdrawn_during_a_poll(store)
    result = feed.poll()

    assert feed.broken_claims(feed.listed(), settled=False) == []
    assert result.gap is None
    assert result.new == 600


def test_pages_without_overlap_would_hide_two_articles(store: Store) -> None:
    """The check above can fail."""
    feed = withdrawn_during_a_poll(store)
    entries = tuple(each for number in range(1, 16) for each in feed.page(number, 50).entries)
    feed.commit(Poll(FEED, moment(BEGIN), 15, entries, (), caught_up=True))

    assert feed.broken_claims(feed.listed(), settled=False) == ["d000200", "d000201"]


def test_a_poll_whose_pages_cannot_be_joined_claims_only_what_it_has_read(store: Store) -> None:
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 100 * n, BEGIN - 100 * n + 10) for n in range(3000)]
    first = SimulatedFeed(store, articles[2000:], BEGIN - 200_000)
    first.poll()
    # From the tenth page on, 320 articles leave the list after each request.
    leaving = [
        ListedArticle(each.docid, each.published, each.enters, BEGIN + 20 + 2 * (place // 320))
        for place, each in enumerate(articles[:1920])
    ]
    feed = SimulatedFeed(store, leaving + articles[1920:], BEGIN, max_pages=40)
    result = feed.poll()

    assert result.gap is not None
    assert feed.broken_claims(articles[:2000], settled=False) == []


# Real polls


@pytest.fixture(scope="module")
def polls(shared: Path) -> list[Shown]:
    with gzip.open(shared / "realdata" / "lists" / "polls-2024-03-18..20.jsonl.gz", "rt", encoding="utf-8") as lines:
        read = [json.loads(line) for line in lines]
    return [Shown(poll["t"], tuple(Row(*row) for row in poll["rows"])) for poll in read]


def real_feed(store: Store, polls: list[Shown]) -> SimulatedFeed:
    """The real list, with the times that the positions of its articles imply."""
    stories = stories_of(polls, lid=LID, hidden=True)
    articles = [ListedArticle(each.docid, each.ctime, each.intime, each.deleted_at) for each in stories]
    return SimulatedFeed(store, articles, polls[0].at)


@pytest.mark.slow
def test_the_lateness_of_a_real_list_is_measured(store: Store, polls: list[Shown]) -> None:
    feed = real_feed(store, polls)
    for poll in polls:
        feed.clock = max(feed.clock, poll.at)
        feed.poll()
    measured = store.coverage.lateness()[FEED]

    assert sum(measured.counts) > 1000
    assert timedelta(minutes=5) <= (quantile(measured, 0.5) or timedelta(0)) <= timedelta(minutes=20)
    assert timedelta(minutes=30) < bound(measured) <= timedelta(hours=12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [20, pytest.param(60, marks=pytest.mark.slow), pytest.param(120, marks=[pytest.mark.slow, pytest.mark.long])],
)
def test_after_an_outage_no_real_article_lies_in_a_span_that_is_called_known(
    store: Store, polls: list[Shown], first: int
) -> None:
    """Polls stop after some hours and begin again at the end of the third day."""
    feed = real_feed(store, polls)
    feed.max_pages = 4
    for poll in polls[:first]:
        feed.clock = max(feed.clock, poll.at)
        feed.poll()
    feed.clock = polls[-1].at
    feed.poll()

    [*_, gap] = store.coverage.gaps()
    missed = [each for each in feed.listed() if each.docid not in feed.known() and moment(each.published) < gap.end]
    assert len(missed) > 1000
    assert feed.broken_claims(feed.listed(), settled=False) == []

    feed.fill_gaps()
    assert store.coverage.gaps() == []
    assert feed.broken_claims(feed.listed(), settled=False) == []


def test_a_gap_from_the_newest_known_article_on_would_miss_late_ones(
    store: Store, polls: list[Shown], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above can fail: articles entered the list during the outage at times before it."""
    monkeypatch.setattr(lateness, "UNKNOWN_BOUND", timedelta(0))
    monkeypatch.setattr(lateness, "MIN_BOUND", timedelta(0))
    monkeypatch.setattr(lateness, "EDGES", (timedelta(0),))
    feed = real_feed(store, polls)
    feed.max_pages = 4
    for poll in polls[:60]:
        feed.clock = max(feed.clock, poll.at)
        feed.poll()
    feed.clock = polls[-1].at
    feed.poll()

    assert feed.broken_claims(feed.listed(), settled=False)


def test_an_article_that_enters_200_places_deep_is_found_by_the_next_sweep(store: Store) -> None:
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 200 * n, BEGIN - 200 * n + 10) for n in range(1500)]
    late = ListedArticle("late", BEGIN - 200 * 200 + 100, BEGIN + HOUR)
    feed = SimulatedFeed(store, [*articles, late], BEGIN)
    feed.poll()
    feed.clock = BEGIN + 2 * HOUR
    feed.poll()
    assert "late" not in feed.known(), "no poll reads so far"

    assert feed.sweep() == ""
    assert "late" in feed.known()
    assert bound(store.coverage.lateness()[FEED]) >= timedelta(hours=12), "its lateness counts from now on"


@pytest.mark.parametrize("states_total", [True, False])
@pytest.mark.parametrize("max_size", [10, 20, 50])
def test_a_list_with_shorter_pages_is_swept_and_backfilled(store: Store, max_size: int, states_total: bool) -> None:
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 600 * n, BEGIN - 600 * n + 10) for n in range(-300, 700)]
    feed = SimulatedFeed(store, articles, BEGIN, max_size=max_size, states_total=states_total, max_pages=60)
    feed.poll()
    feed.max_pages = 2
    feed.clock = BEGIN + 100_000
    assert feed.poll().gap is not None
    feed.fill_gaps()

    assert store.coverage.gaps() == []
    assert feed.broken_claims(feed.listed(), settled=False) == []
    assert feed.sweep() == ""
    assert feed.claims(settled=True)


class CutOffFeed(SimulatedFeed):
    """Its list states thousands of articles, and has ``pages`` pages."""

    pages: int = 1000

    def page(self, number: int, size: int) -> Listing:
        return super().page(number, size) if number <= self.pages else Listing((), (), 1000)


@pytest.mark.parametrize("pages", [4, 10])
def test_a_sweep_of_a_list_that_is_cut_off_settles_what_it_shows(store: Store, pages: int) -> None:
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 600 * n, BEGIN - 600 * n + 10) for n in range(1000)]
    feed = CutOffFeed(store, articles, BEGIN, max_pages=50)
    feed.poll()
    feed.pages = pages
    feed.clock += 24 * HOUR
    feed.poll()
    before = feed.requests

    assert feed.sweep() == ""
    assert feed.requests - before < 30
    assert feed.claims(settled=True)[-1].end >= moment(BEGIN - HOUR)


# What left a list


def test_an_article_that_left_the_list_between_two_polls_is_on_record(store: Store) -> None:
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 200 * n, BEGIN - 200 * n + 10) for n in range(120)]
    articles[7] = ListedArticle("d000007", articles[7].published, articles[7].enters, BEGIN + 60)
    feed = SimulatedFeed(store, articles, BEGIN)
    feed.poll()
    feed.clock = BEGIN + 600
    result = feed.poll()

    [unlisted] = result.unlisted
    assert (unlisted.docid, unlisted.newer, unlisted.older) == ("d000007", "d000006", "d000008")
    [row] = store.unlisted.absences("d000007")
    assert (row["feed"], row["back"]) == (FEED, None)
    assert feed.poll().unlisted == (), "once"


def absent(store: Store) -> set[str]:
    """Docids that are on record as having left the list."""
    return {row["docid"] for row in store._db.execute("SELECT docid FROM unlisted WHERE back IS NULL").fetchall()}


def missed_absences(feed: SimulatedFeed, polled: list[ListedArticle]) -> set[str]:
    """Docids that the list has shown before, that were not there at the last poll, and that are not on record.

    Only those whose place the poll has read: newer and older articles that stayed stand around it.

    :param polled: what that poll read
    """
    shown = {row["docid"] for row in feed.store._db.execute("SELECT docid FROM listings WHERE shown = 1").fetchall()}
    times = [each.published for each in polled]
    listed = {each.docid for each in polled}
    inside = {each.docid for each in feed.articles if min(times) < each.published < max(times)}
    return (shown & inside) - listed - absent(feed.store)


def busy_feed(store: Store, seed: int) -> tuple[SimulatedFeed, list[ListedArticle]]:
    """A list that many articles leave, after some days of polls, and what the last poll read."""
    fresh(store)
    dice = random.Random(seed)
    feed = SimulatedFeed(store, random_articles(dice, 40, late=0.05, latest=9 * HOUR, leaving=0.3), BEGIN)
    run(feed, dice, 40)
    before = feed.requests
    listed = feed.listed()
    feed.poll()
    places = 48 * (feed.requests - before)
    return feed, [each for each in listed[:places] if each.is_listed(feed.clock)]


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
def test_what_left_the_list_is_on_record_and_what_stayed_is_not(store: Store, seed: int) -> None:
    feed, polled = busy_feed(store, seed)

    assert absent(store), "something has left"
    assert missed_absences(feed, polled) == set()
    assert not absent(store) & {each.docid for each in polled}


def test_a_poll_that_looks_at_new_articles_only_would_miss_what_left(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above can fail."""
    monkeypatch.setattr("archive.index.unlisted.find_unlisted", lambda listed, before: [])
    assert missed_absences(*busy_feed(store, 1))


def test_articles_that_fall_off_the_end_of_the_list_have_not_left_it(store: Store) -> None:
    articles = [ListedArticle(f"d{n:06d}", BEGIN - 200 * n, BEGIN - 200 * n + 10) for n in range(-50, 120)]
    feed = SimulatedFeed(store, articles, BEGIN, reach=60)
    for hours in range(4):
        feed.clock = BEGIN + hours * HOUR
        assert feed.poll().unlisted == ()

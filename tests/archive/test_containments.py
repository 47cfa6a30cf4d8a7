"""Which lists contain others: what counts as a proof, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.archive import Archive
from archive.index.containment_proof import MIN_ENTRIES, MIN_TIME, TOLERANCE, is_later, is_proven, reads_back_to
from archive.model.feed import Containment, Entry, Failure, FailureKind, Filing, ListingResult, Miss, MissKind, Poll
from archive.store import Store
from pipeline.rebuild import rebuild

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
HOST = "finance.sina.com.cn"
FILING = Filing(("金融", "新浪财经"), "新浪财经")
PAIR = ("china", "finance")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


def entry(docid: str, published: datetime, entered: datetime | None = None) -> Entry:
    return Entry(docid, f"https://{HOST}/doc-i{docid}.shtml", docid, published, None, entered, None, None)


def poll(
    store: Store, feed: str, at: datetime, *entries: Entry, unchanged: bool = False, error: Failure | None = None
) -> ListingResult:
    """Commit a poll of the broad list "finance", or of a feed that it may contain."""
    docids = [each.docid for each in entries]
    return store.listings.commit_poll(
        Poll(feed, at, 1, entries, (), error is None, error, unchanged=unchanged), FILING,
        dict.fromkeys(docids, (feed,)), dict.fromkeys(docids, HOST),
        broad_lists=() if feed == "finance" else ("finance",),
    )  # fmt: skip


def known(store: Store) -> Containment:
    [containment] = store.containments.all()
    return containment


def prove(store: Store) -> datetime:
    """Prove the containment by polls of some days; return the time after them."""
    at, listed = NOW - 3 * DAY, [entry("first", NOW - 3 * DAY)]
    for number in range(MIN_ENTRIES + 2):
        listed = [entry(f"a{number}", at), *listed][:10]
        poll(store, "finance", at + SECOND, *listed)
        poll(store, "china", at + 2 * SECOND, *listed[:3])
        at += 3 * HOUR
    assert is_proven(known(store), at)
    return at


@pytest.mark.parametrize(
    ("entries", "age", "proven"),
    [
        (MIN_ENTRIES, MIN_TIME, True),
        (MIN_ENTRIES - 1, 9 * MIN_TIME, False),
        (9 * MIN_ENTRIES, MIN_TIME - SECOND, False),
        (0, timedelta(0), False),
    ],
)
def test_a_proof_needs_articles_and_time(entries: int, age: timedelta, proven: bool) -> None:
    assert is_proven(Containment(*PAIR, NOW - age, entries, None, None), NOW) is proven


def test_an_article_is_later_by_stated_times_only() -> None:
    assert is_later(NOW + TOLERANCE + SECOND, NOW)
    assert not is_later(NOW + TOLERANCE, NOW)
    assert not is_later(None, NOW)
    assert not is_later(NOW, None)


def test_a_poll_shows_every_article_down_to_the_median_of_its_last_page() -> None:
    listed = tuple(entry(str(hours), NOW - hours * HOUR) for hours in (0, 1, 2, 3, 90))  # the last is pinned there
    read = Poll("finance", NOW, 1, listed, (), caught_up=True)
    assert reads_back_to(read, None) == NOW - 2 * HOUR
    same = Poll("finance", NOW, 1, (), (), caught_up=True, unchanged=True)
    assert reads_back_to(same, NOW - HOUR) == NOW - HOUR
    assert reads_back_to(Poll("finance", NOW, 1, (), (), caught_up=True), NOW) is None


def test_nothing_is_compared_before_the_broad_list_was_read(store: Store) -> None:
    poll(store, "china", NOW, entry("a", NOW))
    assert store.containments.all() == []


def test_articles_that_the_broad_list_has_count(store: Store) -> None:
    poll(store, "finance", NOW, entry("a", NOW))
    poll(store, "china", NOW + SECOND, entry("a", NOW))  # begins with what is known
    poll(store, "finance", NOW + HOUR, entry("b", NOW + HOUR), entry("a", NOW))
    poll(store, "china", NOW + HOUR + SECOND, entry("b", NOW + HOUR), entry("a", NOW))
    found = known(store)
    assert (found.entries, found.verified, found.missed) == (1, NOW + HOUR + SECOND, None)


def test_what_the_index_has_of_the_last_days_counts(store: Store) -> None:
    listed = [entry(f"a{hours}", NOW - hours * HOUR) for hours in range(60)]
    poll(store, "finance", NOW, *listed)
    poll(store, "china", NOW + SECOND, *listed[::2])
    found = known(store)
    # The broad list is known from the median of its last page, without the newest minutes.
    assert (found.entries, found.since) == (17, NOW - 34 * HOUR)


def test_an_article_that_the_broad_list_lacked_before_begins_the_proof_later(store: Store) -> None:
    listed = [entry(f"a{hours}", NOW - hours * HOUR) for hours in range(60)]
    poll(store, "finance", NOW, *(each for each in listed if each.docid != "a10"))
    poll(store, "china", NOW + SECOND, *listed[::2])
    assert (known(store).entries, known(store).since) == (4, NOW - 8 * HOUR)


def test_an_article_that_the_broad_list_shows_next_counts_then(store: Store) -> None:
    at = prove(store)
    before = known(store)
    poll(store, "china", at, entry("new", at))
    assert known(store).verified == before.verified, "it waits for the broad list"
    assert poll(store, "finance", at + HOUR, entry("new", at), entry("x", at - HOUR)).misses == ()
    assert (known(store).entries, known(store).verified) == (before.entries + 1, at)


def test_an_article_that_the_broad_list_does_not_show_next_is_a_miss(store: Store) -> None:
    at = prove(store)
    poll(store, "china", at, entry("new", at))
    assert poll(store, "finance", at + TOLERANCE - SECOND, entry("x", at - HOUR)).misses == (), "it may be cached"
    miss = Miss(*PAIR, "new", MissKind.ABSENT)
    assert poll(store, "finance", at + TOLERANCE, entry("x", at - HOUR)).misses == (miss,)
    found = known(store)
    assert (found.since, found.entries, found.verified, found.missed) == (at + TOLERANCE, 0, None, at + TOLERANCE)
    assert store.containments.last_misses() == {"china": (miss, at + TOLERANCE)}


def test_a_list_that_has_stopped_is_missing_the_article_too(store: Store) -> None:
    at = prove(store)
    poll(store, "china", at, entry("new", at))
    [miss] = poll(store, "finance", at + HOUR, unchanged=True).misses
    assert miss.docid == "new"


def test_a_failed_poll_of_the_broad_list_proves_nothing(store: Store) -> None:
    at = prove(store)
    poll(store, "china", at, entry("new", at))
    error = Failure("finance", FailureKind.TEMPORARY, "status 502")
    assert poll(store, "finance", at + HOUR, error=error).misses == ()
    assert known(store).missed is None


def test_an_article_below_what_the_broad_list_was_read_to_is_no_miss(store: Store) -> None:
    at = prove(store)
    before = known(store)
    poll(store, "china", at, entry("late", at - 9 * HOUR))
    listed = [entry(f"b{minutes}", at - timedelta(minutes=minutes)) for minutes in range(60)]
    assert poll(store, "finance", at + HOUR, *listed).misses == ()
    assert (known(store).entries, known(store).verified) == (before.entries, at), "and it proves nothing"


def test_an_article_that_entered_the_broad_list_later_is_a_miss(store: Store) -> None:
    at = prove(store)
    poll(store, "finance", at, entry("new", at, at + HOUR))
    [miss] = poll(store, "china", at + HOUR, entry("new", at, at + SECOND)).misses
    assert (miss.docid, miss.kind) == ("new", MissKind.LATE)


def test_an_article_that_the_broad_list_shows_next_and_states_to_be_later_is_a_miss(store: Store) -> None:
    at = prove(store)
    poll(store, "china", at, entry("new", at, at))
    [miss] = poll(store, "finance", at + HOUR, entry("new", at, at + HOUR)).misses
    assert (miss.docid, miss.kind) == ("new", MissKind.LATE)


def test_a_miss_of_what_was_not_proven_is_not_kept(store: Store) -> None:
    poll(store, "finance", NOW, entry("a", NOW))
    poll(store, "china", NOW + SECOND, entry("a", NOW))
    poll(store, "china", NOW + HOUR, entry("only here", NOW + HOUR))
    assert poll(store, "finance", NOW + 2 * HOUR, entry("b", NOW + HOUR)).misses == ()
    assert store.containments.last_misses() == {}
    assert (known(store).entries, known(store).since, known(store).missed) == (0, NOW + 2 * HOUR, None)


def test_articles_of_a_first_page_count_as_shown_and_prove_no_span(store: Store) -> None:
    at = prove(store)
    spans, before = store.coverage.spans(), known(store)
    peek = Poll("finance", at, 1, (entry("new", at),), (), caught_up=False)
    assert store.listings.commit_peek(peek, {"new": ["china", "finance"]}, {"new": HOST}).new == 1
    assert store.coverage.spans() == spans
    assert store.listings.known_docids("finance", ["new"]) == store.listings.known_docids("china", ["new"]) == set()
    poll(store, "china", at + SECOND, entry("new", at))
    assert known(store).entries == before.entries + 1


def test_another_list_starts_again(store: Store) -> None:
    store.feeds.register_source("finance", "roll https://a.cn lid=2516", NOW)
    prove(store)
    store.feeds.register_source("finance", "roll https://a.cn lid=1", NOW)
    assert store.containments.all() == []


def test_a_miss_is_in_the_journal(tmp_path: Path) -> None:
    with Archive(tmp_path / "news", "test", NOW) as archive:
        archive.begin_journal()
        at = prove(archive.store)
        poll(archive.store, "china", at, entry("new", at))
        poll(archive.store, "finance", at + HOUR, entry("x", at - HOUR))
        misses, containments = archive.store.containments.last_misses(), archive.store.containments.all()
    assert misses
    (tmp_path / "news" / ".finarchive" / "index.db").unlink()
    rebuild(tmp_path / "news", 1_000_000, NOW, processes=1)
    store = Store.open(tmp_path / "news" / ".finarchive" / "index.db")
    assert (store.containments.last_misses(), store.containments.all()) == (misses, containments)
    store.close()

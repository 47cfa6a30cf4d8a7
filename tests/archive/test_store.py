"""Polls in the index: entries, feeds, known articles and gaps; each poll is recorded completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.model.article import Revision
from archive.model.feed import Counts, Entry, Failure, FailureKind, FeedHistory, Filing, Gap, ListingResult, Poll
from archive.store import Store
from tests.support.fetches import commit_revisions

NOW = datetime(2026, 9, 30, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST = "finance.sina.com.cn"
FILING = Filing(("金融", "新浪财经"), "新浪财经")
ERROR = Failure("china", FailureKind.TEMPORARY, "status 502")


def entry(docid: str, minutes: float | None = 0) -> Entry:
    """An entry published a number of minutes after NOW."""
    published = None if minutes is None else NOW + timedelta(minutes=minutes)
    return Entry(
        docid=docid,
        url=f"https://{HOST}/a/doc-i{docid}.shtml",
        title=f"题“{docid}”",
        published=published,
        modified=published,
        entered=None,
        media="样例社",
        image=None,
        keywords=("一", "二"),
        lids=(1686, 2509),
    )


def poll_of(*entries: Entry, feed: str = "china", error: Failure | None = None, failures: tuple[Failure, ...] = (),
            at: datetime = NOW) -> Poll:  # fmt: skip
    return Poll(feed, at, 1, entries, failures, error is None, error)


def commit(store: Store, poll: Poll, *feeds: str, trouble: float = 1.0) -> ListingResult:
    """Commit a poll whose entries all belong to these feeds, or to the polled one."""
    docids = [found.docid for found in poll.entries]
    belong_to = dict.fromkeys(docids, feeds or (poll.feed,))
    return store.listings.commit_poll(poll, FILING, belong_to, dict.fromkeys(docids, HOST), trouble)


def counts_of(result: ListingResult) -> tuple[int, int]:
    """The numbers of new and of broken entries; nothing else has happened."""
    assert (result.changes, result.gap, result.unlisted, result.misses) == ((), None, (), ())
    return result.new, result.broken


def revision(docid: str, number: int = 1, at: datetime = NOW) -> Revision:
    return Revision(docid, number, f"金融/2026/09/30/{docid}.md", "0" * 64, f"题{docid}", NOW, at)


def due(
    store: Store, now: datetime = NOW, most: int = 100, host: str = HOST, tried_before: datetime = NOW
) -> list[str]:
    return [pending.entry.docid for pending in store.entries.due(host, most, now, tried_before, [])]


def dump(path: Path) -> list[str]:
    """All rows of the index at ``path``."""
    import sqlite3

    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store.open(path)
    yield opened
    opened.close()


def test_a_new_index_is_empty(store: Store) -> None:
    assert store.entries.counts() == Counts()
    assert (store.feeds.counts(), store.feeds.histories(), store.coverage.gaps(), store.backoffs.all()) == (
        {},
        {},
        [],
        [],
    )
    assert store.listings.known_docids("china", ["a"]) == set()
    assert store.entries.pending_hosts(NOW, NOW) == {}
    assert store.entries.next_due() is None
    assert store.damage() is None


def test_an_entry_comes_back_as_it_was_listed(store: Store) -> None:
    listed = replace(entry("doc1", minutes=-3), entered=NOW, image="//n.cn/a.png")
    bare = Entry("doc2", f"http://{HOST}/x", "", None, None, None, None, None)
    commit(store, poll_of(listed, bare), "china", "stock")
    pending = {found.entry.docid: found for found in store.entries.due(HOST, 9, NOW, NOW, [])}
    assert pending["doc1"].entry == listed
    assert pending["doc2"].entry == bare
    assert sorted(pending["doc1"].feeds) == ["china", "stock"]
    assert (pending["doc1"].host, pending["doc1"].attempts) == (HOST, 0)


def test_a_poll_counts_what_was_not_known_before(store: Store) -> None:
    unreadable = Failure("bad1", FailureKind.UNREADABLE, "item 3: no usable address")
    assert counts_of(commit(store, poll_of(entry("a"), entry("b"), failures=(unreadable,)))) == (2, 1)
    assert counts_of(commit(store, poll_of(entry("b"), entry("c"), failures=(unreadable,)))) == (1, 0)
    assert store.entries.counts() == Counts(entries=4, pending=3, parked=1)


def test_a_later_listing_of_an_entry_does_not_change_it(store: Store) -> None:
    commit(store, poll_of(entry("a")))
    commit_revisions(store, [revision("a")])
    commit(store, poll_of(replace(entry("a"), title="new", url="https://x.cn/"), at=NOW + HOUR))
    found = store.articles.find("a")
    assert found is not None
    assert (found["title"], found["status"]) == ("题“a”", "archived")


def test_an_entry_that_was_unreadable_and_is_readable_later_is_to_be_fetched(store: Store) -> None:
    commit(store, poll_of(failures=(Failure("a", FailureKind.UNREADABLE, "no usable address"),)))
    assert store.entries.counts() == Counts(entries=1, parked=1)
    assert counts_of(commit(store, poll_of(entry("a"), at=NOW + HOUR))) == (0, 0)
    assert store.entries.counts() == Counts(entries=1, pending=1)
    [pending] = store.entries.due(HOST, 9, NOW + HOUR, NOW + HOUR, [])
    assert pending.entry == entry("a")
    assert store.entries.failures("pending") == []


def test_an_entry_that_is_readable_and_unreadable_later_stays_readable(store: Store) -> None:
    commit(store, poll_of(entry("a")))
    assert counts_of(commit(store, poll_of(failures=(Failure("a", FailureKind.UNREADABLE, "x"),)))) == (0, 0)
    assert store.entries.counts() == Counts(entries=1, pending=1)
    assert store.entries.failures("pending") == []


def test_an_article_that_one_poll_lists_readable_and_unreadable_is_readable(store: Store) -> None:
    failures = tuple(Failure(subject, FailureKind.UNREADABLE, "x") for subject in ("a", "bad", "bad"))
    assert counts_of(commit(store, poll_of(entry("a"), failures=failures))) == (1, 1)
    assert store.entries.counts() == Counts(entries=2, pending=1, parked=1)


# Known articles


def test_a_complete_poll_adds_a_known_span_to_its_feed_only(store: Store) -> None:
    commit(store, poll_of(entry("a"), entry("b")), "china", "stock")
    assert store.listings.known_docids("china", ["a", "b", "c"]) == {"a", "b"}
    assert store.listings.known_docids("stock", ["a", "b"]) == set(), (
        "what its lids claim was not read in that feed's own list"
    )
    assert store.listings.known_docids("china", []) == set()


def test_a_poll_that_broke_off_adds_no_known_span(store: Store) -> None:
    commit(store, poll_of(entry("a"), error=ERROR, failures=(Failure("bad", FailureKind.UNREADABLE, ""),)))
    assert store.listings.known_docids("china", ["a", "bad"]) == set()
    assert due(store) == ["a"], "yet what it saw is kept"


def test_a_poll_at_its_page_limit_adds_a_known_span(store: Store) -> None:
    commit(store, poll_of(entry("a")))
    assert store.listings.known_docids("china", ["a"]) == {"a"}


def test_what_a_broken_poll_saw_becomes_a_known_span_with_the_next_whole_one(store: Store) -> None:
    commit(store, poll_of(entry("a"), error=ERROR))
    commit(store, poll_of(entry("a")))
    assert store.listings.known_docids("china", ["a"]) == {"a"}
    commit(store, poll_of(entry("a"), error=ERROR))
    assert store.listings.known_docids("china", ["a"]) == {"a"}, "a broken poll takes nothing back"


def test_an_item_that_cannot_be_parsed_counts_as_known_too(store: Store) -> None:
    commit(store, poll_of(failures=(Failure("bad", FailureKind.UNREADABLE, ""),)))
    assert store.listings.known_docids("china", ["bad"]) == {"bad"}


# Gaps


def test_a_poll_at_its_limit_that_met_nothing_known_leaves_a_gap(store: Store) -> None:
    commit(store, poll_of(entry("a", 0), entry("b", -5)))
    commit(store, poll_of(entry("d", 60), entry("c", 30), entry("e", None)))
    assert store.coverage.gaps() == [Gap("china", NOW - timedelta(minutes=5), NOW + timedelta(minutes=30))]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [poll_of(entry("d", 60))]),  # the first poll: nothing to have a gap to
        ([poll_of(entry("a"))], [poll_of(entry("d", 60), entry("a"))]),  # overlap
        ([poll_of(entry("a"))], [poll_of(entry("d", 60), error=ERROR)]),  # the next poll will read on
        ([poll_of(entry("a"))], [poll_of()]),  # nothing listed
        ([poll_of(entry("a"))], [poll_of(entry("d", None))]),  # no times to tell from
        ([poll_of(entry("a"))], [poll_of(entry("d", 60), entry("e", -60))]),  # reaches behind it
        ([poll_of(entry("a"))], [poll_of(entry("d", 60), entry("e", 0))]),  # touches it
        ([poll_of(entry("a"), feed="stock")], [poll_of(entry("d", 60))]),  # another feed's past
        ([poll_of(entry("a", None))], [poll_of(entry("d", 60))]),  # a past without times
    ],
)
def test_other_polls_leave_no_gap(store: Store, before: list[Poll], after: list[Poll]) -> None:
    for poll in before + after:
        commit(store, poll)
    assert store.coverage.gaps() == []


def test_after_a_broken_poll_the_gap_reaches_back_to_the_last_known_articles(store: Store) -> None:
    """Entries of the broken poll are newer than the unread ones: they must not hide the gap."""
    commit(store, poll_of(entry("a", 0)))
    commit(store, poll_of(entry("d", 60), error=ERROR))
    commit(store, poll_of(entry("e", 90), entry("d", 60), entry("c", 30)))
    assert store.coverage.gaps() == [Gap("china", NOW, NOW + timedelta(minutes=30))]


# Feeds


def test_a_feeds_history_is_that_of_its_polls(store: Store) -> None:
    commit(store, poll_of(entry("a", 5), entry("b")))
    good = FeedHistory("china", FILING, NOW, NOW, NOW + timedelta(minutes=5), None, None, complete_to=NOW, swept=NOW)
    assert store.feeds.histories() == {"china": good}
    commit(store, poll_of(error=ERROR, at=NOW + HOUR), trouble=0.25)
    bad = replace(
        good,
        last_poll=NOW + HOUR,
        error="status 502",
        kind=FailureKind.TEMPORARY,
        failing_since=NOW + HOUR,
        trouble=0.25,
    )
    assert store.feeds.histories() == {"china": bad}
    commit(store, poll_of(error=ERROR, at=NOW + 2 * HOUR), trouble=0.5)
    assert store.feeds.histories() == {"china": replace(bad, last_poll=NOW + 2 * HOUR, trouble=0.75)}
    later = NOW + 3 * HOUR
    commit(store, poll_of(entry("a", 5), at=later))
    mended = replace(good, last_poll=later, last_success=later, complete_to=later)
    assert store.feeds.histories() == {"china": mended}


def test_a_feed_that_never_succeeded_is_reported_as_such(store: Store) -> None:
    commit(store, poll_of(error=ERROR))
    assert store.feeds.histories()["china"] == FeedHistory(
        "china", FILING, NOW, None, None, "status 502", FailureKind.TEMPORARY, failing_since=NOW, trouble=1.0
    )


def test_a_poll_that_breaks_off_without_an_error_is_no_failure(store: Store) -> None:
    """An empty page in the middle of a list: it answers, and the next poll reads through it again."""
    commit(store, replace(poll_of(entry("a")), caught_up=False), trouble=0.5)
    history = store.feeds.histories()["china"]
    assert (history.failing_since, history.trouble, history.complete_to) == (None, 0.0, None)


def test_an_entry_counts_in_every_feed_it_belongs_to(store: Store) -> None:
    commit(store, poll_of(entry("a"), entry("b")), "china", "stock")
    commit(store, poll_of(entry("c"), feed="stock", failures=(Failure("bad", FailureKind.UNREADABLE, ""),)))
    commit_revisions(store, [revision("a")])
    assert store.feeds.counts() == {
        "china": Counts(entries=2, archived=1, pending=1),
        "stock": Counts(entries=4, archived=1, pending=2, parked=1),
    }
    assert store.entries.counts() == Counts(entries=4, archived=1, pending=2, parked=1)


# Whole or not at all


@pytest.mark.parametrize(
    ("feeds", "hosts"),
    [
        ({"a": ["china"], "b": ["china"]}, {"a": HOST}),  # an entry without a host
        ({"a": ["china"], "b": [None, "china"]}, {"a": HOST, "b": HOST}),  # fails in the middle of the rows
        ({"a": ["china"], "b": [object()]}, {"a": HOST, "b": HOST}),
    ],
)
def test_a_poll_that_cannot_be_recorded_whole_is_not_recorded_at_all(
    store: Store, path: Path, feeds: dict[str, list[str]], hosts: dict[str, str]
) -> None:
    commit(store, poll_of(entry("z")))
    before = dump(path)
    with pytest.raises(Exception, match=r".") as caught:
        store.listings.commit_poll(poll_of(entry("a"), entry("b")), FILING, feeds, hosts)
    assert caught.type is not AssertionError
    assert dump(path) == before
    assert counts_of(commit(store, poll_of(entry("a"), entry("b")))) == (2, 0), "and the store still works"


def test_what_was_committed_is_there_after_opening_again(store: Store, path: Path) -> None:
    commit(store, poll_of(entry("a")))
    store.close()
    reopened = Store.open(path)
    try:
        assert due(reopened) == ["a"]
    finally:
        reopened.close()

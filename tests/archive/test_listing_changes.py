"""Changed listings of known articles: each change is noticed once, in any list."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.model.feed import BackfillPage, Entry, Failure, FailureKind, ListingChange, ListingResult, Poll
from archive.store import Store
from tests.archive.test_store import FILING, HOST, HOUR, NOW, commit, entry, path, poll_of, revision, store
from tests.support.fetches import commit_revisions, make_fetch, version

__all__ = ["path", "store"]  # fixtures

FIRST = replace(entry("a"), title="first", modified=NOW)
SECOND = replace(FIRST, title="second")
TOUCHED = replace(FIRST, modified=NOW + HOUR)


@pytest.fixture
def hours() -> Iterator[int]:
    return iter(range(1, 1000))


def listed(store: Store, hours: Iterator[int], *entries: Entry, feed: str = "china") -> tuple[ListingChange, ...]:
    """What one more poll, an hour later, finds changed."""
    return commit(store, poll_of(*entries, feed=feed, at=NOW + next(hours) * HOUR)).changes


def on_record(path: Path) -> list[tuple[str, str, str, int]]:
    """Docid, feed, title and whether that is new, of each change."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT docid, feed, title, retitled FROM changes ORDER BY id").fetchall()
    finally:
        connection.close()


def test_a_new_title_is_a_change_once(store: Store, hours: Iterator[int]) -> None:
    assert listed(store, hours, FIRST) == ()
    assert listed(store, hours, FIRST) == ()
    assert listed(store, hours, SECOND) == (ListingChange("a", NOW + 2 * HOUR + HOUR, "second", NOW, retitled=True),)
    assert listed(store, hours, SECOND) == ()


def test_a_new_mtime_is_a_change_that_is_no_new_title(store: Store, hours: Iterator[int]) -> None:
    listed(store, hours, FIRST)
    assert listed(store, hours, TOUCHED) == (ListingChange("a", NOW + 2 * HOUR, "first", NOW + HOUR, retitled=False),)
    assert listed(store, hours, TOUCHED) == ()


def test_a_return_to_the_first_title_is_a_change_too(store: Store, hours: Iterator[int]) -> None:
    titles = [
        [change.title for change in listed(store, hours, said)] for said in (FIRST, SECOND, FIRST, FIRST, SECOND)
    ]
    assert titles == [[], ["second"], ["first"], [], ["second"]]


@pytest.mark.parametrize("said", [replace(FIRST, title=""), replace(FIRST, modified=None)])
def test_what_a_listing_leaves_out_it_does_not_take_back(store: Store, hours: Iterator[int], said: Entry) -> None:
    listed(store, hours, FIRST)
    assert listed(store, hours, said) == ()
    assert listed(store, hours, FIRST) == ()
    listed(store, hours, SECOND)
    both = replace(said, title=said.title and "third", modified=said.modified and NOW + HOUR)
    [change] = listed(store, hours, both)
    assert (change.title, change.modified) == (both.title or "second", both.modified or NOW)


@pytest.mark.parametrize("said", [replace(FIRST, title=""), replace(FIRST, modified=None)])
def test_what_was_not_said_before_is_no_edit_and_is_known_from_then_on(
    store: Store, hours: Iterator[int], said: Entry
) -> None:
    """An article first seen in a list without mtimes must not be fetched again because another list has them."""
    assert listed(store, hours, said) == ()
    assert listed(store, hours, FIRST) == ()
    edited = replace(FIRST, title="third", modified=NOW + HOUR)
    assert len(listed(store, hours, edited)) == 1


def test_a_change_is_noticed_once_in_any_list(store: Store, path: Path, hours: Iterator[int]) -> None:
    for feed in ("china", "stock"):
        listed(store, hours, FIRST, feed=feed)
    assert len(listed(store, hours, SECOND)) == 1
    assert listed(store, hours, SECOND, feed="stock") == ()
    assert listed(store, hours, SECOND) == ()
    assert on_record(path) == [("a", "china", "second", 1)]


def test_lists_that_never_agree_do_not_take_turns(store: Store, hours: Iterator[int]) -> None:
    """Column pages shorten titles; else each poll would find the article changed, and fetch it, for ever."""
    listed(store, hours, FIRST)
    views = [(SECOND, "stock"), (FIRST, "china"), (replace(FIRST, title="third"), "us"), (SECOND, "stock")]
    found = [listed(store, hours, said, feed=feed) for _ in range(5) for said, feed in views]
    assert [change.title for changes in found for change in changes] == ["second", "third"]
    assert [change.title for change in listed(store, hours, replace(FIRST, title="fourth"))] == ["fourth"]


def test_a_broken_poll_and_a_backfill_notice_changes_too(store: Store, hours: Iterator[int]) -> None:
    listed(store, hours, FIRST)
    broken = Poll("china", NOW, 1, (SECOND,), (), caught_up=False, error=Failure("china", FailureKind.TEMPORARY, "x"))
    assert len(commit(store, broken).changes) == 1
    backfill_page = BackfillPage("china", NOW + HOUR, (TOUCHED,))
    seen = store.listings.commit_backfill_page(backfill_page, FILING, {"a": ["china"]}, {"a": HOST})
    assert seen == ListingResult(0, 0, (ListingChange("a", NOW + HOUR, "first", NOW + HOUR, retitled=True),))


def test_the_entry_stays_as_first_seen_and_the_changes_are_on_record(
    store: Store, path: Path, hours: Iterator[int]
) -> None:
    listed(store, hours, FIRST)
    commit_revisions(store, [revision("a")])
    listed(store, hours, SECOND)
    found = store.articles.find("a")
    assert found is not None
    assert (found["title"], found["status"]) == ("first", "archived")
    assert on_record(path) == [("a", "china", "second", 1)]


def test_an_item_that_becomes_readable_has_not_changed(store: Store, path: Path, hours: Iterator[int]) -> None:
    commit(store, poll_of(failures=(Failure("a", FailureKind.UNREADABLE, "no usable address"),)))
    assert listed(store, hours, FIRST) == ()
    assert on_record(path) == []
    assert len(listed(store, hours, SECOND)) == 1


CARRIED = replace(FIRST, url="https://a.cn/7x24/#1", content="<p>text</p>")


def test_a_text_in_the_listing_follows_the_listing(store: Store, hours: Iterator[int]) -> None:
    listed(store, hours, CARRIED)
    listed(store, hours, replace(CARRIED, content="<p>other</p>", url="https://a.cn/page"))
    found = store.articles.find("a")
    assert found
    assert (found["content"], found["url"]) == ("<p>other</p>", "https://a.cn/page")
    then = store.history.as_of("a", NOW + HOUR)
    assert then
    assert then["url"] == CARRIED.url, "its URL at that time"


def test_a_text_fetched_from_its_page_is_not_taken_over_by_a_feed_that_carries_one(
    store: Store, hours: Iterator[int]
) -> None:
    listed(store, hours, FIRST)
    commit_revisions(store, [revision("a")])
    listed(store, hours, replace(FIRST, content="<p>excerpt</p>", url="https://a.cn/other"), feed="rss")
    found = store.articles.find("a")
    assert found
    assert (found["content"], found["url"], found["changed"]) == (None, FIRST.url, None)


def test_what_a_listing_says_between_a_fetch_and_its_commit_is_rechecked(store: Store, hours: Iterator[int]) -> None:
    """A poll is dated by its beginning, even if the clock was set."""
    listed(store, hours, CARRIED)
    later, after = NOW + 100 * HOUR, NOW + 101 * HOUR
    [taken] = store.entries.due(HOST, 9, later, later, ())
    listed(store, hours, replace(CARRIED, content="<p>corrected</p>"))
    seen = version(replace(revision("a"), fetched_at=later))
    fetch = replace(make_fetch("a", later), pending=taken)
    store.articles.commit([replace(seen, fetch=fetch)], [None])
    assert [pending.entry.content for pending in store.articles.due_rechecks(HOST, 9, after, after, ())] == [
        "<p>corrected</p>"
    ]

    [taken] = store.articles.due_rechecks(HOST, 9, after, after, ())
    again = version(replace(revision("a"), number=2, fetched_at=later))
    store.articles.commit([replace(again, fetch=replace(fetch, pending=taken))], [None])
    assert store.articles.due_rechecks(HOST, 9, after, after, ()) == [], "it has been rechecked"


def test_one_feed_carries_a_text_and_others_that_carry_it_too_do_not_take_turns(
    store: Store, hours: Iterator[int]
) -> None:
    listed(store, hours, CARRIED)
    listed(store, hours, replace(CARRIED, content="<p>theirs</p>", url="https://b.cn/1"), feed="other")
    found = store.articles.find("a")
    assert found
    assert (found["content"], found["url"], found["carrier"]) == (CARRIED.content, CARRIED.url, "china")

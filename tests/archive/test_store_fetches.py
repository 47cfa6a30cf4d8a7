"""Fetches in the index: due, failed and archived articles, and back-offs of hosts."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from archive.index.database import Database
from archive.model.feed import Counts, Failure, FailureKind, HostBackoff
from archive.store import Store
from tests.archive.test_store import FILING, HOST, HOUR, NOW, commit, due, dump, entry, path, poll_of, revision, store
from tests.support.fetches import commit_failure, commit_revisions
from tests.support.search_data import invented, put

__all__ = ["path", "store"]  # fixtures

FAILURE = Failure("a", FailureKind.TEMPORARY, "status 503")
UNREADABLE = Failure("bad", FailureKind.UNREADABLE, "no usable address")


def test_the_least_tried_come_first_and_of_those_the_newest(store: Store) -> None:
    commit(store, poll_of(entry("old", -60), entry("new", 0), entry("never", None), entry("failed", 10)))
    commit_failure(store, Failure("failed", FailureKind.TEMPORARY, "x"), NOW - HOUR, NOW)
    assert due(store) == ["new", "old", "never", "failed"]
    assert due(store, most=2) == ["new", "old"]
    assert due(store, host="other.cn") == []


def test_what_is_in_hand_is_left_out_and_others_take_its_place(store: Store) -> None:
    commit(store, poll_of(entry("a", 3), entry("b", 2), entry("c", 1)))
    assert [found.entry.docid for found in store.entries.due(HOST, 2, NOW, NOW, ["a", "nobody"])] == ["b", "c"]


def test_what_was_tried_in_this_run_or_is_not_due_yet_waits(store: Store) -> None:
    commit(store, poll_of(entry("a"), entry("b"), entry("c")))
    commit_failure(store, FAILURE, NOW, NOW)  # due at once, but tried in this run
    commit_failure(store, Failure("b", FailureKind.TEMPORARY, "x"), NOW - HOUR, NOW + HOUR)
    assert due(store) == ["c"]
    assert store.entries.pending_hosts(NOW, NOW) == {HOST: 1}
    assert due(store, tried_before=NOW + timedelta(seconds=1)) == ["c", "a"]
    assert store.entries.pending_hosts(NOW + HOUR, NOW + HOUR) == {HOST: 3}
    assert store.entries.next_due() == NOW


def test_hosts_are_distinguished(store: Store) -> None:
    poll = poll_of(entry("a"), entry("b"), entry("c"))
    hosts = {"a": "x.cn", "b": "y.cn", "c": "y.cn"}
    store.listings.commit_poll(poll, FILING, dict.fromkeys("abc", ("china",)), hosts)
    assert store.entries.pending_hosts(NOW, NOW) == {"x.cn": 1, "y.cn": 2}
    assert sorted(due(store, host="y.cn")) == ["b", "c"]


def test_a_failed_attempt_counts_and_has_a_reason(store: Store) -> None:
    commit(store, poll_of(entry("a"), entry("b")))
    commit_failure(store, FAILURE, NOW, NOW + HOUR)
    commit_failure(store, Failure("b", FailureKind.TEMPORARY, "status 503"), NOW, NOW + HOUR)
    [first, _] = store.entries.due(HOST, 9, NOW + HOUR, NOW + HOUR, [])
    assert first.attempts == 1
    assert store.entries.failures("pending") == [("status 503", 2)]
    assert store.entries.failures("parked") == []
    assert store.entries.next_due() == NOW + HOUR


def test_a_failure_without_another_try_parks_the_entry(store: Store) -> None:
    commit(store, poll_of(entry("a")))
    commit_failure(store, FAILURE, NOW, None)
    assert store.entries.counts() == Counts(entries=1, parked=1)
    assert due(store, NOW + 1000 * HOUR, tried_before=NOW + HOUR) == []
    assert store.entries.failures("parked") == [("status 503", 1)]
    found = store.articles.find("a")
    assert found is not None
    assert (found["status"], found["due"], found["attempts"]) == ("parked", None, 1)
    assert store.entries.next_due() is None


def test_a_failure_of_what_was_given_up_or_is_unknown_changes_no_entry(store: Store) -> None:
    commit(store, poll_of(entry("a"), failures=(UNREADABLE,)))
    before = [store.articles.find(docid) for docid in ("a", "bad")]
    for subject in ("bad", "unknown"):
        commit_failure(store, Failure(subject, FailureKind.GONE, "x"), NOW, NOW)
    assert [store.articles.find(docid) for docid in ("a", "bad")] == before


def test_released_is_what_waits_for_a_later_time(store: Store) -> None:
    commit(store, poll_of(entry("now"), entry("later"), entry("parked"), failures=(UNREADABLE,)))
    commit_failure(store, Failure("later", FailureKind.TEMPORARY, "x"), NOW, NOW + HOUR)
    commit_failure(store, Failure("parked", FailureKind.GONE, "x"), NOW, None)
    assert store.queues.release(NOW, parked=False) == 1
    assert sorted(due(store)) == ["later", "now"]
    assert store.entries.counts().pending == 2
    assert store.queues.release(NOW, parked=False) == 0
    assert store.entries.counts().parked == 2


def test_released_with_parked_is_all_that_has_an_address(store: Store) -> None:
    commit(store, poll_of(entry("parked"), failures=(UNREADABLE,)))
    commit_failure(store, Failure("parked", FailureKind.GONE, "x"), NOW, None)
    assert store.queues.release(NOW, parked=True) == 1
    [pending] = store.entries.due(HOST, 9, NOW, NOW, [])
    assert (pending.entry.docid, pending.attempts) == ("parked", 0)
    assert store.entries.counts() == Counts(entries=2, pending=1, parked=1)


# Revisions


def test_an_archived_article_is_found_by_docid_and_by_path(store: Store) -> None:
    commit(store, poll_of(entry("a"), entry("b")), "china", "stock")
    commit_failure(store, FAILURE, NOW, NOW)
    commit_revisions(store, [revision("a", at=NOW + HOUR), revision("b")])
    by_docid, by_path = store.articles.find("a"), store.articles.find(revision("a").path)
    assert by_docid is not None
    assert by_docid == by_path
    assert (by_docid["status"], by_docid["path"], by_docid["failure"]) == ("archived", revision("a").path, None)
    assert store.articles.revisions("a") == [revision("a", at=NOW + HOUR)]
    assert store.articles.revisions("unknown") == []
    assert store.articles.find("unknown") is None
    assert store.articles.find("") is None
    assert due(store, NOW + 9 * HOUR, tried_before=NOW + 9 * HOUR) == []


def test_revisions_come_in_order(store: Store) -> None:
    commit(store, poll_of(entry("a")))
    numbered = [revision("a", number) for number in (1, 2, 3)]
    commit_revisions(store, reversed(numbered))
    assert store.articles.revisions("a") == numbered


def test_revisions_are_recorded_all_or_none(store: Store, path: Path) -> None:
    commit(store, poll_of(entry("a"), entry("b")))
    commit_revisions(store, [revision("a")])
    before = dump(path)
    with pytest.raises(sqlite3.IntegrityError):
        commit_revisions(store, [revision("b"), revision("a")])
    assert dump(path) == before
    commit_revisions(store, [revision("b")])
    assert store.entries.counts().archived == 2


def test_nothing_to_record_changes_nothing(store: Store, path: Path) -> None:
    before = dump(path)
    commit_revisions(store, [])
    store.listings.commit_poll(poll_of(), FILING, {}, {})
    assert [line for line in dump(path) if "INSERT" in line and line not in before] != [], "a poll is always recorded"
    assert store.entries.counts() == Counts()


@pytest.mark.parametrize("text", ["'; DROP TABLE entries; --", "%", "_", "*", '"'])
def test_foreign_text_is_only_ever_a_value(store: Store, text: str) -> None:
    commit(store, poll_of(entry("a")))
    assert store.articles.find(text) is None
    assert store.listings.known_docids(text, [text]) == set()
    assert store.entries.due(text, 9, NOW, NOW, [text]) == []
    commit_failure(store, Failure(text, FailureKind.GONE, text), NOW, None)
    store.backoffs.end(text)
    assert due(store) == ["a"]


# Back-offs


def test_backoffs_come_back_until_they_end(store: Store) -> None:
    first = HostBackoff("a.cn", NOW + HOUR, 2, from_retry_after=True, reason="it answered 429")
    other = HostBackoff("b.cn", NOW, 1, from_retry_after=False, reason="it answered 403")
    longer = HostBackoff("a.cn", NOW + 2 * HOUR, 3, from_retry_after=False, reason="it answered 418")
    for backoff in (first, other, longer):
        store.backoffs.commit(backoff)
    assert sorted(store.backoffs.all(), key=lambda backoff: backoff.host) == [longer, other]
    store.backoffs.end("a.cn")
    store.backoffs.end("unknown.cn")
    assert store.backoffs.all() == [other]


def test_the_words_of_versions_that_are_committed_together_are_written_together(store: Store, path: Path) -> None:
    put(store, invented(50))
    store.close()
    database = Database(path)
    segments = database.execute("SELECT count(DISTINCT segid) FROM words_idx").fetchone()[0]
    database.close()
    assert segments == 1

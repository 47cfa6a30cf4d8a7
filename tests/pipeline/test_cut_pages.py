"""Pages that end before their end tag: no version before a second look, and none is lost for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.journal.warc_records import digest
from archive.model.feed import Entry, Filing, Poll
from archive.model.fetch import Decision, Fetch, Outcome, RawResponse
from archive.store import Store
from crawler.extract.response import parse_fetch
from pipeline.commit import ParsedFetch, commit_batch
from pipeline.decide import CUT
from tests.support.fetches import RULES

START = datetime(2026, 9, 29, 2, tzinfo=UTC)
DOCID = "nabcdef0000001"
URL = f"https://finance.sina.com.cn/stock/2026-09-29/doc-i{DOCID}.shtml"
HOST = "finance.sina.com.cn"
FILING = Filing(("金融",), "金融")


def page(paragraphs: int, *, end: str = "</div></body></html>", load: int = 0) -> bytes:
    text = "".join(f"<p>第{number}段。</p>" for number in range(paragraphs))
    return f'<html><head><meta charset="utf-8"><!-- {load} --></head><body><div id="artibody">{text}{end}'.encode()


def cut(paragraphs: int, load: int = 0) -> bytes:
    return page(paragraphs, end="", load=load)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    entry = Entry(DOCID, URL, "题", START, START, None, None, None)
    opened.listings.commit_poll(
        Poll("china", START, 1, (entry,), (), caught_up=True), FILING, {DOCID: ["china"]}, {DOCID: HOST}
    )
    yield opened
    opened.close()


def fetched(store: Store, body: bytes, at: datetime, rule: int = 3) -> Decision:
    far = at + timedelta(days=400)
    pending = store.entries.due(HOST, 1, far, far, ())
    if not pending:
        store._db.execute("UPDATE entries SET recheck = :then, due = :then, tried = :then", {"then": "2020-01-01"})
        pending = store.articles.due_rechecks(HOST, 1, far, far, ())
    response = RawResponse(URL, 200, (), body)
    fetch = Fetch(at, pending[0], "china", FILING, RULES, response, rule=rule)
    parsed = ParsedFetch(fetch, parse_fetch(fetch, 1_000_000), digest(body), None)
    [decision] = commit_batch(store, [parsed], lambda posts: None)
    return decision


def outcomes(store: Store, *bodies: bytes, rule: int = 3) -> list[Outcome]:
    times = (START + timedelta(minutes=number) for number in range(1, 100))
    return [fetched(store, body, at, rule).outcome for body, at in zip(bodies, times, strict=False)]


def test_a_cut_page_is_retried_and_its_whole_one_archived(store: Store) -> None:
    decision = fetched(store, cut(101), START)
    assert (decision.outcome, decision.evidence) == (Outcome.FAILED, CUT)
    assert decision.due is not None
    assert outcomes(store, page(5000)) == [Outcome.FIRST]


def test_a_page_that_is_always_served_without_its_end_is_archived_at_the_second_look(store: Store) -> None:
    assert outcomes(store, cut(9), cut(9)) == [Outcome.FAILED, Outcome.FIRST]


def test_a_page_without_its_end_that_changes_at_each_load_is_archived_at_the_last_attempt(store: Store) -> None:
    found = [fetched(store, cut(9, load=number), START + timedelta(days=number)).outcome for number in range(1, 12)]
    first = found.index(Outcome.FIRST)
    assert 3 <= first <= 8
    assert found[:first] == [Outcome.FAILED] * first


def test_a_cut_page_makes_no_version_over_a_longer_one_without_a_second_look(store: Store) -> None:
    assert outcomes(store, page(50), cut(20), page(50), cut(20), cut(20)) == [
        Outcome.FIRST, Outcome.FAILED, Outcome.SAME, Outcome.REVISED, Outcome.SAME,
    ]  # fmt: skip


def test_a_cut_page_with_the_same_text_is_the_same(store: Store) -> None:
    assert outcomes(store, page(50), cut(50, load=1), cut(50, load=2)) == [Outcome.FIRST, Outcome.SAME, Outcome.SAME]


def test_an_empty_or_deleted_page_without_its_end_needs_a_second_look(store: Store) -> None:
    gone = "<html><body><h1>页面没有找到</h1>".encode()
    assert outcomes(store, page(50), gone, gone) == [Outcome.FIRST, Outcome.FAILED, Outcome.GONE]


def test_fetches_by_older_rules_are_decided_as_they_were(store: Store) -> None:
    assert outcomes(store, cut(9), cut(5), rule=2) == [Outcome.FIRST, Outcome.REVISED]

"""Feeds and media by the names that people use; and what names nothing, said with what there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.model.errors import QueryError
from archive.model.feed import Entry, Filing, Poll
from archive.query.messages import describe
from archive.query.parser import parse
from archive.store import Store
from tests.support.search_data import NOW, Story, put
from tests.test_boundaries import ROOT

FEEDS = {"china": "新浪财经－国內", "stock": "股票", "Live": "7x24 快讯"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    put(opened, [Story(feed, f"{feed}的题", "茅台", "样例社", feeds=(feed,)) for feed in FEEDS])
    for feed, name in FEEDS.items():
        entry = Entry(feed, f"https://a.cn/{feed}", f"{feed}的题", NOW, None, None, None, None)
        poll = Poll(feed, NOW + timedelta(minutes=1), 1, (entry,), (), caught_up=True)
        opened.listings.commit_poll(poll, Filing(("金融", name), name), {feed: (feed,)}, {feed: "a.cn"})
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("query", "feeds"),
    [
        ("feed:china", {"china"}),
        ("feed:新浪财经－国內", {"china"}),
        ("feed:新浪财经-国内", {"china"}),
        ("feed:新浪財經－國內", {"china"}),
        ("feed:股票", {"stock"}),
        ("feed:Live", {"Live"}),
        ('feed:"７Ｘ24  快訊"', {"Live"}),
        ("-feed:股票 茅台", {"china", "Live"}),
        ("feed:股票 or feed:新浪财经－国内", {"china", "stock"}),
    ],
)
def test_a_feed_has_its_id_and_its_name(store: Store, query: str, feeds: set[str]) -> None:
    parsed = parse(query)
    store.names.check(parsed)
    assert {hit.docid for hit in store.search.find(parsed, 9)} == feeds
    assert {change.docid for change in store.changefeed.between(parsed, 0, 99, 99)} == feeds


def test_two_feeds_of_one_name_are_both_meant(store: Store) -> None:
    put(store, [Story("other", "题", "文", feeds=("other",))])
    store.listings.commit_poll(
        Poll("other", NOW, 1, (), (), caught_up=True), Filing(("期货", "股票"), "股票"), {}, {}
    )
    assert {hit.docid for hit in store.search.find(parse("feed:股票"), 9)} == {"stock", "other"}
    assert [hit.docid for hit in store.search.find(parse("茅台 feed:股票"), 9)] == ["stock"]


@pytest.mark.parametrize(
    ("query", "english", "chinese"),
    [
        (
            "茅台 feed:nope",
            "no feed 'nope'; there are Live (7x24 快讯), china (新浪财经－国內)",
            "没有订阅源“nope”；现有",
        ),
        ("NOT feed:chnia", "did you mean china?", "是不是 china？"),
        ("feed:国内", "did you mean 新浪财经－国內?", "是不是 新浪财经－国內？"),
        (
            "media:新华社",
            "'新华社' in its name; media of the newest articles are 样例社",
            "近来的媒体有 样例社",
        ),
        ("茅台 or media:样社", "did you mean 样例社?", "是不是 样例社？"),
    ],
)
def test_what_names_nothing_is_said_with_what_there_is(store: Store, query: str, english: str, chinese: str) -> None:
    with pytest.raises(QueryError) as refused:
        store.names.check(parse(query))
    assert english in str(refused.value)
    assert chinese in describe(refused.value, "zh")
    if "NOT" not in query and "or" not in query:
        assert store.search.find(parse(query), 9) == [], "who does not check finds nothing"


def test_of_many_feeds_a_message_names_some(store: Store) -> None:
    configured = {f"feed{number}": f"第{number}" for number in range(50)}
    with pytest.raises(QueryError, match=r"feed8 \(第8\), …$"):
        store.names.check(parse("feed:nope"), lambda: configured)


def test_a_configured_feed_that_was_not_read_yet_finds_nothing_and_is_no_mistake(store: Store) -> None:
    for query in ("feed:new", "feed:新来的"):
        parsed = parse(query)
        store.names.check(parsed, lambda: {"new": "新來的"})
        assert store.search.find(parsed, 9) == []


def test_an_archive_without_feeds_and_media_says_so(tmp_path: Path) -> None:
    empty = Store.open(tmp_path / "empty.db")
    with pytest.raises(QueryError, match="no feeds yet"):
        empty.names.check(parse("feed:nope"))
    with pytest.raises(QueryError, match="have no media"):
        empty.names.check(parse("media:新华社"))
    empty.close()


def test_every_query_is_resolved_before_it_is_compiled() -> None:
    """Else names would match nothing, and words only the script in which they are typed."""
    modules = [path for path in (ROOT / "archive").rglob("*.py") if "CompiledQuery.of(" in path.read_text("utf-8")]
    assert len(modules) >= 2
    assert [path.name for path in modules if ".resolve(" not in path.read_text("utf-8")] == []

"""Stocks have the names that archived articles print: those of then, as of a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.model.errors import QueryError
from archive.model.results import StockName
from archive.query.messages import describe
from archive.query.parser import parse
from archive.store import Store
from tests.support.fetches import version
from tests.support.search_data import NOW, Story, revision_of

DAY = timedelta(days=1)
MOUTAI, GENERAL = "sh600519", "sz000564"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


def archive(
    store: Store, docid: str, names: dict[str, str], published: datetime, seen: datetime, *, number: int = 1
) -> None:
    """Archive a version that prints these names."""
    story = Story(docid, f"{docid}的题", "文", symbols=tuple(names), published=published)
    decision = version(revision_of(story, seen, number), "文")
    assert decision.article
    article = replace(decision.article, stock_names=tuple(names.items()))
    store.articles.commit([replace(decision, article=article)], [None])


@pytest.fixture
def renamed(store: Store) -> Store:
    """A stock that was called otherwise two days ago; yesterday an article of two years ago was archived."""
    archive(store, "old", {GENERAL: "供销大集", MOUTAI: "贵州茅台"}, NOW - 3 * DAY, NOW - 3 * DAY)
    archive(store, "new", {GENERAL: "ST大集"}, NOW - 2 * DAY, NOW - 2 * DAY)
    archive(store, "filled", {GENERAL: "西安民生"}, NOW - 730 * DAY, NOW - DAY)
    return store


def test_a_stock_has_the_name_of_the_article_published_last_and_of_then(renamed: Store) -> None:
    def name(time: datetime | None) -> str | None:
        return renamed.stocks.current([GENERAL, "unknown"], time).get(GENERAL)

    assert name(None) == name(NOW) == name(NOW - 2 * DAY) == "ST大集"
    assert name(NOW - 3 * DAY) == name(NOW - 2 * DAY - timedelta(seconds=1)) == "供销大集"
    assert name(NOW - 4 * DAY) is None
    assert renamed.stocks.current([]) == {}


def test_all_names_of_a_stock_are_kept_with_when_they_were_seen(renamed: Store) -> None:
    archive(renamed, "again", {GENERAL: "ST大集"}, NOW, NOW)
    assert renamed.stocks.of(GENERAL) == [
        StockName("ST大集", NOW - 2 * DAY, NOW),
        StockName("供销大集", NOW - 3 * DAY, NOW - 3 * DAY),
        StockName("西安民生", NOW - DAY, NOW - DAY),
    ]
    assert [each.name for each in renamed.stocks.of(GENERAL, NOW - 2 * DAY)] == ["ST大集", "供销大集"]
    assert renamed.stocks.of("unknown") == []


def test_a_version_that_prints_another_name_renames_a_stock_from_then_on(store: Store) -> None:
    archive(store, "aaaa", {MOUTAI: "茅台"}, NOW, NOW)
    archive(store, "aaaa", {MOUTAI: "贵州茅台"}, NOW, NOW + DAY, number=2)
    assert store.stocks.current([MOUTAI]) == {MOUTAI: "贵州茅台"}
    assert store.stocks.current([MOUTAI], NOW) == {MOUTAI: "茅台"}


@pytest.mark.parametrize(
    ("query", "docids"),
    [
        ("symbol:贵州茅台", ["old"]),
        ("symbol:貴州茅臺", ["old"]),
        ('symbol:"贵 州 茅 台"', ["old"]),
        ("symbol:供销大集", ["filled", "new", "old"]),
        ("symbol:ＳＴ大集", ["filled", "new", "old"]),
        ("symbol:st大集 -symbol:贵州茅台", ["filled", "new"]),
        ("symbol:贵州茅台 or symbol:西安民生", ["filled", "new", "old"]),
    ],
)
def test_a_stock_is_found_by_any_name_that_it_had(renamed: Store, query: str, docids: list[str]) -> None:
    parsed = parse(query)
    renamed.names.check(parsed)
    assert sorted(hit.docid for hit in renamed.search.find(parsed, 9)) == docids
    assert sorted(record.docid for record in renamed.search.each(parsed)) == docids
    assert sorted(change.docid for change in renamed.changefeed.between(parsed, 0, 99, 99)) == docids


def test_a_name_that_a_stock_got_later_finds_nothing_as_of_before(renamed: Store) -> None:
    def found(query: str, time: datetime) -> list[str]:
        return sorted(hit.docid for hit in renamed.search.find(parse(query), 9, time))

    assert found("symbol:供销大集", NOW - 3 * DAY) == ["old"]
    assert found("symbol:ST大集", NOW - 3 * DAY) == []
    assert found("symbol:ST大集 or 文", NOW - 3 * DAY) == ["old"]
    assert found("文 -symbol:ST大集", NOW - 3 * DAY) == ["old"]
    assert found("symbol:ST大集", NOW - 2 * DAY) == ["new", "old"]


def test_hits_have_the_names_of_their_stocks_of_then(renamed: Store) -> None:
    def names(time: datetime | None) -> dict[str, str]:
        [hit] = [hit for hit in renamed.search.find(parse("文"), 9, time) if hit.docid == "old"]
        return dict(hit.stock_names)

    assert names(None) == {GENERAL: "ST大集", MOUTAI: "贵州茅台"}
    assert names(NOW - 3 * DAY) == {GENERAL: "供销大集", MOUTAI: "贵州茅台"}


def test_two_stocks_of_one_name_are_both_found(store: Store) -> None:
    archive(store, "aaaa", {MOUTAI: "样例股份"}, NOW, NOW)
    archive(store, "bbbb", {GENERAL: "样例股份"}, NOW, NOW)
    assert store.stocks.called("样例股份") == [MOUTAI, GENERAL]
    assert sorted(hit.docid for hit in store.search.find(parse("symbol:样例股份"), 9)) == ["aaaa", "bbbb"]


def test_a_name_of_no_stock_is_said_with_what_is_like_it(renamed: Store) -> None:
    with pytest.raises(QueryError, match=r"no stock is called '茅台'.*did you mean 贵州茅台\?") as refused:
        renamed.names.check(parse("symbol:茅台"))
    assert "没有名为“茅台”的股票；是不是 贵州茅台？" in describe(refused.value, "zh")
    assert renamed.search.find(parse("symbol:茅台"), 9) == []
    assert renamed.stocks.names() == ["ST大集", "供销大集", "西安民生", "贵州茅台"]


def test_in_an_archive_without_names_none_is_known(store: Store) -> None:
    assert store.stocks.names() == store.stocks.called("茅台") == store.stocks.called("%") == []
    with pytest.raises(QueryError, match="no stock is called '茅台'"):
        store.names.check(parse("symbol:茅台"))

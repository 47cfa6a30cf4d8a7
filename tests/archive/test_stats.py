"""The index in numbers: by hour, feed, medium, stock and day, as of now and of before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

import archive.search.stats
from archive.files.paths import CHINA
from archive.model.feed import Failure, FailureKind
from archive.model.fetch import JournalPosition, Outcome
from archive.query.parser import parse
from archive.store import Store
from tests.support.fetches import failed
from tests.support.search_data import NOW, Story, invented, put

EVER = datetime.max.replace(tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


@pytest.fixture
def stories(store: Store) -> list[Story]:
    found = invented(300)
    put(store, found)
    return found


def china_day(story: Story) -> str:
    return story.published.astimezone(CHINA).date().isoformat()


def test_hours_are_counted_for_each_feed_and_once_for_all(store: Store, stories: list[Story]) -> None:
    until = NOW.replace(minute=0)
    since = until - 400 * HOUR

    found = {(each.hour, each.feed): each.articles for each in store.stats.hours(since, until, EVER)}

    inside = [story for story in stories if since <= story.published < until]
    hours = [(story.published.replace(minute=0, second=0, microsecond=0), story) for story in inside]
    wanted = Counter((hour, feed) for hour, story in hours for feed in (None, *story.feeds))
    assert found == wanted
    assert len(inside) > 30


def test_an_article_dated_ahead_is_not_the_latest(store: Store) -> None:
    assert store.stats.latest(NOW) is None
    put(store, [Story("old", "a", "b", published=NOW - HOUR), Story("ahead", "c", "d", published=NOW + HOUR)])

    assert store.stats.latest(NOW) == NOW - HOUR
    assert store.stats.latest(NOW + 2 * HOUR) == NOW + HOUR


def test_the_stocks_that_are_named_most(store: Store, stories: list[Story]) -> None:
    since = NOW - timedelta(days=30)

    named = store.stats.top_symbols(since, NOW, EVER, 2)

    counts = Counter(symbol for story in stories if since <= story.published < NOW for symbol in story.symbols)
    assert named == sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:2]


def test_articles_of_a_stock_and_their_days(store: Store, stories: list[Story]) -> None:
    of = sorted((s for s in stories if "MSFT" in s.symbols), key=lambda s: (-s.published.timestamp(), s.docid))

    hits = store.stats.of_symbol("MSFT", 10, 5, EVER)

    assert [hit.docid for hit in hits] == [story.docid for story in of[5:15]]
    assert hits[0].symbols == of[5].symbols
    assert hits[0].media == of[5].media
    assert dict(store.stats.days_of_symbol("MSFT", EVER)) == Counter(map(china_day, of))
    assert store.stats.of_symbol("msft", 10, 0, EVER) == []  # as it is written


@pytest.mark.parametrize("query_text", ["茅台", "feed:china", "茅 OR 台 NOT 降准", "symbol:MSFT since:2026-08-01"])
def test_facets_count_what_a_search_finds(store: Store, stories: list[Story], query_text: str) -> None:
    query = parse(query_text)
    by_docid = {story.docid: story for story in stories}
    found = [by_docid[hit.docid] for hit in store.search.find(query, 1000, by_time=True)]

    facets = store.stats.facets(query, EVER)

    assert found
    assert (facets.articles, facets.complete) == (len(found), True)
    assert dict(facets.feeds) == Counter(feed for story in found for feed in story.feeds)
    assert dict(facets.media) == Counter(story.media for story in found if story.media)
    assert dict(facets.symbols) == Counter(symbol for story in found for symbol in story.symbols)
    days = Counter(map(china_day, found))
    assert facets.days == tuple(sorted(days.items(), reverse=True)[: archive.search.stats.MAX_VALUES])


def test_of_many_the_last_ones_are_counted(
    store: Store, stories: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive.search.stats, "MAX_COUNTED", 50)

    facets = store.stats.facets(parse("feed:china"), EVER)

    assert (facets.articles, facets.complete) == (50, False)


def test_a_page_of_the_newest_begins_where_the_one_before_ended(store: Store, stories: list[Story]) -> None:
    for query_text in ("茅", "feed:stock"):
        query = parse(query_text)
        whole = [hit.docid for hit in store.search.find(query, 1000, by_time=True)]

        pages = [store.search.find(query, 7, by_time=True, offset=start) for start in range(0, len(whole), 7)]

        assert [hit.docid for page in pages for hit in page] == whole
        assert len(pages) > 3


def test_as_of_a_time_later_observations_do_not_count(store: Store) -> None:
    story = Story("a", "旧题", "茅台", media="甲报", symbols=("sh600519",), published=NOW - HOUR)
    put(store, [story], at=NOW)
    later = replace(story, title="新题", media="乙报", symbols=("MSFT",))
    put(store, [later], at=NOW + 2 * HOUR, number=2)

    then, after = NOW + HOUR, NOW + 3 * HOUR

    for time, name, medium, other in ((then, "sh600519", "甲报", "MSFT"), (after, "MSFT", "乙报", "sh600519")):
        assert len(store.stats.of_symbol(name, 9, 0, time)) == 1
        assert store.stats.of_symbol(other, 9, 0, time) == []
        assert store.stats.days_of_symbol(other, time) == []
        assert store.stats.facets(parse("茅台"), time).media == ((medium, 1),)
        assert store.stats.top_symbols(NOW - 2 * HOUR, NOW, time, 5) == [(name, 1)]
        assert [each.articles for each in store.stats.hours(NOW - 2 * HOUR, NOW, time)] == [1, 1]
    before = NOW - timedelta(minutes=1)
    assert store.stats.hours(NOW - 2 * HOUR, NOW, before) == []
    assert store.stats.latest(before) is None


def test_fetches_are_reported_with_their_places(store: Store) -> None:
    put(store, [Story("a", "题", "文")], at=NOW)
    gone = failed(Failure("a", FailureKind.GONE, "status 404"), NOW + HOUR, None)
    store.articles.commit([gone], [JournalPosition("finarchive-20260930-0001.warc.gz", 77)])

    first, second = store.stats.fetches("a", EVER)

    assert (first.outcome, first.revision, first.position) == (Outcome.FIRST, 1, None)
    assert (second.outcome, second.evidence) == (Outcome.GONE, "status 404")
    assert second.position == JournalPosition("finarchive-20260930-0001.warc.gz", 77)
    assert store.stats.fetches("a", NOW) == [first]

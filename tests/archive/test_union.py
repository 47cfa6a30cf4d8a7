"""Several archives that are read as one give what one archive with all their articles gives."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.files.layout import index_path
from archive.model.errors import ArchiveError
from archive.model.results import ArticleChange, Hit, Record
from archive.query.nodes import And, Query
from archive.query.parser import parse
from archive.store import Store
from archive.union.store import AnyStore, UnionStore
from tests.support.examples import examples
from tests.support.query_forms import DAYS, FEEDS, STOCKS, Known, happen, random_query, write
from tests.support.search_data import NOW, Story, put

END = datetime.max.replace(tzinfo=UTC)
HOUR = timedelta(hours=1)
ARTICLES = 40
NAMES = ("east", "north", "south", "west")


def archive(root: Path, known: Sequence[Known] = ()) -> Path:
    """Make an archive's index with these articles."""
    index_path(root).parent.mkdir(parents=True)
    store = Store.open(index_path(root))
    write(store, known)
    store.close()
    return root


def open_all(roots: Mapping[str, Path]) -> UnionStore:
    return UnionStore.open_for_reading({name: index_path(root) for name, root in roots.items()})


def by_chance(known: Sequence[Known], shards: int) -> list[list[Known]]:
    dice = random.Random(shards)
    places = [dice.randrange(shards) for _ in known]
    return [[each for each, place in zip(known, places, strict=True) if place == shard] for shard in range(shards)]


def by_feed(known: Sequence[Known]) -> list[list[Known]]:
    """Let each archive read one feed: an article of both feeds is in both archives."""
    return [
        [replace(each, story=replace(each.story, feeds=(feed,))) for each in known if feed in each.story.feeds]
        for feed in FEEDS
    ]


SLOW = [pytest.param(way, marks=pytest.mark.slow) for way in ("chance-1", "chance-2", "chance-4")]


@pytest.fixture(scope="module", params=["chance-3", "feed", *SLOW])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[AnyStore, AnyStore]]:
    known = happen(ARTICLES)
    way, _, shards = request.param.partition("-")
    split = by_feed(known) if way == "feed" else by_chance(known, int(shards))
    folder = tmp_path_factory.mktemp("union")
    one = Store.open_for_reading(index_path(archive(folder / "one", known)))
    several = open_all({name: archive(folder / name, shard) for name, shard in zip(NAMES, split, strict=False)})
    yield one, several
    one.close()
    several.close()


def plain(found: Sequence[Hit]) -> list[Hit]:
    """Results without the names of archives in their paths."""
    return [replace(each, path=each.path[each.path.index("a/doc") :]) for each in found]


def plain_records(found: Iterable[Record]) -> list[Record]:
    """Records without the names of archives, and without what each archive knows of its own polls."""
    return [
        replace(each, path=each.path[each.path.index("a/doc") :], settled_feeds=(), provisional_feeds=())
        for each in found
    ]


def in_order(changes: Sequence[ArticleChange]) -> list[tuple[object, ...]]:
    """Changes without their cursors; those of one moment by docid: no archive knows which came first."""
    rows = [
        (
            each.at,
            each.docid,
            str(each.kind),
            each.before,
            each.after,
            each.title,
            each.feeds,
            each.revision,
        )
        for each in changes
    ]
    return sorted(rows, key=lambda row: (-row[0].timestamp(), row[1]))  # type: ignore[union-attr]


def queries(seed: int, number: int) -> Iterator[tuple[str, Query, datetime]]:
    dice, known = random.Random(seed), happen(ARTICLES)
    for _ in range(number):
        text = random_query(dice, known)[0]
        yield text, parse(text, NOW), dice.choice((END, END, NOW - timedelta(minutes=dice.randrange(DAYS * 24 * 60))))


def test_any_query_gives_the_same_articles_in_the_same_order(both: tuple[AnyStore, AnyStore]) -> None:
    one, several = both
    found_any = 0
    for text, query, time in queries(3, 30):
        for store in both:
            store.names.check(query)
        for limit in (3, 100):
            best = one.search.find(query, limit, time)
            assert plain(several.search.find(query, limit, time)) == plain(best), text
            found_any += len(best)
        newest = one.search.find(query, 7, time, by_time=True, offset=2)
        assert plain(several.search.find(query, 7, time, by_time=True, offset=2)) == plain(newest), text
        if newest:
            after = newest[0].published, newest[0].docid
            later = one.search.find(query, 5, time, by_time=True, after=after)
            assert plain(several.search.find(query, 5, time, by_time=True, after=after)) == plain(later), text
        for most in (1, 5, 1000):
            assert several.search.count(query, most, time) == one.search.count(query, most, time), text
        assert several.stats.facets(query, time) == one.stats.facets(query, time), text
    assert found_any > 300


def test_exports_have_the_same_records_in_the_same_order(both: tuple[AnyStore, AnyStore]) -> None:
    one, several = both
    for text, query, time in queries(4, 8):
        for newest in (None, 1, 10):
            expected = plain_records(one.search.each(query, time, newest=newest))
            assert plain_records(several.search.each(query, time, newest=newest)) == expected, text
        assert plain_records(several.search.latest(query, 9, time)) == plain_records(
            one.search.latest(query, 9, time)
        ), text


def test_changes_are_the_same_on_pages_of_any_size(both: tuple[AnyStore, AnyStore]) -> None:
    one, several = both
    cases = [("", And(()), END), *queries(5, 6)]
    for text, query, time in cases:
        expected = in_order(one.changes.find(query, 1000, time=time).changes)
        assert in_order(several.changes.find(query, 1000, time=time).changes) == expected, text
        for limit in (1, 4):
            found: list[ArticleChange] = []
            cursor = None
            while True:
                page = several.changes.find(query, limit, time=time, cursor=cursor)
                assert len(page.changes) <= limit + 2
                found += page.changes
                cursor = page.next
                if cursor is None:
                    break
            assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
            assert in_order(found) == expected, (text, limit)
    assert len(in_order(several.changes.find(And(()), 1000).changes)) > 10


def test_counts_and_neighbours_are_the_same(both: tuple[AnyStore, AnyStore]) -> None:
    one, several = both
    for time in (END, NOW - timedelta(days=DAYS / 2)):
        assert several.stats.latest(time) == one.stats.latest(time)
        assert several.stats.begins(time) == one.stats.begins(time)
        span = NOW - timedelta(days=DAYS), NOW + HOUR, time
        hours = {(each.hour, each.feed, each.articles) for each in one.stats.hours(*span)}
        assert {(each.hour, each.feed, each.articles) for each in several.stats.hours(*span)} == hours
        assert several.stats.top_symbols(*span, 2) == one.stats.top_symbols(*span, 2)
        assert several.names.feeds() == one.names.feeds()
        assert several.stocks.current(STOCKS, time) == one.stocks.current(STOCKS, time)
        for symbol in STOCKS:
            assert several.stats.days_of_symbol(symbol, time) == one.stats.days_of_symbol(symbol, time)
            hits = plain(one.stats.of_symbol(symbol, 5, 3, time))
            assert plain(several.stats.of_symbol(symbol, 5, 3, time)) == hits
            assert several.stocks.of(symbol, time) == one.stocks.of(symbol, time)
        for each in one.search.find(And(()), 20, time, by_time=True):
            place = each.docid, each.published, time
            assert several.history.neighbours(*place) == one.history.neighbours(*place)
            known = one.history.as_of(each.docid, time)
            own = several.of(each.docid)
            assert own.history.as_of(each.docid, time) == known


def test_an_article_of_two_archives_is_that_of_the_archive_that_archived_it_first(tmp_path: Path) -> None:
    for name, hours, text in (("old", 0, "增长4.8%"), ("new", 1, "增长4.9%")):
        store = Store.open(index_path(archive(tmp_path / name)))
        put(
            store, [Story("aaaa", "营收", text, feeds=(name,)), Story(f"of-{name}", "别的", text)], NOW + hours * HOUR
        )
        put(store, [Story("aaaa", "营收", f"{text}，更正", feeds=(name,))], NOW + (hours + 2) * HOUR, 2)
        store.close()
    several = open_all({name: tmp_path / name for name in ("new", "old")})

    [hit] = several.search.find(parse("营收"), 9)
    assert (hit.path, hit.feeds, hit.revision) == ("old/a/aaaa.md", ("new", "old"), 2)
    assert several.of("aaaa").root == tmp_path / "old"
    assert several.search.find(parse("4.9 营收"), 9) == [], "the other archive's text is not shown"
    assert [each.docid for each in several.search.find(parse("feed:new 营收"), 9)] == ["aaaa"]
    assert several.search.find(parse("feed:new 营收"), 9, NOW) == [], "it was in the other feed only"
    assert [each.docid for each in several.changes.find(And(()), 9).changes] == ["aaaa"]
    assert sorted(each.docid for each in several.search.each(And(()))) == ["aaaa", "of-new", "of-old"]
    assert several.search.count(And(()), 9) == 3
    several.close()


def test_an_article_that_one_archive_has_removed_is_shown_by_none(tmp_path: Path) -> None:
    for name in ("first", "second"):
        store = Store.open(index_path(archive(tmp_path / name)))
        put(store, [Story("aaaa", "营收", "增长")], NOW)
        if name == "second":
            store.forgotten.commit(store.forgotten.plan(["aaaa"], "law", NOW), NOW)
        store.close()
    several = open_all({name: tmp_path / name for name in ("first", "second")})
    assert several.search.find(parse("营收"), 9) == []
    assert several.of("aaaa").forgotten.find("aaaa") == (NOW, "law")
    several.close()


def test_what_cannot_be_read_with_others_is_an_error_that_names_it(tmp_path: Path) -> None:
    good = archive(tmp_path / "good")
    with pytest.raises(ArchiveError, match=r"no index .*missing.*name the folder"):
        open_all({"good": good, "missing": tmp_path / "missing"})
    damaged = archive(tmp_path / "damaged")
    index_path(damaged).write_bytes(b"no database" * 999)
    with pytest.raises(ArchiveError, match=r"damaged/.finarchive/index.db is damaged"):
        open_all({"good": good, "damaged": damaged})
    with pytest.raises(ArchiveError, match="12 archives are too many"):
        open_all({str(number): good for number in range(12)})


@pytest.mark.slow
@pytest.mark.sized
def test_more_than_a_thousand_articles_are_found_and_ranked_as_in_one_archive(tmp_path: Path) -> None:
    known = happen(1_500, 7)
    one = Store.open_for_reading(index_path(archive(tmp_path / "one", known)))
    roots = {name: archive(tmp_path / name, shard) for name, shard in zip(NAMES, by_chance(known, 4), strict=True)}
    several = open_all(roots)
    dice = random.Random(8)
    for _ in range(examples(150)):
        text, query = (typed := random_query(dice, known)[0]), parse(typed, NOW)
        time = dice.choice((END, NOW - timedelta(minutes=dice.randrange(DAYS * 24 * 60))))
        # Of a query that ends with a single character, only the newest articles of each archive are ranked.
        if not one.search_part.resolve(query, time).conditions.ending:
            for limit in (10, 80):
                best = plain(one.search.find(query, limit, time))
                assert plain(several.search.find(query, limit, time)) == best, text
        assert several.search.count(query, 10**6, time) == one.search.count(query, 10**6, time), text
        assert several.stats.facets(query, time) == one.stats.facets(query, time), text
    one.close()
    several.close()


def test_no_statement_reads_a_whole_table_of_articles(tmp_path: Path) -> None:
    """SQLite does not use the index of a table in every place in which a view of several stands for it."""
    known = happen(10)
    shards = zip(NAMES, by_feed(known), strict=False)
    several = open_all({name: archive(tmp_path / name, shard) for name, shard in shards})
    docid = known[0].story.docid
    own = several.of(docid)
    done: list[str] = []
    for store in several.stores:
        store._db.conn.set_trace_callback(done.append)
    for text in ("茅台", "feed:china", "symbol:sh600519 feed:stock", "is:gone", "observed:7d"):
        several.search.find(parse(text, NOW), 5)
        several.stats.facets(parse(text, NOW), END)
        several.changes.find(parse(text, NOW), 5)
    several.stats.hours(NOW - 48 * HOUR, NOW, END)
    several.stats.of_symbol("sh600519", 5, 0, END)
    several.history.neighbours(docid, NOW, END)
    several.history.same_story(docid, END)
    own.history.as_of(docid, END)
    own.articles.find(docid)
    own.unlisted.absences(docid)
    list(several.periods.each(And(()), several.periods.cursor()))
    several.search.latest(And(()), 5)
    for store in several.stores:
        store._db.conn.set_trace_callback(None)

    asked = {sql for sql in done if sql.lstrip().startswith(("SELECT", "WITH"))}
    plans = {sql: "\n".join(row[3] for row in own._db.execute(f"EXPLAIN QUERY PLAN {sql}")) for sql in asked}
    scanned = re.compile(
        r"^SCAN (?:[xyverl]|main\.(?!words_)\w+|entries|revisions|texts|observations)$", re.MULTILINE
    )
    wrong = {sql: plan for sql, plan in plans.items() if scanned.search(plan)}
    assert len(plans) > 40
    assert wrong == {}
    several.close()

"""A search finds exactly what a full scan finds, best matches first."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import archive.search.candidates
import archive.search.search
import archive.search.windows
from archive.index.migrations.m008_days import BLOCK
from archive.model.fetch import Decision, Outcome
from archive.query.parser import MAX_DEPTH, And, DateFilter, FeedFilter, Not, Or, Query, Term, parse, symbol_filter
from archive.query.tokenizer import CJK, fold, phrase
from archive.store import Store
from tests.support.examples import examples
from tests.support.fetches import make_fetch, version
from tests.support.search_data import NOW, Story, answers, invented, put, revision_of, scan

MANY, FEW = 5000, 500
STORIES = invented(MANY)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Some thousand articles."""
    store = Store.open(tmp_path_factory.mktemp("large") / "index.db")
    for start in range(0, MANY, 500):
        put(store, STORIES[start : start + 500])
    yield store
    store.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The first of them."""
    store = Store.open(tmp_path_factory.mktemp("small") / "index.db")
    put(store, STORIES[:FEW])
    yield store
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "index.db")
    yield opened
    opened.close()


def found(store: Store, query_text: str | Query, limit: int = MANY, *, by_time: bool = False) -> list[str]:
    query = parse(query_text) if isinstance(query_text, str) else query_text
    return [hit.docid for hit in store.search.find(query, limit, by_time=by_time)]


@pytest.mark.slow
@pytest.mark.sized
def test_any_part_of_a_chinese_text_finds_the_articles_that_contain_it(large: Store) -> None:
    dice = random.Random(7)
    runs = [run for story in STORIES for run in re.findall(f"[{CJK}]+", fold(f"{story.title}，{story.text}"))]
    needles = set()
    while len(needles) < examples(240):
        run = dice.choice(runs)
        start = dice.randrange(len(run))
        needles.add(run[start : start + dice.choice((2, 2, 2, 3, 4, 8, 8))])
    needles |= set("茅台降洪荒")
    sizes = set()
    for needle in needles:
        docids = found(large, f'"{needle}"')
        assert len(docids) == len(set(docids))
        assert set(docids) == scan(STORIES, needle), needle
        sizes.add(len(docids))
    assert min(sizes) == 1, "rare ones were among them"
    assert max(sizes) > MANY / 3, "and frequent ones"


@pytest.mark.parametrize("needle", ["的贵的贵的贵的贵", "鑫", "鑫茅", "台鑫", "不一不一不一不一不一不一"])
def test_text_of_no_article_is_not_found(large: Store, needle: str) -> None:
    assert scan(STORIES, needle) == set()
    assert found(large, needle) == []


chinese = st.text("贵州茅台降准的在", min_size=1, max_size=3).map(lambda text: Term(text, phrase(text) or ""))
leaves = (
    chinese
    | st.sampled_from(("china", "stock", "none")).map(FeedFilter)
    | st.sampled_from(("sh600519", "SZ000001", "msft", "none")).map(symbol_filter)
    | st.integers(0, 100_000).map(lambda minutes: DateFilter(since=NOW - timedelta(minutes=minutes)))
    | st.integers(0, 100_000).map(lambda minutes: DateFilter(until=NOW - timedelta(minutes=minutes)))
)
queries: st.SearchStrategy[Query] = st.recursive(
    leaves,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=1, max_size=3).map(lambda of: And(tuple(of)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda of: Or(tuple(of)))
    ),
    max_leaves=6,
)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_any_query_finds_what_answers_it(small: Store, query: Query) -> None:
    expected = {story.docid for story in STORIES[:FEW] if answers(story, query)}
    assert set(found(small, query)) == expected
    assert {record.docid for record in small.search.each(query)} == expected


@pytest.mark.parametrize(
    ("query_text", "title"),
    [("茅台 9月", "茅台提价"), ("茅台 9月", "9月的事"), ("金 银", "金价"), ("金 银", "银价"), ("金", "金价")],
)
def test_who_has_any_of_the_words_in_the_title_is_ranked_however_old(
    store: Store, query_text: str, title: str
) -> None:
    text = "银在金和9月茅台提价"
    put(store, [Story(f"new{n}", "某题", text) for n in range(archive.search.search.MAX_RANKED)])
    put(store, [Story("old", title, text, published=NOW - timedelta(days=9))])
    assert store.search.find(parse(query_text), 3)[0].docid == "old"


@pytest.mark.parametrize(
    ("query_text", "text"),
    [
        ("M2", "广义货币（Ｍ２）余额"),
        ("m2", "M2增速"),
        ('"M2 增速"', "M2增速回落"),
        ("M2增速", "M2 增速回落"),
        ("600519", "贵州茅台（SH600519）涨"),
        ("sh600519", "贵州茅台（600519.SH，SH600519）涨"),
        ("cpi", "9月CPI同比"),
        ("4.8%", "同比增长4.8％"),
        ("tesl*", "特斯拉（Tesla）"),
        ("6005*", "600519涨停"),
        ("台，涨", "茅台。涨停"),
        ("ﾊﾞﾝｸ", "みずほバンク"),
        ("一带一路", "“一带一路”倡议"),
        ("贵州", "贵\u200b州"),
        ("贵州", "贵\u2066州"),
        ("葛城", "葛\U000e0100城"),
        ("2026年", "①2026年公司营收增长"),
        ("2026年9月", "⒈2026年9月"),
        ("十", "〸月"),
    ],
)
def test_latin_words_numbers_and_what_is_written_otherwise_are_found(
    store: Store, query_text: str, text: str
) -> None:
    put(store, [Story("aaaa", "题", text), Story("bbbb", "题", "别的")])
    assert found(store, query_text) == ["aaaa"]


@pytest.mark.parametrize(
    ("query_text", "text"),
    [
        ("M2", "M20和AM2"),
        ("60051", "600519"),
        ("tesl", "Tesla"),
        ("4.8", "4.85或14.8"),
        ("茅台涨", "茅台，涨停"),
        ("CPI PPI", "CPI"),
    ],
)
def test_absent_text_is_not_found(store: Store, query_text: str, text: str) -> None:
    put(store, [Story("aaaa", "题", text)])
    assert found(store, query_text) == []


def test_a_phrase_does_not_begin_in_the_title_and_end_in_the_text(store: Store) -> None:
    put(store, [Story("aaaa", "CPI", "PPI"), Story("bbbb", "贵州", "茅台")])
    assert found(store, '"CPI PPI"') == []
    assert found(store, "州茅") == []
    assert found(store, "CPI PPI") == ["aaaa"]


def test_a_medium_is_found_by_a_part_of_its_name_and_by_nothing_else(store: Store) -> None:
    stories = [
        Story("aaaa", "样例社说", "x", "样例社新媒体"),
        Story("bbbb", "样例社说", "x"),
        Story("cccc", "别", "新媒体"),
    ]
    put(store, stories)
    assert found(store, "media:样例社") == ["aaaa"]
    assert found(store, "新媒体") == ["cccc"]
    assert sorted(found(store, "样例社 NOT media:新媒体")) == ["bbbb"]


def test_a_stock_is_found_by_its_symbol_in_either_case_or_by_its_figures(store: Store) -> None:
    stocks = (("sh600519", "hk00700"), ("MSFT",), ("sz300519",))
    put(store, [Story(f"doc{number}", "题", "SH600519", symbols=each) for number, each in enumerate(stocks)])
    assert found(store, "symbol:SH600519") == found(store, "symbol:600519") == ["doc0"]
    assert found(store, "symbol:msft") == ["doc1"]
    assert found(store, "symbol:00519") == []


def test_the_title_counts_for_more_and_what_is_said_often_for_more_than_once(store: Store) -> None:
    filler = "大盘震荡。" * 20
    put(
        store,
        [
            Story("once", "大盘", f"茅台。{filler}", published=NOW),
            Story("often", "大盘", f"茅台。茅台。茅台。茅台。{filler}", published=NOW - timedelta(days=1)),
            Story("title", "茅台", f"茅台。{filler}", published=NOW - timedelta(days=2)),
        ],
    )
    assert found(store, "茅台") == ["title", "often", "once"]
    assert found(store, "茅台", by_time=True) == ["once", "often", "title"]
    assert found(store, "茅台", 1) == ["title"]


def test_of_two_words_the_rarer_counts_for_more(store: Store) -> None:
    common = [Story(f"doc{number:03}", "题", "大盘。大盘。大盘震荡") for number in range(50)]
    put(store, [*common, Story("rare", "题", "降准的消息", published=NOW - timedelta(days=9))])
    assert found(store, "大盘 OR 降准", 1) == ["rare"]


def test_the_pages_of_a_result_are_its_parts(small: Store) -> None:
    """All of them are ranked among the same matches."""
    query = parse("茅台 OR 降准")
    whole = small.search.find(query, MANY)
    assert len(whole) > 20
    pages = [small.search.find(query, 8, offset=offset, ranked=MANY) for offset in range(0, len(whole) + 8, 8)]
    assert [hit for page in pages for hit in page] == whole
    assert pages[-1] == []


def test_of_what_answers_equally_well_the_newest_comes_first(store: Store) -> None:
    stories = [
        Story(f"doc{number}", "题", "茅台", published=NOW + timedelta(hours=number % 4)) for number in range(8)
    ]
    put(store, stories)
    expected = [story.docid for story in sorted(stories, key=lambda s: (-s.published.timestamp(), s.docid))]
    assert found(store, "茅台") == found(store, "茅台", by_time=True) == expected


@pytest.mark.parametrize("first", [1, 3, 1000])  # versions of the first window
def test_however_many_match_the_newest_are_found_and_the_best_among_them(
    store: Store, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(archive.search.candidates, "FIRST_WINDOW_VERSIONS", first)
    monkeypatch.setattr(archive.search.candidates, "FIRST_TITLE_WINDOW_VERSIONS", first)
    monkeypatch.setattr(archive.search.search, "MAX_RANKED", 2)
    published = [NOW + timedelta(days=days) for days in (9, 8, 3, 7, 1, 2, 4, 5)]
    stories = [Story(f"doc{number}", "大盘", "茅台", published=when) for number, when in enumerate(published)]
    stories[4] = replace(stories[4], title="茅台")
    put(store, stories)
    assert found(store, "茅台", 3, by_time=True) == ["doc0", "doc1", "doc3"]
    assert [hit.docid for hit in store.search.find(parse("茅台"), 3, by_time=True, offset=2)] == [
        "doc3",
        "doc7",
        "doc6",
    ]
    assert found(store, "茅台", 2) == ["doc4", "doc0"], "the title makes up for its age"
    monkeypatch.setattr(archive.search.candidates, "ENOUGH_VERSIONS", 1)
    if first == 1:
        assert found(store, "茅台", 2) == ["doc0", "doc1"], "too many are newer"
    assert len(list(store.search.each(parse("茅台")))) == 8, "an export leaves nothing out"


def test_an_export_reads_one_row_an_article_and_their_states_together(small: Store) -> None:
    done: list[str] = []
    small._db.conn.set_trace_callback(done.append)
    records = list(small.search.each(And(())))
    small._db.conn.set_trace_callback(None)
    assert len(records) == FEW
    assert [(each.published, each.docid) for each in records] == sorted(
        (each.published, each.docid) for each in records
    )
    batches = FEW / archive.search.search._BATCH
    assert len(done) < FEW + 10 * batches


@pytest.mark.parametrize("most", [1, 20, 1500])  # of the newest, that are read for it
@pytest.mark.parametrize(
    "query_text",
    ["金", "株", "金 NOT 银", "金 feed:stock", "2026年", "金 年", "金融 年", "2026年 NOT 银", "金融，金", "年 OR 银"],
)
def test_a_single_character_is_found_at_any_position(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: int, query_text: str
) -> None:
    monkeypatch.setattr(archive.search.candidates, "MIN_READ", most)
    monkeypatch.setattr(archive.search.candidates, "READ_PER_MATCH", 1)
    monkeypatch.setattr(archive.search.candidates, "READ_BATCH", 3)
    monkeypatch.setattr(archive.search.candidates, "FIRST_WINDOW_VERSIONS", 5)
    written = [
        "金融", "黄金", "⾦", "日立㈱", "株式", "金银", "㊎", "无", "銀", "今天", "2026年金",
        "２０２６年报金融。金", "2025年金融", "在年2026金", "约2026年",
    ]  # fmt: skip
    stories = [
        Story(
            f"doc{number:02}", word if number % 4 else "题", "文" if number % 4 else word,
            published=NOW + timedelta(minutes=number * 7 % 40), feeds=("stock",) if number % 2 else ("china",),
        )
        for number, word in enumerate(written * 4)
    ]  # fmt: skip
    put(store, stories)
    expected = [
        story.docid
        for story in sorted(stories, key=lambda story: (-story.published.timestamp(), story.docid))
        if answers(story, parse(query_text))
    ]
    assert len(expected) >= 4
    assert found(store, query_text, 60, by_time=True) == expected
    assert found(store, query_text, 4, by_time=True) == expected[:4]
    assert set(found(store, query_text, 60)) == set(expected)


@pytest.mark.parametrize("few", [1, 5000])  # a feed with fewer articles has few
def test_the_newest_of_a_feed_are_found_however_many_it_has(
    store: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(archive.search.candidates, "SMALL_SOURCE_ARTICLES", few)
    stories = [
        Story(
            f"doc{number}", "题", "文", feeds=("china", "stock") if number % 3 == 0 else ("china",),
            published=NOW - timedelta(minutes=number * 7 % 40),
        )
        for number in range(40)
    ]  # fmt: skip
    put(store, stories)
    newest = sorted(stories, key=lambda story: story.published, reverse=True)
    expected = [story.docid for story in newest if "stock" in story.feeds]
    assert found(store, "feed:stock") == found(store, "feed:stock feed:china") == expected
    assert found(store, "feed:stock", 3) == expected[:3]
    assert found(store, "feed:stock feed:other") == []
    assert found(store, "NOT feed:stock", 2) == [s.docid for s in newest if "stock" not in s.feeds][:2]


def test_a_snippet_shows_the_context_of_the_match(store: Store) -> None:
    before, after = "大盘震荡，" * 30, "成交清淡，" * 30
    put(store, [Story("aaaa", "茅台提价", f"茅台\n{before}\n茅台的业绩超出预期，{after}")])
    (hit,) = store.search.find(parse("茅台 业绩"), 9)
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert "\n" not in hit.snippet
    assert [hit.snippet[start:end] for start, end in hit.snippet_marks] == ["茅台", "业绩"]
    assert [hit.title[start:end] for start, end in hit.title_marks] == ["茅台"]
    assert len(hit.snippet) <= 82


@settings(max_examples=examples(50), deadline=None)
@given(
    text=st.text("茅台，Ｍ２ab\u200b\n", max_size=200),
    query_text=st.sampled_from(("茅台", "台", "M2", "ab", "台，茅")),
)
def test_marks_lie_inside_of_what_they_mark(
    tmp_path_factory: pytest.TempPathFactory, text: str, query_text: str
) -> None:
    store = Store.open(tmp_path_factory.mktemp("marks") / "index.db")
    try:
        put(store, [Story("aaaa", "题", text)])
        for hit in store.search.find(parse(query_text), 1):
            marked = [hit.snippet[start:end] for start, end in hit.snippet_marks]
            assert marked
            assert all(set(fold(part)) <= set(fold(query_text)) | set(" \n,") for part in marked)
    finally:
        store.close()


def test_a_version_that_was_replaced_is_not_found(store: Store) -> None:
    story = Story("aaaa", "旧题", "旧的正文")
    put(store, [story])
    put(store, [replace(story, title="新题", text="新的正文")], NOW + timedelta(hours=1), number=2)
    assert found(store, "旧") == []
    assert [hit.title for hit in store.search.find(parse("新的"), 9)] == ["新题"]
    then = NOW + timedelta(minutes=59)
    assert [hit.title for hit in store.search.find(parse("旧"), 9, then)] == ["旧题"]
    assert store.search.find(parse("新"), 9, then) == []
    assert store.search.find(parse("旧"), 9, NOW - timedelta(seconds=1)) == []
    assert [record.revision for record in store.search.each(And(()), then)] == [1]


def test_what_was_not_drawn_from_a_page_at_first_is_searchable_once_it_is(store: Store) -> None:
    """A version older than m003, at the first recheck that finds it unchanged."""
    put(store, [Story("aaaa", "题", "别的")])
    store._db.execute(
        """INSERT INTO revisions (docid, number, path, sha256, title, published, fetched_at, media)
           SELECT 'old', 1, path, sha256, '茅台', published, fetched_at, '旧社' FROM revisions"""
    )
    columns = [row["name"] for row in store._db.execute("PRAGMA table_info(entries)")]
    chosen = ", ".join("'old'" if name == "docid" else name for name in columns)
    store._db.execute(f"INSERT INTO entries SELECT {chosen} FROM entries")
    store.search.add_missing()
    assert found(store, "茅台") == found(store, "media:旧社") == ["old"]
    assert [record.text for record in store.search.each(parse("茅台"))] == [None]

    changed = version(revision_of(Story("old", "茅台", "", "新社"), NOW), "业绩")
    assert changed.article
    article = replace(changed.article, media="新社", symbols=("sh600519",))
    store.articles.commit([Decision(make_fetch("old", NOW, 1), Outcome.SAME, article=article)], [None])
    assert found(store, "茅台 业绩") == found(store, "media:新社") == found(store, "symbol:sh600519") == ["old"]
    assert found(store, "media:旧社") == []
    store._db.execute("INSERT INTO words (words) VALUES ('integrity-check')")


def open_with_blocks(path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A new index that counts the versions of a day in blocks of `size` ids."""
    monkeypatch.setattr(archive.search.windows, "BLOCK", size)
    store = Store.open(path)
    trigger = store._db.execute("SELECT sql FROM sqlite_master WHERE name = 'searchable_days'").fetchone()["sql"]
    assert str(BLOCK) in trigger
    store._db.execute("DROP TRIGGER searchable_days")
    store._db.execute(trigger.replace(str(BLOCK), str(size)))
    return store


@pytest.mark.parametrize("first", [1, 5, 1000])  # versions of the first window
@pytest.mark.parametrize("block", [1, 2, 1024])  # numbers of a block, of which it is known which days they have
@pytest.mark.parametrize(
    "query_text",
    [
        "茅台",
        "茅台 since:2026-09-10",
        "茅台 until:2026-09-05",
        "茅台 since:2026-09-03 until:2026-09-04",
        "茅台 since:2026-09-03 until:2026-09-20 feed:stock",
        "茅台 since:2030-01-01",
        "茅台 (until:2026-09-02 OR since:2026-09-28)",
    ],
)
def test_days_long_past_are_found_whenever_they_were_observed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, block: int, query_text: str
) -> None:
    monkeypatch.setattr(archive.search.candidates, "FIRST_WINDOW_VERSIONS", first)
    store = open_with_blocks(tmp_path / "index.db", block, monkeypatch)
    days = list(range(30)) * 2
    random.Random(1).shuffle(days)
    stories = [
        Story(
            f"doc{number:02}", "题", "茅台" if number % 3 else "五粮液",
            feeds=("stock",) if number % 2 else ("china",), published=NOW - timedelta(days=day, minutes=number),
        )
        for number, day in enumerate(days)
    ]  # fmt: skip
    for minute, story in enumerate(stories):
        put(store, [story], NOW + timedelta(minutes=minute))
    for known in (60, 30, 1):
        then = NOW + timedelta(minutes=known - 1)
        expected = [
            story.docid
            for story in sorted(stories[:known], key=lambda story: story.published, reverse=True)
            if answers(story, parse(query_text))
        ]
        for limit in (60, 2):
            hits = store.search.find(parse(query_text), limit, then, by_time=True)
            assert [hit.docid for hit in hits] == expected[:limit]
        assert {hit.docid for hit in store.search.find(parse(query_text), 60, then)} == set(expected)
    store.close()


def test_of_an_archive_as_of_long_ago_what_came_later_is_not_gone_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_with_blocks(tmp_path / "index.db", 1, monkeypatch)
    for hour in range(6):
        put(store, [Story(f"doc{hour}", "题", "茅台", published=NOW)], NOW + timedelta(hours=hour))
    then = (NOW + timedelta(hours=1)).isoformat(timespec="milliseconds")
    windows = archive.search.windows.Windows(store._db, "", "~", then)
    assert windows.next(1000)
    assert (windows.passed, windows.next(1000)) == (2, None)
    store.close()


def test_a_query_of_maximum_depth_is_answered(store: Store) -> None:
    put(store, [Story("aaaa", "题", "b")])
    query = "b OR feed:china"
    for _ in range(MAX_DEPTH):
        query = f"NOT (a OR {query})"
    assert [hit.docid for hit in store.search.find(parse(query), 3)] == ["aaaa"]

"""Following an index that grows or is replaced: nothing is repeated or lost."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.files.layout import index_path
from archive.follower import Follower
from archive.integrity.carry_over import carry_over_rows
from archive.query.parser import And, parse
from archive.store import Store
from pipeline.staging import place_index
from tests.support.fetches import commit_revisions
from tests.support.older_index import BEFORE_SEARCH
from tests.support.search_data import NOW, Story, invented, put, revision_of

EVERYTHING = And(())
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    index_path(tmp_path).parent.mkdir()
    return tmp_path


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    """The writer's index."""
    opened = Store.open(index_path(root))
    yield opened
    opened.close()


def new_docids(follower: Follower) -> list[str]:
    return [each.docid for each in follower.changes()]


def named(*docids: str) -> list[Story]:
    return [Story(docid, f"题{docid}", "贵州茅台提价") for docid in docids]


def test_the_last_come_first_and_then_what_is_new_once_each(root: Path, store: Store) -> None:
    put(store, named("a", "b", "c"))
    follower = Follower(index_path(root), EVERYTHING)

    assert [each.docid for each in follower.begin(2)] == ["b", "c"]
    assert new_docids(follower) == []
    put(store, named("e", "d"))
    put(store, named("f"))
    assert new_docids(follower) == ["e", "d", "f"]  # in the order of the commits
    assert new_docids(follower) == []
    follower.close()


def test_last_0_shows_no_earlier_articles(root: Path, store: Store) -> None:
    put(store, named("a"))
    follower = Follower(index_path(root), EVERYTHING)
    assert follower.begin(0) == []
    assert new_docids(follower) == []


def test_more_than_is_read_at_once_comes_whole(root: Path, store: Store) -> None:
    follower = Follower(index_path(root), parse("茅台 NOT 传闻"))
    follower.begin(0)
    stories = [Story(f"n{n:04}", "题", "茅台" if n % 3 else "茅台传闻") for n in range(450)]
    put(store, stories)
    assert new_docids(follower) == [story.docid for n, story in enumerate(stories) if n % 3]
    assert new_docids(follower) == []


@pytest.mark.parametrize(
    "query", ["茅台", "symbol:sh600519", "feed:stock", "media:样例社", "NOT 茅台", "since:2026-09-01"]
)
def test_a_query_is_that_of_search(root: Path, store: Store, query: str) -> None:
    follower = Follower(index_path(root), parse(query))
    follower.begin(0)
    put(store, invented(150))
    found = {hit.docid for hit in store.search.find(parse(query), 1000)}
    assert 0 < len(found) < 150 or query.startswith("since")
    news = list(follower.changes())
    assert {each.docid for each in news} == found
    assert [each.position for each in news] == sorted(each.position for each in news)


def test_what_a_message_says_about_an_article(root: Path, store: Store) -> None:
    follower = Follower(index_path(root), parse("茅台 提价"))
    follower.begin(0)
    story = Story("a", "茅台提价", "据悉，贵州茅台提价。", "样例社", ("sh600519",), ("china", "stock"))
    put(store, [story])
    [news] = follower.changes()
    assert (news.docid, news.revision, news.title, news.media) == ("a", 1, "茅台提价", "样例社")
    assert (news.feeds, news.symbols, news.url) == (("china", "stock"), ("sh600519",), "https://a.cn/a")
    assert (news.published, news.observed, news.path) == (NOW, NOW, "a/a.md")
    assert [news.title[start:end] for start, end in news.title_marks] == ["茅台提价"]
    assert [news.snippet[start:end] for start, end in news.snippet_marks] == ["茅台提价"]


def test_later_versions_are_shown_on_request_and_an_article_that_was_revised_at_once_is_not_lost(
    root: Path, store: Store
) -> None:
    new, every = Follower(index_path(root), EVERYTHING), Follower(index_path(root), EVERYTHING, every=True)
    new.begin(0)
    every.begin(0)
    [story] = named("a")
    put(store, [story])
    put(store, [replace(story, title="更正")], LATER, 2)

    assert [(each.docid, each.revision, each.title) for each in new.changes()] == [("a", 1, "题a")]
    assert [(each.revision, each.title) for each in every.changes()] == [(1, "题a"), (2, "更正")]


def test_a_missing_index_is_waited_for_and_all_its_articles_are_new(root: Path) -> None:
    follower = Follower(index_path(root), EVERYTHING)
    assert follower.begin(10) == []
    assert follower.is_waiting
    assert new_docids(follower) == []

    store = Store.open(index_path(root))
    put(store, named("a", "b"))

    assert new_docids(follower) == ["a", "b"]
    assert not follower.is_waiting
    store.close()


def test_an_index_of_an_older_program_is_followed_once_it_is_brought_up_to_date(root: Path, store: Store) -> None:
    put(store, named("a"))
    store.close()
    with sqlite3.connect(index_path(root)) as index:
        index.executescript(BEFORE_SEARCH)
    index.close()
    follower = Follower(index_path(root), EVERYTHING)
    assert (follower.begin(10), follower.is_waiting) == ([], True)

    again = Store.open(index_path(root))
    put(again, named("b"))

    assert new_docids(follower) == ["a", "b"]
    again.close()


def test_an_index_that_others_closed_and_opened_again_is_still_followed(root: Path, store: Store) -> None:
    follower = Follower(index_path(root), EVERYTHING)
    follower.begin(0)
    for docid in "abc":
        store.close()
        store = Store.open(index_path(root))
        put(store, named(docid))
        assert new_docids(follower) == [docid]
    store.close()


def rebuilt(root: Path, *batches: list[Story]) -> Store:
    """Create another index beside the present one, as a rebuild does, and replace the present one."""
    aside = root / "aside.db"
    made = Store.open(aside)
    for batch in batches:
        put(made, batch)
    carry_over_rows(index_path(root), aside)
    made.search.add_missing()
    made.close()
    place_index(root, aside, quarantine=False)
    return Store.open(index_path(root))


def test_an_index_that_was_replaced_is_followed_without_repeating_or_losing_any(root: Path, store: Store) -> None:
    put(store, named("without", "a", "b"))
    follower = Follower(index_path(root), EVERYTHING)
    follower.begin(0)
    put(store, named("c"))
    store.close()  # c is added between the last check and the rebuild
    # The journal knows nothing of the first one: it is taken over, and numbered last.
    again = rebuilt(root, named("a", "b", "found"), named("c"))
    put(again, named("d"))

    assert new_docids(follower) == ["c", "found", "d"]
    put(again, named("e"))
    assert new_docids(follower) == ["e"]
    again.close()


def test_an_index_that_is_gone_and_comes_back_is_followed(root: Path, store: Store) -> None:
    put(store, named("a"))
    follower = Follower(index_path(root), EVERYTHING)
    follower.begin(0)
    store.close()
    index_path(root).rename(root / "kept.db")
    assert new_docids(follower) == []
    (root / "kept.db").rename(index_path(root))
    back = Store.open(index_path(root))
    put(back, named("b"))
    assert new_docids(follower) == ["b"]
    back.close()


def test_an_index_on_a_read_only_disk_is_followed_once_it_is_written(
    small_disk: Path,
) -> None:
    """A reader that may not create the shared files of SQLite's WAL reads the index without them."""
    index = small_disk / "index.db"
    store = Store.open(index)
    put(store, named("a"))
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    follower = Follower(index, EVERYTHING)
    assert [each.docid for each in follower.begin(10)] == ["a"]
    assert not index.with_name("index.db-shm").exists()
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    store = Store.open(index)
    put(store, named("b"))
    assert new_docids(follower) == ["b"]
    put(store, named("c"))
    assert new_docids(follower) == ["c"]
    follower.close()
    store.close()


def test_many_changes_between_two_checks_are_followed_once_each(root: Path, store: Store) -> None:
    """A writer at full speed, a reader at full speed: each article once, in the order of the commits."""
    follower = Follower(index_path(root), EVERYTHING)
    follower.begin(0)
    docids = [f"n{number:04}" for number in range(600)]
    over = threading.Event()

    def write() -> None:
        writer = Store.open(index_path(root))
        for start in range(0, len(docids), 7):
            commit_revisions(
                writer, [revision_of(Story(docid, "题", "文"), NOW, 1) for docid in docids[start : start + 7]]
            )
        writer.close()
        over.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen: list[str] = []
    fetches = 0
    while not over.is_set():
        seen += new_docids(follower)
        fetches += 1
    thread.join()
    seen += new_docids(follower)
    assert seen == docids
    assert fetches > 3  # it did check meanwhile

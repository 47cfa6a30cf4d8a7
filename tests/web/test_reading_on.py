"""Reading on: 更多, pages by time, neighbours of an article, conditions that can be removed, empty lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from archive.files.layout import index_path
from archive.query.parser import And, parse
from archive.store import Store
from tests.conftest import Home
from tests.support.search_data import NOW, Story, invented, put
from tests.support.web_server import Serving, docids, served_home

__all__ = ["served_home"]

# One more than two thousand would be on page 101.
STORIES = [
    *[
        Story(f"d{minute:04}", f"题{minute}", "每日要闻", published=NOW - timedelta(minutes=minute))
        for minute in range(2030)
    ],
    *[Story(f"e{number}", "同时", "同一分钟", published=NOW + timedelta(minutes=1)) for number in range(3)],
]
NEWEST = [each.docid for each in sorted(STORIES, key=lambda each: (-each.published.timestamp(), each.docid))]


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    index_path(served_home.root).parent.mkdir(parents=True)
    store = Store.open(index_path(served_home.root))
    put(store, STORIES)
    store.close()
    with Serving(served_home) as serving:
        yield serving


def following(page: str, relation: str = "next") -> str:
    found = re.search(rf'rel="{relation}" href="([^"]*)"', page.partition("<main")[2])
    return unescape(found[1]) if found else ""


def test_after_the_newest_thirty_there_are_more(served: Serving) -> None:
    front = served.page("/")
    more = served.page(following(front))

    assert ">更多 →</a>" in front
    assert docids(front) + docids(more) == NEWEST[:50]
    assert following(more)


def test_pages_by_time_go_on_past_the_hundredth(served: Serving) -> None:
    hundredth = served.page("/search?q=要闻&sort=time&page=100")
    after = served.page(following(hundredth))

    matching = NEWEST[3:]
    assert docids(hundredth) == matching[1980:2000]
    assert docids(after) == matching[2000:2020]
    last = served.page(following(after))
    assert docids(last) == matching[2020:]
    assert following(last) == ""
    assert docids(served.page(following(last, "prev"))) == docids(after)


def test_an_article_names_its_neighbours(served: Serving) -> None:
    place = NEWEST.index("d0000")
    page = served.page("/article/d0000")
    assert following(page, "prev") == f"/article/{NEWEST[place - 1]}"
    assert following(page, "next") == f"/article/{NEWEST[place + 1]}"
    seen, address = [], "/article/e0"
    for _ in range(4):
        seen.append(address.removeprefix("/article/"))
        address = following(served.page(address))
    assert seen == NEWEST[:4]
    assert following(served.page(f"/article/{NEWEST[0]}"), "prev") == ""
    assert following(served.page(f"/article/{NEWEST[-1]}"), "next") == ""


def test_a_condition_can_be_removed(served: Serving) -> None:
    page = served.page("/search?q=要闻 feed:china since:2026-09-30&sort=time")
    chips = dict(re.findall(r'<li><a href="([^"]*)" title="去掉这个条件">(\S*) ', page))
    assert set(chips.values()) == {"feed:china", "since:2026-09-30"}
    for address, condition in chips.items():
        assert condition not in served.page(unescape(address)).partition("<main")[2].partition("</form>")[0]
    [all_] = re.findall(r'href="([^"]*)" title="去掉这个条件"', served.page("/search?q=feed:china"))
    assert docids(served.page(unescape(all_))) == NEWEST[:20]


def test_help_is_beside_every_search_box(served: Serving) -> None:
    for address in ("/", "/feeds", "/article/d0001", "/search?q=要闻", "/search?q=(", "/changes"):
        page = served.get(address).text
        assert page.count('role="search"') == page.count('class="how" href="/search"') == 1, address


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/search?q=没有这样的词", r"可以去掉一个条件.*记录从 2026-09-30 10:00 开始"),
        ("/search?sort=time&before=2000-01-01T00:00:00Z_x", r"更早的没有了。记录从"),
        ("/?as_of=2020-01-01T00:00", r"当时档案里还没有文章：记录从 2026-09-30 10:00 开始"),
        ("/changes", r"没有这样的变动。记录从 2026-09-30 10:00 开始"),
    ],
)
def test_where_there_is_nothing_the_page_says_what_to_do(served: Serving, address: str, said: str) -> None:
    assert re.search(said, served.page(address))


@pytest.mark.slow  # starts a server of its own
def test_an_archive_without_articles_says_how_they_come(home: Home) -> None:
    index_path(home.root).parent.mkdir(parents=True)
    Store.open(index_path(home.root)).close()
    with Serving(home) as serving:
        for address in ("/", "/search?sort=time", "/changes"):
            assert "finarchive crawl" in serving.page(address)


@pytest.mark.parametrize("before", ["x", "2026-09-30T00:00:00Z_", "2026-09-30_d", "_d", "2026-13-01T00:00:00Z_d"])
def test_what_is_no_place_in_a_list_is_said(served: Serving, before: str) -> None:
    response = served.get(f"/search?sort=time&before={before}")
    assert response.status_code == 400
    assert "before 不是列表中的位置" in unescape(response.text)


@pytest.mark.parametrize(
    "text",
    ["", "茅台", "feed:stock", "贵", "NOT 茅台", "茅台 OR feed:stock", "media:样例社 降准", "since:2026-09-10"],
)
def test_a_list_goes_on_after_any_article(tmp_path: Path, text: str) -> None:
    store = Store.open(tmp_path / "index.db")
    put(store, invented(120))
    query = parse(text) if text else And(())
    everything = store.search.find(query, 1000, by_time=True)
    assert everything
    seen = store.search.find(query, 2, by_time=True)
    while page := store.search.find(query, 2, by_time=True, after=(seen[-1].published, seen[-1].docid)):
        seen += page
    store.close()
    assert [each.docid for each in seen] == [each.docid for each in everything]

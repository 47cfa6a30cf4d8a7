"""/changes: the page, the JSON document and the feed; and the marks of edited and withdrawn articles in lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO

import feedparser
import pytest

from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.web_server import Serving, docids, served_home

__all__ = ["served_home"]

EDITED, GONE = "nreplica0000000", "nreplica0000002"


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """Forty articles, one edited and retitled, one withdrawn; and forty others whose facts changed."""
    with MockSite(make_stories(40, newest=NEWEST)) as mocksite:
        served_home.configure(mocksite.endpoint)
        served_home.run("crawl")
        story = mocksite.site.stories[0]
        mocksite.clock += 60
        mocksite.site.edit(EDITED, mocksite.clock, "改过的<b>标题", story.body.replace("两成", "三成"))
        assert served_home.run("crawl", "--json").json["revised"] == 1
    served_home.execute(
        f"""INSERT INTO observations (docid, at, outcome, revision, again, returned, given_up, evidence)
            VALUES ('{GONE}', '2098-01-01T00:00:00.000+00:00', 'gone', 1, 1, 0, 0, 'status <404>')"""
    )
    served_home.execute(
        """INSERT INTO facts (docid, revision, step, at, changed, updated, media, keywords, symbols)
           SELECT docid, 1, 1, fetched_at, '{"keywords": [["旧<词"], ["新词"]]}', NULL, media, '["新词"]', symbols
           FROM revisions WHERE number = 1"""
    )
    with Serving(served_home) as serving:
        yield serving


def test_changes_are_listed_with_a_short_diff_the_newest_first(served: Serving) -> None:
    page = served.page("/changes")

    assert docids(page)[:3] == [GONE, EDITED, EDITED]
    assert len(docids(page)) == 30
    assert "状态码 &lt;404&gt;" in page
    assert re.search(r"<del>两</del><ins>三</ins>成", page)
    assert "<ins>改过的&lt;b&gt;标题</ins>" in page
    assert f'href="/article/{EDITED}/diff?old=1&amp;new=2"' in page
    assert "关键词：<del>旧&lt;词</del> → <ins>新词</ins>" in page
    assert '<a href="/changes">变动</a>' in served.page("/feeds")


def test_later_pages_follow_by_time(served: Serving) -> None:
    address, seen, pages = "/changes", [], 0
    while address:
        page = served.page(address)
        seen += re.findall(r'<h2><a href="([^"]*)"', page)
        following = re.search(r'rel="next" href="([^"]*)"', page)
        address, pages = (unescape(following[1]) if following else ""), pages + 1
    assert (len(seen), pages) == (43, 2)
    assert len(set(seen)) == 40  # the same two articles are among those whose facts changed


def test_kinds_days_and_facets_narrow_the_changes_to_what_they_count(served: Serving) -> None:
    page = served.page("/changes")
    values = re.findall(r'<a href="([^"]*)"><span>[^<]*</span> <span class="count">(\d+)</span>', page)
    assert len(values) > 5
    for address, count in values:
        document = served.get(unescape(address).replace("/changes", "/changes.json")).json()
        assert len(document["changes"]) == min(int(count), 30), address
    assert docids(served.page("/changes?kind=gone")) == [GONE]
    assert docids(served.page("/changes?day=2098-01-01")) == [GONE]
    assert docids(served.page("/changes?q=三成&kind=revised")) == [EDITED]
    assert docids(served.page("/changes?as_of=2090-01-01T00:00"))[0] == EDITED


def test_the_json_document_is_that_of_the_command(served: Serving, served_home: Home) -> None:
    printed = served_home.run("changes", "--json", "--limit", "43").json
    first = served.get("/changes.json").json()
    second = served.get(first["next"].removeprefix(served.address)).json()

    assert first["changes"] + second["changes"] == printed
    assert second["next"] is None
    assert first["next"].startswith(f"{served.address}/changes.json?after=")


def test_changes_can_be_followed_in_a_feed_reader(served: Serving) -> None:
    page = served.page("/changes?kind=gone")
    [address] = re.findall(r'<link rel="alternate" type="application/atom\+xml"[^>]* href="([^"]+)"', page)
    response = served.get(unescape(address))
    read = feedparser.parse(BytesIO(response.content))

    assert not read.bozo
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    [entry] = read.entries
    assert entry.title.startswith("已撤：")
    assert entry.link == f"{served.address}/article/{GONE}"
    assert "404" in entry.content[0].value
    assert read.feed.language == "zh-CN"
    everything = feedparser.parse(BytesIO(served.get("/changes.atom").content))
    assert len(everything.entries) == len({each.id for each in everything.entries}) == 43


def test_lists_mark_what_is_edited_and_what_is_withdrawn(served: Serving, served_home: Home) -> None:
    page = served.page("/")

    assert page.count('class="mark edited"') == page.count('class="mark gone"') == 1
    assert "已撤，2098-01-01 08:00" in page
    assert re.search(r"修订 1 次，\d{4}-\d\d-\d\d \d\d:\d\d", page)
    assert 'class="mark gone"' in served.page("/search?q=feed:feed1&sort=time")
    assert 'class="mark gone"' not in served.page("/?as_of=2090-01-01T00:00")
    assert "gone since 2098-01-01 08:00+08:00" in served_home.run("search", "feed:feed1", "--limit", "40").out
    assert "revised 1x, last 20" in served_home.run("search", "三成").out


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/changes?kind=edited", "kind 应为 revised"),
        ("/changes?day=2026-13-01", "day 应为一天"),
        ("/changes?day=20260930", "day 应为一天"),
        ("/changes?after=x", "不是变动列表中的位置"),
        ("/changes?q=(", "无法理解"),
        ("/changes.atom?q=(", "无法理解"),
    ],
)
def test_mistakes_are_said(served: Serving, address: str, message: str) -> None:
    response = served.get(address)
    assert response.status_code == 400
    assert message in unescape(response.text)


def test_where_nothing_changed_the_page_says_since_when_it_would_know(served: Serving) -> None:
    page = served.page("/changes?kind=returned")
    assert re.search(r"没有这样的变动。记录从 20\d\d-\d\d-\d\d \d\d:\d\d 开始", page)

"""/changes: the page, the JSON document and the feed; and the marks of edited and withdrawn articles in lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from xml.etree.ElementTree import Element, fromstring

import feedparser
import pytest
from msgspec.structs import replace

from archive.model.results import ArticleChange, ChangeKind, ChangesPage
from mocksite.server import MockSite
from mocksite.story import make_stories
from tests.conftest import NEWEST, Home
from tests.support.web_server import Serving, docids, served_home
from web.changes import first

__all__ = ["served_home"]

ATOM, LANG = "{http://www.w3.org/2005/Atom}", "{http://www.w3.org/XML/1998/namespace}lang"
ENGLISH = {"accept-language": "en"}
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


def test_the_facets_say_which_changes_they_count(served: Serving) -> None:
    first = served.page("/changes")
    assert "次变动统计" not in first, "all are counted"
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following
    second = served.page(unescape(following[1]))
    assert "按从这一页起的 13 次变动统计。" in second
    days = re.search(r"日期</h2>(.*?)</ul>", second, re.DOTALL)
    assert days
    assert [int(count) for count in re.findall(r'class="count">(\d+)<', days[1])] == [13]


def test_a_page_ends_between_two_cursors() -> None:
    """An edit of title and text of an article that was gone is three changes with one cursor."""
    one = ArticleChange("a", "d", "t", None, "", NEWEST, ChangeKind.RETURNED, None, 1, None, 1, None, None, (), ())
    changes = tuple(replace(one, cursor=cursor) for cursor in "abbbcd")
    found = ChangesPage(changes, "d")
    assert [(len(page.changes), page.next) for page in (first(found, limit) for limit in range(1, 8))] == [
        (1, "a"), (4, "b"), (4, "b"), (4, "b"), (5, "c"), (6, "d"), (6, "d"),
    ]  # fmt: skip
    assert first(ChangesPage((), "x"), 3) == ChangesPage((), "x")


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


def read_feed(served: Serving, address: str, **headers: str) -> Element:
    return fromstring(served.get(address, **headers).content)  # noqa: S314 - our own


def test_a_feed_has_one_language_whatever_its_reader_prefers(served: Serving) -> None:
    """A reader that sends another header the next time would see other titles, and perhaps all entries as new."""
    for address in ("/changes.atom", "/changes.atom?kind=gone&lang=en", "/search.atom?q=feed:feed1"):
        first = served.get(address)
        assert first.headers["vary"] == "Accept-Encoding"
        for headers in (ENGLISH, {"cookie": "finarchive_language=en"}, {"cookie": "finarchive_language=zh"}):
            again = served.get(address, **headers)
            assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
            known = served.get(address, **headers, **{"if-none-match": first.headers["etag"]})
            assert known.status_code == 304


def test_an_english_page_leads_to_an_english_feed(served: Serving) -> None:
    page = served.get("/changes?kind=gone", **ENGLISH).text
    for address in re.findall(r'href="([^"]*changes\.atom[^"]*)"', page):
        assert unescape(address) == "/changes.atom?kind=gone&lang=en"
    feed = read_feed(served, "/changes.atom?kind=gone&lang=en")
    entry = feed.find(f"{ATOM}entry")
    assert entry is not None
    assert feed.get(LANG) == "en"
    assert feed.findtext(f"{ATOM}title") == "finarchive: Changes gone"
    assert (entry.findtext(f"{ATOM}title") or "").startswith("gone: ")
    assert {each.get("label") for each in entry.findall(f"{ATOM}category")} == {"gone", None}
    [own] = [link.get("href") or "" for link in feed.findall(f"{ATOM}link") if link.get("rel") == "self"]
    assert own == f"{served.address}/changes.atom?kind=gone&lang=en"


def test_what_is_chinese_in_an_english_feed_is_marked_as_such(served: Serving) -> None:
    feed = read_feed(served, "/changes.atom?lang=en")
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 43
    for entry in entries:
        [title, content, name] = [entry.find(ATOM + path) for path in ("title", "content", f"author/{ATOM}name")]
        assert title is not None
        assert title.get(LANG) == "zh-CN"
        assert content is not None
        assert content.get(LANG) is None
        assert name is not None
        assert name.get(LANG) == "zh-CN"
        outside = re.sub(r'<span lang="zh-CN">.*?</span>', "", content.text or "")
        assert not re.search("[\u4e00-\u9fff]", outside)
    facts = next(entry for entry in entries if "keywords" in (entry.findtext(f"{ATOM}content") or ""))
    assert '<del><span lang="zh-CN">旧&lt;词</span></del>' in (facts.findtext(f"{ATOM}content") or "")
    for entry in read_feed(served, "/changes.atom").findall(f"{ATOM}entry"):
        assert entry.find(f"{ATOM}title[@{LANG}]") is None


def test_a_change_is_one_entry_in_the_feeds_of_both_languages(served: Serving) -> None:
    chinese, english = (read_feed(served, address) for address in ("/changes.atom", "/changes.atom?lang=en"))
    assert [each.text for each in chinese.iterfind(f"{ATOM}entry/{ATOM}id")] == [
        each.text for each in english.iterfind(f"{ATOM}entry/{ATOM}id")
    ]
    ids = {
        read_feed(served, address).findtext(f"{ATOM}id")
        for address in (
            "/changes.atom", "/changes.atom?lang=en", "/changes.atom?q=gone", "/changes.atom?kind=gone",
            "/search.atom?q=变动", "/search.atom",
        )
    }  # fmt: skip
    assert len(ids) == 6


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
        ("/changes.atom?q=(&lang=en", "the query"),
        ("/changes.atom?lang=fr", "lang 应为 zh、en 之一"),
    ],
)
def test_mistakes_are_said(served: Serving, address: str, message: str) -> None:
    response = served.get(address)
    assert response.status_code == 400
    assert message in unescape(response.text)


def test_where_nothing_changed_the_page_says_since_when_it_would_know(served: Serving) -> None:
    page = served.page("/changes?kind=returned")
    assert re.search(r"没有这样的变动。记录从 20\d\d-\d\d-\d\d \d\d:\d\d 开始", page)

"""``finarchive serve``: what its pages show, over HTTP."""

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
from tests.support.images import ON, local_pictures, stored
from tests.support.web_server import Serving, docids, links, served_home
from web import links as addresses
from web.rendering.reasons import chinese

__all__ = ["served_home"]

EDITED = "nreplica0000000"
AS_OF = "&as_of=2020-01-01T00:00"


@pytest.fixture(scope="module")
def served(served_home: Home) -> Iterator[Serving]:
    """The mock site's articles with their pictures, archived and served; one has two versions."""
    with MockSite(local_pictures(make_stories(40, newest=NEWEST))) as mocksite:
        served_home.configure(mocksite.endpoint, more=ON)
        assert served_home.run("crawl", "--json").json["archived"] == 40
        story = mocksite.site.stories[0]
        mocksite.clock += 60
        mocksite.site.edit(story.docid, mocksite.clock, "改过的标题", story.body.replace("两成", "三成"))
        mocksite.site.edit(mocksite.site.stories[1].docid, mocksite.clock)  # only the time of change moves
        assert served_home.run("crawl", "--json").json["revised"] == 1
    with Serving(served_home) as serving:
        yield serving


def test_the_first_page_has_the_newest_articles_and_a_timeline(served: Serving, served_home: Home) -> None:
    page = served.page("/")

    newest = served_home.rows("SELECT docid FROM revisions GROUP BY docid ORDER BY max(published) DESC LIMIT 30")
    assert docids(page) == [docid for (docid,) in newest]
    assert '<html lang="zh-CN">' in page
    chart = page.partition('<svg class="chart timeline"')[2].partition("</svg>")[0]
    counts = [int(number) for number in re.findall(r"<title>\d+月\d+日 \d+–\d+ 时：(\d+) 篇", chart)]
    assert sum(counts) == 40  # each article once, in its hour
    assert "栏目1，9月29日 0–1 时：" in chart


def test_each_mark_of_the_timeline_links_to_its_articles(served: Serving) -> None:
    marks = re.findall(r'<a href="([^"]*)"[^>]*><g><title>[^<]*：(\d+) 篇', served.page("/"))

    assert len(marks) >= 2
    for address, count in marks:
        assert f"找到 {count} 篇" in served.page(unescape(address))


def test_what_a_search_finds_can_be_followed_in_a_feed_reader(served: Serving, served_home: Home) -> None:
    page = served.page("/search?q=茅台")
    [address] = re.findall(r'<link rel="alternate" type="application/atom\+xml"[^>]* href="([^"]+)"', page)

    response = served.get(unescape(address))
    read = feedparser.parse(BytesIO(response.content))
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert not read.bozo
    assert [entry.title for entry in read.entries] == [
        hit["title"] for hit in served_home.run("search", "茅台", "--json", "--sort", "time", "--limit", "100").json
    ]
    assert read.feed.title == "finarchive: 茅台"
    assert "茅台" in read.entries[0].content[0].value
    everything = feedparser.parse(BytesIO(served.get("/search.atom").content))
    assert (len(everything.entries), everything.feed.title) == (40, "finarchive")
    of_then = feedparser.parse(BytesIO(served.get(f"/search.atom?q=茅台{AS_OF}").content))
    assert of_then.entries == []
    assert served.get("/search.atom?q=(").status_code == 400
    assert "/search.atom?q=feed%3Afeed1" in served.page("/feeds")


def test_a_search_finds_what_the_command_finds(served: Serving, served_home: Home) -> None:
    found = served_home.run("search", "茅台", "--json", "--limit", "100").json

    assert found
    assert docids(served.page("/search?q=茅台")) == [each["docid"] for each in found][:20]
    hits = served.get("/search.json?q=茅台").json()["hits"]
    assert [{name: hit[name] for name in found[0]} for hit in hits] == found[:20]
    by_time = served_home.run("search", "茅台", "--json", "--sort", "time").json
    assert docids(served.page("/search?q=茅台&sort=time")) == [each["docid"] for each in by_time]
    assert "<mark>茅台</mark>" in served.page("/search?q=茅台")


def test_edited_articles_are_found_by_their_mark(served: Serving) -> None:
    assert docids(served.page("/search?q=is:revised")) == [EDITED]
    assert EDITED not in docids(served.page("/search?q=-is:revised&sort=time"))
    assert "没有找到文章" in served.page("/search?q=is:revised" + AS_OF)


def test_what_names_an_article_opens_it(served: Serving, served_home: Home) -> None:
    [(path, url)] = served_home.rows(f"SELECT path, url FROM revisions WHERE docid = '{EDITED}' AND number = 1")
    for text in (EDITED, url, path, str(served_home.root / path)):
        response = served.get(addresses.link("/search", q=f" {text} ", as_of="2030-01-01T00:00"))
        assert response.status_code == 303, text
        assert response.headers["location"] == f"/article/{EDITED}?as_of=2030-01-01T00%3A00"
    unknown = served.get(addresses.link("/search", q="https://a.cn/unknown.html"))
    assert (unknown.status_code, "档案里没有这个网址的文章" in unknown.text) == (400, True)


def test_pages_of_a_search_follow_each_other(served: Serving) -> None:
    for sort in ("relevance", "time"):
        address: str | None = f"/search?q=feed:feed1&sort={sort}"
        seen: list[str] = []
        while address:
            page = served.page(address)
            seen += docids(page)
            following = re.search(r'rel="next" href="([^"]*)"', page)
            address = unescape(following[1]) if following else None
        assert len(seen) == len(set(seen)) == 40


def test_facets_narrow_a_search_to_what_they_count(served: Serving) -> None:
    page = served.page("/search?q=增长 OR 股")
    facets = page.partition('<aside class="facets"')[2].partition("</aside>")[0]
    values = re.findall(r'<a href="([^"]*)"><span>([^<]*)</span> <span class="count">(\d+)</span>', facets)

    assert {re.match(r"<h2>(.*)</h2>", each)[1] for each in re.findall("<h2>[^<]*</h2>", facets)} == {  # type: ignore[index]
        "订阅源", "媒体", "股票", "日期",
    }  # fmt: skip
    assert len(values) > 8
    for address, _, count in values:
        assert f"找到 {count} 篇" in served.page(unescape(address))


def test_an_article_is_there_to_read_with_all_that_is_known(served: Serving, served_home: Home) -> None:
    shown = served_home.run("show", EDITED, "--json").json

    page = served.page(f"/article/{EDITED}")

    newest = shown["revisions"][-1]
    for known in ("改过的标题", newest["sha256"], newest["path"], newest["media"], EDITED, newest["editor"]):
        assert known in unescape(page)
    assert shown["url"] in [unescape(each) for each in links(page)]
    assert all(f'href="/symbol/{symbol}"' in page for symbol in newest["symbols"])
    assert "三成" in page
    assert "有新版" in page


def test_any_older_version_can_be_read(served: Serving) -> None:
    page = served.page(f"/article/{EDITED}?version=1")

    assert "两成" in page
    assert "改过的标题" not in page.partition('<aside class="about"')[0]
    assert "这是旧版" in page


def test_as_of_a_time_later_observations_are_not_shown(served: Serving, served_home: Home) -> None:
    first, second = (
        seen for (seen,) in served_home.rows(f"SELECT fetched_at FROM revisions WHERE docid = '{EDITED}' ORDER BY 1")
    )
    assert first < second
    then = first.replace("+", "%2B")

    page = served.page(f"/article/{EDITED}?as_of={then}")

    assert "两成" in page
    assert "改过的标题" not in page
    assert second[:23] not in page  # to the millisecond: both crawls may be in one second
    assert "改过的标题" not in served.page(f"/?as_of={then}")
    assert EDITED not in docids(served.page(f"/search?q=改过的标题&as_of={then}"))
    assert EDITED in docids(served.page("/search?q=改过的标题"))
    assert "这是档案在" in page
    assert "这是档案在" not in served.page(f"/feeds?as_of={then}")  # which are shown as they are
    for address in ("/?", "/search?q=feed:feed1"):
        assert docids(served.page(address + AS_OF)) == []
    assert served.get(f"/article/{EDITED}?{AS_OF}").status_code == 404
    assert served.get(f"/symbol/sh600519?{AS_OF}").status_code == 404
    for address, now in (
        ("/?", "/"), ("/search?q=feed:feed1&page=1&", "/search?q=feed%3Afeed1"),
        ("/symbol/sh600519?", "/symbol/sh600519"), (f"/article/{EDITED}?version=1&", f"/article/{EDITED}"),
    ):  # fmt: skip
        page = served.page(f"{address}as_of={then}")
        assert f'<a href="{now}">回到现在</a>' in page
        for link in links(page):
            if link.startswith(("/article/", "/search?", "/symbol/")) and link != now and "/raw/" not in link:
                assert "as_of=" in link, (address, link)
    [within] = re.findall(r'<a href="([^"]*)">在其中搜索', served.page(f"/symbol/sh600519?as_of={then}"))
    assert "as_of=" in within
    assert docids(served.page(unescape(within)))
    assert "这是档案在" in served.page("/?as_of=2099-01-01T00:00+08:00"), "typed without %2B"


def test_two_versions_are_shown_side_by_side(served: Serving) -> None:
    page = served.page(f"/article/{EDITED}/diff")

    assert "<ins>改过的标题</ins>" in page
    old = re.search(r'<td class="old">(.*?)</td><td class="new">(.*?)</td>', page)
    assert old
    assert "<del>两</del>成" in old[1]
    assert "<ins>三</ins>成" in old[2]
    assert "三" not in re.sub("<[^>]*>", "", old[1]).partition("约")[2]
    reverse = served.page(f"/article/{EDITED}/diff?old=2&new=1")
    assert "<del>三</del>成" in reverse
    assert "没有第 7 版" in served.get(f"/article/{EDITED}/diff?old=1&new=7").text


def test_a_stock_has_its_news_and_their_days(served: Serving, served_home: Home) -> None:
    count = served_home.rows(
        """SELECT count(*) FROM searchable JOIN symbols USING (docid, number)
           WHERE symbol = 'sh600519' AND until IS NULL"""
    )[0][0]

    page = served.page("/symbol/sh600519")

    assert f"{count} 篇文章提及" in page
    assert len(docids(page)) == min(count, 30)
    chart = page.partition('<svg class="chart days"')[2].partition("</svg>")[0]
    counts = [int(number) for number in re.findall(r"<title>\d+月\d+日：(\d+) 篇", chart)]
    assert sum(counts) == count
    assert served.get("/symbol/sh999999").status_code == 404


def test_a_stock_is_shown_and_found_by_its_name(served: Serving) -> None:
    page = served.page("/symbol/sh600519")
    assert "<h1>贵州茅台 <small>sh600519</small></h1>" in page
    assert ">贵州茅台 sh600519</a>" in page, "beside the hits"
    assert served.page("/symbol/贵州茅台") == page
    found = served.page(addresses.link("/search", q="symbol:贵州茅台", sort="time"))
    assert docids(found) == docids(served.page(addresses.link("/search", q="symbol:sh600519", sort="time")))
    assert "<span>贵州茅台 sh600519</span>" in found, "among the facets"
    assert ">贵州茅台 <span" in served.page("/"), "among the stocks that are named most"


def test_feeds_are_shown_by_their_names(served: Serving) -> None:
    assert '<span class="feed">栏目1</span>' in served.page("/")
    page = served.page("/search?q=feed:栏目1&sort=time")
    assert docids(page) == docids(served.page("/search?q=feed:feed1&sort=time"))
    assert "<span>栏目1</span>" in page, "among the facets"
    assert ">栏目1</a>" in served.page(f"/article/{EDITED}")


def test_the_feeds_are_shown_as_status_and_coverage_know_them(served: Serving, served_home: Home) -> None:
    (feed,) = served_home.run("status", "--json").json["feeds"]
    days = served_home.run("coverage", "--json").json

    page = served.page("/feeds")

    assert f'<span class="state {feed["state"]}">' in page
    assert chinese(feed["reason"]) in unescape(page) or feed["state"] == "ok"
    assert f"<dd>{feed['archived']}</dd>" in page
    chart = page.partition('<svg class="chart cover"')[2].partition("</svg>")[0]
    assert chart.count("<title>") == len(days)
    settled = sum(day["settled"] == 1 for day in days)
    provisional = sum(day["complete"] == 1 for day in days) - settled
    assert re.search(rf"覆盖，\d+ 天中 {settled} 天已核实，{provisional} 天暂时完整", page)


def test_gaps_are_named_with_what_closes_them(served: Serving, served_home: Home) -> None:
    served_home.execute(
        """INSERT INTO gaps (feed, start, "end", noticed) VALUES ('feed1', '2026-09-20T00:00:00.000+00:00',
           '2026-09-21T02:30:00.000+00:00', '2026-09-21T02:30:00.000+00:00')"""
    )
    (gap,) = served_home.run("status", "--json").json["gaps"]

    page = served.page("/feeds")

    assert gap["from"] == "2026-09-20T00:00:00+00:00"
    assert "1 段缺口" in page
    assert "2026-09-20 08:00 至 2026-09-21 10:30" in page
    assert "finarchive backfill feed1 --from 2026-09-20T08:00+08:00 --to 2026-09-21T10:30+08:00" in page
    served_home.execute("DELETE FROM gaps")
    assert "段缺口" not in served.page("/feeds")


def test_what_each_fetch_was_answered_can_be_seen(served: Serving) -> None:
    page = served.page("/article/nreplica0000001")
    second, first = [each for each in links(page) if "/raw/" in each and "download" not in each][-2:]

    assert "没有变化" in page
    before, after = served.get(first).text, served.get(second).text
    assert before != after  # the time of change, which the page tells
    title = re.search("<title>(.*?)</title>", before)
    assert title
    assert title[0] in after


def test_pictures_come_only_from_the_archive(served: Serving, served_home: Home) -> None:
    (file, *_) = stored(served_home)
    sources = re.findall(r'<img src="([^"]*)"', served.page(f"/article/{EDITED}"))

    assert sources
    assert all(source.startswith("/picture/") for source in sources)
    response = served.get(f"/picture/{file.stem}")
    assert response.content == file.read_bytes()
    assert response.headers["content-type"] in {"image/png", "image/jpeg"}
    assert served.get("/picture/" + "0" * 64).status_code == 404


def test_pictures_can_be_left_out(served: Serving, served_home: Home) -> None:
    with Serving(served_home, FINARCHIVE_SERVE_IMAGES="false") as serving:
        assert "<img" not in serving.page(f"/article/{EDITED}")
        assert serving.get(f"/picture/{stored(served_home)[0].stem}").status_code == 404


def test_the_same_story_elsewhere_is_named(served: Serving, served_home: Home) -> None:
    story = "(SELECT story FROM revisions WHERE docid = 'nreplica0000001')"
    before = served_home.rows("SELECT story FROM revisions WHERE docid = 'nreplica0000003'")[0][0]
    served_home.execute(f"UPDATE revisions SET story = {story} WHERE docid = 'nreplica0000003'")
    try:
        assert 'href="/article/nreplica0000003"' in served.page("/article/nreplica0000001")
    finally:
        served_home.execute(f"UPDATE revisions SET story = '{before}' WHERE docid = 'nreplica0000003'")


def test_changes_of_facts_and_moves_are_shown(served: Serving, served_home: Home) -> None:
    docid, number = served_home.rows(
        "SELECT docid, revision FROM entries WHERE revision > 0 AND docid NOT IN (SELECT docid FROM facts) LIMIT 1"
    )[0]
    at = "2099-01-01T00:00:00.000+00:00"
    changed = f'{{"media": ["旧社", "<b>新社"], "symbols": [[], ["sh600999"]], "updated": [null, "{at}"]}}'
    served_home.execute(
        f"""INSERT INTO facts (docid, revision, step, at, changed, updated, media, keywords, symbols)
            VALUES ('{docid}', {number}, 1, '{at}', '{changed}', '{at}', '<b>新社', '["词甲"]', '["sh600999"]')"""
    )
    served_home.execute(f"INSERT INTO moves (docid, at, target) VALUES ('{docid}', '{at}', 'nother0000001')")
    served_home.execute(
        f"""INSERT INTO observations (docid, at, outcome, revision, again, returned, given_up, evidence)
            VALUES ('{docid}', '{at}', 'moved', {number}, 1, 0, 0, 'a redirect')"""
    )
    try:
        page = served.page(f"/article/{docid}")
        assert "媒体：旧社 → &lt;b&gt;新社" in page
        assert "股票：无 → sh600999" in page
        assert "页面更新时间：无 → 2099-01-01 08:00:00" in page
        assert 'href="/symbol/sh600999"' in page
        assert "词甲" in page
        assert 'href="/article/nother0000001"' in page
        before = served.page(f"/article/{docid}?as_of=2098-01-01T00:00")
        assert "资料变动" not in before
        assert "nother0000001" not in before
    finally:
        for table in ("facts", "moves", "observations"):
            served_home.execute(f"DELETE FROM {table} WHERE docid = '{docid}' AND at = '{at}'")


def test_datasettes_own_pages_of_the_index_are_served(served: Serving, served_home: Home) -> None:
    count = served_home.rows("SELECT count(*) FROM revisions")[0][0]

    assert served.get("/index/revisions.json?_shape=array&_size=max").json()[0].keys() >= {"docid", "sha256", "path"}
    csv = served.get("/index/texts.csv?_stream=on").text
    assert csv.startswith("docid,number,text")
    assert len(served.get("/index/revisions.csv?_size=max").text.splitlines()) == count + 1
    assert f'<a href="/article/{EDITED}">' in served.page("/index/revisions")
    assert served.get("/index.json?sql=select+count(*)+from+revisions&_shape=arrays").json()["rows"] == [[count]]


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("articles_of_day", "day=2026-09-29", "SELECT count(*) FROM entries WHERE published >= '2026-09-28T16'"),
        ("articles_of_symbol", "symbol=hk00700", "SELECT count(*) FROM symbols WHERE symbol = 'hk00700'"),
        ("edited_articles", "", "SELECT count(*) FROM revisions WHERE number > 1"),
        ("deleted_articles", "", "SELECT count(*) FROM entries WHERE gone IS NOT NULL"),
    ],
)
def test_canned_queries_return_results(
    served: Serving, served_home: Home, name: str, arguments: str, wanted: str
) -> None:
    rows = served.get(f"/index/{name}.json?{arguments}&_shape=array").json()

    assert len(rows) == served_home.rows(wanted)[0][0]


def test_articles_are_counted_by_day(served: Serving) -> None:
    rows = served.get("/index/articles_by_day.json?since=2026-01-01&_shape=array").json()

    assert sum(row["articles"] for row in rows) == 40


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("/article/nobody", 404, "没有文章 nobody"),
        (f"/article/{EDITED}?version=9", 404, "没有第 9 版；已知 2 版"),
        (f"/article/{EDITED}?version=x", 400, "version 应为 1 至"),
        ("/article/nreplica0000001/diff", 404, "没有可以比较的"),
        (f"/article/{EDITED}/raw/no.warc.gz/1", 404, "没有这次访问"),
        ("/symbol/%E6%97%A0", 404, "没有文章提及 无"),
        ("/nowhere", 404, "没有找到"),
        ("/index/nowhere", 404, "没有找到"),
        ("/search?q=(茅台", 400, "无法理解这个查询：括号没有右半边"),
        ("/search?q=colour:red", 400, "没有 colour: 这个条件"),
        ("/search?q=since:soon", 400, "“soon”不是日期"),
        ("/search?q=feed:fed1", 400, "没有订阅源“fed1”；是不是 feed1"),
        ("/search.atom?q=feed:fed1", 400, "没有订阅源“fed1”；是不是 feed1"),
        ("/search?q=a&page=0", 400, "page 应为 1 至 5 的整数"),
        ("/search?q=a&page=6", 400, "page 应为"),
        ("/search?q=a&page=1&sort=best", 400, "sort 应为"),
        (f"/search?q={'a' * 1001}", 400, "最多 1000 个"),
        ("/search.json?q=(", 400, "末尾缺少内容"),
        ("/?as_of=yesterday", 400, "不是时间"),
        (f"/article/{EDITED}?as_of=0001-01-01T00:00", 400, "不是时间"),
        ("/index/revisions?_sort=nothing", 400, "Cannot sort table by nothing"),
        ("/index?sql=delete+from+entries", 400, "Statement must be a SELECT"),
        ("/index?sql=select+hex(zeroblob(900000000))", 400, "too big"),
    ],
)
def test_what_cannot_be_shown_is_said(served: Serving, address: str, status: int, message: str) -> None:
    response = served.get(address)

    assert response.status_code == status
    assert message in (response.json()["error"] if ".json" in address else unescape(response.text))
    assert "Traceback" not in response.text


def test_what_is_wrong_with_the_data_is_said_in_json_too(served: Serving) -> None:
    response = served.get("/index/nowhere.json")

    assert response.status_code == 404
    assert response.json()["ok"] is False


def test_an_article_that_waits_has_a_page(served: Serving, served_home: Home) -> None:
    served_home.execute(
        """INSERT INTO entries (docid, url, host, title, published, keywords, lids, first_seen, due, status)
           VALUES ('waits1', 'https://a.cn/1', 'a.cn', '还没抓到的', '2026-09-28T00:00:00.000+00:00', '[]', '[]',
                   '2026-09-28T01:00:00.000+00:00', '2026-09-28T01:00:00.000+00:00', 'pending')"""
    )
    page = served.page("/article/waits1")

    assert "还没抓到的" in page
    assert "这篇文章还没有抓到" in page
    served_home.execute("DELETE FROM entries WHERE docid = 'waits1'")


def test_an_article_whose_file_is_lost_is_read_from_the_index(served: Serving, served_home: Home) -> None:
    docid = "nreplica0000005"
    path = served_home.root / served_home.rows(f"SELECT path FROM revisions WHERE docid = '{docid}'")[0][0]
    data = path.read_bytes()
    path.unlink()
    try:
        page = served.page(f"/article/{docid}")
    finally:
        path.write_bytes(data)

    assert "文件无法读取（No such file or directory）" in page
    text = served_home.rows(f"SELECT text FROM texts WHERE docid = '{docid}'")[0][0]
    assert text.splitlines()[0] in unescape(page)

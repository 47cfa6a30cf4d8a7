"""Lists of every kind, crawled end to end: telegraphs, columns, the US stock page, other sites' feeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import Any

import pytest

from archive.files import post
from mocksite.server import MockSite
from mocksite.story import CHINA, Story, make_stories
from tests.conftest import NEWEST, Home
from tests.pipeline.test_rebuild import index, lose, run, tree

LIVE, COLUMN, USSTOCK, RSS = "/api/zhibo/feed", "/roll/c/56589.shtml", "/pc_api/public_news_data.d.json", "/feed.xml"
TEXT = "样例央行今日宣布，自下月十五日起下调存款准备金率零点五个百分点。"


def configure(home: Home, mocksite: MockSite, kind: str, path: str, more: str = "") -> None:
    home.config.write_text(
        f"[network]\ndelay = 0\nallow_private = true\n[schedule]\nrecheck = []\n{more}\n"
        f'[[feeds]]\nid = "it"\nkind = "{kind}"\nendpoint = "{mocksite.url}{path}"\n'
        'categories = ["金融", "样例", "栏目"]\n',
        encoding="utf-8",
    )


def crawl(home: Home) -> Any:
    outcome = home.run("crawl", "--json")
    assert outcome.status == 0, outcome.err
    return outcome.json


def item(number: int, text: str, minute: int = 0, **more: Any) -> dict[str, Any]:
    """An item of the telegraph."""
    at = f"2026-09-30 10:{minute:02}:00"
    ext = {"stocks": more.pop("stocks", []), "docurl": more.pop("docurl", "")}
    fixed = {"id": number, "rich_text": text, "create_time": at, "update_time": at, "is_delete": 0, "tag": []}
    return {**fixed, "ext": json.dumps(ext), "creator": "who@staff.example", **more}


def telegraph(mocksite: MockSite, *items: dict[str, Any]) -> None:
    """Make the mock site's telegraph show these items, on one page."""
    response = {"result": {"status": {"code": 0}, "data": {"feed": {"list": list(items)}}}}
    empty = {"result": {"status": {"code": 0}, "data": {"feed": {"list": []}}}}
    mocksite.site.pages[LIVE] = json.dumps(empty).encode()
    first = f"{LIVE}?zhibo_id=152&tag_id=0&page=1&page_size=50&dire=f&dpc=1"
    mocksite.site.pages[first] = json.dumps(response, ensure_ascii=False).encode()


def facts(home: Home, docid: str, *options: str) -> Any:
    outcome = home.run("show", docid, "--json", *options)
    assert outcome.status == 0, outcome.err
    return outcome.json


def test_each_item_of_a_telegraph_is_an_article_with_its_stocks(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    stocks = [{"market": "cn", "symbol": "sh600999", "key": "样例"}]
    telegraph(mocksite, item(2, f"【降准】{TEXT}", 1, stocks=stocks), item(1, "样例原油涨2%。现报70美元。"))

    assert crawl(home)["archived"] == 2

    home.assert_whole()
    assert [hit.path.partition("?")[0] for hit in mocksite.hits] == ["/robots.txt", LIVE, LIVE], "no page is fetched"
    matter, body = post.load(next(path for path in home.files() if "降准" in path.name).read_bytes())
    assert (matter["title"], matter["date"]) == ("降准", "Wed, 30 Sep 2026 02:01:00 GMT")
    assert TEXT in body
    shown = facts(home, "live2")
    assert shown["revisions"][0]["symbols"] == ["sh600999"]
    assert b"staff.example" not in b"".join(
        path.read_bytes() for path in home.root.rglob("*") if path.is_file() and path.suffix != ".gz"
    )


@pytest.mark.slow
def test_an_item_that_is_edited_linked_and_deleted_stays_one_article_with_its_history(
    home: Home, mocksite: MockSite
) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite, item(1, f"【降准】{TEXT}"))
    crawl(home)
    before = datetime.now(UTC).isoformat()
    page = "https://finance.sina.com.cn/7x24/2026-09-30/doc-ikzxtest0000001.shtml"

    telegraph(mocksite, item(1, f"【降准】{TEXT}", docurl=page))
    assert crawl(home)["revised"] == 0, "an address that is filled in is no other text"
    assert (facts(home, "live1")["url"], len(home.files())) == (page, 1)
    assert facts(home, "live1", "--as-of", before)["url"] == "https://finance.sina.com.cn/7x24/#1"

    telegraph(mocksite, item(1, f"【更正：降准】{TEXT}更正。", docurl=page, update_time="2026-09-30 10:30:00"))
    assert crawl(home)["revised"] == 1
    telegraph(mocksite, item(1, f"【更正：降准】{TEXT}更正。", docurl=page, is_delete=1))
    crawl(home)

    shown = facts(home, "live1")
    assert [each["number"] for each in shown["revisions"]] == [1, 2]
    assert shown["gone"]
    assert [each["outcome"] for each in shown["observations"]] == ["first", "revised", "gone"]
    home.assert_whole()
    files, rows = tree(home), index(home)
    lose(home)
    run(home, "rebuild")
    assert (tree(home), index(home)) == (files, rows)


def test_items_of_a_telegraph_are_read_on_until_known_articles(home: Home, mocksite: MockSite) -> None:
    configure(home, mocksite, "live", LIVE)
    telegraph(mocksite)
    items = [item(400 - place, f"第{400 - place}条。", place % 50) for place in range(200)]
    for size in range(40, 51):
        for number in range(6):
            response = {
                "result": {
                    "status": {"code": 0},
                    "data": {"feed": {"list": items[number * size : (number + 1) * size]}},
                }
            }
            target = f"{LIVE}?zhibo_id=152&tag_id=0&page={number + 1}&page_size={size}&dire=f&dpc=1"
            mocksite.site.pages[target] = json.dumps(response).encode()
    summary = crawl(home)
    assert (summary["feeds"][0]["pages"], summary["archived"]) == (6, 200)
    assert crawl(home)["feeds"][0]["pages"] == 2


def column(mocksite: MockSite, stories: Sequence[Story]) -> None:
    items = "".join(
        f'<li><a href="{mocksite.url}{story.path}">{escape(story.title)}</a>'
        f"<span>({datetime.fromtimestamp(story.ctime, CHINA):%m月%d日 %H:%M})</span></li>"
        for story in stories
    )
    mocksite.site.pages[COLUMN] = f'<html><meta charset="utf-8"><ul id="listcontent">{items}</ul></html>'.encode()


@pytest.mark.slow
def test_a_column_page_and_the_us_stock_page_bring_the_articles_they_link_to(home: Home, mocksite: MockSite) -> None:
    stories = mocksite.site.stories
    column(mocksite, stories)
    configure(home, mocksite, "column", COLUMN)
    assert crawl(home)["archived"] == 12
    assert crawl(home) | {"requests": 0} == {
        "feeds": [{"id": "it", "pages": 1, "listed": 12, "new": 0, "error": None}],
        "archived": 0, "revised": 0, "failed": 0, "pending": 0, "requests": 0,
    }  # fmt: skip
    home.assert_whole()

    [more] = make_stories(1, newest=NEWEST, seed=9)
    mocksite.site.add(more)
    mocksite.clock += 600
    items = [{"title": more.title, "url": mocksite.url + more.path, "ctime": str(more.ctime), "media": more.media}]
    mocksite.site.pages[USSTOCK] = json.dumps({"data": items}).encode()
    configure(home, mocksite, "usstock", USSTOCK)
    assert crawl(home)["archived"] == 1
    assert facts(home, more.docid)["media"] == more.media


def rss(stories: Sequence[Story], base: str, text: str | None = None) -> bytes:
    carried = f"<content:encoded><![CDATA[<p>{text}</p>]]></content:encoded>" if text else ""
    items = "".join(
        f"<item><title>{escape(story.title)}</title><link>{base}{story.path}</link>"
        f"<pubDate>{format_datetime(datetime.fromtimestamp(story.ctime, UTC))}</pubDate>{carried}</item>"
        for story in stories
    )
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>样例网</title>{items}</channel></rss>"
    ).encode()


def test_an_unchanged_feed_is_requested_conditionally_and_not_sent(home: Home, mocksite: MockSite) -> None:
    mocksite.site.has_etags = True
    stories = mocksite.site.stories
    mocksite.site.pages[RSS] = rss(stories[2:], mocksite.url)
    configure(home, mocksite, "rss", RSS)
    assert crawl(home)["archived"] == 10
    mocksite.clear_hits()

    assert crawl(home)["feeds"] == [{"id": "it", "pages": 1, "listed": 0, "new": 0, "error": None}]
    assert [hit.status for hit in mocksite.hits if hit.path == RSS] == [304]

    mocksite.site.pages[RSS] = rss(stories, mocksite.url)
    assert crawl(home)["archived"] == 2
    home.assert_whole()


def test_validators_are_not_stored_if_their_poll_is_not(home: Home, mocksite: MockSite) -> None:
    """The validator is stored with the entries, or they would never be requested again."""
    mocksite.site.has_etags = True
    mocksite.site.pages[RSS] = b"<html>a page in the place of the feed</html>"
    configure(home, mocksite, "rss", RSS)
    assert home.run("crawl").status == 3
    assert home.rows("SELECT etag FROM feeds") == [(None,)]
    mocksite.site.pages[RSS] = rss(mocksite.site.stories, mocksite.url)
    assert crawl(home)["archived"] == 12
    assert home.rows("SELECT etag FROM feeds")[0][0]


def test_a_feed_with_full_texts_needs_no_pages(home: Home, mocksite: MockSite) -> None:
    stories = mocksite.site.stories[:3]
    mocksite.site.pages[RSS] = rss(stories, "https://news.example", TEXT * 10)
    configure(home, mocksite, "rss", RSS)
    assert crawl(home)["archived"] == 3
    assert [hit.path for hit in mocksite.hits] == ["/robots.txt", RSS]
    mocksite.site.pages[RSS] = rss(stories, "https://news.example", TEXT * 10 + "更正。")
    assert crawl(home)["revised"] == 3
    home.assert_whole()


def test_a_page_of_another_site_needs_no_layout_that_is_known(home: Home, mocksite: MockSite) -> None:
    story = mocksite.site.stories[0]
    paragraphs = "".join(f"<p>{n}、{TEXT}</p>" for n in "甲乙丙丁")
    page = f"<html><head><title>样例网</title></head><body><main><h1>题</h1>{paragraphs}</main></body></html>"
    mocksite.site.pages[story.path] = page.encode()
    configure(home, mocksite, "rss", RSS)
    mocksite.site.pages[RSS] = rss([story], mocksite.url)
    assert crawl(home)["archived"] == 1
    [(docid,)] = home.rows("SELECT docid FROM entries")
    assert docid != story.docid, "a URL of another site may resemble one of Sina's without meaning a docid"
    assert facts(home, docid)["text"].count(TEXT) == 4

    column(mocksite, [mocksite.site.stories[1]])
    mocksite.site.pages[mocksite.site.stories[1].path] = page.encode()
    configure(home, mocksite, "column", COLUMN)
    outcome = home.run("crawl", "--json")
    assert (outcome.status, outcome.json["failed"]) == (1, 1), "of a list of Sina's it is an error page"


@pytest.mark.slow
def test_a_list_of_one_page_that_ran_over_leaves_a_gap_and_says_why(home: Home, mocksite: MockSite) -> None:
    stories = make_stories(60, newest=NEWEST, every=600, seed=5)
    for story in stories:
        mocksite.site.add(story)
    mocksite.site.pages[RSS] = rss(stories[40:], mocksite.url)
    configure(home, mocksite, "rss", RSS)
    crawl(home)
    mocksite.site.pages[RSS] = rss(stories[22:42], mocksite.url)
    crawl(home)
    assert home.run("status", "--json").json["gaps"] == [], "it overlaps with what was known"

    mocksite.site.pages[RSS] = rss(stories[:20], mocksite.url)
    crawl(home)

    [gap] = home.run("status", "--json").json["gaps"]
    start, end = (datetime.fromtimestamp(stories[n].ctime, UTC) for n in (22, 19))
    assert (gap["from"], gap["to"]) == (start.isoformat(), end.isoformat())
    outcome = home.run("backfill", "it", "--from", start.isoformat(), "--to", end.isoformat())
    assert "reaches back" in outcome.out + outcome.err
    assert "no longer has older articles" in home.run("status").out


@pytest.mark.parametrize(("kind", "path"), [("live", LIVE), ("column", COLUMN), ("usstock", USSTOCK), ("rss", RSS)])
def test_a_list_that_is_gone_is_reported(home: Home, mocksite: MockSite, kind: str, path: str) -> None:
    configure(home, mocksite, kind, path)
    outcome = home.run("crawl", "--json")
    assert outcome.status == 3
    assert "404" in outcome.json["feeds"][0]["error"]


@pytest.mark.slow  # it crawls and rebuilds
def test_a_title_in_html_is_kept_in_the_file_and_read_as_text_elsewhere(home: Home, mocksite: MockSite) -> None:
    raw, text = "样例&#x2022;标题 &ldquo;引号&rdquo; R&amp;D", "样例•标题 “引号” R&D"
    mocksite.site.edit(mocksite.site.stories[0].docid, NEWEST, title=raw)
    home.configure(mocksite.endpoint)
    assert crawl(home)["archived"] == 12
    [path] = [path for path in home.files() if path.name.startswith("样例•标题 “引号” R&D_")]
    assert post.load(path.read_bytes())[0]["title"] == raw
    docid = path.stem.rpartition("_")[2]
    assert facts(home, docid)["title"] == text
    for query, found in (("样例•标题", [text]), ("R&D", [text]), ("ldquo", []), ("x2022", [])):
        assert [hit["title"] for hit in home.run("search", query, "--json").json] == found, query
    assert crawl(home)["revised"] == 0
    files, rows = tree(home), index(home)
    lose(home)
    run(home, "rebuild")
    assert (tree(home), index(home)) == (files, rows)
    assert home.run("verify", "--deep").status == 0

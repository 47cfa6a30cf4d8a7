"""Feeds of other sites: items that share an address, addresses that move, and texts of the feed and of the page."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import pytest

from mocksite.server import MockSite
from tests.conftest import Home
from tests.crawler.test_fallback import HTML
from tests.end_to_end.test_feed_kinds import RSS, configure
from tests.pipeline.test_rebuild import index, lose, run, tree

pytestmark = pytest.mark.slow  # each crawls several times

SENTENCE = "样例央行今日开展公开市场操作，市场人士认为流动性保持合理充裕。"
SHELL = b"""<!doctype html><html><head><title>App</title></head>
<body><div id='root'></div><script src='/a.js'></script></body></html>"""


def item(title: str, link: str, *, guid: str = "", description: str = "", content: str = "", when: str = "") -> str:
    return (
        f"<item><title>{escape(title)}</title><link>{escape(link)}</link>"
        + (f'<guid isPermaLink="false">{guid}</guid>' if guid else "")
        + f"<pubDate>{when or 'Fri, 20 Nov 2026 10:00:00 +0800'}</pubDate>"
        + (f"<description><![CDATA[{description}]]></description>" if description else "")
        + (f"<content:encoded><![CDATA[{content}]]></content:encoded>" if content else "")
        + "</item>"
    )


def feed(*items: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>样例站</title>'
        f"<link>http://site.example/</link>{''.join(items)}</channel></rss>"
    ).encode()


def crawl(home: Home, mocksite: MockSite, *items: str) -> dict[str, Any]:
    mocksite.site.pages[RSS] = feed(*items)
    result: dict[str, Any] = home.run("crawl", "--json").json
    return result


def exported(home: Home) -> dict[str, dict[str, Any]]:
    """The articles as exported, by title."""
    lines = home.run("export", "jsonl").out.splitlines()
    return {each["title"]: each for each in map(json.loads, filter(None, lines))}


@pytest.fixture
def site(home: Home, mocksite: MockSite) -> MockSite:
    configure(home, mocksite, "rss", RSS)
    return mocksite


def test_items_of_a_live_page_are_as_many_articles_as_guids(home: Home, site: MockSite) -> None:
    flashes = [
        item(f"快讯第{n}条", f"{site.url}/live", guid=f"g{n}", content=f"<p>{SENTENCE * 8}{n}</p>") for n in range(8)
    ]
    assert crawl(home, site, *flashes[:5])["archived"] == 5
    result = crawl(home, site, *flashes[3:])
    assert (result["archived"], result["revised"]) == (3, 0)
    assert set(exported(home)) == {f"快讯第{n}条" for n in range(8)}
    rebuilt(home)


def test_an_article_whose_address_moves_is_one_article(home: Home, site: MockSite) -> None:
    for link in ("/p/1?session=a", "/p/1?session=b", "/moved/1?utm_source=rss"):
        one = item("一条", f"{site.url}{link}", guid="g1", content=f"<p>{SENTENCE * 8}</p>")
        result = crawl(home, site, one)
    assert (result["archived"], result["revised"]) == (0, 0)
    assert len(exported(home)) == 1
    rebuilt(home)


def test_the_text_in_the_feed_stands_for_a_page_that_a_script_makes(home: Home, site: MockSite) -> None:
    long, short = f"<p>{SENTENCE * 8}</p>", "样例社电，某行长表示将根据物价情况继续加息。"
    site.site.pages |= {"/1.html": SHELL, "/2.html": SHELL, "/3.html": HTML.encode()}
    items = [
        item("长文", f"{site.url}/1.html", guid="a", description=long),
        item("快讯", f"{site.url}/2.html", guid="b", description=short),
        item("有页面", f"{site.url}/3.html", guid="c", description=short),
    ]
    assert crawl(home, site, *items)["archived"] == 3
    articles = exported(home)
    assert articles["快讯"]["text"] == short
    assert {title: each["text_from"] for title, each in articles.items()} == {
        "长文": "feed", "快讯": "feed", "有页面": "page",
    }  # fmt: skip
    assert "script" in articles["长文"]["text_note"] or "no article" in articles["长文"]["text_note"]
    rebuilt(home)


def test_an_edit_of_the_text_in_the_feed_is_a_version(home: Home, site: MockSite) -> None:
    site.site.pages["/1.html"] = SHELL
    for text in (SENTENCE * 3, SENTENCE * 3 + "更正：昨日数字有误。"):
        result = crawl(home, site, item("快讯", f"{site.url}/1.html", guid="a", description=text))
    assert result["revised"] == 1
    rebuilt(home)


def test_a_teaser_is_not_the_article(home: Home, site: MockSite) -> None:
    excerpt = "本周某研究院发布样例报告，梳理了今年以来政策的配合情况，并就下半年的形势给出判断。" * 5
    teasers = [
        item("同摘要", f"{site.url}/1.html", guid="a", description=excerpt, content=f"<p>{excerpt}</p>"),
        item(
            "阅读全文",
            f"{site.url}/2.html",
            guid="b",
            content=f"<p>{excerpt}</p><p><a href='/2.html'>阅读全文</a></p>",
        ),
        item("省略号", f"{site.url}/3.html", guid="c", content=f"<p>{excerpt}[…]</p>"),
        item("无页面", f"{site.url}/4.html", guid="d", content=f"<p>{excerpt}[…]</p>"),
    ]
    site.site.pages |= {f"/{n}.html": HTML.encode() for n in (1, 2, 3)} | {"/4.html": SHELL}
    assert crawl(home, site, *teasers)["archived"] == 3
    assert {each["text_from"] for each in exported(home).values()} == {"page"}
    assert excerpt[:20] not in "".join(each["text"] for each in exported(home).values())
    [(kept,)] = home.rows("SELECT listed_text FROM entries WHERE title = '无页面'")
    assert excerpt in kept


def test_a_title_in_broken_bytes_gets_its_path_when_the_feed_is_whole_again(home: Home, site: MockSite) -> None:
    one = item("央行宣布降准零点五个百分点", f"{site.url}/1.html", guid="a", content=f"<p>{SENTENCE * 8}</p>")
    site.site.pages[RSS] = feed(one).replace("降".encode(), "降".encode()[:2], 1)
    assert home.run("crawl", "--json").json["archived"] == 1
    [broken] = home.files()
    assert "\ufffd" in broken.name
    assert crawl(home, site, one)["revised"] == 1
    [path] = home.files()
    assert path.name.startswith("央行宣布降准零点五个百分点_")
    assert home.run("show", str(broken.relative_to(home.root)), "--json").json["path"] == str(
        path.relative_to(home.root)
    )
    home.assert_whole()
    rebuilt(home)


def rebuilt(home: Home) -> None:
    """The journal gives the same files and the same index."""
    files, rows = tree(home), index(home)
    lose(home)
    run(home, "rebuild")
    assert tree(home) == files
    assert index(home) == rows
    assert home.run("verify", "--deep").status == 0


def test_show_says_who_wrote_an_article_when_it_claims_to_be_from_and_where_its_text_is_from(
    home: Home, site: MockSite
) -> None:
    site.site.pages["/1.html"] = SHELL
    one = item("快讯", f"{site.url}/1.html", guid="a", description=SENTENCE * 3, when="2036-01-02")
    crawl(home, site, one.replace("</item>", "<author>张三</author></item>"))
    [docid] = [each["docid"] for each in exported(home).values()]
    shown = home.run("show", docid).out
    assert "authors  张三" in shown
    assert "stated as  2036-01-02 (the stated time is later than the poll)" in shown
    assert "text from  feed (the page cannot be used" in shown

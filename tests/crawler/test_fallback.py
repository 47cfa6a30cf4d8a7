"""Pages of other sites than Sina: trafilatura finds the article, and finds the same at every time and place."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.model.article import Article, Page
from archive.model.feed import Entry
from crawler.errors import ExtractionError, GoneError
from crawler.extract.article import extract
from crawler.extract.other_sites.article import find_article

ROOT = Path(__file__).parents[2]
FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)
URL = "https://www.example.com/news/42.html"
BARE = Entry("e42", URL, "", None, None, None, None, None, foreign=True)
PARAGRAPHS = (
    "本报讯，样例市今日宣布，自下月起全市公共交通票价下调一成，预计每天有三百万人次受益，财政为此每年多支出二亿元。",
    "样例市交通局局长在发布会上表示，票价下调之后，市民乘坐地铁的平均花费将由四元降至三元六角，公共汽车由两元降至一元八角。",
    "分析人士认为，票价下调有助于缓解早晚高峰的道路拥堵，不过地铁高峰时段的运力已接近饱和，新车要到明年才能陆续投入运营。",
)
HTML = f"""<!DOCTYPE html>
<html lang="zh">
<head><meta charset="utf-8"><title>样例市公共交通票价下调一成 - 样例新闻网</title>
<meta property="og:title" content="样例市公共交通票价下调一成">
<meta property="og:site_name" content="样例新闻网">
<script>alert(1)</script></head>
<body>
<nav><ul><li><a href="/">首页</a></li><li><a href="/money">财经</a></li><li><a href="/sport">体育</a></li></ul></nav>
<main><article>
<h1>样例市公共交通票价下调一成</h1>
<p class="meta">2026年9月28日 09:30 来源：样例新闻网</p>
<p>{PARAGRAPHS[0]}</p>
<figure><img src="/img/metro.jpg" alt="地铁站" onerror="alert(1)"><figcaption>样例市地铁站。</figcaption></figure>
<p>{PARAGRAPHS[1]}详见<a href="/docs/1.html" onclick="alert(1)">公告</a>全文。</p>
<table><tr><th>方式</th><th>现价</th><th>新价</th></tr><tr><td>地铁</td><td>4.00</td><td>3.60</td></tr></table>
<p>{PARAGRAPHS[2]}{{{{ raw }}}}</p>
</article></main>
<aside><h3>热点</h3><ul>{"".join(f'<li><a href="/n/{n}">热点新闻第{n}条</a></li>' for n in range(9))}</ul></aside>
<footer>版权所有 样例新闻网</footer>
</body></html>"""


def article_of(html: str, entry: Entry = BARE, url: str = URL) -> Article:
    return extract(Page(url, html.encode(), "text/html", FETCHED), entry)


def test_the_article_is_found_and_goes_by_the_rules_of_every_body() -> None:
    article = article_of(HTML)
    assert (article.title, article.media) == ("样例市公共交通票价下调一成", "样例新闻网")
    assert article.published == datetime(2026, 9, 28, 1, 30, tzinfo=UTC)
    assert [text for text in PARAGRAPHS if text not in article.body] == []
    assert [text for text in PARAGRAPHS if text not in article.text] == []
    assert (
        '<img src="https://www.example.com/img/metro.jpg" alt="地铁站" referrerpolicy="no-referrer">' in article.body
    )
    assert '<a href="https://www.example.com/docs/1.html">公告</a>' in article.body
    assert "<td>3.60</td>" in article.body
    assert "&#123;&#123; raw &#125;&#125;" in article.body
    assert article.image == "https://www.example.com/img/metro.jpg"
    assert [
        word for word in ("alert", "热点新闻", "版权所有", "首页", "<html", "<head", "<meta") if word in article.body
    ] == []


def test_a_page_without_html_and_body_tags_is_read_as_a_browser_reads_it() -> None:
    bare = re.sub("</?(html|head|body)[^>]*>", "", HTML)
    assert article_of(bare).body == article_of(HTML).body


def test_pictures_of_other_articles_are_not_taken() -> None:
    rail = "".join(
        f'<div><a href="/n/{n}"><img src="/t/{n}.jpg"><h4>另一篇文章第{n}篇</h4></a></div>' for n in range(9)
    )
    article = article_of(HTML.replace("</main>", f'</main><div class="more">{rail}</div>'))
    assert [picture.url for picture in article.pictures] == ["https://www.example.com/img/metro.jpg"]
    assert "另一篇文章" not in article.body


def test_the_listings_values_take_precedence_over_extracted_ones() -> None:
    time = datetime(2001, 2, 3, tzinfo=UTC)
    article = article_of(HTML, replace(BARE, title="列表题", published=time, media="列表社"))
    assert (article.title, article.published, article.media) == ("列表题", time, "列表社")


@pytest.mark.parametrize(
    ("meta", "line", "published"),
    [
        ('<meta property="article:published_time" content="2026-09-27T22:10:00+08:00">', "", "2026-09-27T14:10:00"),
        ('<meta name="date" content="2026-09-26">', "", "2026-09-26T15:59:59"),
        (
            '<meta name="date" content="2026-09-26">',
            "更新于2026-09-29 10:00，发布于2026-09-26 08:15",
            "2026-09-26T00:15:00",
        ),
        ('<meta name="date" content="2026-12-26">', "", "2026-10-01T04:05:06"),  # later than it was fetched
        (
            "",
            "更新时间：2026年10月3日 09:30，发布时间：2026年9月28日 09:30",
            "2026-09-28T01:30:00",
        ),  # so it cannot be the first
        ("", "", "2026-10-01T04:05:06"),
    ],
)
def test_the_time_is_the_pages_as_far_as_it_states_one(meta: str, line: str, published: str) -> None:
    html = HTML.replace("<script>", f"{meta}<script>").replace("2026年9月28日 09:30 来源：样例新闻网", line)
    assert article_of(html).published == datetime.fromisoformat(published).replace(tzinfo=UTC)


def test_a_page_of_a_known_layout_is_parsed_as_such_on_any_host() -> None:
    assert article_of(HTML.replace("<main>", '<main id="artibody">')).body.startswith("\n<article>") is False
    assert "来源：样例新闻网" in article_of(HTML.replace("<main>", '<main id="artibody">')).body


# Pages without an article


@pytest.mark.parametrize(
    ("page", "foreign"),
    [
        ("https://finance.sina.com.cn/a.shtml", False),
        ("https://finance.sina.cn/a.shtml", False),
        ("https://passport.example.com/visitor", False),  # sent there by Sina
        ("https://sina.cn/a", True),
    ],
)
def test_an_unknown_page_of_sinas_is_no_article_however_much_it_says(page: str, foreign: bool) -> None:
    with pytest.raises(ExtractionError, match="no article element on the page"):
        article_of(HTML, replace(BARE, foreign=foreign), page)


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<html><body></body></html>",
        "<title>Sina Visitor System</title><h1>Sina Visitor System</h1><p>请开启JavaScript</p>",
        f"<title>403 Forbidden</title><body><p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[1]}</p></body>",
        f"<title>访问受限</title><body><p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[1]}</p></body>",
        "<title>频道</title><ul>"
        + "".join(f"<li><a href=/{n}>第{n}条新闻的标题很长很长</a></li>" for n in range(60))
        + "</ul>",
        '{"code": 1, "msg": "' + "x" * 200 + '"}',
        "\x00\x01<",
        "<p>" * 3000,
    ],
)
def test_what_holds_no_text_is_no_article(html: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        article_of(html)
    assert not isinstance(caught.value, GoneError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "html",
    [
        f"<title>404 Not Found</title><body><p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[1]}</p></body>",
        f"<title>页面不存在 - 样例新闻网</title><body><h1>页面不存在</h1><p>{PARAGRAPHS[0]}</p></body>",
        f"<title>样例新闻网</title><body><h1>您访问的文章已被删除</h1><p>{PARAGRAPHS[0]}</p></body>",
        "<title>样例新闻网</title><body><div>抱歉，您访问的页面不存在或已删除</div></body>",
        f"<title>样例</title><body><p>抱歉，您访问的文章已被删除，{'请返回首页，' * 20}谢谢。</p></body>",
    ],
)
def test_a_page_that_says_it_is_not_there_is_gone_on_any_host(html: str) -> None:
    with pytest.raises(GoneError):
        article_of(html)


@pytest.mark.parametrize("line", ["页面没有找到", "“您访问的文章已被删除”", "该微博已被删除。"])
def test_an_article_that_quotes_such_a_page_is_not_gone(line: str) -> None:
    assert PARAGRAPHS[2] in article_of(HTML.replace(PARAGRAPHS[0], line)).body


# The same at every time and place


def test_what_was_found_before_makes_no_difference() -> None:
    first = article_of(HTML)
    article_of(HTML.replace("下调", "上调"))
    for _ in range(5):  # a filter of duplicates would drop what it has seen
        assert article_of(HTML) == first


_FIND = f"""
import sys
from datetime import UTC, datetime
touched = []
def hook(event, arguments):
    writes = event == "open" and any(flag in str(arguments[1] or "") for flag in "wax+")
    asks = ("socket.connect", "socket.get", "socket.send", "urllib.", "subprocess.", "os.mkdir", "os.rename")
    if writes or event.startswith(asks):
        touched.append((event, arguments))
sys.addaudithook(hook)
sys.dont_write_bytecode = True
from crawler.extract.other_sites.article import find_article
assert "trafilatura" not in sys.modules
found = find_article(sys.stdin.read(), {URL!r}, datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC))
assert not touched, touched
sys.stdout.write(repr(found))
"""


def test_another_process_in_another_zone_finds_the_same_and_touches_neither_net_nor_disk() -> None:
    html = HTML.replace("<script>", '<meta name="date" content="2026-09-28T23:30:00Z"><script>')
    outputs = set()
    for seed, zone in (("1", "Asia/Shanghai"), ("2", "America/Los_Angeles"), ("3", "Pacific/Kiritimati")):
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(
            [sys.executable, "-c", _FIND],
            cwd=ROOT,
            env=env,
            input=html,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert outputs == {repr(find_article(html, URL, FETCHED))}


def test_commands_start_without_loading_trafilatura() -> None:
    code = "import sys, cli.main, crawler.spider; sys.exit('trafilatura' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0

"""Titles, times and text of pages of other sites: what is the article's, and what belongs to the page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archive.model.article import Article, Page
from archive.model.feed import Entry
from archive.model.feed_values import Precision
from crawler.errors import ExtractionError
from crawler.extract.article import extract

URL = "https://www.example.com/news/42.html"
ENTRY = Entry("e42", URL, "", None, None, None, None, None, foreign=True)
FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)
TITLE = "样例市公共交通票价下调一成"
PARAGRAPHS = (
    "本报讯，样例市今日宣布，自下月起全市公共交通票价下调一成，预计每天有三百万人次受益，财政为此每年多支出二亿元。",
    "样例市交通局局长在发布会上表示，票价下调之后，市民乘坐地铁的平均花费将由四元降至三元六角，公共汽车也会便宜。",
    "分析人士认为，票价下调有助于缓解早晚高峰的道路拥堵，不过地铁高峰时段的运力已接近饱和，新车要到明年才能投入。",
)
TEXT = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)


def article_of(head: str = f"<title>{TITLE}</title>", body: str = f"<h1>{TITLE}</h1><div>{TEXT}</div>") -> Article:
    html = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"
    return extract(Page(URL, html.encode(), "text/html", FETCHED), ENTRY)


# Titles


def test_a_title_keeps_its_wide_and_no_break_spaces() -> None:
    head = f'<title>{TITLE}　市长：\n 两年内\xa0到位_样例网</title><meta property="og:site_name" content="样例网">'
    title = f"{TITLE}　市长： 两年内\xa0到位"
    assert article_of(head, f"<h1> {title} </h1><div>{TEXT}</div>").title == title


@pytest.mark.parametrize(
    ("head", "heading", "title"),
    [
        (f"<title>{TITLE}_样例财经_样例网</title>", TITLE, TITLE),
        (f"<title>{TITLE}--财经--样例网</title>", "样例网财经频道", TITLE),
        (f"<title>{TITLE} - 样例新闻网</title>", "", TITLE),
        (f'<title>{TITLE} | Exampler</title><meta property="og:site_name" content="Exampler">', "", TITLE),
        (f'<title>{TITLE}</title><meta property="og:title" content="样例网，权威的消息">', TITLE, TITLE),
        ("<title>样例新闻网</title><meta property='og:site_name' content='样例新闻网'>", TITLE, TITLE),
        (
            (
                '<title>狂奔的样例集团"暗伤"曝露？_样例财经</title>'
                '<meta property="og:title" content="狂奔的样例集团"暗伤"曝露？">'
            ),
            '狂奔的样例集团"暗伤"曝露？',
            '狂奔的样例集团"暗伤"曝露？',
        ),
        ("<title>Rates - and what they mean for you | The Example</title>", "", "Rates - and what they mean for you"),
        (
            (
                '<title>Another headline - Example</title><script type="application/ld+json">'
                '{"@type": "NewsArticle", "headline": "The headline on the page"}</script>'
                '<meta property="og:title" content="Another headline">'
            ),
            "The headline on the page",
            "The headline on the page",
        ),
    ],
)
def test_the_title_is_the_articles_without_the_sites_name(head: str, heading: str, title: str) -> None:
    site = '<meta property="og:site_name" content="The Example">' if "The Example" in head else ""
    assert article_of(head + site, f"<h1>{heading}</h1><div>{TEXT}</div>").title == title


# Times


@pytest.mark.parametrize(
    ("head", "line", "published", "precision"),
    [
        (
            '<meta property="article:published_time" content="2026-09-27T22:10:00.123+08:00">',
            "",
            "2026-09-27T14:10:00",
            "time",
        ),
        ('<meta property="article:published_time" content="2026-09-27 22:10">', "", "2026-09-27T14:10:00", "time"),
        ('<meta name="publishdate" content="2026-09-27">', "", "2026-09-27T15:59:59", "day"),
        (
            '<meta name="publishdate" content="2026-09-27">',
            "2026年09月27日08:18 来源：样例社",
            "2026-09-27T00:18:00",
            "time",
        ),
        ('<meta name="pubdate" content="2026-10-01">', "", "2026-10-01T04:05:06", "day"),  # the day of the fetch
        ('<meta name="pubdate" content="2027-01-01">', "2026-09-27 08:18", "2026-09-27T00:18:00", "time"),
        (
            (
                '<script type="application/ld+json">{"@graph": [{"@type": "WebSite", "datePublished": "2001-01-01"},'
                '{"@type": ["NewsArticle"], "datePublished": "2026-09-27T22:10:00Z"}]}</script>'
            ),
            "2026-09-20 08:18",
            "2026-09-27T22:10:00",
            "time",
        ),
        ("", '<time datetime="2026-09-27T06:12:00.000Z">09-27 14:12</time>', "2026-09-27T06:12:00", "time"),
        ("", "来源：样例社</p><p>发布日期：2026-09-27", "2026-09-27T15:59:59", "day"),
        ("", "样例社</p><p>27/09/2026 08:18", "2026-09-27T00:18:00", "time"),
        ("", "By A. Reporter | September 27, 2026 08:18", "2026-09-27T00:18:00", "time"),
        ("", "05/06/2026 08:18", "2026-10-01T04:05:06", "time"),  # May or June: it is not read
    ],
)
def test_the_time_is_stated_by_the_page(head: str, line: str, published: str, precision: str) -> None:
    article = article_of(f"<title>{TITLE}</title>{head}", f"<h1>{TITLE}</h1><p>{line}</p><div>{TEXT}</div>")
    assert article.published == datetime.fromisoformat(published).replace(tzinfo=UTC)
    assert article.precision is Precision(precision)


def test_a_day_in_the_text_is_not_the_time_of_publication() -> None:
    body = f"<h1>{TITLE}</h1><div><p>2026年2月27日下午，{PARAGRAPHS[0]}</p>{TEXT}</div><p>发布日期：2026-03-06</p>"
    assert article_of(body=body).published == datetime(2026, 3, 6, 15, 59, 59, tzinfo=UTC)


def test_a_time_without_a_year_is_not_taken_for_a_day_of_another_year() -> None:
    assert article_of(body=f"<h1>{TITLE}</h1><p>03-1808:22</p><div>{TEXT}</div>").published == FETCHED


@pytest.mark.parametrize("stated", ["September 27, 2026 20:10 GMT", "Sun, 27 Sep 2026 20:10:00 GMT", "1790539800"])
def test_metas_state_times_in_the_forms_of_feeds(stated: str) -> None:
    article = article_of(f'<title>{TITLE}</title><meta name="pubdate" content="{stated}">')
    assert article.published == datetime(2026, 9, 27, 20, 10, tzinfo=UTC)


def test_a_time_of_an_unknown_zone_is_never_too_early() -> None:
    words = "The city lowers its fares by a tenth, and three million people a day pay less for their ride to work. "
    head = '<title>Fares fall</title><meta property="article:published_time" content="2026-09-27 22:10">'
    article = article_of(head, f"<h1>Fares fall</h1><div>{f'<p>{words * 3}</p>' * 3}</div>")
    assert article.published == datetime(2026, 9, 28, 10, 10, tzinfo=UTC)  # twelve hours behind UTC


# Text


@pytest.mark.parametrize(
    "line",
    [
        "责任编辑：某某",
        "（责编：某某、某某某）",
        "编辑 某某某 校对 某某",
        "特别声明：以上内容仅代表作者本人观点，不代表本平台立场。",
        "版权声明：未经授权，不得转载本网文章。",
        "点击查看更多",
        "下载样例新闻客户端",
        "长按识别二维码，关注样例财经",
        "标签：票价 地铁",
        "您现在的位置：首页 &gt; 财经 &gt; 正文",
        "上一篇：<a href='/1'>另一篇文章的标题在这里</a>",
        "<a href='/1'>另一篇文章的标题在这里，它很长</a>",
        "相关阅读：<a href='/1'>另一篇文章的标题在这里</a>",
    ],
)
def test_lines_of_the_page_are_not_text(line: str) -> None:
    article = article_of(body=f"<h1>{TITLE}</h1><div>{TEXT}<p>{line}</p></div>")
    assert article.text.splitlines() == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "line",
    [
        "公司特别声明：上述传闻不实，公司经营一切正常，订单充足。",
        "他在编辑部工作了三十年，编辑过四百本书，也写过评论。",
        "“下载量超过一亿次。”公司说。",
        "详见<a href='/1'>公告</a>全文，公告有三十页。",
    ],
)
def test_lines_that_only_look_like_those_of_a_page_are_text(line: str) -> None:
    article = article_of(body=f"<h1>{TITLE}</h1><div>{TEXT}<p>{line}</p></div>")
    assert len(article.text.splitlines()) == 4


def test_elements_named_as_furniture_are_left_out_unless_they_have_the_text() -> None:
    aside = (
        f"<div class='comment-list'><p>{'第一条评论说的是另一件事，和这篇文章完全没有关系，只是闲聊。' * 2}</p></div>"
    )
    for name in ("article", "share-content", "article comment-page"):
        article = article_of(body=f"<h1>{TITLE}</h1><div class='{name}'>{TEXT * 2}</div>{aside}")
        assert article.text.splitlines() == list(PARAGRAPHS * 2)


def test_the_summary_above_the_text_belongs_to_it() -> None:
    summary = "The city lowers its fares by a tenth; critics say that the trains are full."
    words = (
        "The city lowers its fares, and three million people a day pay less for their ride to work every morning. "
    )
    head = f'<title>Fares fall</title><meta name="description" content="{summary}">'
    body = f"<header><h1>Fares fall</h1><p>{summary}</p></header><article>{f'<p>{words * 3}</p>' * 3}</article>"
    assert article_of(head, body).text.splitlines()[0] == summary
    assert summary not in article_of(head, body.replace(f"<p>{summary}</p>", "")).text


def test_line_breaks_of_the_markup_do_not_break_sentences() -> None:
    broken = PARAGRAPHS[0].replace("全市", "\n      全市").replace("二亿", "二\n亿")
    article = article_of(body=f"<h1>{TITLE}</h1><div><p>{broken}</p>{TEXT}</div>")
    assert article.text.splitlines()[0] == PARAGRAPHS[0]


def test_names_that_sina_shares_with_others_do_not_make_a_page_one_of_sinas() -> None:
    comments = "<div class='comments'><p>第一条评论说的是另一件事，和这篇文章没有关系。</p></div>"
    article = article_of(body=f"<div id='article'><h1>{TITLE}</h1><div>{TEXT}</div>{comments}</div>")
    assert article.text.splitlines() == list(PARAGRAPHS)


@pytest.mark.parametrize(
    "body",
    [
        "<p>免责声明：本网站所载文章仅供参考，不构成投资建议，投资者据此操作，风险自担。本站对其准确性不作任何保证，如有侵权请联系删除。</p>"
        * 3,
        f"<div class='comment-list'>{'<p>第一条评论，写得很好。</p>' * 3}</div>",
        f"<ul>{''.join(f'<li><a href=/{n}>第{n}条新闻的标题很长很长很长</a></li>' for n in range(40))}</ul>",
        f"<div id='endText'>{''.join(f'<p><a href=/{n}>第{n}条新闻的标题很长</a></p>' for n in range(40))}</div>",
        "<div id='ContentBody'><p>免责声明：文章仅供参考，不构成投资建议，据此操作，风险自担。</p></div>",
    ],
)
def test_a_disclaimer_a_navigation_or_comments_are_no_article(body: str) -> None:
    with pytest.raises(ExtractionError):
        article_of(body=f"<h1>{TITLE}</h1>{body}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    ["<div class='share'>", "<p>a</p>", "<a href=/1>b</a><br>", "<h2 class=title>c, d</h2>", "文字，" * 9 + "<br>"],
)
def test_the_time_grows_with_the_page_and_no_faster(unit: str) -> None:
    """The nodes of a page are passed over a fixed number of times; a quadratic step would take minutes here."""
    body = f"<h1>{TITLE}</h1><div>{TEXT}</div>" + unit * (400 if unit.startswith("<div") else 20_000)
    assert PARAGRAPHS[0] in article_of(body=body).text

"""Pages of the declared sites: in each layout the declared element gives the article, and nothing beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from archive.model.article import Article, Page
from archive.model.feed import Entry
from archive.model.feed_values import Precision
from crawler.errors import ExtractionError
from crawler.extract.article import extract
from crawler.extract.other_sites.sites import SITES, Site, site_of

FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)
TITLE = "样例央行下调存款准备金率零点五个百分点"
PARAGRAPHS = (
    "本报讯，样例央行今日宣布，自下月十五日起下调存款准备金率零点五个百分点，释放长期资金约一万亿元。",
    "样例央行负责人表示，此次下调旨在保持流动性合理充裕，支持实体经济发展，不搞大水漫灌。",
    "分析人士认为，后续政策仍有空间，“降准”之后市场利率有望继续下行。",
)
FURNITURE = (
    "分享到：微信 微博 QQ空间",
    "相关阅读",
    "另一篇文章的标题很长很长很长",
    "免责声明：本文仅代表作者个人观点，与本站无关。",
    "网友评论仅供其表达个人看法",
)
LAYOUTS = [(site, body) for site in SITES for body in site.body if ":" not in body]


def element(selector: str, inner: str, tag: str = "div") -> str:
    """Return HTML in which a selector of names, ids, classes, attributes and ancestors finds ``inner``."""
    *outer, last = [part for part in selector.split() if part != ">"]
    name = re.match(r"[a-z][a-z0-9]*", last)
    attributes: dict[str, list[str]] = {}
    for kind, value in re.findall(r"([#.])([\w-]+)", re.sub(r"\[[^\]]*\]", "", last)):
        attributes.setdefault("id" if kind == "#" else "class", []).append(value)
    for key, value in re.findall(r"\[([\w-]+)[*^$]?=?[\"']?([^\]\"']*)", last):
        attributes.setdefault(key, []).append(value or "x")
    written = "".join(f' {key}="{" ".join(values)}"' for key, values in attributes.items())
    html = f"<{name[0] if name else tag}{written}>{inner}</{name[0] if name else tag}>"
    return element(" ".join(outer), html) if outer else html


def page_of(site: Site, body: str) -> str:
    """A page of a site as its readers see it: navigation, title, time, article, and what surrounds it."""
    simple = [selector for selector in site.title if ":" not in selector]
    title = element(simple[0], TITLE, "h1") if simple else f"<h1>{TITLE}</h1>"
    times = [selector for selector in site.published if ":" not in selector]
    time = element(times[0], "2026年9月28日 09:30") if times else ""
    inside = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
    inside += "".join(
        element(each, "站内推广的一句话，不是正文。") for each in site.remove if not {":", "+"} & set(each)
    )
    links = "".join(f'<li><a href="/n/{n}">{FURNITURE[2]}{n}</a></li>' for n in range(9))
    return (
        f'<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>{TITLE}_样例频道_样例网</title></head>'
        "<body>"
        f'<div class="nav"><a href="/">首页</a><a href="/m">财经</a></div>{title}{time}'
        f'<div class="share">{FURNITURE[0]}</div>{element(body, inside)}'
        f'<div class="related"><h3>{FURNITURE[1]}</h3><ul>{links}</ul></div>'
        f'<div class="comments"><p>{FURNITURE[4]}</p></div><div class="footer">{FURNITURE[3]}</div></body></html>'
    )


def article_of(html: str, host: str) -> Article:
    url = f"https://{host}/2026/0928/1.html"
    entry = Entry("e1", url, "", None, None, None, None, None, foreign=True)
    return extract(Page(url, html.encode(), "text/html", FETCHED), entry)


@pytest.mark.parametrize(("site", "body"), LAYOUTS, ids=[f"{site.name}-{body}" for site, body in LAYOUTS])
def test_each_layout_of_a_site_gives_its_article_and_nothing_else(site: Site, body: str) -> None:
    article = article_of(page_of(site, body), f"www.{site.hosts[0]}")
    assert article.text.split("\n") == list(PARAGRAPHS)
    assert article.title == TITLE
    assert article.precision is Precision.TIME
    assert article.published >= datetime(2026, 9, 28, 1, 30, tzinfo=UTC), "no time before the truth"


def test_every_site_that_a_reader_of_chinese_finance_follows_is_declared() -> None:
    hosts = [
        "money.163.com", "news.hexun.com", "www.guancha.cn", "mp.weixin.qq.com", "www.stcn.com",
        "finance.people.com.cn", "www.news.cn", "finance.eastmoney.com", "www.cls.cn", "economy.caixin.com",
        "www.yicai.com", "www.21jingji.com", "www.cnstock.com", "www.jiemian.com", "www.thepaper.cn",
        "36kr.com", "wallstreetcn.com", "finance.ifeng.com", "www.sohu.com", "new.qq.com", "www.toutiao.com",
        "baijiahao.baidu.com",
    ]  # fmt: skip
    assert [host for host in hosts if site_of(host) is None] == []
    assert site_of("not163.com") is None


@pytest.mark.parametrize(
    "inside",
    [
        (
            "<p>免责声明：本文仅代表作者个人观点，与本站无关，其原创性以及文中陈述文字和内容未经本站证实，对本文以及其中全部或者"
            "部分内容的真实性、完整性、及时性本站不作任何保证或承诺，请读者仅作参考，并请自行核实相关内容。</p>"
        ),
        "<ul>" + "".join(f'<li><a href="/n/{n}">另一篇文章的标题很长第{n}篇</a></li>' for n in range(40)) + "</ul>",
        '<div class="comments">' + "".join(f"<p>网友{n}：说得好，顶！</p>" for n in range(30)) + "</div>",
    ],
    ids=["disclaimer", "navigation", "comments"],
)
def test_a_page_without_an_article_is_refused(inside: str) -> None:
    html = f"<html lang=zh><head><title>{TITLE}</title></head><body><h1>{TITLE}</h1>{inside}</body></html>"
    with pytest.raises(ExtractionError):
        article_of(html, "www.example.com")


@pytest.mark.parametrize(
    ("head", "heading", "title"),
    [
        (f"<title>{TITLE}_财经频道_样例网</title>", "", TITLE),
        (f'<title>样例网</title><meta property="og:title" content="{TITLE} | 样例网">', TITLE, TITLE),
        ("<title>专家：“降准”之后怎么看？ - 样例网</title>", "", "专家：“降准”之后怎么看？"),
        ('<title>The Fed\'s "pivot" - Example News</title>', 'The Fed\'s "pivot"', 'The Fed\'s "pivot"'),
        (
            '<script type="application/ld+json">{"@type": "NewsArticle", "headline": "' + TITLE + '"}</script>'
            "<title>样例网</title>",
            "",
            TITLE,
        ),
    ],
)
def test_the_title_is_whole_and_without_the_sites_name(head: str, heading: str, title: str) -> None:
    inside = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
    html = f"<html lang=zh><head>{head}</head><body><h1>{heading}</h1><article>{inside}</article></body></html>"
    assert article_of(html, "www.example.com").title == title

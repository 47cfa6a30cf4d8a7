"""Pages and lists that are made to be slow: each takes time in proportion to its size, or is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scrapy.robotstxt import ProtegoRobotParser

from archive.model.article import Article
from archive.model.feed import Failure, Listing
from crawler.errors import CrawlerError, ListingError
from crawler.extract.response import parse_fetch
from crawler.listings.registry import READERS
from tests.crawler.test_listings import feed_of
from tests.crawler.test_response import fetch
from tests.support.examples import examples
from tests.support.growth import assert_linear

AT = datetime(2026, 9, 29, tzinfo=UTC)

MAX_BYTES = 1 << 27

# What stands in the article element, n times as much of it.
BODIES: dict[str, Callable[[int], str]] = {
    "links in a paragraph": lambda n: "<p>" + "<a href=/x>链接</a>" * 2 * n + "</p>",
    "links and words": lambda n: "<div>" + "<a href=/x>链接</a>字" * n + "</div>",
    "images in a center": lambda n: "<center>" + "<img src=a.png>" * 2 * n + "</center>",
    "images in a table": lambda n: "<table><td>" + "<img src=a.png>" * n + "</table>",
    "images in a wrapper": lambda n: "<div class=img_wrapper>" + "<img src=a.png>" * n + "</div>",
    "lazy images": lambda n: '<img data-src="' + "a " * n + '">',
    "players": lambda n: "<div>视频加载中...</div>" * n,
    "words of players": lambda n: "<p>正文<b>视频加载中</b></p>" * n,
    "related links": lambda n: "<p>相关阅读</p><p><a href=x>一</a></p>" * n,
    "slots": lambda n: "<!-- 广告 begin --><p>x</p><!-- 广告 end -->" * n,
    "comments that do not end": lambda n: "<p>" * 4 * n + "<!--<p>" * 4 * n,
    "slots that do not end": lambda n: "".join(f"<!-- a{number} begin -->" for number in range(n)),
    "lists of stocks": lambda n: "<!--news_keyword_pub,stock," * n,
    "advertisements": lambda n: "<!-- article_adlist[" * n,
    "comments in an attribute": lambda n: '<p alt="' + "<!--" * n + '">&nbsp;</p>',
    "styles in an attribute": lambda n: '<p alt="' + "<style <xmp " * n + '">&nbsp;</p>',
    "pre in an attribute": lambda n: '<p alt="' + "<pre " * 10 * n + '">x</p>',
    "empty lines": lambda n: "<p>x\n  \n" * n,
    "editor": lambda n: "<p class=article-editor>" + "\u3000" * 10 * n + "x</p>",
    "original title": lambda n: "<p>原标题：" + "\u3000" * n + "x" * 300 + "</p>",
    "credits": lambda n: "<p>" + "(完)" * n + "x)</p>",
    "dateline": lambda n: "<p>北京9月28日" + "，" * 10 * n + "</p>",
    "notices": lambda n: "<p>" + "扫码" * n + "</p>",
    "table": lambda n: "<table>" + "<tr><td>1<td>2" * n + "</table>",
    "below many elements": lambda n: "<div>" * 400 + "<a href=x>1</a>" * n,
    "addresses that are none": lambda n: '<a href="http://[x">q</a><img src="http://[x.png">' * n,
    "templates": lambda n: "<template><p>x</p></template>" * n,
    "stocks": lambda n: "<span id=stock_sh600000>x</span>" * n,
    "elements in each other": lambda n: "<div>" * 20 * n,
    "templates in each other": lambda n: "<template>" * 20 * n,
    "bold without end": lambda n: "".join(f"<b id={number}>" for number in range(n)) + "</div><p>x" * n,
    "attributes": lambda n: "<p " + " ".join(f"a{number}" for number in range(100 * n)) + ">",
}
HEADS: dict[str, Callable[[int], str]] = {
    "title": lambda n: "<h1>" + " " * 10 * n + "x</h1>",
    "keywords": lambda n: '<meta name=keywords content="' + " " * 20 * n + 'x">',
    "slides": lambda n: "<script>" + "slide_data = {" * n + "</script>",
    "slides in each other": lambda n: '<script>slide_data = {"a":' + "[" * n + "</script>",
    "videos": lambda n: "<script>video_id:1," + "{pic:'" * n + "</script>",
    "values": lambda n: "<script>video_id:1," + 'pic:"' * n + "</script>",
    "numbers": lambda n: '<script>slide_data = {"a":' + "1" * 10 * n + "}</script>",
    "ids": lambda n: '<meta name=publishid content="a1,b2">' * n,
    "notices": lambda n: "<title>该文章已被删除</title>" * n,
}
PAGE = '<html><head><title>t</title>{head}</head><body><h1 class="main-title">题</h1>{body}</body></html>'


def _parsed(page: str, *, is_clean: bool = False, is_foreign: bool = False) -> Article | Failure:
    answered = fetch(page.encode("utf-8", "surrogatepass"))
    answered = replace(answered, rules=replace(answered.rules, clean=is_clean))
    if is_foreign:
        url = "https://example.org/a/1.html"
        entry = replace(answered.pending.entry, url=url, docid="x1", foreign=True)
        assert answered.response
        answered = replace(
            answered, pending=replace(answered.pending, entry=entry), response=replace(answered.response, url=url)
        )
    result = parse_fetch(answered, MAX_BYTES)
    assert isinstance(result, Article) or "failed with" not in result.reason
    return result


@pytest.mark.parametrize("is_clean", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_a_page_takes_linear_time(name: str, is_clean: bool) -> None:
    def run(size: int) -> object:
        return _parsed(PAGE.format(head="", body=f'<div id="artibody">{BODIES[name](size)}</div>'), is_clean=is_clean)

    assert_linear(run)


@pytest.mark.parametrize("name", HEADS)
def test_the_head_of_a_page_takes_linear_time(name: str) -> None:
    assert_linear(lambda size: _parsed(PAGE.format(head=HEADS[name](size), body="<p>x</p>")))


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_a_page_of_another_site_takes_linear_time(name: str) -> None:
    text = "这是一篇文章的正文，长到可以成为一篇文章的正文。" * 20
    assert_linear(
        lambda size: _parsed(
            PAGE.format(head="", body=f"<article><p>{text}</p>{BODIES[name](size)}</article>"), is_foreign=True
        )
    )


RSS = '<rss version="2.0"><channel><title>t</title>{}</channel></rss>'
ITEM = "<item><title>a</title><link>http://e.org/1</link>{}</item>"
LIVE = '{{"result":{{"data":{{"feed":{{"list":[{{"id":1,"rich_text":"{}"}}]}}}}}}}}'
LISTS: dict[str, tuple[str, Callable[[int], str]]] = {
    "spaces after a call": ("roll", lambda n: "a()" + " " * 20 * n + "x"),
    "calls": ("roll", lambda n: "a(" * n),
    "calls in a try": ("roll", lambda n: "try{a(" + ") }" * n),
    "catches": ("roll", lambda n: "try{a({})}" + "catch(" * n),
    "levels": ("roll", lambda n: "a(" + "[" * 20 * n + ")"),
    "digits": ("roll", lambda n: '{"result":{"total":' + "1" * 10 * n + "}}"),
    "addresses": (
        "roll",
        lambda n: '{"result":{"data":[' + ",".join(['{"url":"http://[x","title":" "}'] * n) + "]}}",
    ),
    "headline": ("live", lambda n: LIVE.format("【" + " " * 20 * n)),
    "tags": ("live", lambda n: LIVE.format("<a" * 10 * n)),
    "sentence": ("live", lambda n: LIVE.format("字" * 20 * n)),
    "items of a column": ("column", lambda n: "<ul id=listcontent>" + "<li><a href=/x>q</a>" * n),
    "column in columns": ("column", lambda n: "<ul id=listcontent>" + "<ul><li>" * 200 + "<li><a href=/x>q</a>" * n),
    "column without a list": ("column", lambda n: "<div>" * 20 * n),
    "objects": ("usstock", lambda n: '{"data":[' + ",".join(['{"url":"http://e.org/"}'] * n) + "]}"),
    "items": ("rss", lambda n: RSS.format(ITEM.format("") * n)),
    "items in items": ("rss", lambda n: RSS.format("<item>" * n)),
    "names": ("rss", lambda n: RSS.format(ITEM.format("<author>" + "a" * 10 * n + "</author>"))),
    "dots in names": ("rss", lambda n: RSS.format(ITEM.format("<author>" + "a." * 10 * n + "</author>"))),
    "dates": ("rss", lambda n: RSS.format(ITEM.format("<pubDate>" + "1 " * n + "</pubDate>"))),
    "broken tags": ("rss", lambda n: RSS.format("<a b=" * n)),
    "ampersands": ("rss", lambda n: RSS.format("&#1" * n)),
    "entities": ("rss", lambda n: "<!DOCTYPE rss [" + '<!ENTITY a "b">' * n + "]>" + RSS.format(ITEM.format(""))),
    "html": ("rss", lambda n: RSS.format(ITEM.format("<description>" + "&lt;p&gt;x" * n + "</description>"))),
    "deep html": ("rss", lambda n: RSS.format(ITEM.format("<description>" + "&lt;b&gt;" * n + "</description>"))),
    "categories": (
        "rss",
        lambda n: RSS.format(ITEM.format("".join(f"<category>{k}</category>" for k in range(2 * n)))),
    ),
    "words": ("rss", lambda n: RSS.format(ITEM.format("<category>" + "a," * 10 * n + "</category>"))),
    "persons": ("rss", lambda n: RSS.format(ITEM.format("<author>a</author>" * n))),
    "addresses of persons": ("rss", lambda n: RSS.format(ITEM.format("<author>" + "a@b (" * 5 * n + "</author>"))),
    "files": ("rss", lambda n: RSS.format(ITEM.format("<enclosure url='/a'/>" * n))),
    "bare ampersands": ("rss", lambda n: RSS.format(ITEM.format("<description>" + "&" * 20 * n + "</description>"))),
    "open sections": ("rss", lambda n: RSS.format("<![CDATA[" * 5 * n)),
    "comments": ("rss", lambda n: RSS.format("<!--" * 10 * n)),
    "sections": ("rss", lambda n: RSS.format("<![CDATA[&]]>" * n)),
    "declaration": ("rss", lambda n: '<?xml version="1.0" encoding="utf-' * 3 * n),
    "roots": ("rss", lambda n: "<rss " * 10 * n),
    "a footer": ("rss", lambda n: RSS.format(ITEM.format("<description>" + "\nThe post " * n + "</description>"))),
    "links": ("rss", lambda n: RSS.format(ITEM.format("<description>" + "&lt;a>x&lt;/a>" * n + "</description>"))),
    "objects of JSON": ("rss", lambda n: '{"version":"1","items":[' + ",".join(['{"content_text":"a"}'] * n) + "]}"),
    "lines of JSON": ("rss", lambda n: '{"version":"1","items":[{"content_text":"' + "a\\n" * 5 * n + '"}]}'),
    "addresses of a sitemap": (
        "sitemap",
        lambda n: "<urlset>" + "<url><loc>http://e.org/1</loc></url>" * n + "</urlset>",
    ),
    "tickers": (
        "sitemap",
        lambda n: (
            "<urlset><url><loc>http://e.org/1</loc><n:news><n:stock_tickers>"
            + "SHA:1," * n
            + "</n:stock_tickers></n:news></url></urlset>"
        ),
    ),
    "sitemaps": ("sitemap", lambda n: "<sitemapindex>" + "<sitemap><loc>a</loc></sitemap>" * n + "</sitemapindex>"),
    "levels of a sitemap": ("sitemap", lambda n: "<urlset>" + "<a>" * 10 * n),
    "atom": ("rss", lambda n: "<feed><entry><content type='xhtml'>" + "<div>" * n + "</content></entry></feed>"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_linear_time(name: str) -> None:
    kind, make = LISTS[name]

    def run(size: int) -> Listing | CrawlerError:
        try:
            return READERS[kind].read(make(size).encode(), "text/plain; charset=utf-8", feed_of(kind), AT)
        except CrawlerError as error:
            return error

    assert_linear(run)


PIECES = re.findall(
    r"\S+|\s",
    "<p> </p> <b> <div> </div> <a/href=x> </a> <img/src=x> <center> <table><td> <!-- --> <!--广告begin--> <!--end-->"
    " 视频加载中 责任编辑： 原标题： (完) 【 】 <script>slide_data={ </script> video_id:1, {' <span/class=related>"
    ' <ul><li> &nbsp; 2026-09-28 <pre> <style> <svg> <template> <select> 新浪声明： 扫码 a 1 . , http://[ " \\',
)
UNITS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5)


@settings(max_examples=examples(100))
@given(UNITS, UNITS, st.booleans())
def test_what_is_repeated_takes_linear_time(unit: list[str], end: list[str], is_clean: bool) -> None:
    def run(size: int) -> object:
        body = "".join(unit) * size + "".join(end)
        return _parsed(PAGE.format(head="", body=f'<div id="artibody">{body}</div>'), is_clean=is_clean)

    assert_linear(run)


ROBOTS: dict[str, Callable[[int], str]] = {
    "stars": lambda n: "Disallow: /" + "a*" * 5 * n + "b\n",
    "stars to the end": lambda n: "Disallow: /" + "a*" * 5 * n + "b$\n",
    "rules with stars": lambda n: "Disallow: /*a*b*c\n" * 5 * n,
    "escapes": lambda n: "Disallow: /" + "%E4" * 5 * n + "\n",
    "agents": lambda n: "User-agent: x\n" * 5 * n,
    "spaces": lambda n: "Disallow: " + " " * 20 * n + "/x\n",
}


@pytest.mark.parametrize("name", ROBOTS)
def test_a_robots_txt_takes_linear_time(name: str) -> None:
    address = "https://a.cn/" + "a" * 1900

    def run(size: int) -> bool:
        return ProtegoRobotParser(f"User-agent: *\n{ROBOTS[name](size)}".encode(), None).allowed(
            address, "finarchive"
        )

    assert_linear(run)


SAMPLES = {
    path.stem.partition("-")[0]: path.read_bytes()
    for path in sorted((Path(__file__).parents[1] / "lists").glob("*.*"))
    if not path.name.endswith(".expected.json")
}
ODD = re.findall(
    rb"\S+",
    b"<item> </item> <link>http://[bad</link> <guid>http://[x</guid> <pubDate>99999999999</pubDate> &#xD800; \xff\xfe"
    b' \x00 <enclosure/url="http://[x"> <source/url="http://[x"/> <content:encoded> <![CDATA[ ]]> <category/>'
    b" <cloud/> <media:rating/> <creativeCommons:license/> <textInput> <georss:point>a</georss:point> null {} []"
    b' 1e999 -1 true ( <content/mode=base64>!!</content> "http://[x" \\ud800 <li><a/href="http://[x"> ) "',
)


@settings(max_examples=examples(200))
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(ODD)), max_size=6),
    st.floats(0, 1),
)
def test_an_odd_list_is_a_listing_or_an_error_with_its_reason(
    kind: str, odd: list[tuple[float, bytes]], end: float
) -> None:
    body = SAMPLES[kind]
    for place, piece in odd:
        cut = int(place * len(body))
        body = body[:cut] + piece + body[cut:]
    for answer in (body, body[: int(end * len(body))]):
        try:
            listing = READERS[kind].read(answer, "text/xml", feed_of(kind), AT)
        except CrawlerError:
            continue
        assert isinstance(listing, Listing)


@pytest.mark.parametrize(
    "feed",
    [
        RSS.format("<item<textInput>><title>a</title><link>http://e.org/1</link></item>"),
    ],
)
def test_a_feed_on_which_feedparser_fails_is_an_error_with_its_reason(feed: str) -> None:
    with pytest.raises(ListingError, match="feedparser cannot read the answer"):
        READERS["rss"].read(feed.encode(), "text/xml", feed_of("rss"), AT)


def test_an_item_that_cannot_be_read_costs_only_itself() -> None:
    levels = "&lt;b>" * 5_000  # more than an HTML parser may read
    broken = f"<item><title>b</title><link>/2</link><description>{levels}</description></item>"
    feed = RSS.format(ITEM.format("") + broken + ITEM.format(""))
    listing = READERS["rss"].read(feed.encode(), "text/xml", feed_of("rss"), AT)
    assert [entry.url for entry in listing.entries] == ["http://e.org/1"] * 2
    [failure] = listing.failures
    assert "it cannot be read" in failure.reason

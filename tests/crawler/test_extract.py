"""From a page to the article: a page of ours for each layout, and the real ones where they are at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from selectolax.lexbor import LexborHTMLParser

from archive.model.article import Article, Page
from archive.model.feed import Entry
from crawler.errors import ExtractionError, GoneError
from crawler.extract import layouts
from crawler.extract.article import extract, parse_time
from crawler.extract.charset import decode
from crawler.extract.response import is_complete_page
from tests.support.examples import examples

PAGES = Path(__file__).parents[1] / "pages"
NAMES = sorted(path.stem for path in PAGES.glob("*.html"))
FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)
URL = "https://finance.sina.com.cn/china/2026-09-30/doc-ikzxtest0000009.shtml"
# A listing that says nothing but where the article is.
BARE = Entry("kzxtest0000009", URL, "", published=None, modified=None, entered=None, media=None, image=None)


def page_of(html: str | bytes, url: str = URL, content_type: str = "text/html") -> Page:
    return Page(url, html if isinstance(html, bytes) else html.encode(), content_type, FETCHED)


def article_of(html: str | bytes, entry: Entry = BARE, url: str = URL) -> Article:
    return extract(page_of(html, url), entry)


def wanted(name: str) -> dict[str, Any]:
    """The expected record beside a page."""
    found: dict[str, Any] = json.loads((PAGES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def as_json(article: Article) -> dict[str, Any]:
    times = {"published": article.published, "updated": article.updated}
    return {
        **{name: time.isoformat() if time else None for name, time in times.items()},
        **{name: getattr(article, name) for name in ("url", "title", "media", "editor", "original_title", "image")},
        "keywords": list(article.keywords),
        "symbols": list(article.symbols),
        "pictures": [[picture.url, picture.caption] for picture in article.pictures],
        "text": article.text.splitlines(),
        "body": article.body,
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_each_layout_gives_the_record_beside_it(name: str) -> None:
    expected = wanted(name)
    del expected["layout"]
    assert as_json(article_of((PAGES / f"{name}.html").read_bytes(), url=expected["url"])) == expected


def test_every_layout_has_a_page_and_every_page_a_record() -> None:
    assert {path.stem for path in PAGES.glob("*.json")} == set(NAMES)
    assert {wanted(name)["layout"] for name in NAMES} == {layout.name for layout in layouts.LAYOUTS}
    assert {layout.name for layout in layouts.LAYOUTS} <= set(NAMES)


@pytest.mark.parametrize("layout", layouts.LAYOUTS, ids=lambda layout: layout.name)
def test_each_selector_of_a_layout_finds_something_on_its_page(layout: layouts.Layout) -> None:
    tree = LexborHTMLParser(decode((PAGES / f"{layout.name}.html").read_bytes()))
    selectors = [layout.body, layout.title, layout.medium, layout.published]
    assert [selector for selector in selectors if selector and tree.css_first(selector) is None] == []


def test_no_two_layouts_have_a_name_in_common() -> None:
    assert len({layout.name for layout in layouts.LAYOUTS}) == len(layouts.LAYOUTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_its_body_element_is_no_article(name: str) -> None:
    html = decode((PAGES / f"{name}.html").read_bytes())
    for selector in layouts.BODY:
        html = html.replace(f'"{selector[1:]}"', '""').replace(f' {selector[1:]}"', '"')
    html = html.replace("slide_data", "other_data").replace("video_id", "other_id")
    with pytest.raises(ExtractionError, match=r"^no article element on the page \(its title: .+\)$"):
        article_of(html)


def test_the_listings_values_take_precedence_over_the_pages() -> None:
    html = (PAGES / "finance-2026.html").read_bytes()
    time = datetime(2001, 2, 3, tzinfo=UTC)
    entry = replace(BARE, title="列表题", published=time, media="列表社", keywords=("一",), image="//n.cn/list.png")
    article = article_of(html, entry)
    assert (article.title, article.published, article.media, article.keywords) == ("列表题", time, "列表社", ("一",))
    assert article.image == "https://n.sinaimg.cn/test/a.png", "the body's picture goes before the listing's"
    assert article.docid == BARE.docid
    assert article.fetched_at == FETCHED


def test_the_listings_picture_is_used_for_a_body_without_one() -> None:
    article = article_of('<div id="artibody"><p>a</p></div>', replace(BARE, image="//n.cn/list.png"))
    assert article.image == "https://n.cn/list.png"
    assert article_of('<div id="artibody"><p>a</p></div>').image is None


def test_a_page_without_a_time_takes_the_listings_entry_time_then_that_of_fetching() -> None:
    html = '<div id="artibody"><p>a</p></div>'
    entered = datetime(2026, 9, 30, 1, tzinfo=UTC)
    assert article_of(html, replace(BARE, entered=entered)).published == entered
    assert article_of(html).published == FETCHED


def test_the_pages_update_time_takes_precedence_over_the_listings() -> None:
    modified = datetime(2026, 9, 30, 9, tzinfo=UTC)
    assert article_of('<div id="artibody">', replace(BARE, modified=modified)).updated == modified
    html = '<meta name="weibo: article:update_at" content="2026-09-30 10:08:10"><div id="artibody">'
    assert article_of(html, replace(BARE, modified=modified)).updated == datetime(2026, 9, 30, 2, 8, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("comment", "symbols"),
    [
        ("<!-- news_keyword_pub,stock,sz300036&sz300053 -->", ("sz300036", "sz300053")),
        ("<!-- news_keyword_pub,usstock,MSFT&BRK.A -->", ("MSFT", "BRK.A")),
        ("<!--news_keyword_pub,stock,sh600519&sh600519-->", ("sh600519",)),
        ("<!-- news_keyword_pub,stock, -->", ()),
        ("<span id=stock_sh600519>a</span><span id='usstock_BLK'>b</span><span id=x_y>c</span>", ("sh600519", "BLK")),
        ("<span id=hkstock_hk00700></span><span id=forex_fx_susdcny></span><span id=futures_AU0></span>",
         ("hk00700", "fx_susdcny", "AU0")),
        ("<span id=quote_sh600519></span>", ()),
        ("<span id=usstock_BRK.A>a</span>", ("BRK.A",)),
        ("<!-- news_keyword_pub,usstock,MSFT&amp;AMZN -->", ("MSFT", "AMZN")),
        ("<!-- news_keyword_pub,hkstock,hk00700 --><span id=hkstock_hk00700></span>", ("hk00700",)),
    ],
)  # fmt: skip
def test_symbols_are_those_of_the_comment_and_the_spans_each_once(comment: str, symbols: tuple[str, ...]) -> None:
    assert article_of(f'<div id="artibody"><p>a</p>{comment}</div>').symbols == symbols


@pytest.mark.parametrize(
    ("spans", "names"),
    [
        ("<span id=stock_sh600519><a href=x>贵州茅台</a></span><span id=quote_sh600519>1500</span>",
         [("sh600519", "贵州茅台")]),
        ("<span id=stock_sz000858>五 粮\u3000液</span>", [("sz000858", "五粮液")]),
        ("<span id=stock_sz000002>万 科Ａ</span><span id=usstock_MSFT>微软</span>",
         [("sz000002", "万科A"), ("MSFT", "微软")]),
        ("<span id=hkstock_hk700>腾讯控股</span>", [("hk00700", "腾讯控股")]),
        ("<span id=usstock_BRK.A> Berkshire  Hathaway </span>", [("BRK.A", "Berkshire Hathaway")]),
        ("<span id=stock_sh600519>贵州茅台</span><span id=stock_sh600519>茅台</span>", [("sh600519", "贵州茅台")]),
        ("<span id=stock_sh600519></span><span id=stock_sh600519>贵州茅台</span>", [("sh600519", "贵州茅台")]),
        ("<span id=stock_sh600519>XD贵州茅</span><span id=stock_sh600036>600036</span>", []),
        (f"<span id=stock_sh600519>{'长' * 41}</span><span id=stock_sh600036>\u202e招商</span>", []),
        ("<!-- news_keyword_pub,stock,sh600519 -->", []),
    ],
)  # fmt: skip
def test_the_names_of_stocks_are_those_in_their_spans(spans: str, names: list[tuple[str, str]]) -> None:
    assert list(article_of(f'<div id="artibody"><p>a{spans}</p></div>').stock_names) == names


@pytest.mark.parametrize(
    ("html", "keywords"),
    [
        ('<meta name="Keywords" content="样例桥, 通车">', ("样例桥", "通车")),
        ('<meta name="keywords" content="样例桥 通车">', ("样例桥", "通车")),
        ('<meta name="keywords" content="Cyber Monday,网络　一；黑五、黑五">', ("Cyber Monday", "网络 一", "黑五")),
        ('<meta name="keywords" content="a"><div id=keywords data-wbkey="公园,甲"><a>b</a></div>', ("公园", "甲")),
        ('<meta name="keywords" content="a"><div id=keywords class=keywords data-wbkey=""></div>', ("a",)),
        ('<meta name="keywords" content="a"><div class=keywords><label>关键字</label><a>辟谣</a> <a>外泄</a></div>',
         ("辟谣", "外泄")),
        ('<h1 class=main-title>大桥通车 居民喜迎</h1><meta name="keywords" content="大桥通车  居民喜迎">', ()),
        ('<meta name="keywords" content=""><meta name="keywords" content=" , ">', ()),
    ],
)  # fmt: skip
def test_keywords_are_those_the_page_is_tagged_with(html: str, keywords: tuple[str, ...]) -> None:
    assert article_of(html + '<div id="artibody"><p>a</p></div>').keywords == keywords


# Pages that are no article


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_page_that_says_it_is_not_there_is_gone(encoding: str) -> None:
    html = "<title>页面没有找到</title><body>页面没有找到 5秒钟之后将会带您进入首页!</body>"
    with pytest.raises(GoneError, match="页面没有找到"):
        article_of(html.encode(encoding))


def test_an_article_about_missing_pages_is_not_gone() -> None:
    assert article_of('<div id="artibody"><p>网页显示“页面没有找到”。</p></div>').body.startswith("<p>网页")


@pytest.mark.parametrize(
    ("html", "words"),
    [
        (b"", "the page is empty"),
        (b" \r\n\t ", "the page is empty"),
        (b"<html><body>hello", r"no article element on the page \(it has no title\)"),
        (b"<title> Sina\n Visitor  System</title>", r"\(its title: Sina Visitor System\)"),
        (b'{"result": {}}', r"\(it has no title\)"),
        (bytes(range(256)), "no article element"),
        (b"<title>" + b"x" * 1000, r"\(its title: x{80}\)"),
    ],
)
def test_what_is_no_article_is_reported_in_words(html: bytes, words: str) -> None:
    with pytest.raises(ExtractionError, match=words) as caught:
        article_of(html)
    assert not isinstance(caught.value, GoneError)
    assert "\n" not in str(caught.value)


@settings(max_examples=examples(200), deadline=None)
@given(body=st.binary(max_size=60), wrap=st.booleans(), content_type=st.sampled_from(["", "text/html; charset=gbk"]))
def test_any_bytes_are_an_article_or_none(body: bytes, wrap: bool, content_type: str) -> None:
    html = b'<meta name="keywords" content="' + body + b'"><div id=artibody>' + body if wrap else body
    try:
        article = extract(page_of(html, content_type=content_type), BARE)
    except ExtractionError:
        return  # none
    assert article.published.utcoffset() is not None


@pytest.mark.parametrize(
    ("tail", "whole"),
    [
        (b"</body></html>", True),
        (b"</HTML >\n<!-- tracker -->", True),
        (b"<p>cut in the mid", False),
        (b"", False),
        (b"</html>" + b" " * 5000, False),
    ],
)
def test_a_page_is_complete_if_its_end_is_present(tail: bytes, whole: bool) -> None:
    assert is_complete_page(b"<html><body>" + tail) is whole


# Times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026年09月28日 23:20", "2026-09-28T15:20:00"),
        ("2026-09-28 23:20:25", "2026-09-28T15:20:25"),
        ("2026-09-28T23:20:25+08:00", "2026-09-28T15:20:25"),
        ("2026-09-28T23:20:25+0800", "2026-09-28T15:20:25"),
        ("2026-09-28T23:20:25Z", "2026-09-28T23:20:25"),
        ("2026-09-28T23:20:25-05:00", "2026-09-29T04:20:25"),
        ("2009年11月09日13:48", "2009-11-09T05:48:00"),
        ("2009/1/2 3:04", "2009-01-01T19:04:00"),
        ("  发布于 2026年9月8日\n 07:05 来源", "2026-09-07T23:05:00"),
        ("1988-07-01 08:00", "1988-07-01T00:00:00"),
        ("", None),
        ("今天", None),
        ("2026年09月28日", None),
        ("2026-13-01 10:00", None),
        ("2026-02-30 10:00", None),
        ("2026-09-28 25:00", None),
        ("2026-09-28 10:61", None),
        ("0000-00-00 00:00:00", None),
        ("2026-09-28 10:00:00+99:99", None),
    ],
)
def test_a_time_is_chinas_unless_it_names_a_zone(text: str, expected: str | None) -> None:
    found = parse_time(text)
    assert found == (datetime.fromisoformat(expected).replace(tzinfo=UTC) if expected else None)
    assert found is None or found.utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-12-31 23:59:59-12:00"])
def test_a_time_at_the_calendars_end_is_none(text: str) -> None:
    assert parse_time(text) is None

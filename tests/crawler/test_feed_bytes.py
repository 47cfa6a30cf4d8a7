"""Bytes of feeds to text: every charset, declared rightly, wrongly or not at all; faults of the XML."""

from __future__ import annotations

import codecs
from itertools import product

import pytest

from tests.crawler.test_listings import read

TITLE = "央行降准，流动性合理充裕"
ITEM = "<item><title>{}</title><link>https://a.cn/1?a=1&amp;b=2</link><description>样例社电，今日公布。</description></item>"
DECLARED = ("", "utf-8", "gb2312", "gbk", "GB18030", "gb2312-80", "x-gbk", "cp936", "ms936", "iso-8859-1", "nonsense")


def feed(title: str = TITLE, *, declared: str = "", before: str = "", more: str = "") -> str:
    stated = f' encoding="{declared}"' if declared else ""
    channel = f"<channel><title>样例站</title>{ITEM.format(title)}{more}</channel>"
    return f'{before}<?xml version="1.0"{stated}?>\n<rss version="2.0">{channel}</rss>'


def titles(body: bytes, content_type: str = "") -> list[str]:
    return [entry.title for entry in read("rss", body, content_type).entries]


@pytest.mark.parametrize("actual", ["utf-8", "gb2312", "gb18030"])
@pytest.mark.parametrize(("in_xml", "in_header"), list(product(DECLARED, ("", "utf-8", "gbk", "iso-8859-1"))))
def test_the_actual_charset_is_found_whatever_is_declared(actual: str, in_xml: str, in_header: str) -> None:
    content_type = f"text/xml; charset={in_header}" if in_header else "text/xml"
    [entry] = read("rss", feed(declared=in_xml).encode(actual), content_type).entries
    assert (entry.title, entry.media, entry.listed_text) == (TITLE, "样例站", "样例社电，今日公布。")


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("declared", ["utf-16", ""])
@pytest.mark.parametrize("has_mark", [True, False])
def test_utf_16_is_read_with_and_without_its_mark(charset: str, declared: str, has_mark: bool) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}[charset] if has_mark else b""
    assert titles(mark + feed(declared=declared).encode(charset)) == [TITLE]


def test_hz_is_read_where_it_is_declared() -> None:
    assert titles(feed(declared="hz-gb-2312").encode("hz")) == [TITLE]


@pytest.mark.parametrize(
    "before", ["\n\n", "\ufeff", "\ufeff\ufeff", " \ufeff\n", "<br />\n<b>Warning</b>: line 3<br />\n", "<!-- x -->"]
)
def test_what_stands_before_the_declaration_does_not_count(before: str) -> None:
    [entry] = read("rss", feed("AT&amp;T", declared="utf-8", before=before).encode()).entries
    assert (entry.title, entry.url) == ("AT&T", "https://a.cn/1?a=1&b=2")


def test_what_stands_after_the_feed_does_not_count() -> None:
    assert titles(feed().encode() + b"<script>document.write('</x>')</script>\n<!-- 0.1 s -->") == [TITLE]


@pytest.mark.parametrize("control", ["\x00", "\x08", "\x0b", "\x1f", "\uffff"])
def test_characters_that_xml_forbids_are_dropped(control: str) -> None:
    assert titles(feed(f"央行{control}降准").encode()) == ["央行降准"]


def test_one_broken_byte_costs_one_character_and_no_other_item() -> None:
    body = feed(more=ITEM.format("第二条")).encode().replace("电，".encode(), "电".encode() + "，".encode()[:2])
    first, second = read("rss", body, "application/xml; charset=utf-8").entries
    assert (first.title, second.title) == (TITLE, "第二条")
    assert first.listed_text == "样例社电\ufffd今日公布。"


AMPERSANDS = [
    ("AT&T与S&P 500，R&D投入", "AT&T与S&P 500，R&D投入"),
    ("AT&amp;T与S&amp;P 500", "AT&T与S&P 500"),
    ("Q&A; M&A;", "Q&A; M&A;"),
    ("R&amp;amp;D", "R&D"),
    ("&ldquo;降准&rdquo;&nbsp;落地", "“降准” 落地"),
    ("&#20013;&#x56FD; &#xD800;&#0;", "中国 \ufffd\ufffd"),
    ("<![CDATA[AT&T与R&D]]>", "AT&T与R&D"),
    ("P&not a reference", "P&not a reference"),
    ("a && b &", "a && b &"),
]


@pytest.mark.parametrize(("written", "title"), AMPERSANDS)
@pytest.mark.parametrize("more", ["", "<item><title>x<br>y</title><link>https://a.cn/2</link></item>"])
def test_a_bare_ampersand_stays_also_in_a_feed_that_is_broken_elsewhere(written: str, title: str, more: str) -> None:
    assert titles(feed(written, more=more).encode())[0] == title


@pytest.mark.parametrize("link", ["?a=1&b=2", "?a=1&amp;b=2", "?a=1&copy=2&lt=3", "<![CDATA[?a=1&b=2]]>"])
@pytest.mark.parametrize("more", ["", "<item><title>x<br>y</title></item>"])
def test_links_keep_their_ampersands(link: str, more: str) -> None:
    body = f"<rss version='2.0'><channel><item><title>a</title><link>{link}</link></item>{more}</channel></rss>"
    [url] = [entry.url for entry in read("rss", body.encode()).entries]
    assert url == "https://news.example/feed.xml?" + ("a=1&copy=2&lt=3" if "copy" in link else "a=1&b=2")


def test_the_entities_of_a_document_stay_declared() -> None:
    body = '<!DOCTYPE rss [<!ENTITY firm "样例公司">]>' + feed("&firm;公告").partition("\n")[2]
    assert titles(body.encode())[0] in ("样例公司公告", "&firm;公告")

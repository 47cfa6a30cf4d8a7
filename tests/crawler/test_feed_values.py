"""What feeds state of an item: authors, keywords, files, pictures, addresses; SVG in its text."""

from __future__ import annotations

import json

import pytest

from archive.model.feed import Enclosure, Entry
from crawler.errors import ListingError
from crawler.extract.body import render_body
from tests.crawler.test_item_text import LONG, content, entries
from tests.crawler.test_listings import read


def item(xml: str) -> Entry:
    [entry] = entries(xml)
    return entry


def atom(entry: str, feed: str = "", attributes: str = "") -> Entry:
    body = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {attributes}><title>t</title>{feed}<entry><title>a</title>'
        f"<id>tag:x</id>{entry}</entry></feed>"
    )
    [found] = read("rss", body.encode()).entries
    return found


AUTHORS = [
    ("<dc:creator>张三</dc:creator>", ("张三",)),
    ("<dc:creator>张三</dc:creator><dc:creator>李四</dc:creator><dc:creator>张三</dc:creator>", ("张三", "李四")),
    ("<dc:creator>张三、李四</dc:creator>", ("张三", "李四")),
    ("<author>editor@a.cn (张三)</author>", ("张三",)),
    ("<author>editor@a.cn</author>", ("editor@a.cn",)),
    ("<author>张三</author><itunes:author>张三</itunes:author>", ("张三",)),
    ("<author>Smith, John</author>", ("Smith, John",)),
    ("<author></author>", ()),
]


@pytest.mark.parametrize(("xml", "authors"), AUTHORS)
def test_an_item_names_its_authors(xml: str, authors: tuple[str, ...]) -> None:
    assert item(xml).authors == authors


def test_an_atom_entry_has_its_authors_or_else_those_of_its_feed() -> None:
    person = "<author><name>{}</name><email>x@a.cn</email></author>"
    link = '<link href="https://a.cn/1"/>'
    assert atom(link + person.format("甲") + person.format("乙"), person.format("丙")).authors == ("甲", "乙")
    assert atom(link, person.format("丙")).authors == ("丙",)


def test_keywords_are_terms_labels_and_lists() -> None:
    found = item("<category>宏观</category><category>股市,债市</category><dc:subject>央行；宏观</dc:subject>")
    assert found.keywords == ("宏观", "股市", "债市", "央行")
    assert atom('<link href="https://a.cn/1"/><category term="t1" label="标签"/>').keywords == ("标签",)


def test_attached_files_are_enclosures_and_pictures_the_image() -> None:
    found = item(
        '<enclosure url="/a.mp3" type="audio/mpeg" length="1"/><enclosure url="/a.mp3" type="audio/mpeg"/>'
        '<media:content url="https://a.cn/v.mp4" type="video/mp4"/><media:content url="/p.png" medium="image"/>'
        '<enclosure url="file:///etc/passwd" type="audio/mpeg"/>'
    )
    assert found.enclosures == (
        Enclosure("https://news.example/a.mp3", "audio/mpeg"), Enclosure("https://a.cn/v.mp4", "video/mp4"),
    )  # fmt: skip
    assert found.image == "https://news.example/p.png"
    linked = atom('<link href="https://a.cn/1"/><link rel="enclosure" type="audio/mpeg" href="https://a.cn/b.mp3"/>')
    assert linked.enclosures == (Enclosure("https://a.cn/b.mp3", "audio/mpeg"),)


HTML = f'<content type="html">&lt;p&gt;&lt;a href="x"&gt;a&lt;/a&gt;&lt;img src="i.png"&gt;{LONG}&lt;/p&gt;</content>'


@pytest.mark.parametrize(
    ("feed", "entry", "text", "base"),
    [
        ("https://f.cn/d/", "", "", "https://f.cn/d/"),
        ("https://f.cn/d/", "e/", "", "https://f.cn/d/e/"),
        ("", "https://e.cn/", "c/", "https://e.cn/c/"),
    ],
)
def test_relative_addresses_are_resolved_against_xml_base(feed: str, entry: str, text: str, base: str) -> None:
    def stated(value: str) -> str:
        return f' xml:base="{value}"' if value else ""

    body = (
        f'<feed xmlns="http://www.w3.org/2005/Atom"{stated(feed)}><title>t</title><entry{stated(entry)}>'
        f'<title>a</title><id>x</id><link href="1.html"/>{HTML.replace("<content", f"<content{stated(text)}")}'
        "</entry></feed>"
    )
    [found] = read("rss", body.encode()).entries
    assert found.url == (base.removesuffix(text) if text else base) + "1.html"
    assert found.content
    assert f'href="{base}x"' in found.content
    assert f'src="{base}i.png"' in found.content


def test_without_xml_base_the_text_is_resolved_against_its_own_link_later() -> None:
    assert 'src="i.png"' in str(atom(f'<link href="https://a.cn/1"/>{HTML}').content)


def test_a_guid_is_kept_as_stated_on_one_line() -> None:
    assert item('<guid isPermaLink="false"> g\n1 </guid>').guid == "g 1"
    assert len(str(item(f"<guid>{'g' * 900}</guid>").guid)) == 512
    assert item("<pubDate>昨天 10:00</pubDate>").published_text == "昨天 10:00"


SVG = [
    ('<a xlink:href="/x">t</a>', '<a xlink:href="https://a.cn/x">t</a>'),
    ('<a xlink:href="/x" href="/y">t</a>', '<a xlink:href="https://a.cn/x" href="https://a.cn/y">t</a>'),
    ('<a href="/y" xlink:href="/x">t</a>', '<a href="https://a.cn/y" xlink:href="https://a.cn/x">t</a>'),
    ('<a xlink:href="javascript:x" href="/y">t</a>', '<a href="https://a.cn/y">t</a>'),
    ('<a xlink:title="q" xml:lang="zh">t</a>', '<a xlink:title="q" xml:lang="zh">t</a>'),
]


@pytest.mark.parametrize(("markup", "rendered"), SVG)
@pytest.mark.parametrize("root", ["svg", "math"])
def test_links_of_svg_and_mathml_keep_each_of_their_attributes(markup: str, rendered: str, root: str) -> None:
    html = render_body(f"<p>文</p><{root}>{markup}</{root}>", "https://a.cn/p").html
    assert f"<{root}>{rendered}</{root}>" in html


def test_in_html_xlink_is_no_link() -> None:
    html = render_body('<a xlink:href="/x" href="/y">t</a>', "https://a.cn/p").html
    assert html == '<a xlink:href="/x" href="https://a.cn/y">t</a>'


def test_a_text_with_an_svg_link_is_a_text() -> None:
    assert item(content(f'<p>{LONG}</p><svg><a xlink:href="/c"><text>图</text></a></svg>')).content


def test_a_json_feed_of_the_first_version_has_one_author() -> None:
    document = {"version": "https://jsonfeed.org/version/1", "title": "t", "items": [
        {"id": 1, "url": "https://a.cn/1", "title": "R&amp;D", "author": {"name": "张三"}, "content_text": LONG},
    ]}  # fmt: skip
    [entry] = read("rss", b"\xef\xbb\xbf" + json.dumps(document).encode()).entries
    assert (entry.authors, entry.content, entry.title, entry.guid) == (("张三",), LONG, "R&D", "1")


@pytest.mark.parametrize("body", [b"{}", b'{"items": []}', b'{"items": {}, "version": "x"}', b"{", b'{"items": [1]}'])
def test_json_that_is_no_feed_says_so(body: bytes) -> None:
    with pytest.raises(ListingError, match="JSON"):
        read("rss", body)


def test_an_index_of_sitemaps_names_the_newest() -> None:
    index = (
        "<sitemapindex><sitemap><loc>https://a.cn/1.xml</loc><lastmod>2026-01-01</lastmod></sitemap>"
        "<sitemap><loc>https://a.cn/2.xml</loc><lastmod>2026-02-01</lastmod></sitemap></sitemapindex>"
    )
    with pytest.raises(ListingError, match=r"index of 2 sitemaps: set the endpoint .* https://a.cn/2.xml"):
        read("sitemap", index.encode())


def test_a_sitemap_with_bare_ampersands_and_no_declared_prefix_is_read() -> None:
    body = "\n<urlset><url><loc>https://a.cn/1?a=1&b=2</loc><news:news><news:title>AT&T</news:title></news:news></url></urlset>"
    [entry] = read("sitemap", body.encode()).entries
    assert (entry.url, entry.title) == ("https://a.cn/1?a=1&b=2", "AT&T")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<rss><channel/></rss>", 'its kind is "rss"'),
        ("<html/>", "root element is html"),
        ('<!DOCTYPE urlset [<!ENTITY a "b">]><urlset/>', "declares entities"),
        ("<urlset>" + "<a>" * 200, "levels"),
        ("<urlset><url>", "not well formed"),
    ],
)
def test_what_is_no_sitemap_says_so(body: str, reason: str) -> None:
    with pytest.raises(ListingError, match=reason):
        read("sitemap", body.encode())

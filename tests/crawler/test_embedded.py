"""Articles in a page's scripts: slides and videos, and scripts that merely resemble them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from archive.model.article import Article, Page
from archive.model.feed import Entry
from crawler.errors import ExtractionError, GoneError
from crawler.extract.article import extract
from crawler.urls import is_sina_url

SLIDES = "http://slide.tech.sina.com.cn/slide_5_453_87654.html"
VIDEO = "https://video.sina.com.cn/p/finance/2026-09-25/detail-ikzxtest0000007.d.html"
FETCHED = datetime(2026, 10, 1, 4, 5, 6, tzinfo=UTC)
IMAGE = {"download_img": "//n.sinaimg.cn/a.jpg", "intro": "图说"}


def read(html: str, url: str = SLIDES) -> Article:
    entry = Entry("e1", url, "", None, None, None, None, None, foreign=not is_sina_url(url))
    return extract(Page(url, html.encode("utf-8", "surrogatepass"), "text/html", FETCHED), entry)


def slides(data: Any, before: str = "var slide_data = ", after: str = ";") -> str:
    written = json.dumps(data).replace("</", "<\\/")
    return f"<title>组图</title><script>{before}{written}{after}</script>"


# Slides


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("var slide_data = ", ";"),
        ("var slide_data=", "\n"),
        ("window.slide_data  =\n  ", ""),
        ("var slide_data = {};\nslide_data = ", "; var x = {"),
        ("var slide_data = null, a = '};'; slide_data = ", "}}"),
        ('var slide_data = {"images": [;\nvar slide_data = ', ";"),
        ("var slide_data = " + '{"a":' * 100_000 + "; slide_data = ", ";"),
    ],
)
def test_slides_are_found_however_the_script_is_written(before: str, after: str) -> None:
    article = read(slides({"images": [IMAGE]}, before, after))
    assert [(picture.url, picture.caption) for picture in article.pictures] == [("http://n.sinaimg.cn/a.jpg", "图说")]
    assert article.text == "图说"


def test_what_a_caption_holds_cannot_break_out_of_it() -> None:
    intro = "一</span></div></body><script>alert(1)</script>二<img src=x onerror=alert(1)><p>三{{四}}"
    article = read(slides({"images": [{**IMAGE, "intro": intro}, IMAGE]}))
    assert "alert" not in article.body
    assert "&#123;&#123;四&#125;&#125;" in article.body
    assert article.body.count('<div class="img_wrapper">') == article.body.count("</div>") == 2
    assert article.pictures[-1].caption == "图说"


def test_an_address_cannot_break_out_of_its_attribute() -> None:
    article = read(slides({"images": [{"download_img": '//n.sinaimg.cn/a.jpg"onload="alert(1)', "intro": ""}]}))
    assert 'onload="alert' not in article.body
    assert read(slides({"images": [{"download_img": "javascript:alert(1)", "intro": "图说"}]})).pictures == ()


def test_half_a_character_is_replaced() -> None:
    article = read(slides({"images": [{**IMAGE, "intro": "图\ud83d说"}], "slide": {"title": "题\udc00"}}))
    assert (article.text, article.title) == ("图\ufffd说", "题\ufffd")
    article.body.encode()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"images": []},
        {"images": None},
        {"images": {"0": IMAGE}},
        {"images": [None, 1, "a", [IMAGE], {"intro": "没有图"}, {"download_img": 7}]},
    ],
)
def test_slides_without_a_picture_are_no_article(data: Any) -> None:
    with pytest.raises(ExtractionError, match="no article element"):
        read(slides(data))


def test_slides_with_odd_metadata_are_an_article() -> None:
    for about in (None, [], "", {"title": 3, "createtime": "昨天"}):
        article = read(slides({"slide": about, "images": [IMAGE]}))
        assert (article.text, article.published) == ("图说", FETCHED)


# Videos

POSTER = '<div class="img_wrapper"><img src="https://n.sinaimg.cn/p.jpg" alt="" referrerpolicy="no-referrer"></div>'


def video(fields: str, more: str = "") -> str:
    return f"<title>视频</title>{more}<script>play({{{fields}}});</script>"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (
            "video_id: 313, title: '题', url: '//video.sina.com.cn/p/1.d.html', pic: '//n.sinaimg.cn/p.jpg'",
            f'<p><a href="https://video.sina.com.cn/p/1.d.html">题</a></p>\n{POSTER}',
        ),
        ('"video_id":"313","title":"a","pic":""', None),  # keys in quotes are another thing: JSON for other scripts
        ('video_id:\'313\', title:"“题”：a\\"b\\u4e2d"', '<p>“题”：a"b中</p>'),
        ("video_id: 313,\t//it's here\n title: '题', flashvars: {a: 1}", "<p>题</p>"),
        ("video_id: 313, url: 'javascript:alert(1)', title: '<b>题'", "<p><a>&lt;b&gt;题</a></p>"),
        ("video_id: 313, pic: '', thumbUrl: '//n.sinaimg.cn/p.jpg'", POSTER),
        ("video_id: 313", ""),
    ],
)
def test_a_video_page_is_an_article_by_whatever_it_states(fields: str, body: str | None) -> None:
    if body is None:
        with pytest.raises(ExtractionError):
            read(video(fields), VIDEO)
    else:
        assert read(video(fields), VIDEO).body == body


def test_the_pages_poster_is_used_for_videos_without_one() -> None:
    og = '<meta property="og:image" content="//n.sinaimg.cn/og.jpg"><meta property="og:title" content="题">'
    article = read(video("video_id: 313", og), VIDEO)
    assert (article.title, article.image, len(article.pictures)) == ("题", "https://n.sinaimg.cn/og.jpg", 1)


@pytest.mark.parametrize(
    "html",
    [
        video("video_id: 0, title: '题'"),
        video("video_id: '', title: '题'"),
        video("my_video_id: 313, title: '题'"),
        "<title>视频</title><p>video_id: 313, title: '题'</p>",
        "<title>视频</title><script src='/a.js'>play({video_id: 313})</script>",
        "<title>视频</title><!-- <script>play({video_id: 313})</script> -->",
    ],
)
def test_a_page_that_plays_no_video_is_no_article(html: str) -> None:
    with pytest.raises(ExtractionError, match="no article element"):
        read(html, VIDEO)


def test_a_text_with_a_video_is_the_article_element_and_nothing_else() -> None:
    inner = '<p>正文。</p><div class="video-2017" id="videoList0"></div>'
    player = "<script>play([{video_id: 313, title: '题', pic: '/p.jpg'}]);</script>"
    article = read(f'<div id="artibody">{inner}{player}</div>', VIDEO)
    assert (article.body, article.text, article.pictures) == (inner, "正文。", ())


def test_a_video_that_is_replaced_is_another_version() -> None:
    one, other = (read(video(f"video_id: 31{n}, title: '题', pic: '/{n}.jpg'"), VIDEO) for n in (1, 2))
    assert one.fingerprint != other.fingerprint


def test_a_page_that_says_it_is_not_there_is_gone_though_it_has_scripts() -> None:
    with pytest.raises(GoneError):
        read("<title>页面没有找到</title><script>var slide_data = null, video_id = 1;</script>")


def test_of_another_site_a_text_goes_before_a_video() -> None:
    text = (
        "样例市今日宣布，自下月起全市公共交通票价下调一成，预计每天有三百万人次受益，财政为此每年多支出二亿元。" * 2
    )
    html = video("video_id: 313, title: '题'")
    elsewhere = "https://www.example.com/a.html"
    assert read(html, elsewhere).text == "题"
    assert read(f"{html}<article><p>{text}</p></article>", elsewhere).text == text
    assert read(slides({"images": [IMAGE]}), elsewhere).text == "图说"


@pytest.mark.parametrize(
    "script", ["{'" * 200_000, "{video_id: 31," * 50_000, "{title: '" * 100_000, "slide_data={" * 20_000]
)
def test_an_unusual_script_is_parsed_quickly(script: str) -> None:
    began = time.process_time()
    read(f"<title>x</title><script>{script}\n{{video_id: 31, title: '题'}}</script>", VIDEO)
    assert time.process_time() - began < 5  # seconds; it takes tenths
